"""Find silent failures on the day they start: every check of the health layer in one place."""

from kpi_gate.learning.leakage import Auc
from kpi_gate.watch.health.batch import check_batch
from kpi_gate.watch.health.behaviour import check_behaviour, check_golden
from kpi_gate.watch.health.leakage import check_leakage, compare_aucs, feature_aucs
from kpi_gate.watch.health.outputs import check_outputs
from kpi_gate.watch.health.skew import check_skew

__all__ = [
    "UNDETECTABLE",
    "Auc",
    "check_batch",
    "check_behaviour",
    "check_golden",
    "check_leakage",
    "check_outputs",
    "check_skew",
    "compare_aucs",
    "feature_aucs",
]

# what no look at rows and scores shows before outcomes are known
UNDETECTABLE = (
    "The sign of a column turns whose values lie evenly around zero: its distribution stays; once "
    "outcomes are known, its AUC turns round.",
    "Two columns of one distribution are swapped, or the codes of equally frequent levels, where "
    "no unit returns the next day with the same value.",
    "A column is a day late where no unit is seen on two days in a row, or where it hardly ever "
    "moves: comparing rows as served with today's shows the first, the second does no harm.",
    "Rows get each other's values (a join by the wrong key) where no unit returns the next day, or "
    "nothing of it stays the same: every column keeps its distribution.",
    "The outcome hangs on the same features in another way: only realised value and a challenger "
    "show it.",
    "Labels are wrong or of another definition while the rows are right.",
    "A fault in a share of the rows that is within what good days differ by.",
    "A fault that is in all the good days too: it is what is usual.",
    "A model that was wrong when it was promoted: its golden rows were recorded from it.",
)
