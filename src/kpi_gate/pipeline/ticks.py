"""What a run knows from outside, written down for DVC, which sees it as parameters."""

import yaml

from kpi_gate.data.snapshot import TICK
from kpi_gate.decision.verdict import Verdict
from kpi_gate.run.context import Run
from kpi_gate.run.provenance import AFTERWARDS, machine_hash


def write_tick(run: Run, frozen: str = "") -> None:
    """Write down what this run knows from outside.

    Args:
        run: The use case and the moment.
        frozen: Fingerprint of the snapshot, once there is one.
    """
    history = run.history
    before = [body for body in history.earlier_decisions if body["verdict"] != Verdict.INVALID]
    last = max(before, key=lambda body: body["as_of"], default=None)
    previous = None
    if last:
        rows, snapshot = last["snapshot_rows"], last["snapshot"]
        previous = {"as_of": last["as_of"], "rows": rows, "snapshot": snapshot}
    tick = {
        "as_of": run.as_of.isoformat(),
        "previous": previous,
        "quarantined": sorted(day.isoformat() for day in history.quarantined),
        "released": sorted(day.isoformat() for day in history.released),
        "history_accepted": bool(frozen and history.of_kind("history", f"history {frozen}")),
        "machine": machine_hash(apart=AFTERWARDS),
    }
    run.work.mkdir(parents=True, exist_ok=True)
    (run.work / TICK).write_text(yaml.safe_dump(tick), encoding="utf-8")
