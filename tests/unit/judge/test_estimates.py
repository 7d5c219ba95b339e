"""Percentiles and intervals against known answers, other implementations, brute force and their own promise."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from bench.judge.estimates import exponential, hodges_lehmann, least_launches
from bench.plan.rules import Rules, share_level
from bench.records import Interval
from bench.records.samples import MIN_SAMPLES, percentile, supported_percentile

SIMULATIONS = 2000
# What the primary row has, and secondary ones where there are two of them, and four.
LEVELS = [Rules().levels["primary"], *(share_level(rows).levels["secondary"] for rows in (2, 4))]


# --- percentiles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 10, 99, 100, 101, 662, 1000, 6637])
def test_a_percentile_is_the_inverse_of_the_distribution_as_numpy_has_it(count):
    values = np.random.default_rng(count).lognormal(size=count)
    for quantile in (0, 0.001, 0.1, 0.25, 0.5, 0.7, 0.9, 0.95, 0.99, 0.995, 0.999, 1):
        assert percentile(values, quantile) == np.quantile(values, quantile, method="inverted_cdf")


def test_a_percentile_is_one_of_the_values_and_leaves_them_in_their_order():
    values = np.array([3.0, 1.0, 2.0, 4.0])
    assert percentile(values, 0.5) == 2
    assert values.tolist() == [3, 1, 2, 4]


def test_there_is_no_percentile_of_nothing():
    assert percentile(np.empty(0), 0.5) is None


def test_a_percentile_needs_as_many_samples_as_its_tail_asks_for():
    assert MIN_SAMPLES == {0.5: 2, 0.9: 64, 0.95: 130, 0.99: 662, 0.999: 6636}


@pytest.mark.parametrize("quantile", [0.9, 0.95, 0.99, 0.999])
def test_with_fewer_samples_even_one_beyond_a_percentile_may_be_chance(quantile):
    """With `needed` samples, one beyond or none has a probability of at most 1 % if the true percentile is larger."""
    needed = MIN_SAMPLES[quantile]
    assert stats.binom.cdf(1, needed, 1 - quantile) <= 0.01 < stats.binom.cdf(1, needed - 1, 1 - quantile)


@pytest.mark.parametrize(("quantile", "needed"), MIN_SAMPLES.items())
def test_a_percentile_is_shown_from_its_fewest_samples_on(quantile, needed):
    values = np.arange(float(needed))
    assert supported_percentile(values[1:], quantile) is None
    assert supported_percentile(values, quantile) == percentile(values, quantile)


@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
def test_a_percentile_that_falls_among_requests_without_an_answer_is_none(quantile):
    answered = math.ceil(1000 * quantile)
    values = np.concatenate([np.arange(float(answered)), np.full(1000 - answered, math.inf)])
    assert supported_percentile(values, quantile) == answered - 1
    values[answered - 1] = math.inf
    assert supported_percentile(values, quantile) is None


def test_requests_without_an_answer_count_among_the_samples_that_a_percentile_needs():
    assert supported_percentile(np.array([1.0] * 660 + [math.inf] * 2), 0.99) == 1
    assert supported_percentile(np.array([1.0] * 660), 0.99) is None


# --- Hodges-Lehmann and its interval --------------------------------------------------------------------------------


def test_a_table_computed_by_hand():
    """Walsh averages of 0, 1, 2, 3, 4, 10: 0, .5, 1, 1, 1.5, 1.5, 2, 2, 2, 2.5, 2.5, | 3, 3, 3.5, 4, 5, 5.5, 6, 6.5, 7, 10."""
    assert hodges_lehmann(np.array([0.0, 1, 2, 3, 4, 10]), 0.9) == Interval(2.5, 1.0, 6.5, 1 - 2 * 3 / 64)


def test_a_textbook_example():
    """Hollander, Wolfe & Chicken, example 3.1 (Hamilton depression scale): estimate -0.46, 96.1 % from -0.786 to -0.010."""
    first = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    second = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    interval = hodges_lehmann(second - first, 0.96)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((-0.46, -0.786, -0.010))
    assert interval.level == pytest.approx(0.961, abs=5e-4)


@pytest.mark.parametrize(
    ("launches", "cut"),
    [(6, 0), (7, 2), (8, 3), (9, 5), (10, 8), (11, 10), (12, 13), (13, 17), (14, 21), (15, 25), (20, 52)],
)
def test_the_interval_is_cut_where_the_tables_of_the_signed_rank_test_say(launches, cut):
    """Two-sided 5 % critical values, as printed in any table of the Wilcoxon test."""
    values = np.random.default_rng(launches).normal(size=launches)
    walsh = sorted((first + second) / 2 for first, second in itertools.combinations_with_replacement(values, 2))
    interval = hodges_lehmann(values, 0.95)
    assert (interval.low, interval.high) == pytest.approx((walsh[cut], walsh[-1 - cut]))


@pytest.mark.parametrize(
    ("launches", "level", "attained"),
    [
        (6, 0.95, 1 - 2 / 64),
        (8, 0.95, 1 - 10 / 256),
        (12, 0.95, 1 - 174 / 4096),
        (14, 0.95, 1 - 810 / 16384),
        (8, 0.975, 1 - 6 / 256),
        (8, 0.9875, 1 - 2 / 256),
        (9, 0.9875, 1 - 6 / 512),
        (12, 0.9875, 1 - 50 / 4096),
    ],
)
def test_the_level_attained_is_known_for(launches, level, attained):
    assert hodges_lehmann(np.arange(float(launches)), level).level == pytest.approx(attained, abs=1e-12)


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("launches", range(1, 11))
def test_the_level_attained_is_the_best_that_all_sign_patterns_allow(launches, level):
    signs = np.array(list(itertools.product((0, 1), repeat=launches)))
    sums = signs @ np.arange(1, launches + 1)
    levels = [1 - 2 * np.mean(sums <= cut) for cut in range(launches * (launches + 1) // 4)]
    possible = [attained for attained in levels if attained >= level]
    assert hodges_lehmann(np.arange(float(launches)), level).level == (pytest.approx(possible[-1]) if possible else None)


@pytest.mark.parametrize("launches", [6, 8, 11, 14, 30, 50])
def test_the_interval_holds_exactly_the_shifts_that_the_signed_rank_test_does_not_reject(launches):
    values = np.random.default_rng(launches).standard_t(3, size=launches)
    interval = hodges_lehmann(values, 0.95)
    for edge, outside in ((interval.low, -1e-9), (interval.high, 1e-9)):
        assert stats.wilcoxon(values - edge + outside, method="exact").pvalue > 1 - interval.level
        assert stats.wilcoxon(values - edge - outside, method="exact").pvalue == pytest.approx(1 - interval.level)


@pytest.mark.parametrize("launches", [1, 2, 3, 7, 12])
def test_the_estimate_is_the_median_of_all_pairwise_means(launches):
    values = np.random.default_rng(launches).normal(size=launches)
    means = [(first + second) / 2 for first, second in itertools.combinations_with_replacement(values, 2)]
    assert hodges_lehmann(values, 0.95).estimate == pytest.approx(np.median(means))


@pytest.mark.parametrize(("launches", "level"), [(1, 0.95), (2, 0.95), (5, 0.95), (6, 0.975), (7, 0.99)])
def test_there_is_no_interval_where_the_launches_are_too_few_for_the_level(launches, level):
    assert hodges_lehmann(np.arange(float(launches)), level) == Interval((launches - 1) / 2, None, None, None)


@pytest.mark.parametrize(
    ("level", "launches"), [(0.95, 7), (0.975, 8), (0.984, 8), (1 - 4 / 256, 8), (0.985, 9), (0.9875, 9), (0.99, 9), (0.995, 10)]
)
def test_from_so_many_launches_on_an_interval_lies_inside_their_range(level, launches):
    assert least_launches(level) == launches
    for count, is_inside in ((launches - 1, False), (launches, True), (launches + 1, True)):
        low, high = hodges_lehmann(np.arange(float(count)), level).ends or (0, count - 1)
        assert (low > 0, high < count - 1) == (is_inside, is_inside)


def test_there_is_no_estimate_of_nothing():
    assert hodges_lehmann(np.empty(0), 0.95) is None


def test_equal_values_have_an_interval_of_no_width():
    interval = hodges_lehmann(np.full(8, 0.25), 0.95)
    assert (interval.estimate, interval.low, interval.high) == (0.25, 0.25, 0.25)


def test_two_hundred_launches_are_as_near_to_the_level_as_can_be():
    assert hodges_lehmann(np.random.default_rng(1).normal(size=200), 0.95).level == pytest.approx(0.95, abs=2e-4)


def test_an_interval_of_logarithms_becomes_one_of_ratios():
    found = exponential(Interval(0.0, math.log(0.5), math.log(2), 0.95))
    assert (found.estimate, found.low, found.high, found.level) == pytest.approx((1.0, 0.5, 2.0, 0.95))


def test_an_estimate_without_an_interval_stays_without():
    assert exponential(Interval(0.0, None, None, None)) == Interval(1.0, None, None, None)


# --- the promise of the interval ------------------------------------------------------------------------------------


def normal_noise(rng, shape):
    return rng.normal(0, 0.01, shape)


def heavy_noise(rng, shape):
    """Return noise of 1 %; one launch in eight is off by 5 to 12 %."""
    off = (rng.random(shape) < 1 / 8) * rng.choice([-1, 1], shape) * rng.uniform(0.05, 0.12, shape)
    return rng.normal(0, 0.01, shape) + off


def simulate(noise, launches, level=0.95):
    rng = np.random.default_rng(20261125)
    return [hodges_lehmann(values, level) for values in noise(rng, (SIMULATIONS, launches))]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("launches", [8, 12, 14])
@pytest.mark.parametrize("noise", [normal_noise, heavy_noise])
def test_the_interval_covers_the_truth_as_often_as_it_says(noise, launches, level):
    intervals = simulate(noise, launches, level)
    covered = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    assert covered >= level - 0.02
    assert covered == pytest.approx(intervals[0].level, abs=0.015)


def test_the_interval_of_twelve_launches_is_about_one_per_cent_wide_where_that_of_mean_and_t_is_two():
    widths = [(interval.high - interval.low) / 2 for interval in simulate(heavy_noise, 12)]
    values = heavy_noise(np.random.default_rng(20261125), (SIMULATIONS, 12))
    with_t = stats.t.ppf(0.975, 11) * values.std(axis=1, ddof=1) / math.sqrt(12)
    assert np.median(widths) == pytest.approx(0.011, abs=0.001)
    assert np.median(with_t) == pytest.approx(0.019, abs=0.003)
