"""Estimates with intervals: Hodges-Lehmann over launches with its exact interval, upper bounds of percentiles. Pure.

Sources: Hodges & Lehmann (1963) for the estimator; Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, 3.2, for
the interval from the Wilcoxon signed-rank distribution.
"""

import bisect
import itertools
import math
from functools import cache

import numpy as np
from scipy.special import bdtrik

from bench.records import Interval
from bench.records.samples import Floats

UPPER_BOUND_MISSES = 0.05


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
