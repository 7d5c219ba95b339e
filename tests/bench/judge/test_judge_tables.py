"""From a launch's samples to the tables of a run."""

import math
from dataclasses import replace

import numpy as np
import pytest
from judge_rows import KEY, sample_rows, small_config

from bench.judge.tables import Tables, slice_records
from bench.plan.schedule import PlannedSlice, schedule_launch
from bench.records import SAMPLE_COLUMNS, RunWarning

MS = 1_000_000
SETTLE_NS, LENGTH_NS, GAP_NS = 40 * MS, 250 * MS, 300 * MS
USERS = 16
# How many requests per second each stack answers, and how much CPU a request takes.
RATES_RPS = {"flask-gthread": 5000.0, "fastapi-uvicorn": 10000.0, "flask-gthread-twin": 5000.0}
CPU_NS = {"flask-gthread": 190_000, "fastapi-uvicorn": 95_000, "flask-gthread-twin": 190_000}
COLUMN = {name: place for place, name in enumerate(SAMPLE_COLUMNS)}


def measure(config, launch, spoil=None, rates=RATES_RPS):
    """Return planned slices, facts and samples of a launch of servers that answer at known rates.

    `spoil` may change the samples of a slice. Service times vary by a tenth from request to request.
    """
    rng = np.random.default_rng(launch)
    planned = schedule_launch(config.parts, launch, config.seed)
    facts, samples = [], []
    for place in planned:
        start_ns = place.index * GAP_NS
        mean_ns = USERS / rates[place.stack] * 1e9
        per_user = int(LENGTH_NS / mean_ns)
        rows = []
        for user in range(USERS):
            service = rng.uniform(0.9, 1.1, per_user) * mean_ns
            sent = start_ns + np.concatenate([[0], np.cumsum(service)[:-1]])
            rows.append(sample_rows(place.index, sent, service, connections=user))
        own = np.concatenate(rows)
        if spoil:
            own = spoil(place, own)
        own = own[np.argsort(own[:, COLUMN["done_ns"]], kind="stable")]
        correct = int(own[:, COLUMN["correct"]].sum())
        samples.append(own)
        facts.append(
            {
                "slice": place.index,
                "start_ns": start_ns,
                "settled_ns": start_ns + SETTLE_NS,
                "end_ns": start_ns + LENGTH_NS,
                "drained_ns": start_ns + LENGTH_NS,
                "server_cpu_ns": CPU_NS[place.stack] * correct,
                "generator_cpu_ns": LENGTH_NS // 5,
                "steal_ratio": 0.0,
                "answers": correct,
                "errors": len(own) - correct,
            }
        )
    return planned, facts, np.concatenate(samples)


def tables_of(config, **options):
    tables = Tables(config)
    for launch in range(1, config.launches + 1):
        tables.add_launch(launch, *measure(config, launch, **options))
    return tables


def cells_of(judgement):
    return {cell.stack: cell for cell in judgement.cells}


@pytest.fixture(scope="module")
def config():
    return small_config(launches=8, blocks=1)


@pytest.fixture(scope="module")
def judgement(config):
    return tables_of(config).judge([], partial=False)


def every_tenth_wrong(planned, rows):
    """Make every tenth answer of FastAPI wrong and very fast, and every tenth of the rest fail."""
    if planned.stack == "fastapi-uvicorn" and not planned.warm_up:
        rows[::10, COLUMN["correct"]] = 0
        rows[::10, COLUMN["done_ns"]] = rows[::10, COLUMN["sent_ns"]] + 1000
        rows[5::10, COLUMN["correct"]] = rows[5::10, COLUMN["status"]] = 0
    return rows


# --- slices ---------------------------------------------------------------------------------------------------------


def test_each_slice_has_its_own_samples_whatever_their_number():
    planned = [PlannedSlice(index, "headline", 0, "a", "predict-1", "closed-16", warm_up=False) for index in range(3)]
    facts = [
        dict.fromkeys(("start_ns", "settled_ns", "drained_ns", "server_cpu_ns", "generator_cpu_ns", "steal_ratio", "answers", "errors"), 0)
        | {"slice": index, "end_ns": 10 * MS}
        for index in range(3)
    ]
    samples = np.concatenate([sample_rows(0, [0, 1 * MS], [MS, MS]), sample_rows(2, [0, 2 * MS, 4 * MS], [2 * MS] * 3)])
    records, answers = slice_records(1, planned, facts, samples)
    assert [record.settled_answers for record in records] == [2, 0, 3]
    assert [record.throughput_rps for record in records] == [pytest.approx(1000), None, pytest.approx(500)]
    assert [part.service_ms.tolist() for part in answers] == [[1, 1], [], [2, 2, 2]]


def test_facts_must_be_as_many_as_the_planned_slices(config):
    planned, facts, samples = measure(config, 1)
    with pytest.raises(ValueError, match="shorter"):
        slice_records(1, planned, facts[:-1], samples)


def test_every_slice_is_kept_with_what_was_planned_and_what_was_counted(config):
    tables = tables_of(config)
    planned, facts, _ = measure(config, 8)
    kept = tables.slices[-len(planned) :]
    assert [(record.launch, record.slice, record.stack, record.block, record.warm_up) for record in kept] == [
        (8, place.index, place.stack, place.block, place.warm_up) for place in planned
    ]
    assert [record.answers for record in kept] == [fact["answers"] for fact in facts]


# --- cells ----------------------------------------------------------------------------------------------------------


def test_each_cell_has_the_rate_of_its_server(judgement):
    for stack, cell in cells_of(judgement).items():
        assert cell.throughput_rps == pytest.approx(RATES_RPS[stack], rel=0.005)
        assert cell.throughput_ci_low < cell.throughput_rps < cell.throughput_ci_high


