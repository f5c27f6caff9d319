"""From what the rules did to figures a year, and what our gate must reach."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.simulation.worlds import ERROR
from benchmarks.simulation.years import LEDGERS, OURS, STANDING, Tally

Curves = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Row:
    """One rule in one world; gains in multiples of the standard error of one window.

    Attributes:
        world: Its name.
        rule: Its name.
        years: Years that count.
        promotions: A year.
        false: Promotions without a true gain, a year.
        error: Standard error of `false` over the years.
        per_decision: False promotions per decision that the rule could make.
        raw: Mean measured gain of what was promoted; None without a promotion, as the next two.
        booked: Mean gain that the rule reports of it.
        true: Its mean true gain.
        yearly: True gain of all promotions of a year together.
    """

    world: str
    rule: str
    years: int
    promotions: float
    false: float
    error: float
    per_decision: float
    raw: float | None
    booked: float | None
    true: float | None
    yearly: float

    @property
    def share(self) -> float:
        """Share of the promotions that are false."""
        return self.false / self.promotions if self.promotions else 0.0


@dataclass(frozen=True)
class Results:
    """All that the page shows.

    Attributes:
        rows: One a world and rule.
        curves: By world: P(promote) at each of `gains`, by rule and ledger.
        gains: True gains of the curves, in standard errors.
        looks: Looks that our gate judged in the worlds.
        asked: Of them those that needed the whole `decide`.
        years: Years a world.
        windows: Windows a point of the curves.
        seed: Seed.
        seconds: How long it took.
    """

    rows: tuple[Row, ...]
    curves: Curves
    gains: tuple[float, ...]
    looks: int
    asked: int
    years: int
    windows: int
    seed: int
    seconds: float

    def row(self, world: str, rule: str) -> Row:
        """Return one row."""
        return next(row for row in self.rows if (row.world, row.rule) == (world, rule))


def summary(world: str, rule: str, tally: Tally) -> Row:
    """Turn what a rule did into figures a year."""
    years, false = len(tally.by_year), np.array(tally.by_year, dtype=float)
    made = np.array(tally.promotions, dtype=float).reshape(-1, 3) / ERROR
    true, raw, booked = made.mean(axis=0).tolist() if len(made) else (None, None, None)
    return Row(
        world=world,
        rule=rule,
        years=years,
        promotions=len(made) / years,
        false=float(false.mean()),
        error=float(false.std() / np.sqrt(years)),
        per_decision=float(false.sum()) / max(tally.decisions, 1),
        raw=raw,
        booked=booked,
        true=true,
        yearly=float(made[:, 0].sum()) / years,
    )


class Aim(NamedTuple):
    """A figure that our gate must reach.

    Attributes:
        words: What is asked.
        found: What was found.
        reached: Whether that is enough.
    """

    words: str
    found: str
    reached: bool


def aims(results: Results) -> Iterator[Aim]:
    """Compare the figures with what our gate must reach."""
    ours = [row for row in results.rows if row.rule in (OURS, STANDING)]
    nothing = [row for row in ours if row.world.endswith(("A/A", "all worse"))]
    worst = max(nothing, key=lambda row: row.per_decision)
    yield Aim(
        "No gain to be had: at most 5 % of the decisions promote, heavy tails and clusters too",
        f"at most {worst.per_decision:.1%} ({worst.world}; {worst.rule})",
        worst.per_decision <= 0.05,
    )
    worse = [row for row in ours if row.world == "all worse"]
    yield Aim(
        "All candidates worse: at most 0.2 false promotions a year",
        ", ".join(f"{row.false:.2f} ± {row.error:.2f} ({row.rule})" for row in worse),
        all(row.false <= 0.2 for row in worse),
    )
    rival = results.row("mostly null", "metric is higher").false
    null = [row for row in ours if row.world == "mostly null"]
    yield Aim(
        "Mostly null: at most a quarter of the false promotions of “metric is higher”",
        f"{max(row.false for row in null):.2f} against {rival:.1f} a year",
        all(row.false <= rival / 4 for row in null),
    )
    ratios = {row.rule: (row.booked or 0.0) / row.true for row in null if row.true}
    yield Aim(
        "Mostly null: the booked gain of what was promoted is within 25 % of the truth",
        ", ".join(f"{ratio:.2f} of it ({rule})" for rule, ratio in ratios.items()),
        all(abs(ratio - 1) <= 0.25 for ratio in ratios.values()),
    )
    place = results.gains.index(4.0)
    powers = {name: results.curves["plain"][f"{OURS}, {name}"][place] for name in LEDGERS}
    yield Aim(
        "A true gain of 4 standard errors of one window is promoted in 80 % of the windows",
        ", ".join(f"{power:.0%} (ledger {name})" for name, power in powers.items()),
        all(power >= 0.8 for power in powers.values()),
    )
