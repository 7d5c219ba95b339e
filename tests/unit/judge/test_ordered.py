"""Order statistics of numbers that lie in pieces: the same as of all of them in memory."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.judge.ordered import Ordered, Spool
from bench.records.samples import MIN_SAMPLES, percentile, supported_percentile

INF = math.inf
SIMULATIONS = 2000
NUMBERS = st.one_of(st.floats(0, 1e9), st.sampled_from([0.0, 1.0, INF]))
PIECES = st.lists(st.lists(NUMBERS, max_size=20), max_size=6)


def ordered(*pieces):
    return Ordered([np.sort(np.array(piece, dtype=float)) for piece in pieces])


def upper_bound_of(values, quantile):
    return ordered(values).upper_bound(quantile)


@given(PIECES)
def test_every_number_is_found_at_its_place_whichever_piece_it_lies_in(pieces):
    whole = sorted(value for piece in pieces for value in piece)
    found = ordered(*pieces)
    assert len(found) == len(whole)
    assert found.at(range(len(whole))).tolist() == whole
    finite = [value for value in whole if math.isfinite(value)]
    assert found.count_finite() == len(finite)
    assert found.largest_finite() == (finite[-1] if finite else None)


def test_percentiles_are_those_of_all_pieces_together():
    rng = np.random.default_rng(4)
    pieces = [rng.lognormal(size=size) for size in (1, 700, 0, 6300)]
    whole, found = np.concatenate(pieces), ordered(*pieces)
    quantiles = [0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]
    assert found.percentiles(quantiles) == [percentile(whole, quantile) for quantile in quantiles]
    assert [found.supported_percentile(quantile) for quantile in MIN_SAMPLES] == [
        supported_percentile(whole, quantile) for quantile in MIN_SAMPLES
    ]


@pytest.mark.parametrize(("quantile", "needed"), MIN_SAMPLES.items())
def test_a_percentile_needs_its_samples_and_an_answer(quantile, needed):
    assert ordered(np.ones(needed - 1)).supported_percentile(quantile) is None
    assert ordered(np.ones(needed)).supported_percentile(quantile) == 1
    assert ordered(np.full(needed, INF)).supported_percentile(quantile) is None


def test_nothing_has_no_order():
    nothing = ordered()
    assert (len(nothing), nothing.percentiles([0.5]), nothing.count_finite(), nothing.largest_finite()) == (0, [], 0, None)


def test_a_spool_gives_what_was_put_in_and_closes_without_a_trace():
    spool = Spool()
    assert len(spool.ordered()) == 0
    for piece in ([3.0, 1.0], [], [2.0, INF]):
        spool.add(np.array(piece))
    assert spool.ordered().at(range(4)).tolist() == [1, 2, 3, INF]
    spool.close()


# --- the upper bound of a percentile --------------------------------------------------------------------------------


@pytest.mark.parametrize(("quantile", "needed"), [(0.95, 59), (0.99, 299), (0.999, 2995)])
def test_an_upper_bound_needs_so_many_samples_that_the_largest_is_rarely_below_the_percentile(quantile, needed):
    assert 1 - quantile**needed >= 0.95 > 1 - quantile ** (needed - 1)
    values = np.arange(float(needed))
    assert (upper_bound_of(values[1:], quantile), upper_bound_of(values, quantile)) == (None, needed - 1)


@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99, 0.999])
def test_the_upper_bound_is_the_order_statistic_that_the_binomial_distribution_asks_for(quantile):
    """P(at most k of n values lie below the true percentile) is at least 0.95 for k = ppf(0.95): the k-th from 0 is above it."""
    counts = np.unique(np.logspace(0, 5, 400).astype(int))
    for count in counts:
        place = int(stats.binom.ppf(0.95, count, quantile))
        values = np.random.default_rng(count).permutation(count).astype(float)
        assert upper_bound_of(values, quantile) == (place if place < count else None)


@pytest.mark.parametrize(("quantile", "count"), [(0.95, 130), (0.99, 299), (0.99, 662), (0.99, 2000), (0.999, 6636)])
def test_the_true_percentile_exceeds_the_upper_bound_in_at_most_five_per_cent_of_samples(quantile, count):
    """Values of a uniform distribution, whose percentile is the quantile itself; three standard errors are allowed."""
    rng = np.random.default_rng(20261125)
    place = int(upper_bound_of(np.arange(float(count)), quantile))  # the same for all samples of that size
    samples = np.partition(rng.random((SIMULATIONS, count)), place, axis=1)
    assert upper_bound_of(samples[0], quantile) == samples[0, place]
    missed = np.mean(samples[:, place] < quantile)
    assert missed <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / SIMULATIONS)
    assert missed >= 0.02


def test_the_upper_bound_is_not_below_the_percentile_and_leaves_the_values_in_their_order():
    values = np.random.default_rng(7).lognormal(size=3000)
    before = values.copy()
    for quantile in (0.99, 0.999):
        assert upper_bound_of(values, quantile) > percentile(values, quantile)
    assert values.tolist() == before.tolist()


def test_an_upper_bound_that_falls_among_requests_without_an_answer_is_none():
    values = np.arange(1000.0)
    place = int(upper_bound_of(values, 0.99))
    values[place + 1 :] = math.inf
    assert upper_bound_of(values, 0.99) == place
    values[place] = math.inf
    assert upper_bound_of(values, 0.99) is None


def test_there_is_no_upper_bound_of_nothing():
    assert upper_bound_of(np.empty(0), 0.99) is None
