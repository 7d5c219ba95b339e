"""From a launch's samples to the tables of a run of closed loops."""

import math

import numpy as np
import pytest
from bench.judge.tables import Tables, read_launch
from bench.judge.warm_up import BIN_MS
from judge_launches import (
    COLUMN,
    CPU_NS,
    KERNEL_SHARE,
    LENGTH_NS,
    MS,
    RATES_RPS,
    SETTLE_NS,
    cells_of,
    judged,
    read,
    simulate_launch,
    tables_of,
)
from judge_rows import KEY, not_sent_rows, sample_rows, small_config, unfinished_rows

from bench.plan.schedule import PlannedSlice
from bench.records import Gate, RunWarning


@pytest.fixture(scope="module")
def config():
    return small_config(launches=8, blocks=1)


@pytest.fixture(scope="module")
def judgement(config):
    return judged(config)


def every_tenth_wrong(planned, rows):
    """Make every tenth answer of FastAPI wrong and very fast, and every tenth of the rest fail."""
    if planned.stack == "fastapi-uvicorn" and not planned.warm_up:
        rows[::10, COLUMN["correct"]] = 0
        rows[::10, COLUMN["done_ns"]] = rows[::10, COLUMN["sent_ns"]] + 1000
        rows[5::10, COLUMN["correct"]] = rows[5::10, COLUMN["status"]] = 0
    return rows


# --- slices ---------------------------------------------------------------------------------------------------------

FACT = dict.fromkeys(
    ("start_ns", "settled_ns", "drained_ns", "server_cpu_ns", "server_user_ns", "server_kernel_ns", "generator_cpu_ns"), 0
) | dict.fromkeys(("generator_wait_ratio", "steal_ratio", "pressure_ratio"), 0.0)


def slices_of(*rows, warm_up=False, **fact):
    """Return what one slice for each of these samples gave, all of a closed loop."""
    planned = [PlannedSlice(index, "headline", 0, "a", "predict-1", "closed-16", warm_up=warm_up) for index in range(len(rows))]
    facts = [FACT | {"slice": index, "end_ns": 10 * MS} | fact for index in range(len(rows))]
    return read_launch(1, planned, facts, np.concatenate(rows))


def test_each_slice_has_its_own_samples_whatever_their_number():
    measured = slices_of(
        sample_rows(0, np.array([1, 2]) * MS, [MS, MS]), sample_rows(1, [], []), sample_rows(2, np.array([1, 3, 5]) * MS, [2 * MS] * 3)
    )
    assert [record.settled_answers for record in measured.records] == [2, 0, 3]
    assert [record.throughput_rps for record in measured.records] == [pytest.approx(1000), None, pytest.approx(500)]
    assert [part.service_ms.tolist() for part in measured.settled] == [[1, 1], [], [2, 2, 2]]


def test_every_request_of_a_slice_is_an_answer_or_an_error_or_unfinished_or_not_sent():
    rows = [
        sample_rows(0, [MS] * 5, [MS] * 5),
        sample_rows(0, [MS] * 3, [MS] * 3, correct=False),
        sample_rows(0, [MS], [MS], correct=False, status=0),
        unfinished_rows(0, [MS] * 2),
        not_sent_rows(0, [MS] * 7),
    ]
    [record] = slices_of(np.concatenate(rows)).records
    assert (record.answers, record.errors, record.unfinished, record.not_sent, record.failures) == (5, 4, 2, 7, 13)


def test_the_requests_of_the_trimmed_start_are_counted_but_not_settled():
    rows = sample_rows(0, np.array([1, 2, 3, 4, 5]) * MS, [MS] * 5)
    [record] = slices_of(rows, settled_ns=3 * MS).records
    assert (record.answers, record.settled_answers) == (5, 3)


