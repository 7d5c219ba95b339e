"""What a slice, a block and a cell are worth."""

import math

import numpy as np
import pytest
from judge_rows import KEY, OPEN_KEY, make_slice, make_times
from sample_rows import MS, columns, not_sent_rows, sample_rows, unfinished_rows
from scipy import stats

from bench.judge.cells import QUANTILES, block_values, distributions, make_cell
from bench.judge.index import index_slices
from bench.plan.rules import GateRules
from bench.records import METRICS
from bench.records.samples import MIN_SAMPLES, settled_requests

INF = math.inf
NOTHING = np.empty(0)


def settled_of(*rows, settled_ms=0, end_ms=200):
    return settled_requests(columns(np.concatenate(rows)), settled_ms * MS, end_ms * MS)


# --- slices ---------------------------------------------------------------------------------------------------------


def test_requests_count_that_were_due_after_settling_and_before_the_end():
    rows = sample_rows(0, np.array([39, 40, 199, 200]) * MS, [5 * MS] * 4)
    assert settled_of(rows, settled_ms=40).done_ns.tolist() == [45 * MS, 204 * MS]


def test_it_is_due_time_that_decides_not_when_a_request_was_sent():
    rows = sample_rows(0, np.array([41, 201]) * MS, [5 * MS] * 2, intended_ns=np.array([39, 199]) * MS)
    assert settled_of(rows, settled_ms=40).response_ms.tolist() == [7]


def test_a_service_time_is_from_sent_to_done_and_a_response_time_from_due_to_done_in_milliseconds():
    settled = settled_of(sample_rows(0, [50 * MS], [1_234_567], intended_ns=[48 * MS], connections=7))
    assert (settled.service_ms.tolist(), settled.response_ms.tolist()) == ([1.234567], [3.234567])
    assert (settled.connections.tolist(), settled.send_lag_ms.tolist()) == ([7], [2])


def test_in_a_closed_loop_both_times_are_the_same_and_nothing_is_sent_late():
    settled = settled_of(sample_rows(0, np.arange(1, 9) * MS, np.arange(8) * 1000))
    assert settled.response_ms.tolist() == settled.service_ms.tolist()
    assert set(settled.send_lag_ms) == {0}


def test_wrong_and_failed_answers_enter_no_time_and_no_rate():
    wrong = sample_rows(0, [50 * MS], [MS], correct=False)
    failed = sample_rows(0, [60 * MS], [MS], correct=False, status=0)
    settled = settled_of(wrong, failed)
    assert [len(values) for values in (settled.connections, settled.done_ns, settled.response_ms, settled.service_ms)] == [0] * 4


def test_a_request_that_was_sent_late_shows_in_the_send_lag_whatever_its_answer():
    late = {"intended_ns": [50 * MS]}
    wrong = sample_rows(0, [53 * MS], [MS], correct=False, **late)
    settled = settled_of(wrong, unfinished_rows(0, [54 * MS], **late), sample_rows(0, [55 * MS], [MS], **late))
    assert sorted(settled.send_lag_ms) == [3, 4, 5]


def test_an_unfinished_request_is_longer_than_any_other_in_both_times():
    settled = settled_of(sample_rows(0, [50 * MS], [MS]), unfinished_rows(0, [60 * MS, 61 * MS]))
    assert settled.response_ms.tolist() == settled.service_ms.tolist() == [1, INF, INF]
    assert settled.done_ns.tolist() == [51 * MS]


def test_a_request_that_was_not_sent_is_longer_than_any_other_in_response_time_and_has_no_service_time_nor_send_lag():
    settled = settled_of(sample_rows(0, [50 * MS], [MS]), not_sent_rows(0, [60 * MS, 61 * MS]))
    assert settled.response_ms.tolist() == [1, INF, INF]
    assert (settled.service_ms.tolist(), settled.send_lag_ms.tolist()) == ([1], [0])


@pytest.mark.parametrize("kind", [unfinished_rows, not_sent_rows])
def test_a_request_without_an_answer_counts_only_if_it_was_due_after_settling_and_before_the_end(kind):
    settled = settled_of(kind(0, np.array([39, 40, 199, 200]) * MS), settled_ms=40)
    assert settled.response_ms.tolist() == [INF, INF]


