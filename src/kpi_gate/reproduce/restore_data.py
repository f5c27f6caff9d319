"""Put the code, settings, data and history of a decision back into a scratch folder."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kpi_gate.data.snapshot import SNAPSHOT
from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.verdict import Verdict
from kpi_gate.record import releases
from kpi_gate.record.agreement import CHECKS
from kpi_gate.record.dvc_stages import SnapshotError, Stages, clear
from kpi_gate.record.ledger import Entry, Ledger
from kpi_gate.record.mlflow_client import TrackingError
from kpi_gate.record.model_files import CARD_FILE
from kpi_gate.record.registered import ModelError
from kpi_gate.record.registry import Registry
from kpi_gate.record.releases import Releases
from kpi_gate.reproduce.restore_code import require_settings, restore_code
from kpi_gate.reproduce.sandbox import ReproductionError, Scratch
from kpi_gate.workspace import Workspace


def restore(
    workspace: Workspace, entry: Entry, history: Sequence[Entry], scratch: Scratch
) -> list[str]:
    """Restore all that a decision was made from; return what came from where, in sentences.

    Args:
        workspace: The user's places; they are only read.
        entry: The decision.
        history: The ledger's rows before it.
        scratch: Where to restore into; empty.

    Raises:
        ReproductionError: If something is gone, or is not what the ledger says.
    """
    _require_restorable(entry)
    notes = [*restore_code(workspace, entry, scratch)]
    trusted = require_settings(entry, scratch)
    notes += _restore_rows(workspace, entry, history, scratch)
    notes += _restore_sides(workspace, entry, history, scratch.work / "champion", trusted)
    scratch.home.mkdir(exist_ok=True)
    Ledger(scratch.ledger_url).adopt(history)
    return [*notes, f"history: {len(history)} ledger rows"]


def _require_restorable(entry: Entry) -> None:
    body = entry.body
    failed = [check["name"] for check in body["decision"]["checks"] if check["passed"] is False]
    reason = " ".join(body["reasons"])
    if not body["snapshot"]:
        raise ReproductionError(
            f"decision {entry.subject} was made before its rows were frozen, so there is nothing "
            f"to restore: {reason}"
        )
    of_mlflow = failed and (failed[0] in CHECKS or failed[0].startswith(("champion_", "anchor_")))
    if body["decision"]["lineage"] is None and of_mlflow:
        raise ReproductionError(
            f"decision {entry.subject} was a refusal of what MLflow held then, not of its rows: "
            f"{reason}"
        )


def _restore_rows(
    workspace: Workspace, entry: Entry, history: Sequence[Entry], scratch: Scratch
) -> Iterator[str]:
    wanted = str(entry.body["snapshot"])
    clear(scratch.work)
    path = scratch.work / SNAPSHOT
    try:
        Stages(workspace.root).restore(wanted, path)
    except SnapshotError as error:
        raise ReproductionError(
            f"the rows of decision {entry.subject} are gone: {error}"
        ) from error
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != wanted:
        raise ReproductionError(f"snapshot {wanted} is damaged in DVC: its content has md5 {found}")
    output = {"path": f"data/{entry.use_case}/snapshot.parquet", "hash": "md5", "md5": wanted}
    stages = {f"snapshot@{entry.use_case}": {"cmd": "restored", "outs": [output]}}
    lock = {"schema": "2.0", "stages": stages}  # only with it does DVC know the fingerprint
    (scratch.root / "dvc.lock").write_text(yaml.safe_dump(lock), encoding="utf-8")
    yield f"rows: snapshot {wanted} from DVC, {entry.body['snapshot_rows']} rows"
    tick = entry.body.get("replay", {}).get("tick")
    if tick is None:
        tick = _tick(entry, history)
        yield "tick: worked out from the ledger, since the decision kept none"
    (scratch.work / "tick.yaml").write_text(yaml.safe_dump(tick), encoding="utf-8")


def _tick(entry: Entry, history: Sequence[Entry]) -> dict[str, Any]:
    as_of = entry.body["as_of"]
    before = [
        row.body
        for row in history
        if (row.use_case, row.kind) == (entry.use_case, "decision")
        and row.body["verdict"] != Verdict.INVALID
        and row.body["as_of"] < as_of
    ]
    last = max(before, key=lambda body: str(body["as_of"]), default=None)
    previous = {"as_of": last["as_of"], "rows": last["snapshot_rows"]} if last else None
    return {"as_of": as_of, "previous": previous}


def _restore_sides(
    workspace: Workspace,
    entry: Entry,
    history: Sequence[Entry],
    folder: Path,
    trusted: Sequence[str],
) -> Iterator[str]:
    decision, facts = entry.body["decision"], entry.body.get("replay")
    said = releases.read(row for row in history if row.use_case == entry.use_case)
    champion = (decision["lineage"] or {}).get("champion") or (facts or {}).get("champion")
    champion = champion or {"name": said.champion or BASELINE, "digest": ""}
    yield _restore_side(workspace, said, entry, champion, folder, trusted)
    anchor = (facts or {}).get("anchor")
    if facts is None and champion["name"] != BASELINE:
        anchor = {"name": said.anchor, "digest": ""}
        yield "anchor: worked out from the ledger, since the decision kept none"
    if anchor is not None:
        words = _restore_side(workspace, said, entry, anchor, folder / "anchor", trusted)
        yield words.replace("champion", "anchor", 1)


def _restore_side(
    workspace: Workspace,
    said: Releases,
    entry: Entry,
    contender: Mapping[str, Any],
    folder: Path,
    trusted: Sequence[str],
) -> str:
    """Fetch a model as it was then; a contender without a digest is taken as it is now."""
    name, folder_card = str(contender["name"]), folder / CARD_FILE
    if name == BASELINE:
        folder.mkdir(parents=True)
        folder_card.write_text(json.dumps({"contender": contender}), encoding="utf-8")
        return "champion: the rule of thumb"
    try:
        registry = Registry(workspace, entry.use_case)
        card = registry.fetch(name, folder, said.judged(name), trusted).card
    except (ModelError, TrackingError) as error:
        raise ReproductionError(
            f"{name}, which decision {entry.subject} was compared with, cannot be had: "
            f"{error.__cause__ or error}"
        ) from error
    if contender["digest"] and card.contender.digest != contender["digest"]:
        raise ReproductionError(
            f"{entry.use_case} version {name} in MLflow is not the model that decision "
            f"{entry.subject} was compared with: digest {card.contender.digest}, then "
            f"{contender['digest']}"
        )
    # only the fields of then: the restored code may not know those that came later
    content = card.model_dump(mode="json", exclude_unset=True)
    content["contender"] = dict(contender) if contender["digest"] else content["contender"]
    folder_card.write_text(json.dumps(content), encoding="utf-8")
    return f"champion: {name} from MLflow"