def test_nothing_of_a_warm_up_is_trimmed():
    rows = sample_rows(0, np.array([1, 2, 3, 4, 5]) * MS, [MS] * 5)
    measured = slices_of(rows, settled_ns=3 * MS, warm_up=True)
    [record], [settled] = measured.records, measured.settled
    assert (record.answers, record.settled_answers, record.settled_ns, len(settled.done_ns)) == (5, 5, record.start_ns, 5)


def test_a_slice_of_a_closed_loop_has_neither_rate_nor_send_lag(config):
    records = read(config, 1).records
    assert {(record.offered_rps, record.send_lag_p99_ms) for record in records} == {(None, None)}


def test_facts_must_be_as_many_as_the_planned_slices(config):
    planned, facts, samples = simulate_launch(config, 1)
    with pytest.raises(ValueError, match="shorter"):
        read_launch(1, planned, facts[:-1], samples)


def test_every_slice_is_kept_with_what_was_planned_and_what_was_counted(config):
    planned, facts, samples = simulate_launch(config, 8)
    kept = tables_of(config).slices[-len(planned) :]
    assert [(record.launch, record.slice, record.stack, record.block, record.warm_up) for record in kept] == [
        (8, place.index, place.stack, place.block, place.warm_up) for place in planned
    ]
    assert [record.answers for record in kept] == [int((samples[:, COLUMN["slice"]] == place.index).sum()) for place in planned]
    for name in set(facts[0]) - {"settled_ns"}:
        assert [getattr(record, name) for record in kept] == [fact[name] for fact in facts]
    assert {record.settled_ns - record.start_ns for record in kept if not record.warm_up} == {SETTLE_NS}


# --- cells ----------------------------------------------------------------------------------------------------------


def test_each_cell_has_the_rate_of_its_server(judgement):
    for stack, cell in cells_of(judgement).items():
        assert cell.throughput_rps == pytest.approx(RATES_RPS[stack], rel=0.005)
        assert cell.throughput_ci_low < cell.throughput_rps < cell.throughput_ci_high


def test_each_cell_has_the_cpu_time_of_its_server(judgement):
    assert {stack: cell.cpu_us_per_request for stack, cell in cells_of(judgement).items()} == pytest.approx(
        {stack: cpu_ns / 1e3 for stack, cpu_ns in CPU_NS.items()}
    )


def test_each_cell_has_the_share_of_the_kernel_and_the_launches_of_its_server(judgement):
    for cell in judgement.cells:
        assert (cell.kernel_ratio, cell.launches) == (pytest.approx(KERNEL_SHARE), 8)


def test_each_cell_has_the_percentiles_of_its_settled_samples(config, judgement):
    service_ms = []
    for launch in range(1, 9):
        planned, facts, samples = simulate_launch(config, launch)
        for place, fact in zip(planned, facts, strict=True):
            if place.stack == "fastapi-uvicorn" and not place.warm_up:
                rows = samples[samples[:, COLUMN["slice"]] == place.index]
                sent, done = rows[:, COLUMN["sent_ns"]], rows[:, COLUMN["done_ns"]]
                service_ms.append((done - sent)[(sent >= fact["settled_ns"]) & (sent < fact["end_ns"])] / 1e6)
    pooled = np.concatenate(service_ms)
    cell = cells_of(judgement)["fastapi-uvicorn"]
    expected = [np.quantile(pooled, quantile, method="inverted_cdf") for quantile in (0.5, 0.95, 0.99)]
    assert [cell.p50_ms, cell.p95_ms, cell.p99_ms, cell.max_ms, cell.samples] == [*expected, pooled.max(), len(pooled)]


def test_percentiles_rise_up_to_the_maximum_and_are_finer_than_a_tenth_of_a_millisecond(judgement):
    for cell in judgement.cells:
        assert cell.p50_ms <= cell.p95_ms <= cell.p99_ms <= cell.p999_ms <= cell.max_ms
        assert cell.p99_ms <= cell.p99_upper_ms <= cell.p999_upper_ms <= cell.max_ms
        assert round(cell.p95_ms, 1) != cell.p95_ms
        assert cell.p95_ms - cell.p50_ms < 0.5


