"""Why promotions wait: what the last look at the champion found severe."""

from kpi_gate.run.context import Run

KIND = "monitor"


def standing_alarm(run: Run) -> str:
    """Say why promotions wait: what the last look found severe; empty where it found nothing."""
    looks = run.ledger.entries(run.name, KIND)
    # of the newest moment: a look back at a good day lifts no alarm
    last = max(looks, key=lambda look: (look.body["as_of"], look.number), default=None)
    if last is None or not last.body["severe"]:
        return ""
    found = next(one for one in last.body["findings"] if one["severity"] == "severe")
    return f"monitor as of {last.body['as_of'][:10]}: {found['sentence']}"