def test_each_cell_has_the_cpu_time_of_its_server(judgement):
    assert {stack: cell.cpu_us_per_request for stack, cell in cells_of(judgement).items()} == pytest.approx(
        {stack: cpu_ns / 1e3 for stack, cpu_ns in CPU_NS.items()}
    )


def test_each_cell_has_the_percentiles_of_its_settled_samples(config, judgement):
    service_ms = []
    for launch in range(1, 9):
        planned, facts, samples = measure(config, launch)
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
        assert cell.p50_ms <= cell.p95_ms <= cell.p99_ms <= cell.max_ms
        assert round(cell.p95_ms, 1) != cell.p95_ms
        assert cell.p95_ms - cell.p50_ms < 0.5


def test_a_cell_of_fast_answers_is_not_rounded_to_milliseconds(config):
    rates = {**RATES_RPS, "fastapi-uvicorn": 320_000.0}
    cell = cells_of(tables_of(replace(config, launches=1), rates=rates).judge([], partial=False))["fastapi-uvicorn"]
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

    assert tables_of(config, spoil=slow_warm_up).judge([], partial=False).cells == tables_of(config).judge([], partial=False).cells


# --- errors ---------------------------------------------------------------------------------------------------------


def test_wrong_and_failed_answers_are_counted_apart(config, judgement):
    spoilt = tables_of(config, spoil=every_tenth_wrong).judge([], partial=False)
    cell = cells_of(spoilt)["fastapi-uvicorn"]
    planned, _, samples = measure(config, 1)
    index = next(place.index for place in planned if place.stack == "fastapi-uvicorn" and not place.warm_up)
    requests = int((samples[:, COLUMN["slice"]] == index).sum())
    assert cell.errors == pytest.approx(8 * 2 * requests / 5, rel=0.01)
    assert cell.samples == pytest.approx(0.8 * cells_of(judgement)["fastapi-uvicorn"].samples, rel=0.01)
    assert {other.errors for stack, other in cells_of(spoilt).items() if stack != "fastapi-uvicorn"} == {0}


def test_fast_wrong_answers_raise_no_throughput_and_lower_no_latency(config):
    cell = cells_of(tables_of(config, spoil=every_tenth_wrong).judge([], partial=False))["fastapi-uvicorn"]
    assert cell.throughput_rps == pytest.approx(0.8 * RATES_RPS["fastapi-uvicorn"], rel=0.02)
    assert cell.p50_ms == pytest.approx(1.6, rel=0.02)
    fastest = min(point.latency_ms for point in tables_of(config, spoil=every_tenth_wrong).judge([], partial=False).quantiles)
    assert fastest > 1.4


def test_errors_withhold_the_verdict_and_are_warned_of(config):
    spoilt = tables_of(config, spoil=every_tenth_wrong).judge([], partial=False)
    assert spoilt.comparisons[0].verdict == "withheld"
    assert [warning.code for warning in spoilt.validity.warnings] == ["errors"]


def test_an_error_in_a_warm_up_is_an_error_of_its_cell(config):
    def one_wrong(planned, rows):
        if planned.warm_up and planned.stack == "flask-gthread":
            rows[0, COLUMN["correct"]] = 0
        return rows

    spoilt = tables_of(config, spoil=one_wrong).judge([], partial=False)
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
    tables.add_launch(1, *measure(config, 1))
    row = tables.judge([], partial=True).comparisons[0]
    assert (row.launches, row.ratio, row.ci_low) == (1, pytest.approx(2, rel=0.01), None)


def test_a_run_that_is_not_valid_withholds_every_verdict(config):
    judgement = tables_of(config).judge([RunWarning("one-core", "One core.", "Use two.")], partial=False)
    assert not judgement.validity.valid
    assert {(row.role, row.verdict) for row in judgement.comparisons} == {("primary", "withheld"), ("exploratory", "not judged")}
    assert judgement.comparisons[0].reason == "servers and load generator shared a core"


def test_copies_that_differ_fail_the_noise_floor(config):
    judgement = tables_of(config, rates={**RATES_RPS, "flask-gthread-twin": 5300.0}).judge([], partial=False)
    assert (judgement.validity.aa, judgement.validity.valid) == ("fail", False)
    assert judgement.validity.aa_estimate == pytest.approx(1.06, rel=0.005)
    assert math.isclose(judgement.noise_floor[0].ratio, judgement.validity.aa_estimate)


def test_launches_and_gates_are_kept(config):
    tables = Tables(config)
    planned, facts, samples = measure(config, 1)
    tables.add_launch(1, planned, [{**fact, "steal_ratio": 0.5} for fact in facts], samples)
    assert (tables.launches, [gate.launch for gate in tables.gates]) == ([1], [1])
    assert tables.judge([], partial=True).validity.gates == tuple(tables.gates)


def test_a_server_that_answers_nothing_in_one_launch_costs_that_launch_only(config):
    def silent(planned, rows):
        return rows[:0] if planned.stack == "fastapi-uvicorn" else rows

    tables = Tables(config)
    for launch in range(1, 10):
        tables.add_launch(launch, *measure(config, launch, spoil=silent if launch == 5 else None))
    [row, *_] = tables.judge([], partial=False).comparisons
    assert (row.launches, row.ratio) == (8, pytest.approx(2, rel=0.005))


def test_scenarios_of_one_stack_are_cells_of_their_own():
    config = small_config(launches=1, scenarios=("predict-1", "hello"), blocks=1)
    judgement = tables_of(config).judge([], partial=False)
    assert [(cell.stack, cell.scenario) for cell in judgement.cells if cell.samples] == [
        (key.stack, key.scenario) for key in config.cells()
    ]
    assert KEY in config.cells()
