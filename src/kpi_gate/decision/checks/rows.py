"""V0 of the rows themselves: are they whole, each there once, and counted in one unit of money?"""

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.evidence import SIDES, PairedRows
from kpi_gate.decision.objective import LARGEST, EstimatorSettings, GateSettings
from kpi_gate.decision.verdict import Check, Verdict

FEW_SIZES = 10  # of fewer a common factor may be the prices of two actions
ODD_SHARE = 0.1  # of the rows: more do not share a power of ten by chance
ROUNDED = 2e-3  # in powers of ten: money that was rounded to whole cents
SMALL = 0.05  # of the usual value: what it may cost to decide a row

Floats = NDArray[np.float64]
_wrong = partial(Check, rule="V0", failing=Verdict.INVALID)
_too_little = partial(Check, rule="V0", failing=Verdict.INSUFFICIENT_EVIDENCE)


def check_rows(rows: PairedRows, settings: GateSettings) -> Iterator[Check]:
    """Check that every row is whole and there once."""
    sides = {"champion": rows.champion, "candidate": rows.candidate}
    if rows.bases is not None and rows.size:
        sides["ratio"] = rows.difference
    if rows.at_best is not None:
        sides["best hidden outcome"] = rows.at_best
    for side, values in sides.items():
        holes = ~(np.abs(np.asarray(values, dtype=np.float64)) <= LARGEST)
        yield _wrong(
            name="values_finite",
            passed=not holes.any(),
            value=int(holes.sum()),
            bound=0,
            reason=f"{int(holes.sum())} of {rows.size} rows of the {side} have no finite value "
            f"within {LARGEST:g}{_first(holes)}{_where(holes, rows)}",
        )
    if rows.exposure is not None:
        exposure = np.asarray(rows.exposure, dtype=np.float64)
        odd = int((~((exposure >= 0) & (exposure <= LARGEST))).sum())
        yield _wrong(
            name="exposure_readable",
            passed=odd == 0,
            value=odd,
            bound=0,
            reason=f"{odd} of {rows.size} rows have an exposure that is negative or not finite",
        )
    if rows.key is not None:
        repeated = rows.size - np.unique(rows.key).size
        yield _wrong(
            name="rows_distinct",
            passed=repeated == 0,
            value=repeated,
            bound=0,
            reason=f"{repeated} of {rows.size} rows repeat a decision that is there already; "
            "a column `row_id` tells decisions apart that look alike",
        )
    for column in sorted({str(rail.slice) for rail in settings.guardrails if rail.slice}):
        levels = rows.slices.get(column)
        blank = {level for level in set(() if levels is None else levels) if _is_blank(level)}
        gaps = rows.size if levels is None else sum(map(blank.__contains__, levels))
        yield _wrong(
            name="slices_present",
            passed=levels is not None and gaps == 0,
            value=gaps,
            bound=0,
            reason=f"{gaps} of {rows.size} rows have no {column}"
            if levels is not None
            else f"the evidence has no column {column}, which a guardrail names",
        )


def _first(holes: NDArray[np.bool_]) -> str:
    """Name the first row that is so, counted from 1; empty where none is."""
    return f", the first is row {int(holes.argmax()) + 1}" if holes.any() else ""


def _where(holes: NDArray[np.bool_], rows: PairedRows) -> str:
    """Say which level of a slice has all the holes, if one does: a side may not know it."""
    for column, levels in rows.slices.items():
        found = set(levels[holes])
        if len(found) == 1 and len(set(levels)) > 1:
            return f", all of them in {column} == {found.pop()}"
    return ""


