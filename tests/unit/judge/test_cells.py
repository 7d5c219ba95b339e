"""What a launch and a cell are worth."""

import math

import numpy as np
import pytest
from judge_rows import KEY, OPEN_KEY, make_slice, make_times
from sample_rows import MS

from bench.judge.cells import QUANTILES, distributions, launch_rates, launch_totals, make_cell, starved_share
from bench.judge.index import index_slices, total_rate_rps
from bench.plan.rules import GateRules, Rules
from bench.records import METRICS
from bench.records.samples import MIN_SAMPLES

INF = math.inf
NOTHING = np.empty(0)


# --- launches -------------------------------------------------------------------------------------------------------


def test_the_throughput_of_a_launch_is_all_its_answers_over_all_its_time():
    slices = [make_slice(settled_answers=800), make_slice(settled_answers=4000, end_ns=440 * MS)]
    assert launch_totals(slices, NOTHING)["throughput_rps"] == total_rate_rps(slices) == pytest.approx(4800 / 0.56)


@pytest.mark.parametrize("answers", [400, 0])
def test_a_pause_in_one_of_many_slices_costs_what_it_cost_in_answers(answers):
    slices = [*[make_slice(settled_answers=800)] * 7, make_slice(settled_answers=answers)]
    assert launch_totals(slices, NOTHING)["throughput_rps"] == pytest.approx(5000 * (7 * 800 + answers) / (8 * 800))


def test_a_launch_without_an_answer_has_no_throughput():
    assert launch_totals([make_slice(settled_answers=0)] * 2, NOTHING)["throughput_rps"] is None


def test_the_cpu_time_of_a_launch_is_spread_over_all_its_answers():
    slices = [make_slice(server_cpu_ns=100 * MS, answers=1000), make_slice(server_cpu_ns=500 * MS, answers=2000)]
    assert launch_totals(slices, NOTHING)["cpu_us_per_request"] == pytest.approx(200)


@pytest.mark.parametrize("fields", [{"answers": 0}, {"server_cpu_ns": 0}])
def test_a_launch_has_no_cpu_time_per_request_without_answers_or_without_cpu_time(fields):
    assert launch_totals([make_slice(**fields)] * 2, NOTHING)["cpu_us_per_request"] is None


def test_a_launch_in_which_a_process_of_the_server_ended_has_no_cpu_time():
    slices = [make_slice(), make_slice(server_cpu_ns=None, server_user_ns=None, server_kernel_ns=None)]
    assert launch_totals(slices, NOTHING)["cpu_us_per_request"] is None
    found = cell(slices)
    assert (found.cpu_us_per_request, found.busy_share) == (None, None)


def test_the_percentiles_of_a_launch_are_of_its_pooled_response_times():
    values = np.random.default_rng(1).lognormal(size=1000)
    slow, fast = np.sort(values)[500:], np.sort(values)[:500]
    found = launch_totals([make_slice()] * 2, np.concatenate([slow, fast]))
    for metric, quantile in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        assert found[metric] == np.quantile(values, quantile, method="inverted_cdf")


@pytest.mark.parametrize(
    ("answered", "without", "expected"),
    [
        (200, 0, (1, 1, None)),  # too few for a p99
        (1900, 100, (1, 1, None)),
        (1898, 102, (1, None, None)),  # 5.1 % have no answer
    ],
)
def test_a_launch_has_no_percentile_for_too_few_requests_nor_among_those_without_an_answer(answered, without, expected):
    found = launch_totals([make_slice()] * 2, np.array([1.0] * answered + [INF] * without))
    assert (found["p50_ms"], found["p95_ms"], found["p99_ms"]) == expected


def test_a_launch_of_nothing_has_every_metric_and_no_value():
    assert launch_totals([], NOTHING) == dict.fromkeys(METRICS)


def test_the_rates_of_launches_are_those_of_launches_that_gave_one():
    launches = {1: [make_slice(settled_answers=800)], 2: [make_slice(settled_answers=0)], 3: [make_slice(settled_answers=1600)]}
    assert launch_rates(launches).tolist() == [5000, 10_000]


# --- cells ----------------------------------------------------------------------------------------------------------


def cell(slices=(), times=None, key=KEY, cores=1):
    launches = index_slices(slices).get(KEY, {})
    return make_cell(key, slices, launches, times or make_times(), Rules(), cores)


def slices_at(answers):
    """Return a slice of a second for each launch, with so many answers."""
    return [
        make_slice(launch=launch, settled_ns=0, end_ns=1000 * MS, settled_answers=count) for launch, count in enumerate(answers, start=1)
    ]


