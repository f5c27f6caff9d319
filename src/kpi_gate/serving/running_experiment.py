"""Which experiment runs, as whoever serves must deal it: read from the ledger's rows."""

from kpi_gate.decision.fingerprint import digest
from kpi_gate.record.experiment_rows import Experiments
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.traffic import RunningExperiment
from kpi_gate.text import finite, mapping


def running_experiment(rows: Experiments) -> RunningExperiment | None:
    """Return the experiment that was started and has not ended; None where nothing runs.

    Args:
        rows: What the ledger says of the experiments of one use case.

    Raises:
        ServingError: If its plan is not what its name is a hash of, or holds no split.
    """
    name = rows.running
    if not name:
        return None
    row = rows.planned[name]
    plan = mapping(row.body.get("plan"))
    if digest([dict(plan)]) != name:
        raise ServingError(
            f"experiment {name}: row {row.number} holds another plan than its name says; it is not "
            "dealt, and the champion goes on"
        )
    share = finite(plan.get("treatment_share"))
    salt, control, treatment = (plan.get(key) for key in ("salt", "control", "treatment"))
    if share is None or not all(isinstance(one, str) for one in (salt, control, treatment)):
        raise ServingError(f"experiment {name}: row {row.number} holds no salt, share and versions")
    return RunningExperiment(name, str(salt), share, str(control), str(treatment))