def check_money(rows: PairedRows, estimator: EstimatorSettings) -> Iterator[Check]:
    """Check that both sides count money alike; nothing is said where it cannot be seen."""
    if estimator.kind not in ("paired", "selective", "ratio"):
        return  # the values are weighted, each side's by its own weights
    champion = np.asarray(rows.champion, dtype=np.float64)
    candidate = np.asarray(rows.candidate, dtype=np.float64)
    if rows.actions is not None:
        alike = np.asarray(rows.actions[0]) == np.asarray(rows.actions[1])
        sizes = np.abs(np.concatenate([champion, candidate]))
        usual = float(sizes.mean()) if sizes.size and np.isfinite(sizes).all() else 0.0
        # what a scored row costs, or rounding, may differ; what an action is worth may not
        odd = int((alike & (np.abs(candidate - champion) > SMALL * usual)).sum())
        yield _wrong(
            name="same_action_same_value",
            passed=odd == 0 if alike.any() else None,
            value=odd,
            bound=0,
            reason=f"{odd} of {int(alike.sum())} rows on which both sides act alike differ in value"
            if alike.any()
            else "not checked: both sides act alike on no row",
        )
    found = _other_unit(champion, candidate)
    share, factor = found or (0.0, 1.0)
    yield _wrong(
        name="same_unit_of_money",
        passed=None if found is None else share <= ODD_SHARE,
        value=share,
        bound=ODD_SHARE,
        reason="not checked: on no row both sides have a value of one sign"
        if found is None
        else "both sides count in the same unit of money"
        if share <= ODD_SHARE
        else f"the candidate's value is {factor:g} times the champion's in {share:.0%} of the rows "
        "where both have one: is one of them in another unit?",
    )


def _other_unit(champion: Floats, candidate: Floats) -> tuple[float, float] | None:
    """Return the share of the rows that share a power of ten between the sides, and that power.

    None where no row has a value on both sides. A factor counts only if values of many sizes share
    it: that one action costs 0.01 and another 1 is no other unit of money.
    """
    sizes = np.abs(champion), np.abs(candidate)
    both = np.all([(size > 1e-9) & (size <= LARGEST) for size in sizes], axis=0)
    both &= np.sign(champion) == np.sign(candidate)
    if not both.any():
        return None
    exponent = np.log10(sizes[1][both] / sizes[0][both])
    shares = {}
    for power in (*range(-6, -1), *range(2, 7)):  # cents, thousandths, millions
        near = np.abs(exponent - power) < ROUNDED
        distinct = np.unique(sizes[0][both][near]).size
        shares[10.0**power] = float(near.mean()) if distinct >= FEW_SIZES else 0.0
    factor = max(shares, key=lambda power: shares[power])
    return shares[factor], factor


def check_weights(diagnostics: Mapping[str, float], settings: EstimatorSettings) -> Iterator[Check]:
    """Check that an estimate from weighted rows does not rest on a few of them."""
    for side in SIDES:
        share = diagnostics.get(f"effective_share_{side}")
        largest = diagnostics.get(f"largest_weight_share_{side}")
        if share is None or largest is None:
            continue
        yield _too_little(
            name="log_support",
            passed=bool(share > 0),
            value=share,
            bound=0.0,
            reason=f"the log holds decisions of the {side}"
            if share > 0
            else f"the log holds no decision of the {side}: nothing is known of its value",
        )
        if not share > 0:
            continue
        covered = diagnostics.get(f"covered_share_{side}", 1.0)
        yield _too_little(
            name="log_coverage",
            passed=bool(covered >= 1),
            value=covered,
            bound=1.0,
            reason=f"the log covers what the {side} does"
            if covered >= 1
            else f"the weights of the {side} average to {covered:.3g}, must be 1: so much of what "
            "it does was ever logged, or a propensity is too large",
        )
        yield _too_little(
            name="effective_share",
            passed=bool(share >= settings.min_effective_share),
            value=share,
            bound=settings.min_effective_share,
            reason=f"the log speaks of the {side} with {share:.2%} of its rows, "
            f"{settings.min_effective_share:.2%} are needed",
        )
        yield _too_little(
            name="largest_weight",
            passed=bool(largest <= settings.max_weight_share),
            value=largest,
            bound=settings.max_weight_share,
            reason=f"one row carries {largest:.1%} of the weight of the {side}, "
            f"{settings.max_weight_share:.0%} is allowed",
        )


def _is_blank(level: str | None) -> bool:
    return not level or level.isspace()
