"""What a decision page says of the model's metric beside the money: a warning, or a note."""

from collections.abc import Iterator

from kpi_gate.decision import metric_chain
from kpi_gate.decision.verdict import Decision
from kpi_gate.text import clean, finite, mapping, number

CALIBRATION = "miscalibrated"  # the note of a decision that holds it


def metric_notes(decision: Decision) -> Iterator[tuple[str, str]]:
    """Yield (word, sentence) where metric and money part ways.

    The word is `Beware` where the money falls though the metric does not say so, and `Note` where
    the money rises: that asks nothing of who reviews it.
    """
    notes = {name: note for name, note in decision.notes.items() if name != CALIBRATION}
    falls = decision.gain is not None and decision.gain.estimate < 0
    for told in metric_chain.traps(decision.model_copy(update={"notes": notes})):
        yield "Beware" if falls else "Note", told


def calibration_note(decision: Decision) -> str:
    """Say what the size of the scores is worth, which AUC cannot see; empty where nothing is."""
    off = mapping(decision.notes.get(CALIBRATION))
    change, factor = finite(off.get("change")), finite(off.get("factor"))
    if decision.gain is None or change is None or factor is None or not change < 0:
        return ""
    return (
        "AUC sees only the order of the scores. Were the odds that the candidate states "
        f"{number(factor)} times what they are, its order and its AUC would stay the same, and it "
        f"would earn {number(-change)} {clean(decision.unit)} a decision less. This "
        "shows what calibration is worth; it is no fault of the candidate."
    )
