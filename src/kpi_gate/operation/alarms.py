"""Why promotions wait: what the last look at the champion found severe."""

from kpi_gate.job import Job

KIND = "monitor"


def standing_alarm(job: Job) -> str:
    """Say why promotions wait: what the last look found severe; empty where it found nothing."""
    looks = job.ledger.entries(job.name, KIND)
    if not looks or not looks[-1].body["severe"]:
        return ""
    found = next(one for one in looks[-1].body["findings"] if one["severity"] == "severe")
    return f"monitor as of {looks[-1].body['as_of'][:10]}: {found['sentence']}"
