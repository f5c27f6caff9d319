"""Freeze who is in use beside the snapshot: the champion, and the anchor of the guardrails."""

from pathlib import Path

from kpi_gate.decision.evidence import BASELINE, Contender
from kpi_gate.record import dvc_stages, ledger_view, registry
from kpi_gate.record.agreement import differences
from kpi_gate.record.ledger_view import Releases
from kpi_gate.record.model_files import ModelCard, ModelError
from kpi_gate.run.context import Refusal, Run


def freeze_champion(run: Run) -> ModelCard:
    """Fetch the champion in use and the anchor beside the snapshot, or stand the baseline in.

    Raises:
        Refusal: If the champion or the anchor cannot be read, or is not the one of the ledger.
        LedgerError: If the ledger's chain is broken.
    """
    folder = run.work / "champion"
    dvc_stages.clear(folder)
    require_agreement(run)
    said = ledger_view.read(run.ledger.entries(run.name))
    if not said.champion:
        return stand_in(run, folder)
    card = _fetch(run, said, said.champion, folder, "champion_readable")
    _fetch(run, said, said.anchor, folder / "anchor", "anchor_readable")
    return card


def require_agreement(run: Run) -> None:
    """Refuse what MLflow says otherwise than the ledger.

    Against the baseline anything may win, from a new anchor a budget begins anew, and a champion
    that no decision promoted was never judged.

    Raises:
        Refusal: If they differ.
        LedgerError: If the ledger's chain is broken.
    """
    found = differences(run.place, run.name)
    if found:
        words = "; ".join(difference.words for difference in found)
        raise Refusal(found[0].check, f"{words}; {ledger_view.remedy(run.name)}")


def _fetch(run: Run, said: Releases, version: str, folder: Path, check: str) -> ModelCard:
    trusted = run.use_case.trusted_types
    try:
        judged, number = said.judged(version), version.removeprefix("v")
        return registry.fetch(run.place, run.name, number, folder, judged, trusted)
    except ModelError as error:
        raise Refusal(check, f"{error}; {ledger_view.remedy(run.name)}") from error


def stand_in(run: Run, folder: Path) -> ModelCard:
    """Write the card of what the business does without a model, and return it."""
    nobody = ModelCard(contender=Contender(name=BASELINE, digest=""))
    digest = registry.digest(run.use_case.baseline_name.encode(), nobody)
    card = ModelCard(contender=Contender(name=BASELINE, digest=digest))
    card.write(folder)
    return card