# --- blocks ---------------------------------------------------------------------------------------------------------


def test_the_throughput_of_a_block_is_the_mean_of_its_two_slices():
    slices = [make_slice(throughput_rps=4000.0), make_slice(throughput_rps=5000.0)]
    assert block_values(slices, NOTHING)["throughput_rps"] == 4500


@pytest.mark.parametrize("rate", [None, 0.0])
def test_a_block_has_no_throughput_if_one_of_its_slices_has_none(rate):
    slices = [make_slice(throughput_rps=4000.0), make_slice(throughput_rps=rate)]
    assert block_values(slices, NOTHING)["throughput_rps"] is None


def test_the_cpu_time_of_a_block_is_spread_over_all_its_answers():
    slices = [make_slice(server_cpu_ns=100 * MS, answers=1000), make_slice(server_cpu_ns=500 * MS, answers=2000)]
    assert block_values(slices, NOTHING)["cpu_us_per_request"] == pytest.approx(200)


@pytest.mark.parametrize("fields", [{"answers": 0}, {"server_cpu_ns": 0}])
def test_a_block_has_no_cpu_time_per_request_without_answers_or_without_cpu_time(fields):
    assert block_values([make_slice(**fields)] * 2, NOTHING)["cpu_us_per_request"] is None


def test_the_percentiles_of_a_block_are_of_the_pooled_response_times_of_its_slices():
    values = np.random.default_rng(1).lognormal(size=1000)
    slow, fast = np.sort(values)[500:], np.sort(values)[:500]
    found = block_values([make_slice()] * 2, np.concatenate([slow, fast]))
    for metric, quantile in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        assert found[metric] == np.quantile(values, quantile, method="inverted_cdf")


def test_a_block_has_no_percentile_for_which_its_samples_are_too_few():
    found = block_values([make_slice()] * 2, np.array(([1.0] * 100) * 2))
    assert (found["p50_ms"], found["p95_ms"], found["p99_ms"]) == (1, 1, None)


def test_a_block_has_no_percentile_that_falls_among_requests_without_an_answer():
    found = block_values([make_slice()] * 2, np.array(([1.0] * 950 + [INF] * 50) * 2))
    assert (found["p50_ms"], found["p95_ms"], found["p99_ms"]) == (1, 1, None)
    found = block_values([make_slice()] * 2, np.array(([1.0] * 949 + [INF] * 51) * 2))
    assert (found["p50_ms"], found["p95_ms"], found["p99_ms"]) == (1, None, None)


def test_a_block_of_nothing_has_every_metric_and_no_value():
    assert block_values([], NOTHING) == dict.fromkeys(METRICS)


# --- cells ----------------------------------------------------------------------------------------------------------


def cell(slices=(), times=None, key=KEY):
    launches = index_slices(slices).get(KEY, {})
    return make_cell(key, slices, launches, times or make_times(), 0.95, GateRules().generator_cpu_ratio)


def slices_at(rates):
    """Return a slice for each launch, with these rates."""
    return [make_slice(launch=launch, throughput_rps=rate) for launch, rate in enumerate(rates, start=1)]


def test_the_throughput_of_a_cell_is_estimated_over_launches_on_the_log_scale():
    rates = [90.0, 100.0, 110.0, 120.0, 130.0, 140.0]
    found = cell(slices_at(rates))
    means = sorted(math.sqrt(first * second) for place, first in enumerate(rates) for second in rates[place:])
    assert found.throughput_rps == pytest.approx(means[10])
    assert found.throughput.ends == (pytest.approx(90), pytest.approx(140))


def test_a_cell_of_few_launches_has_a_throughput_without_an_interval():
    found = cell(slices_at([90.0, 100.0]))
    assert found.throughput_rps == pytest.approx(math.exp((math.log(90) + math.log(100)) / 2))
    assert (found.throughput.ends, found.throughput.level) == (None, None)


@pytest.mark.parametrize("key", [KEY, OPEN_KEY])
def test_a_cell_that_was_not_measured_has_no_figure(key):
    found = vars(cell(key=key))
    counts = {"samples", "errors", "unfinished", "not_sent", "launches", "generator_limited"}
    assert {name for name, value in found.items() if value is not None} == counts | {"part", "stack", "scenario", "load"}
    assert not any(found[name] for name in counts)


