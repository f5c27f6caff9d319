"""Cluster bootstrap: draw the units again, and see what the gain could have been."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MAX_BLOCKS = 16_384  # more clusters are pooled at random; the standard error then moves by 0.6 %
RATIO_BLOCKS = 2_000  # the same for ratios, where every block is weighed in every replicate
_DRAWS_AT_ONCE = 2_000_000


def bootstrap_sums(sums: Floats, resamples: int, generator: np.random.Generator) -> Floats:
    """Draw the clusters with replacement; return the total of each replicate, shape `(resamples,)`.

    Exact multinomial bootstrap that touches only the clusters that differ from the commonest sum,
    as all without a change do: of G draws, Binomial(G, m / G) fall on the m clusters that differ.
    Where these are more than `MAX_BLOCKS`, clusters are first pooled at random into that many
    blocks of equal size.
    """
    ordered = np.sort(sums)  # so that the labels of the clusters do not matter
    levels, counts = np.unique(ordered, return_counts=True)
    common = float(levels[counts.argmax()])
    changed = ordered[ordered != common]
    if changed.size > MAX_BLOCKS:
        block = generator.permutation(sums.size) % MAX_BLOCKS
        ordered = np.bincount(block, weights=ordered, minlength=MAX_BLOCKS).astype(np.float64)
        common, changed = 0.0, ordered
    totals = np.full(resamples, common * ordered.size)
    excess = changed - common
    if excess.size:
        draws = generator.binomial(ordered.size, excess.size / ordered.size, resamples)
        for part in _parts(resamples, ordered.size):
            totals[part] += _sums_of_draws(excess, draws[part], generator)
    return totals


def _parts(resamples: int, draws: int) -> Iterator[slice]:
    """Split the replicates so that each part's draws fit into memory."""
    size = max(_DRAWS_AT_ONCE // max(draws, 1), 1)
    return (slice(start, start + size) for start in range(0, resamples, size))


def _sums_of_draws(
    excess: Floats, draws: NDArray[np.int64], generator: np.random.Generator
) -> Floats:
    """Return, for each replicate, the sum of as many random elements as it draws."""
    picked = excess[generator.integers(0, excess.size, int(draws.sum()), dtype=np.int32)]
    ends = np.cumsum(draws)
    some = draws > 0  # reduceat would take the next element for an empty run
    totals = np.zeros(draws.size)
    totals[some] = np.add.reduceat(picked, (ends - draws)[some]) if picked.size else 0.0
    return totals


def ratio_differences(
    numerators: tuple[Floats, Floats],
    bases: tuple[Floats, Floats],
    resamples: int,
    generator: np.random.Generator,
) -> Floats:
    """Return candidate's ratio minus champion's in each bootstrap replicate, shape `(resamples,)`.

    Both ratios are formed anew from the same drawn clusters, so their dependence is kept.

    Args:
        numerators: Sums of each cluster, (candidate, champion), each of shape `(G,)`.
        bases: Sums of what the ratio is taken of, likewise.
        resamples: Bootstrap replicates.
        generator: Source of randomness.
    """
    table = np.column_stack([*numerators, *bases])
    table = table[np.lexsort(table.T)]  # so that the labels of the clusters do not matter
    if len(table) > RATIO_BLOCKS:
        block = generator.permutation(len(table)) % RATIO_BLOCKS
        table = np.column_stack(
            [np.bincount(block, weights=c, minlength=RATIO_BLOCKS) for c in table.T]
        )
    share = np.full(len(table), 1 / len(table))
    found = np.empty(resamples)
    for part in _parts(resamples, len(table)):
        count = found[part].size
        totals = generator.multinomial(len(table), share, count) @ table
        with np.errstate(divide="ignore", invalid="ignore"):  # a replicate without a base
            found[part] = totals[:, 0] / totals[:, 2] - totals[:, 1] / totals[:, 3]
    return found
