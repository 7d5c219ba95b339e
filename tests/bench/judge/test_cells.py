"""What a slice, a block and a cell are worth."""

import math

import numpy as np
import pytest
from judge_rows import KEY, make_slice, sample_rows

from bench.judge.cells import QUANTILES, Answers, block_values, distribution, make_cell, settled_answers
from bench.judge.estimates import MIN_SAMPLES
from bench.records import METRICS, SAMPLE_COLUMNS

MS = 1_000_000


def columns(rows):
    return {name: rows[:, place] for place, name in enumerate(SAMPLE_COLUMNS)}


def answers_of(*service_ms):
    return Answers(np.zeros(len(service_ms), dtype=np.int64), np.arange(len(service_ms)), np.array(service_ms))


# --- slices ---------------------------------------------------------------------------------------------------------


def test_answers_count_that_were_asked_for_after_settling_and_before_the_end():
    rows = sample_rows(0, np.array([39, 40, 199, 200]) * MS, [5 * MS] * 4)
    assert settled_answers(columns(rows), 40 * MS, 200 * MS).done_ns.tolist() == [45 * MS, 204 * MS]


def test_a_service_time_is_from_sent_to_done_in_milliseconds():
    rows = sample_rows(0, [50 * MS], [1_234_567], connections=7)
    settled = settled_answers(columns(rows), 0, 200 * MS)
    assert (settled.service_ms.tolist(), settled.connections.tolist()) == ([1.234567], [7])


def test_a_service_time_does_not_contain_the_wait_before_sending():
    rows = sample_rows(0, [50 * MS], [MS])
    rows[:, SAMPLE_COLUMNS.index("intended_ns")] -= 10 * MS
    assert settled_answers(columns(rows), 0, 200 * MS).service_ms.tolist() == [1]


def test_wrong_and_failed_answers_are_no_answers():
    wrong = sample_rows(0, [50 * MS], [MS], correct=False)
    failed = sample_rows(0, [60 * MS], [MS], correct=False, status=0)
    assert len(settled_answers(columns(np.concatenate([wrong, failed])), 0, 200 * MS).done_ns) == 0


# --- blocks ---------------------------------------------------------------------------------------------------------


def test_the_throughput_of_a_block_is_the_mean_of_its_two_slices():
    slices = [make_slice(throughput_rps=4000.0), make_slice(throughput_rps=5000.0)]
    assert block_values(slices, [])["throughput_rps"] == 4500


@pytest.mark.parametrize("rate", [None, 0.0])
def test_a_block_has_no_throughput_if_one_of_its_slices_has_none(rate):
    slices = [make_slice(throughput_rps=4000.0), make_slice(throughput_rps=rate)]
    assert block_values(slices, [])["throughput_rps"] is None


def test_the_cpu_time_of_a_block_is_spread_over_all_its_answers():
    slices = [make_slice(server_cpu_ns=100 * MS, answers=1000), make_slice(server_cpu_ns=500 * MS, answers=2000)]
    assert block_values(slices, [])["cpu_us_per_request"] == pytest.approx(200)


@pytest.mark.parametrize("fields", [{"answers": 0}, {"server_cpu_ns": 0}])
def test_a_block_has_no_cpu_time_per_request_without_answers_or_without_cpu_time(fields):
    assert block_values([make_slice(**fields)] * 2, [])["cpu_us_per_request"] is None


def test_the_percentiles_of_a_block_are_of_the_pooled_samples_of_its_slices():
    values = np.random.default_rng(1).lognormal(size=1000)
    slow, fast = np.sort(values)[500:], np.sort(values)[:500]
    found = block_values([make_slice()] * 2, [answers_of(*slow), answers_of(*fast)])
    for metric, quantile in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        assert found[metric] == np.quantile(values, quantile, method="inverted_cdf")


def test_a_block_has_no_percentile_for_which_its_samples_are_too_few():
    found = block_values([make_slice()] * 2, [answers_of(*[1.0] * 100), answers_of(*[1.0] * 100)])
    assert (found["p50_ms"], found["p95_ms"], found["p99_ms"]) == (1, 1, None)


def test_a_block_of_nothing_has_every_metric_and_no_value():
    assert block_values([], []) == dict.fromkeys(METRICS)


