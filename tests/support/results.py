"""Results of a backtest made by hand, for what shows them."""

from datetime import UTC, datetime, timedelta

from kpi_gate.backtest.result import (
    Backtest,
    Bounds,
    PolicyResult,
    Promotion,
    Sweep,
    TickResult,
    Trial,
)

START = datetime(2024, 4, 1, 3, tzinfo=UTC)
NAMES = ("gate", "always", "metric", "everything", "never", "baseline", "oracle")
OVERS = (800.0, 1000.0, 400.0, 1200.0, 0.0, -500.0, 2000.0)
HOSTILE = '<script>alert("x")</script>&'


def policy(over: float, promotions: int = 0, false: int = 0, history=()) -> PolicyResult:
    """Return a policy that earned so much more than never retraining, which earned 1000."""
    return PolicyResult(
        words="what it does",
        net=Bounds(estimate=1000 + over, lower=900 + over, upper=1100 + over),
        over_never=Bounds(estimate=over, lower=over - 50, upper=over + 50),
        regret=2000 - over,
        gross=1000 + over + 100.0 * promotions,
        switching=100.0 * promotions,
        promotions=promotions,
        false_promotions=false,
        history=history,
    )


def promotion(week: int, gained: float, false: bool | None, name: str = "gate-0001") -> Promotion:
    """Return a promotion of a week."""
    return Promotion(
        as_of=START + timedelta(days=7 * week),
        until=START + timedelta(days=14),
        replaced="gate-0000",
        promoted=name,
        gained=Bounds(estimate=gained, lower=None, upper=None),
        false=false,
    )


def backtest(words: str = "", overs=OVERS, false=False) -> Backtest:
    """Return a backtest of two weeks; the words go wherever words of a user can."""
    counts = {
        "gate": (1, int(bool(false))),
        "always": (5, 2),
        "metric": (3, 1),
        "oracle": (2, 0),
        "everything": (6, 1),
    }
    history = (promotion(1, 5.0, false, f"gate-0001{words}"),)
    return Backtest(
        use_case="toy",
        title=f"Offers{words}",
        kpi=f"margin{words}",
        unit=f"USD{words}",
        start=START,
        end=START + timedelta(days=14),
        changes={f"data.name{words}": f"value{words}"},
        switch_cost=100.0,
        policies={
            name: policy(over, *counts.get(name, (0, 0)), history if name == "gate" else ())
            for name, over in zip(NAMES, overs, strict=True)
        },
        ticks=tuple(
            TickResult(
                as_of=START + timedelta(days=7 * week),
                until=START + timedelta(days=7 * week + 7),
                decisions=1210,
                settled=1200 + 10 * week,
                verdict=("AB_REQUIRED", "PROMOTE")[week],
                sentence=f"because{words}",
                kpi={name: (1000 + over) / 2 for name, over in zip(NAMES, overs, strict=True)},
                models=dict.fromkeys(NAMES, "gate-0000"),
                forgone=(-30.0, 70.0)[week],
            )
            for week in range(2)
        ),
    )


def trial(words: str, net: float, early: float) -> Trial:
    """Return a trial with one promotion that cost 100."""
    return Trial(
        words=words,
        changes={},
        kpi=net + 100,
        net=net,
        promotions=1,
        false_promotions=0,
        halves=(early, net - early),
    )


def sweep(*trials: Trial, unit: str = "USD") -> Sweep:
    """Return a what-if table."""
    return Sweep(unit=unit, trials=trials)