def test_a_cell_has_the_percentiles_and_the_largest_of_all_its_samples():
    values = np.random.default_rng(2).lognormal(size=10_000)
    found = cell(times=make_times(values))
    expected = [np.quantile(values, quantile, method="inverted_cdf") for quantile in (0.5, 0.95, 0.99, 0.999)]
    assert [found.p50_ms, found.p95_ms, found.p99_ms, found.p999_ms, found.max_ms] == [*expected, values.max()]
    assert found.samples == 10_000


def test_percentiles_rise_up_to_the_maximum_and_are_finer_than_a_tenth_of_a_millisecond():
    found = cell(times=make_times(np.random.default_rng(3).uniform(0.02, 0.06, 7000)))
    figures = [0.02, found.p50_ms, found.p95_ms, found.p99_ms, found.p999_ms, found.max_ms, 0.06]
    assert figures == sorted(set(figures))
    assert found.p50_ms <= found.p99_ms < found.p99_upper_ms < found.p999_ms < found.p999_upper_ms <= found.max_ms


@pytest.mark.parametrize(("place", "quantile"), [("p99_upper_ms", 0.99), ("p999_upper_ms", 0.999)])
def test_the_upper_bound_of_a_percentile_is_the_order_statistic_that_the_binomial_distribution_asks_for(place, quantile):
    values = np.sort(np.random.default_rng(5).lognormal(size=10_000))
    assert getattr(cell(times=make_times(values)), place) == values[int(stats.binom.ppf(0.95, len(values), quantile))]


def test_a_cell_has_no_percentile_for_which_its_samples_are_too_few():
    found = cell(times=make_times([1.0] * 661))
    assert (found.p50_ms, found.p95_ms, found.p99_ms, found.p999_ms, found.max_ms) == (1, 1, None, None, 1)
    assert (found.p99_upper_ms, found.p999_upper_ms) == (1, None)


def test_requests_without_an_answer_push_the_percentiles_of_a_cell_up_and_beyond():
    found = cell(times=make_times([1.0] * 900 + [2.0] * 60 + [INF] * 40))
    assert (found.p50_ms, found.p95_ms, found.p99_ms, found.p99_upper_ms, found.max_ms) == (1, 2, None, None, 2)
    assert found.samples == 960


def test_the_times_of_an_open_loop_are_from_due_and_apart_from_sent_with_the_lag_between_them():
    lag = np.linspace(0, 1, 1000)
    service = np.random.default_rng(6).permutation(np.linspace(2, 3, 1000))
    found = cell(times=make_times([*service + lag, INF], service, lag), key=OPEN_KEY)
    for name, values in (("p50_ms", [*service + lag, INF]), ("service_p50_ms", service)):
        assert getattr(found, name) == np.quantile(values, 0.5, method="inverted_cdf")
    assert (found.service_p95_ms, found.service_p99_ms) == (pytest.approx(2.95, abs=2e-3), pytest.approx(2.99, abs=2e-3))
    assert found.send_lag_p99_ms == pytest.approx(0.99, abs=2e-3)
    assert found.p95_ms > found.service_p95_ms


def test_the_send_lag_belongs_to_open_loops():
    times = make_times([1.0] * 1000, send_lag_ms=[0.25] * 1000)
    assert (cell(times=times).send_lag_p99_ms, cell(times=times, key=OPEN_KEY).send_lag_p99_ms) == (None, 0.25)


def test_a_cell_of_an_open_loop_has_its_rate():
    assert cell([make_slice(offered_rps=3000.0)] * 2, key=OPEN_KEY).offered_rps == 3000
    assert cell([make_slice()] * 2).offered_rps is None


def test_a_cell_counts_its_launches_and_its_cpu_time():
    slices = [make_slice(launch=1), make_slice(launch=1, server_cpu_ns=300 * MS), make_slice(launch=4, server_cpu_ns=200 * MS)]
    found = cell(slices)
    assert (found.launches, found.cpu_us_per_request) == (2, pytest.approx(200))


