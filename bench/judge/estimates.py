"""Estimates over launches: Hodges-Lehmann with its exact interval. Pure.

Sources: Hodges & Lehmann (1963) for the estimator; Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, 3.2, for
the interval from the Wilcoxon signed-rank distribution.
"""

import bisect
import itertools
import math
from collections.abc import Iterable
from functools import cache

import numpy as np

from bench.records import Interval
from bench.records.samples import Floats


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


def least_launches(level: float) -> int:
    """Return how many values it takes for an interval of at least this level inside their range: 8 up to 98.4 %, 9 at 98.75 %.

    The range itself, the widest interval that the values give, follows its worst value.
    """
    return next(n for n in itertools.count(1) if _lower_tails(n)[1] <= (1 - level) / 2 + 1e-12)


def pooled_sd(groups: Iterable[Floats]) -> float | None:
    """Return the standard deviation of values around the means of their groups; None where no group has two."""
    squares, freedom = 0.0, 0
    for group in groups:
        squares, freedom = squares + float(((group - group.mean()) ** 2).sum()), freedom + len(group) - 1
    return math.sqrt(squares / freedom) if freedom else None


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