def test_a_cell_of_fast_answers_is_not_rounded_to_milliseconds():
    rates = {**RATES_RPS, "fastapi-uvicorn": 320_000.0}
    cell = cells_of(judged(small_config(launches=1, blocks=1), rates=rates))["fastapi-uvicorn"]
    assert 0.045 < cell.p50_ms < cell.p95_ms < cell.p99_ms < cell.max_ms < 0.056


def test_the_points_of_a_distribution_agree_with_the_percentiles_of_its_cell(judgement):
    for cell in judgement.cells:
        points = {point.quantile: point.latency_ms for point in judgement.quantiles if point.stack == cell.stack}
        assert (points[0.5], points[0.95], points[0.99]) == (cell.p50_ms, cell.p95_ms, cell.p99_ms)


def test_a_cell_that_was_not_measured_yet_is_there_without_figures(config):
    judgement = Tables(config).judge([], partial=True)
    assert [(cell.stack, cell.throughput_rps, cell.samples) for cell in judgement.cells] == [(key.stack, None, 0) for key in config.cells()]
    assert judgement.quantiles == ()


def test_a_warm_up_enters_no_figure(config):
    def slow_warm_up(planned, rows):
        return rows[: len(rows) // 10] if planned.warm_up else rows

    assert judged(config, spoil=slow_warm_up).cells == judged(config).cells


# --- warm-up --------------------------------------------------------------------------------------------------------


def test_the_curve_of_a_warm_up_begins_with_its_first_answer_and_has_the_rate_of_its_server(judgement):
    points = [point for point in judgement.warm_up if point.stack == "fastapi-uvicorn"]
    assert [point.from_ms for point in points] == list(range(0, LENGTH_NS // MS, BIN_MS))
    assert [point.throughput_rps for point in points] == pytest.approx([RATES_RPS["fastapi-uvicorn"]] * len(points), rel=0.04)
    assert {point.launches for point in points} == {8}


def test_every_cell_has_the_curve_of_its_warm_up(config, judgement):
    assert {(point.part, point.stack, point.scenario, point.load) for point in judgement.warm_up} == {
        (key.part, key.stack, key.scenario, key.load) for key in config.cells()
    }


# --- errors ---------------------------------------------------------------------------------------------------------


def test_wrong_and_failed_answers_are_counted_apart(config, judgement):
    spoilt = judged(config, spoil=every_tenth_wrong)
    cell = cells_of(spoilt)["fastapi-uvicorn"]
    planned, _, samples = simulate_launch(config, 1)
    index = next(place.index for place in planned if place.stack == "fastapi-uvicorn" and not place.warm_up)
    requests = int((samples[:, COLUMN["slice"]] == index).sum())
    assert cell.errors == pytest.approx(8 * 2 * requests / 5, rel=0.01)
    assert cell.samples == pytest.approx(0.8 * cells_of(judgement)["fastapi-uvicorn"].samples, rel=0.01)
    assert {other.errors for stack, other in cells_of(spoilt).items() if stack != "fastapi-uvicorn"} == {0}


def test_fast_wrong_answers_raise_no_throughput_and_lower_no_latency(config):
    cell = cells_of(judged(config, spoil=every_tenth_wrong))["fastapi-uvicorn"]
    assert cell.throughput_rps == pytest.approx(0.8 * RATES_RPS["fastapi-uvicorn"], rel=0.02)
    assert cell.p50_ms == pytest.approx(1.6, rel=0.02)
    fastest = min(point.latency_ms for point in judged(config, spoil=every_tenth_wrong).quantiles)
    assert fastest > 1.4


def test_errors_withhold_the_verdict_and_are_warned_of(config):
    spoilt = judged(config, spoil=every_tenth_wrong)
    assert spoilt.comparisons[0].verdict == "withheld"
    assert [warning.code for warning in spoilt.validity.warnings] == ["errors"]


def test_an_error_in_a_warm_up_is_an_error_of_its_cell(config):
    def one_wrong(planned, rows):
        if planned.warm_up and planned.stack == "flask-gthread":
            rows[0, COLUMN["correct"]] = 0
        return rows

    spoilt = judged(config, spoil=one_wrong)
    assert {cell.stack: cell.errors for cell in spoilt.cells} == {"flask-gthread": 8, "fastapi-uvicorn": 0, "flask-gthread-twin": 0}
    assert spoilt.comparisons[0].verdict == "withheld"


# --- comparisons ----------------------------------------------------------------------------------------------------


def test_twice_the_rate_is_better_and_half_the_cpu_time_is_half(judgement):
    rows = {row.metric: row for row in judgement.comparisons}
    assert (rows["throughput_rps"].ratio, rows["throughput_rps"].verdict) == (pytest.approx(2, rel=0.005), "better")
    assert rows["cpu_us_per_request"].ratio == pytest.approx(0.5)
    assert rows["p50_ms"].ratio == pytest.approx(0.5, rel=0.01)


def test_the_noise_floor_of_equal_servers_is_one(judgement):
    assert {row.contender for row in judgement.noise_floor} == {"flask-gthread-twin"}
    assert all(row.ratio == pytest.approx(1, abs=0.01) for row in judgement.noise_floor)
    assert (judgement.validity.aa, judgement.validity.valid) == ("pass", True)


def test_a_comparison_so_far_is_that_of_the_launches_so_far(config):
    tables = Tables(config)
    tables.add_launch(1, read(config, 1), [])
    row = tables.judge([], partial=True).comparisons[0]
    assert (row.launches, row.ratio, row.ci_low) == (1, pytest.approx(2, rel=0.01), None)


def test_a_run_that_is_not_valid_withholds_every_verdict(config):
    judgement = tables_of(config).judge([RunWarning("one-core", "One core.", "Use two.")], partial=False)
    assert not judgement.validity.valid
    assert {(row.role, row.verdict) for row in judgement.comparisons} == {("primary", "withheld"), ("exploratory", "not judged")}
    assert judgement.comparisons[0].reason == "servers and load generator shared a core"


def test_copies_that_differ_fail_the_noise_floor(config):
    judgement = judged(config, rates={**RATES_RPS, "flask-gthread-twin": 5300.0})
    assert (judgement.validity.aa, judgement.validity.valid) == ("fail", False)
    assert judgement.validity.aa_estimate == pytest.approx(1.06, rel=0.005)
    assert math.isclose(judgement.noise_floor[0].ratio, judgement.validity.aa_estimate)


def test_launches_and_gates_are_kept_with_those_of_earlier_tries(config):
    tables = Tables(config)
    gates = [Gate(1, attempt, "steal_ratio", "the whole launch", 0.5, 0.02, action) for attempt, action in ((1, "repeated"), (2, "marked"))]
    tables.add_launch(1, read(config, 1), gates)
    tables.add_launch(2, read(config, 2), [])
    assert (tables.launches, tables.gates) == ([1, 2], gates)
    assert tables.judge([], partial=True).validity.gates == tuple(gates)


def test_a_server_that_answers_nothing_in_one_launch_costs_that_launch_only(config):
    def silent(planned, rows):
        return rows[:0] if planned.stack == "fastapi-uvicorn" else rows

    tables = Tables(config)
    for launch in range(1, 10):
        tables.add_launch(launch, read(config, launch, spoil=silent if launch == 5 else None), [])
    [row, *_] = tables.judge([], partial=False).comparisons
    assert (row.launches, row.ratio) == (8, pytest.approx(2, rel=0.005))


def test_scenarios_of_one_stack_are_cells_of_their_own():
    config = small_config(launches=1, scenarios=("predict-1", "hello"), blocks=1)
    judgement = judged(config)
    assert [(cell.stack, cell.scenario) for cell in judgement.cells if cell.samples] == [
        (key.stack, key.scenario) for key in config.cells()
    ]
    assert KEY in config.cells()
