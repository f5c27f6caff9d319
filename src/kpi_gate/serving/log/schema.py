"""What a logged decision holds."""

from typing import NamedTuple

import pyarrow as pa


class Logged(NamedTuple):
    """One column of the log.

    Attributes:
        kind: Its type in Arrow.
        needed: Whether each decision has it.
        meaning: What it says.
    """

    kind: pa.DataType
    needed: bool
    meaning: str


MOMENT = pa.timestamp("us", "UTC")
_TEXT, _NUMBER, _TRUTH = pa.string(), pa.float64(), pa.bool_()
COLUMNS: dict[str, Logged] = {
    "id": Logged(_TEXT, True, "identity of the decision, which its outcome names"),
    "time": Logged(MOMENT, True, "when it was taken"),
    "unit": Logged(_TEXT, True, "for whom, such as the customer"),
    "item": Logged(_TEXT, False, "about what, where a unit has several at one moment"),
    "arm": Logged(_TEXT, True, "champion, holdout, control, treatment, canary or explore"),
    "policy_version": Logged(_TEXT, True, "what decided; `baseline` for the rule of thumb"),
    "other_version": Logged(_TEXT, False, "what the other arm of an experiment decides by"),
    "score": Logged(_NUMBER, False, "of the model; null where it gave none"),
    "action": Logged(_NUMBER, True, "what was decided; of levels, the place of the one chosen"),
    "level": Logged(_TEXT, False, "the level chosen, where the policy chooses among levels"),
    "propensity": Logged(_NUMBER, True, "chance, given the row, of what was decided"),
    "other_action": Logged(_NUMBER, False, "what the other arm would have decided here"),
    "exposed": Logged(_TRUTH, True, "whether it was answered to whoever asked"),
    "advantage": Logged(_NUMBER, False, "expected gain of acting on the row, in money"),
    "rule_of_thumb": Logged(_TRUTH, True, "whether the rule of thumb decided"),
    "fault": Logged(_TEXT, False, "why the model could not score the row"),
    "experiment": Logged(_TEXT, False, "the experiment that the arm is of"),
    "shadow_version": Logged(_TEXT, False, "what scored the row beside it, unanswered"),
    "shadow_score": Logged(_NUMBER, False, "its score"),
    "shadow_action": Logged(_NUMBER, False, "what it would have decided"),
    "row_hash": Logged(_TEXT, True, "first 16 hex digits of the sha256 of the canonical row"),
    "row": Logged(_TEXT, False, "JSON of those of its columns that `serving.log.values` names"),
}
LOG_SCHEMA = pa.schema(
    [
        pa.field(name, column.kind, nullable=not column.needed, metadata={"means": column.meaning})
        for name, column in COLUMNS.items()
    ]
)