def test_the_throughput_of_a_cell_is_estimated_over_launches_on_the_log_scale():
    rates = [90, 100, 110, 120, 130, 140]
    found = cell(slices_at(rates))
    means = sorted(math.sqrt(first * second) for place, first in enumerate(rates) for second in rates[place:])
    assert found.throughput_rps == pytest.approx(means[10])
    assert found.throughput.ends == (pytest.approx(90), pytest.approx(140))


def test_a_cell_of_few_launches_has_a_throughput_without_an_interval():
    found = cell(slices_at([90, 100]))
    assert found.throughput_rps == pytest.approx(math.exp((math.log(90) + math.log(100)) / 2))
    assert (found.throughput.ends, found.throughput.level) == (None, None)


def test_the_throughput_of_an_open_loop_is_what_was_offered_and_has_no_interval():
    found = cell(slices_at([90, 100, 110, 120, 130, 140]), key=OPEN_KEY)
    assert found.throughput_rps == cell(slices_at([90, 100, 110, 120, 130, 140])).throughput_rps
    assert (found.throughput.ends, found.throughput.level) == (None, None)


def test_an_open_loop_achieved_the_share_of_what_was_due_that_was_answered_in_time():
    slices, times = [make_slice(settled_answers=400), make_slice(settled_answers=380)], make_times([1.0] * 790 + [INF] * 10)
    assert cell(slices, times, OPEN_KEY).achieved_ratio == pytest.approx(780 / 800)
    assert cell(slices, times).achieved_ratio is None  # a closed loop has nothing due
    assert cell(slices, key=OPEN_KEY).achieved_ratio is None


def test_a_server_was_busy_for_the_share_of_its_cores_time_that_its_cpu_time_is():
    slices = [make_slice(server_cpu_ns=100 * MS), make_slice(server_cpu_ns=400 * MS, drained_ns=800 * MS)]
    assert [cell(slices, cores=cores).busy_share for cores in (1, 2)] == pytest.approx([0.5, 0.25])


@pytest.mark.parametrize("key", [KEY, OPEN_KEY])
def test_a_cell_that_was_not_measured_has_no_figure(key):
    found = vars(cell(key=key))
    counts = {"samples", "errors", "unfinished", "not_sent", "launches", "generator_limited"}
    assert {name for name, value in found.items() if value is not None} == counts | {"part", "stack", "scenario", "load", "carried"}
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


def test_a_cell_has_no_percentile_for_which_its_samples_are_too_few():
    found = cell(times=make_times([1.0] * 661))
    assert (found.p50_ms, found.p95_ms, found.p99_ms, found.p999_ms, found.max_ms) == (1, 1, None, None, 1)


def test_requests_without_an_answer_push_the_percentiles_of_a_cell_up_and_beyond():
    found = cell(times=make_times([1.0] * 900 + [2.0] * 60 + [INF] * 40))
    assert (found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms) == (1, 2, None, 2)
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


def test_a_cell_of_an_open_loop_has_the_median_of_the_rates_of_its_slices():
    rates = {1: 2000.0, 2: 2100.0, 3: 3000.0}
    slices = [make_slice(launch=launch, offered_rps=rate) for launch, rate in rates.items() for _ in range(2)]
    assert cell([make_slice(offered_rps=9.0, warm_up=True)] * 9 + slices, key=OPEN_KEY).offered_rps == 2100
    assert cell([make_slice()] * 2).offered_rps is None


@pytest.mark.parametrize(
    ("answered", "busy", "carried"),
    [
        (1000, 0.4, True),
        (990, 0.8, True),
        (989, 0.4, False),
        (0, 0.4, False),
        (1000, 0.81, False),
        (1010, None, True),  # a little more than was due came in its time, and a process ended
        (989, None, False),
    ],
)
def test_a_stack_carried_an_open_loop_if_it_answered_what_was_due_and_had_pauses(answered, busy, carried):
    slices = [make_slice(settled_answers=answered, server_cpu_ns=None if busy is None else int(busy * 200 * MS))]
    times = make_times([1.0] * min(answered, 1000) + [INF] * max(0, 1000 - answered))
    assert cell(slices, times, OPEN_KEY).carried is carried
    assert cell(slices, times).carried  # users of a closed loop wait for their answers


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


@pytest.mark.parametrize(("waits", "limited"), [([0.11, 0.1], False), ([0.9, 0.0, 0.0], False), ([0.11, 0.11, 0.0], True)])
def test_a_cell_is_limited_by_the_generator_if_that_waited_for_its_core_in_more_than_half_of_the_slices(waits, limited):
    slices = [make_slice(generator_wait_ratio=wait) for wait in waits]
    assert cell(slices).generator_limited is limited
    assert starved_share(slices, GateRules()) == sum(wait > 0.1 for wait in waits) / len(waits)


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
