"""How far a column, or the candidate, knows the outcomes beforehand, and how far is too far."""

from pydantic import BaseModel, ConfigDict

SCORE = "score"  # in place of a column: the candidate's own scores
KNOWS = 0.98  # AUC of one column that is the outcome
FORESEES = 0.99  # AUC of a whole model that has seen the outcome


class Foreknowledge(BaseModel):
    """How far one column alone tells the outcomes apart.

    Attributes:
        column: The column; `score` for the candidate's scores.
        rows: Which rows: `tune`, `gate`, or `all` where those have too few outcomes of a kind.
        auc: Area under the ROC curve, 0.5 to 1, whichever way the column ranks.
        accepted: Why a person accepts that it is so high; empty where nobody does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    rows: str
    auc: float
    accepted: str = ""

    @property
    def bound(self) -> float:
        """AUC at which it is the outcome itself."""
        return FORESEES if self.column == SCORE else KNOWS
