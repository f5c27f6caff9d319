"""Freeze who is in use beside the snapshot: the champion, and the anchor of the guardrails."""

from pathlib import Path

from kpi_gate import releases
from kpi_gate.decision.evidence import BASELINE, Contender
from kpi_gate.job import Job, Refusal
from kpi_gate.stores import registry, snapshots
from kpi_gate.stores.models import ModelCard, ModelError


def freeze_champion(job: Job) -> ModelCard:
    """Fetch the champion in use and the anchor beside the snapshot, or stand the baseline in.

    Raises:
        Refusal: If the champion or the anchor cannot be read, or is not the one of the ledger.
        LedgerError: If the ledger's chain is broken.
    """
    folder = job.work / "champion"
    snapshots.clear(folder)
    version = registry.version_of(job.place, job.name, registry.CHAMPION)
    anchor = registry.version_of(job.place, job.name, registry.ANCHOR)
    _require_what_the_ledger_knows(job, version, anchor)
    if not version:
        return stand_in(job, folder)
    trusted = job.use_case.trusted_types
    try:
        card = registry.fetch(job.place, job.name, version, folder, trusted)
    except ModelError as error:
        reason = f"{error}; the alias stays. Use `kpi-gate rollback {job.name} --reason ...`"
        raise Refusal("champion_readable", reason) from error
    try:
        registry.fetch(job.place, job.name, anchor, folder / "anchor", trusted)
    except ModelError as error:
        reason = f"{error}; it is the anchor of the guardrails; {_reanchor(job)}"
        raise Refusal("anchor_readable", reason) from error
    return card


def stand_in(job: Job, folder: Path) -> ModelCard:
    """Write the card of what the business does without a model, and return it."""
    nobody = ModelCard(contender=Contender(name=BASELINE, digest=""))
    digest = registry.digest(job.use_case.baseline_name.encode(), nobody)
    card = ModelCard(contender=Contender(name=BASELINE, digest=digest))
    card.write(folder)
    return card


def _require_what_the_ledger_knows(job: Job, champion: str, anchor: str) -> None:
    """Refuse a lost alias, which would pass for a first model, and one that was moved by hand.

    Against the baseline anything may win, from a new anchor a budget begins anew, and a champion
    that no decision promoted was never judged.
    """
    entries = job.ledger.entries(job.name)
    released, anchored = releases.champion(entries), releases.anchor(entries)
    lost, known = "", ""
    if released and not champion:
        lost, known = registry.CHAMPION, released
    elif (champion or anchored) and not anchor:
        lost, known = registry.ANCHOR, anchored or f"v{champion}"
    if lost:
        raise Refusal(
            f"{lost}_present",
            f"MLflow at {job.place.mlflow_uri} has no {job.name}@{lost}, the ledger released "
            f"{known}: point the alias to it in MLflow",
        )
    if champion and f"v{champion}" != released and not releases.open_intents(entries):
        raise Refusal(
            "champion_recorded",
            f"{job.name}@champion is v{champion} in MLflow, the ledger's is {released or 'none'}: "
            f"{'point the alias back' if released else 'take the alias away'}, or promote with "
            f"`kpi-gate promote {job.name} --force`",
        )
    if anchor and f"v{anchor}" != anchored:
        raise Refusal(
            "anchor_recorded",
            f"{job.name}@anchor is v{anchor} in MLflow, the ledger's is {anchored or 'none'}: "
            f"{_reanchor(job)}, or point the alias back",
        )


def _reanchor(job: Job) -> str:
    return f"use `kpi-gate reanchor {job.name} --reason ...`"