# --- cells ----------------------------------------------------------------------------------------------------------


def cell(slices=(), rates=(), service_ms=(), errors=0, level=0.95):
    return make_cell(KEY, slices, np.array(rates, dtype=float), np.array(service_ms, dtype=float), errors, level)


def test_the_throughput_of_a_cell_is_estimated_over_launches_on_the_log_scale():
    rates = [90.0, 100.0, 110.0, 120.0, 130.0, 140.0]
    found = cell(rates=rates)
    means = sorted(math.sqrt(first * second) for place, first in enumerate(rates) for second in rates[place:])
    assert found.throughput_rps == pytest.approx(means[10])
    assert (found.throughput_ci_low, found.throughput_ci_high) == (pytest.approx(90), pytest.approx(140))


def test_a_cell_of_few_launches_has_a_throughput_without_an_interval():
    found = cell(rates=[90.0, 100.0])
    assert found.throughput_rps == pytest.approx(math.exp((math.log(90) + math.log(100)) / 2))
    assert (found.throughput_ci_low, found.throughput_ci_high) == (None, None)


def test_a_cell_that_was_not_measured_has_no_figure():
    found = cell()
    assert {found.throughput_rps, found.cpu_us_per_request, found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms} == {None}
    assert (found.samples, found.errors, found.launches, found.generator_limited) == (0, 0, 0, False)


def test_a_cell_has_the_percentiles_and_the_largest_of_all_its_samples():
    values = np.random.default_rng(2).lognormal(size=5000)
    found = cell(service_ms=values)
    expected = [np.quantile(values, quantile, method="inverted_cdf") for quantile in (0.5, 0.95, 0.99)]
    assert [found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms] == [*expected, values.max()]
    assert found.samples == 5000


def test_percentiles_rise_up_to_the_maximum_and_are_finer_than_a_tenth_of_a_millisecond():
    found = cell(service_ms=np.random.default_rng(3).uniform(0.02, 0.06, 1000))
    assert 0.02 <= found.p50_ms < found.p95_ms < found.p99_ms <= found.max_ms <= 0.06


def test_a_cell_has_no_percentile_for_which_its_samples_are_too_few():
    found = cell(service_ms=[1.0] * 661)
    assert (found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms) == (1, 1, None, 1)


def test_a_cell_counts_its_launches_its_errors_and_its_cpu_time():
    slices = [make_slice(launch=1), make_slice(launch=1, server_cpu_ns=300 * MS), make_slice(launch=4, server_cpu_ns=200 * MS)]
    found = cell(slices, errors=5)
    assert (found.launches, found.errors, found.cpu_us_per_request) == (2, 5, pytest.approx(200))


@pytest.mark.parametrize(("generator_cpu_ns", "limited"), [(160 * MS, False), (161 * MS, True)])
def test_a_cell_is_limited_by_the_generator_if_that_used_more_than_four_fifths_of_its_core(generator_cpu_ns, limited):
    assert cell([make_slice(generator_cpu_ns=generator_cpu_ns)]).generator_limited is limited


# --- distributions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "deepest"), [(0, None), (1, 0.0), (2, 0.5), (63, 0.5), (64, 0.9), (130, 0.95), (661, 0.95), (662, 0.99), (6636, 0.999)]
)
def test_a_distribution_goes_as_far_into_the_tail_as_its_samples_support(samples, deepest):
    points = list(distribution(KEY, np.arange(float(samples))))
    expected = [] if deepest is None else [quantile for quantile in QUANTILES if quantile <= deepest]
    assert [point.quantile for point in points] == expected
    assert {point.samples for point in points} <= {samples}


def test_a_distribution_rises_from_the_smallest_sample():
    values = np.random.default_rng(4).lognormal(size=7000)
    points = list(distribution(KEY, values))
    latencies = [point.latency_ms for point in points]
    assert latencies == sorted(latencies)
    assert latencies[0] == values.min()
    assert latencies == [np.quantile(values, quantile, method="inverted_cdf") for quantile in QUANTILES]


def test_every_percentile_with_a_least_number_of_samples_is_a_point_of_the_distribution():
    assert set(MIN_SAMPLES) <= set(QUANTILES)
