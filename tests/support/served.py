"""Decisions as a server logs them."""

from datetime import UTC, datetime, timedelta

import orjson

from kpi_gate.serving.log.records import encode
from kpi_gate.serving.log.segment import Segment

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def decision(number: int, **more: object) -> dict[str, object]:
    return {
        "id": f"d{number}",
        "time": NOON + timedelta(seconds=number),
        "unit": f"c{number % 7}",
        "arm": "champion",
        "policy_version": "v3",
        "score": 0.25,
        "action": 1,
        "propensity": 1.0,
        "exposed": True,
        "rule_of_thumb": False,
        "row_hash": "0" * 16,
        **more,
    }


def finished_segment(folder, *records):
    """Write a segment whose writer has died; what is no decision is written as it is."""
    segment = Segment(folder, "dead")
    for record in records:
        line = encode(record, ["age"]) if "time" in record else orjson.dumps(record) + b"\n"
        segment.append(line, 1)
    segment.close()
