"""Estimates from samples: rates, percentiles, Hodges-Lehmann with its exact interval. Pure.

Sources: Hodges & Lehmann (1963) for the estimator; Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, 3.2, for
the interval from the Wilcoxon signed-rank distribution; MLPerf LoadGen, early_stopping.cc, for the sample sizes of p99.
"""

import bisect
import itertools
import math
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrik

from bench.records import Interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Fewest samples for which a percentile is shown: with fewer, even one sample above it may be chance (confidence 0.99).
MIN_SAMPLES = {0.5: 2, 0.9: 64, 0.95: 130, 0.99: 662, 0.999: 6636}
UPPER_BOUND_MISSES = 0.05


def closed_loop_rate(connections: Ints, done_ns: Ints) -> float | None:
    """Return answers per second of a closed loop: U x sum(n_u - 1) / sum(last_u - first_u) over the U connections u.

    `connections` and `done_ns` have one entry per answer. None if no connection has two answers. A connection that got no
    answer at all is none of the U: it adds nothing. A count in a window would carry the quantisation of its edges, and
    (n - 1) / (last - first) of the pooled answers is too high where answers come in lockstep.
    """
    answered = np.unique(connections)
    gaps, span_ns = 0, 0
    for connection in answered:
        own = done_ns[connections == connection]
        gaps += len(own) - 1
        span_ns += int(own.max() - own.min())
    if not gaps or not span_ns:
        return None
    return len(answered) * gaps / span_ns * 1e9


def percentile(values: Floats, quantile: float) -> float | None:
    """Return the smallest value that at least `quantile` of the values do not exceed; None for no value at all."""
    if not len(values):
        return None
    rank = max(1, math.ceil(quantile * len(values) - 1e-9))
    return float(np.partition(values, rank - 1)[rank - 1])


def supported_percentile(values: Floats, quantile: float) -> float | None:
    """Return the percentile if there are enough values for it (see `MIN_SAMPLES`), else None.

    None, too, where it falls among the infinite values, which stand for requests that were never answered.
    """
    value = percentile(values, quantile) if len(values) >= MIN_SAMPLES[quantile] else None
    return value if value is not None and math.isfinite(value) else None


def upper_bound(values: Floats, quantile: float) -> float | None:
    """Return the smallest value that the true percentile exceeds with a chance of 5 % at most, if the values are independent.

    It is the k-th smallest of n, k the smallest with P(Binomial(n, quantile) < k) >= 0.95. None where no value is large enough
    (n < 299 for p99, 2,995 for p99.9) or that value is infinite. Source: Hahn & Meeker, Statistical Intervals, 5.2.
    """
    if not len(values):
        return None
    place = math.ceil(bdtrik(1 - UPPER_BOUND_MISSES, len(values), quantile))
    if place >= len(values):
        return None
    value = float(np.partition(values, place)[place])
    return value if math.isfinite(value) else None


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
    tails = _lower_tails(n)
    cut = bisect.bisect_right(tails, (1 - level) / 2 + 1e-12) - 1
    if cut < 0:
        return Interval(estimate, None, None, None)
    return Interval(estimate, float(walsh[cut]), float(walsh[-1 - cut]), 1 - 2 * tails[cut])


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


def _signed_rank_counts(n: int) -> list[int]:
    """Return how many of the 2^n sign patterns give each sum of positive ranks 0 ... n(n+1)/2."""
    counts = [1]
    for rank in range(1, n + 1):  # the rank's sign is minus (the sum stays) or plus (the sum grows by the rank)
        none = [0] * rank
        counts = [minus + plus for minus, plus in zip(counts + none, none + counts, strict=True)]
    return counts


@cache
def _lower_tails(n: int) -> tuple[float, ...]:
    """Return P(W <= w) of the signed-rank statistic of n values, for w = 0 ... n(n+1)/2: [walsh[w], walsh[-1 - w]] misses twice that."""
    return tuple(total / 2**n for total in itertools.accumulate(_signed_rank_counts(n)))
