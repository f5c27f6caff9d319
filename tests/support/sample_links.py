"""Links of every kind, for the tests of what people read."""

from datetime import UTC, datetime, timedelta

import numpy as np

from kpi_gate.decision.link_history import LinkHistory, Release
from kpi_gate.decision.link_report import LinkReport, report_link
from kpi_gate.decision.objective import Objective

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
CANDIDATES = tuple((float(x), 0.1) for x in np.random.default_rng(4).normal(0, 0.5, 30))


def releases(count: int, slope: float, words: str = "", **changes: object) -> list[Release]:
    strays = np.random.default_rng(8).normal(0, 0.08, count)
    return [
        Release.model_validate(
            {
                "decision": f"d{number}{words}",
                "version": f"v{number}{words}",
                "offline": 0.3 + 0.2 * number,
                "offline_error": 0.1,
                "online": slope * (0.3 + 0.2 * number) + float(strays[number]),
                "online_error": 0.08,
                "ended": AS_OF - timedelta(days=30 * (count - number)),
                **changes,
            }
        )
        for number in range(count)
    ]


def linked(*found: Release, words: str = "", **objective: object) -> LinkReport:
    asked = {"kpi": f"profit{words}", "unit": "EUR", "horizon_decisions": 10_000}
    asked |= {"min_effect": 0.02, "kpi_link": "required", **objective}
    history = LinkHistory(
        unit="EUR",
        candidates=CANDIDATES,
        releases=found,
        left_out=(f"row 9 (experiment_import x{words}) is in USD, the objective in EUR",),
    )
    return report_link(history, Objective.model_validate(asked), AS_OF, f"toy{words}")


def links(words: str = "") -> dict[str, LinkReport]:
    return {
        "link": linked(*releases(6, 0.8, words), words=words),
        "link of nothing": linked(*releases(9, -0.2, words), words=words),
        "link of one": linked(*releases(1, 0.5, words), words=words),
        "link without a release": linked(words=words),
        "link of looks": linked(
            *releases(3, 0.9, words, source="realised", randomised=False),
            words=words,
            kpi_link="advisory",
        ),
    }