def test_the_share_of_the_kernel_is_that_of_the_cpu_time_of_all_counted_slices():
    slices = [make_slice(server_user_ns=30 * MS, server_kernel_ns=10 * MS), make_slice(server_user_ns=90 * MS, server_kernel_ns=70 * MS)]
    assert cell([*slices, make_slice(server_kernel_ns=500 * MS, warm_up=True)]).kernel_ratio == pytest.approx(80 / 200)


def test_the_share_of_the_kernel_is_not_known_before_the_first_tick():
    assert cell([make_slice(server_user_ns=0, server_kernel_ns=0)]).kernel_ratio is None


def test_a_cell_counts_the_failures_of_its_warm_up_too():
    slices = [make_slice(errors=1, unfinished=2), make_slice(warm_up=True, errors=10, unfinished=20, not_sent=30)]
    found = cell(slices)
    assert (found.errors, found.unfinished, found.not_sent, found.failures) == (11, 22, 30, 63)


def test_nothing_else_of_a_warm_up_enters_a_cell():
    warm_up = make_slice(launch=9, warm_up=True, offered_rps=1.0, answers=1, server_cpu_ns=MS, generator_cpu_ns=10**12, drained_ns=10**12)
    assert cell([warm_up, make_slice()]) == cell([make_slice()])


@pytest.mark.parametrize(("generator_cpu_ns", "limited"), [(160 * MS, False), (161 * MS, True)])
@pytest.mark.parametrize("key", [KEY, OPEN_KEY])
def test_a_cell_is_limited_by_the_generator_if_that_used_more_than_four_fifths_of_its_core(key, generator_cpu_ns, limited):
    assert cell([make_slice(generator_cpu_ns=generator_cpu_ns)], key=key).generator_limited is limited


# --- distributions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "deepest"), [(0, None), (1, 0.0), (2, 0.5), (63, 0.5), (64, 0.9), (130, 0.95), (661, 0.95), (662, 0.99), (6636, 0.999)]
)
def test_a_distribution_goes_as_far_into_the_tail_as_its_samples_support(samples, deepest):
    points = list(distributions(KEY, make_times(np.arange(float(samples)))))
    expected = [] if deepest is None else [quantile for quantile in QUANTILES if quantile <= deepest]
    assert [point.quantile for point in points] == expected
    assert {point.samples for point in points} <= {samples}


def test_a_distribution_rises_from_the_smallest_sample():
    values = np.random.default_rng(4).lognormal(size=7000)
    latencies = [point.latency_ms for point in distributions(KEY, make_times(values))]
    assert latencies == sorted(latencies)
    assert latencies[0] == values.min()
    assert latencies == [np.quantile(values, quantile, method="inverted_cdf") for quantile in QUANTILES]


def test_a_closed_loop_has_one_distribution_and_an_open_one_those_of_service_and_of_response_time():
    service = np.linspace(1, 2, 700)
    times = make_times(service + 5, service)
    assert {point.time for point in distributions(KEY, times)} == {"service"}
    points = {(point.time, point.quantile): point.latency_ms for point in distributions(OPEN_KEY, times)}
    deepest = [quantile for quantile in QUANTILES if quantile <= 0.99]
    assert set(points) == {(time, quantile) for time in ("service", "response") for quantile in deepest}
    assert all(points["response", quantile] == points["service", quantile] + 5 for quantile in deepest)


def test_a_distribution_ends_where_requests_without_an_answer_begin_and_counts_them():
    points = [point for point in distributions(OPEN_KEY, make_times([1.0] * 900 + [INF] * 100, [1.0] * 900)) if point.time == "response"]
    assert [point.quantile for point in points] == [quantile for quantile in QUANTILES if quantile <= 0.9]
    assert {point.samples for point in points} == {1000}


def test_every_percentile_with_a_least_number_of_samples_is_a_point_of_the_distribution():
    assert set(MIN_SAMPLES) <= set(QUANTILES)


def test_a_block_in_which_a_process_of_the_server_ended_has_no_cpu_time():
    slices = [make_slice(), make_slice(server_cpu_ns=None, server_user_ns=None, server_kernel_ns=None)]
    assert block_values(slices, NOTHING)["cpu_us_per_request"] is None
    assert cell(slices).cpu_us_per_request is None
