"""Freeze who is in use beside the snapshot: the champion, and the anchor of the guardrails."""

import shutil
from pathlib import Path

from kpi_gate.decision.evidence import BASELINE, Contender
from kpi_gate.record.agreement import differences
from kpi_gate.record.dvc_stages import clear
from kpi_gate.record.model_files import Model, ModelCard
from kpi_gate.record.registered import ModelError
from kpi_gate.record.registry import digest
from kpi_gate.record.releases import remedy
from kpi_gate.run.context import Run
from kpi_gate.usecase.refusal import Refusal


def fetch_champion(run: Run) -> Model:
    """Fetch the champion in use and the anchor beside the snapshot, or stand the baseline in.

    Raises:
        Refusal: If the champion or the anchor cannot be read, or is not the one of the ledger.
        LedgerError: If the ledger's chain is broken.
    """
    folder = run.work / "champion"
    clear(folder)
    require_agreement(run)
    history = run.history
    if not history.champion:
        run.champion, run.anchor = stand_in(run, folder), None
    else:
        run.champion = _fetch(run, history.champion, folder, "champion_readable")
        if history.anchor == history.champion:
            run.anchor = _copied(run.champion, folder / "anchor")
        else:
            run.anchor = _fetch(run, history.anchor, folder / "anchor", "anchor_readable")
    return run.champion


def _copied(model: Model, folder: Path) -> Model:
    """Return the same model in another folder."""
    files = list(model.folder.iterdir())
    folder.mkdir()
    for path in files:
        shutil.copy(path, folder)
    return Model(folder, model.trusted, card=model.card, estimator=model.estimator)


def require_agreement(run: Run) -> None:
    """Refuse what MLflow says otherwise than the ledger.

    Against the baseline anything may win, from a new anchor a budget begins anew, and a champion
    that no decision promoted was never judged.

    Raises:
        Refusal: If they differ.
        LedgerError: If the ledger's chain is broken.
    """
    found = differences(run.workspace, run.history)
    if found:
        words = "; ".join(difference.words for difference in found)
        raise Refusal(found[0].check, f"{words}; {remedy(run.name)}")


def _fetch(run: Run, version: str, folder: Path, check: str) -> Model:
    try:
        return run.fetch(version, folder)
    except ModelError as error:
        raise Refusal(check, f"{error}; {remedy(run.name)}") from error


def stand_in(run: Run, folder: Path) -> Model:
    """Write the card of what the business does without a model, and return it."""
    nobody = ModelCard(contender=Contender(name=BASELINE, digest=""))
    mark = digest(run.use_case.baseline_name.encode(), nobody)
    card = ModelCard(contender=Contender(name=BASELINE, digest=mark))
    card.write(folder)
    return Model(folder, card=card)
