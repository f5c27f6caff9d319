"""V0 of the rows themselves: are they whole, each there once, and counted in one unit of money?"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.checks.answers import (
    at_least,
    at_most,
    invalid,
    no_row,
    not_checked,
    too_little,
)
from kpi_gate.decision.objective import LARGEST, EstimatorSettings, GateSettings
from kpi_gate.decision.paired_rows import SIDES, PairedRows
from kpi_gate.decision.verdict import Check

FEW_SIZES = 10  # of fewer a common factor may be the prices of two actions
ODD_SHARE = 0.1  # of the rows: more do not share a power of ten by chance
ROUNDED = 2e-3  # in powers of ten: money that was rounded to whole cents
SMALL = 0.05  # of the usual value: what it may cost to decide a row

Floats = NDArray[np.float64]


def check_rows(rows: PairedRows, settings: GateSettings) -> Iterator[Check]:
    """Check that every row is whole and there once."""
    sides = {"champion": rows.champion, "candidate": rows.candidate}
    if rows.bases is not None and rows.size:
        sides["ratio"] = rows.difference
    if rows.at_best is not None:
        sides["best hidden outcome"] = rows.at_best
    for side, values in sides.items():
        holes = ~(np.abs(np.asarray(values, dtype=np.float64)) <= LARGEST)
        words = f"of the {side} have no finite value within {LARGEST:g}{_where(holes, rows)}"
        yield no_row("values_finite", int(holes.sum()), rows.size, words)
    if rows.exposure is not None:
        exposure = np.asarray(rows.exposure, dtype=np.float64)
        odd = int((~((exposure >= 0) & (exposure <= LARGEST))).sum())
        words = "have an exposure that is negative or not finite"
        yield no_row("exposure_readable", odd, rows.size, words)
    if rows.key is not None:
        words = (
            "repeat a decision that is there already; a column `row_id` tells decisions apart "
            "that look alike"
        )
        yield no_row("rows_distinct", rows.size - np.unique(rows.key).size, rows.size, words)
    for column in sorted({str(rail.slice) for rail in settings.guardrails if rail.slice}):
        yield _check_slice(column, rows)


def _where(holes: NDArray[np.bool_], rows: PairedRows) -> str:
    """Name the first such row, and the level of a slice that has them all: a side may not know it.

    Rows are counted from 1.
    """
    if not holes.any():
        return ""
    first = f", the first is row {int(holes.argmax()) + 1}"
    for column, levels in rows.slices.items():
        found = set(levels[holes])
        if len(found) == 1 and len(set(levels)) > 1:
            return f"{first}, all of them in {column} == {found.pop()}"
    return first


def _check_slice(column: str, rows: PairedRows) -> Check:
    if column not in rows.slices:
        reason = f"the evidence has no column {column}, which a guardrail names"
        return invalid(name="slices_present", passed=False, value=rows.size, bound=0, reason=reason)
    levels = rows.slices[column]
    blank = {level for level in set(levels) if not level or level.isspace()}
    gaps = sum(map(blank.__contains__, levels))
    return no_row("slices_present", gaps, rows.size, f"have no {column}")


def check_money(rows: PairedRows, estimator: EstimatorSettings) -> Iterator[Check]:
    """Check that both sides count money alike; nothing is said where it cannot be seen."""
    if estimator.kind not in ("paired", "selective", "ratio"):
        return  # the values are weighted, each side's by its own weights
    champion = np.asarray(rows.champion, dtype=np.float64)
    candidate = np.asarray(rows.candidate, dtype=np.float64)
    if rows.actions is not None:
        alike = np.asarray(rows.actions[0]) == np.asarray(rows.actions[1])
        yield _check_actions(alike, champion, candidate)
    found = _other_unit(champion, candidate)
    if found is None:
        why = "on no row both sides have a value of one sign"
        yield not_checked("same_unit_of_money", why, value=0.0, bound=ODD_SHARE)
        return
    share, factor = found
    yield invalid(
        name="same_unit_of_money",
        passed=share <= ODD_SHARE,
        value=share,
        bound=ODD_SHARE,
        reason="both sides count in the same unit of money"
        if share <= ODD_SHARE
        else f"the candidate's value is {factor:g} times the champion's in {share:.0%} of the rows "
        "where both have one: is one of them in another unit?",
    )


def _check_actions(alike: NDArray[np.bool_], champion: Floats, candidate: Floats) -> Check:
    if not alike.any():
        why = "both sides act alike on no row"
        return not_checked("same_action_same_value", why, value=0, bound=0)
    sizes = np.abs(np.concatenate([champion, candidate]))
    usual = float(sizes.mean()) if np.isfinite(sizes).all() else 0.0
    # what a scored row costs, or rounding, may differ; what an action is worth may not
    odd = int((alike & (np.abs(candidate - champion) > SMALL * usual)).sum())
    words = "on which both sides act alike differ in value"
    return no_row("same_action_same_value", odd, int(alike.sum()), words)


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
        words = f"the log holds decisions of the {side}"
        if not share > 0:
            words = f"the log holds no decision of the {side}: nothing is known of its value"
        yield too_little(
            name="log_support", passed=bool(share > 0), value=share, bound=0.0, reason=words
        )
        if not share > 0:
            continue
        covered, least = diagnostics.get(f"covered_share_{side}", 1.0), settings.min_effective_share
        words = f"the log covers what the {side} does"
        if not covered >= 1:
            words = (
                f"the weights of the {side} average to {covered:.3g}, must be 1: so much of what "
                "it does was ever logged, or a propensity is too large"
            )
        yield at_least("log_coverage", covered, 1.0, words)
        words = f"the log speaks of the {side} with {share:.2%} of its rows, {least:.2%} are needed"
        yield at_least("effective_share", share, least, words)
        most = settings.max_weight_share
        words = f"one row carries {largest:.1%} of the weight of the {side}, {most:.0%} is allowed"
        yield at_most("largest_weight", largest, most, words)
