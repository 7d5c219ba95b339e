"""Estimates from samples: rates, percentiles, Hodges-Lehmann with its exact interval. Pure.

Sources: Hodges & Lehmann (1963) for the estimator; Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, 3.2, for
the interval from the Wilcoxon signed-rank distribution; MLPerf LoadGen, early_stopping.cc, for the sample sizes of p99.
"""

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from bench.records import Interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Fewest samples for which a percentile is shown: with fewer, even one sample above it may be chance (confidence 0.99).
MIN_SAMPLES = {0.5: 2, 0.9: 64, 0.95: 130, 0.99: 662, 0.999: 6636}


def closed_loop_rate(connections: Ints, done_ns: Ints, users: int) -> float | None:
    """Return answers per second of a closed loop: users x sum(n_u - 1) / sum(last_u - first_u) over the connections u.

    `connections` and `done_ns` have one entry per answer. None if no connection has two answers. A count in a window would
    carry the quantisation of its edges, and (n - 1) / (last - first) of the pooled answers is too high where answers come in
    lockstep.
    """
    gaps, span_ns = 0, 0
    for connection in np.unique(connections):
        own = done_ns[connections == connection]
        gaps += len(own) - 1
        span_ns += int(own.max() - own.min())
    if not gaps or not span_ns:
        return None
    return users * gaps / span_ns * 1e9


def percentile(values: Floats, quantile: float) -> float | None:
    """Return the smallest value that at least `quantile` of the values do not exceed; None for no value at all."""
    if not len(values):
        return None
    rank = max(1, math.ceil(quantile * len(values) - 1e-9))
    return float(np.partition(values, rank - 1)[rank - 1])


def supported_percentile(values: Floats, quantile: float) -> float | None:
    """Return the percentile if there are enough values for it (see `MIN_SAMPLES`), else None."""
    return percentile(values, quantile) if len(values) >= MIN_SAMPLES[quantile] else None


def hodges_lehmann(values: Floats, level: float) -> Interval | None:
    """Return the median of all pairwise means with the exact signed-rank interval of at least `level`.

    `values` are one per launch. The interval is None where n is too small for the level, `level` the one attained. None for
    no value at all.
    """
    n = len(values)
    if not n:
        return None
    walsh = _walsh_averages(values)
    estimate = float(np.median(walsh))
    cut = _critical_value(n, level)
    if cut is None:
        return Interval(estimate, None, None, None)
    return Interval(estimate, float(walsh[cut]), float(walsh[len(walsh) - 1 - cut]), 1 - 2 * _lower_tail(n, cut))


def exponential(interval: Interval) -> Interval:
    """Return an interval of logarithms as one of ratios."""
    low, high = interval.low, interval.high
    return Interval(
        math.exp(interval.estimate),
        None if low is None else math.exp(low),
        None if high is None else math.exp(high),
        interval.level,
    )


def _walsh_averages(values: Floats) -> Floats:
    first, second = np.triu_indices(len(values))
    averages: Floats = np.sort((values[first] + values[second]) / 2)
    return averages


@cache
def _signed_rank_counts(n: int) -> tuple[int, ...]:
    """Return how many of the 2^n sign patterns give each sum of positive ranks 0 ... n(n+1)/2."""
    counts = [1]
    for rank in range(1, n + 1):
        counts = [
            (counts[total] if total < len(counts) else 0) + (counts[total - rank] if 0 <= total - rank < len(counts) else 0)
            for total in range(len(counts) + rank)
        ]
    return tuple(counts)


@cache
def _lower_tail(n: int, cut: int) -> float:
    """Return P(W <= cut) of the signed-rank statistic for n values."""
    return float(sum(_signed_rank_counts(n)[: cut + 1]) / 2**n)


def _critical_value(n: int, level: float) -> int | None:
    """Return the largest cut for which [walsh[cut], walsh[-1 - cut]] covers with at least `level`; None if there is none."""
    allowed = (1 - level) / 2 + 1e-12
    cut = None
    while _lower_tail(n, 0 if cut is None else cut + 1) <= allowed:
        cut = 0 if cut is None else cut + 1
    return cut
