"""What a backtest came to: every policy's KPI on the same history, and what is known afterwards."""

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime

from kpi_gate.decision.frozen import Frozen


class Bounds(Frozen):
    """An amount over a stretch of history with its two-sided bounds.

    Attributes:
        estimate: The amount, in the objective's unit.
        lower: Lower bound; the truth lies within at the objective's confidence. None where there
            are too few rows, zero where nothing was different.
        upper: Upper bound.
    """

    estimate: float
    lower: float | None
    upper: float | None

    def less(self, amount: float) -> "Bounds":
        """Return it after a known amount was paid."""
        return Bounds(
            estimate=self.estimate - amount,
            lower=None if self.lower is None else self.lower - amount,
            upper=None if self.upper is None else self.upper - amount,
        )


class Promotion(Frozen):
    """One promotion and what came of it, known afterwards.

    Attributes:
        as_of: When the model came into use.
        until: When another one replaced it, or the stretch ended.
        replaced: The model before.
        promoted: The model.
        gained: What it earned until then more than the one before would have, gross.
        false: Whether that is nothing or less; None where no outcome is known.
    """

    as_of: AwareDatetime
    until: AwareDatetime
    replaced: str
    promoted: str
    gained: Bounds
    false: bool | None


class PolicyResult(Frozen):
    """What a promotion policy came to.

    Attributes:
        words: What it does.
        net: Cumulative KPI over the stretch, net of what switching cost.
        over_never: Net KPI more than that of never retraining, on the same rows.
        regret: Net KPI less than the oracle's.
        gross: Cumulative KPI before switching is paid.
        switching: What the promotions cost by the objective's `switch_cost`.
        promotions: How often the model in use changed; the first one replaced the rule of thumb.
        false_promotions: How many of them earned nothing, or less, in the time that they stayed.
        history: Every promotion.
    """

    words: str
    net: Bounds
    over_never: Bounds
    regret: float
    gross: float
    switching: float
    promotions: int
    false_promotions: int
    history: tuple[Promotion, ...]


class TickResult(Frozen):
    """What happened at a tick and until the next.

    Attributes:
        as_of: The tick.
        until: The next one, or the end.
        decisions: Decisions between the two.
        settled: Those whose outcome is known by now, or never will be: only these count.
        verdict: The gate's verdict.
        sentence: Why.
        kpi: What each policy earned until the next tick, gross.
        models: What each policy had in use.
        forgone: What the gate's candidate would have earned more, where it was not promoted.
    """

    as_of: AwareDatetime
    until: AwareDatetime
    decisions: int
    settled: int
    verdict: str
    sentence: str
    kpi: Mapping[str, float]
    models: Mapping[str, str]
    forgone: float


class Trial(Frozen):
    """One setting of a what-if table, played by the gate.

    Attributes:
        words: What is changed; `as it is` for nothing.
        changes: The same by key.
        kpi: Cumulative KPI, gross, from the latest first tick of all trials on: of the same rows.
        net: Less what the promotions cost by the `switch_cost` of the settings as they are.
        promotions: How many there were.
        false_promotions: How many of them earned nothing, or less.
        halves: KPI net of the first and of the second half of the stretch.
    """

    words: str
    changes: Mapping[str, str]
    kpi: float
    net: float
    promotions: int
    false_promotions: int
    halves: tuple[float, float]


class Sweep(Frozen):
    """What if thresholds, windows or cadence were others.

    Attributes:
        unit: Unit of the KPI.
        trials: The settings as they are, then every combination.
    """

    unit: str
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial with the highest net KPI; of equals the first."""
        return max(self.trials, key=lambda trial: trial.net)


class Backtest(Frozen):
    """Promotion policies, side by side on a stretch of a use case's own history.

    Attributes:
        use_case: Whose history.
        title: The use case in words.
        kpi: Name of the KPI.
        unit: Its unit.
        start: First tick.
        end: End of the stretch.
        changes: Settings that were other than the YAML's.
        switch_cost: What each promotion costs.
        policies: Each policy's result by its name. What `everything` earns more than `always` is
            the price of keeping rows to judge by.
        ticks: What happened when.
    """

    use_case: str
    title: str
    kpi: str
    unit: str
    start: AwareDatetime
    end: AwareDatetime
    changes: Mapping[str, str]
    switch_cost: float
    policies: Mapping[str, PolicyResult]
    ticks: tuple[TickResult, ...]

    @property
    def waiting_cost(self) -> float:
        """What candidates that had to wait would have earned more until the next tick."""
        return sum(max(tick.forgone, 0.0) for tick in self.ticks)

    @property
    def waiting_saved(self) -> float:
        """What candidates that had to wait would have lost until the next tick."""
        return sum(max(-tick.forgone, 0.0) for tick in self.ticks)

    @property
    def rival(self) -> str:
        """The better of the two policies that look at no money: `always` or `metric`."""
        return max(("always", "metric"), key=lambda name: self.policies[name].over_never.estimate)

    @property
    def share_of_best(self) -> float | None:
        """The gate's improvement over never retraining as a share of its rival's."""
        return self.share_of(self.rival)

    def share_of(self, name: str) -> float | None:
        """Return the gate's improvement over never retraining as a share of another policy's.

        None where that one improves nothing.
        """
        gate, other = (self.policies[one].over_never.estimate for one in ("gate", name))
        return gate / other if other > 0 else None

    @property
    def run_name(self) -> str:
        """Name of its run in MLflow."""
        return f"backtest {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"

    def as_json(self, sweep: "Sweep | None" = None) -> dict[str, Any]:
        """Return it for a program; what is summed up is there too."""
        told = self.model_dump(mode="json")
        told["waiting"] = {"cost": self.waiting_cost, "saved": self.waiting_saved}
        told["share_of_best"] = self.share_of_best
        told["share_of_everything"] = self.share_of("everything")
        if sweep is not None:
            told["what_if"] = sweep.model_dump(mode="json") | {"best": sweep.best.words}
        return told
