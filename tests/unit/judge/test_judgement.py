"""From a launch's samples to the tables of a run of closed loops."""

import math
from dataclasses import replace

import numpy as np
import pytest
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
    simulate_launch,
    write_run,
)
from judge_rows import KEY, make_slice, small_config

from bench.judge.judgement import is_precise, preliminary_ratio
from bench.plan.plan import make_plan
from bench.plan.rules import Rules
from bench.records import Gate, RunWarning, SliceRecord
from bench.records.numbers import prose

SERVER_ALONE = make_plan("quick").pairs[1]


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


def test_the_summary_has_the_answer_that_its_own_rows_give(judgement):
    row = next(row for row in judgement.comparisons if row.metric == "throughput_rps")
    [said] = [line for line in judgement.answer.lines if line.topic == "small model"]
    assert (said.standing, said.rows[0].contender, said.rows[0].load) == ("judged", row.contender, row.load)
    assert f" {prose(row.interval)} times " in said.text


def test_every_slice_is_kept_with_what_was_planned_and_what_was_counted(config, tmp_path):
    planned, facts, samples = simulate_launch(config, 8)
    kept = write_run(tmp_path, config).read_rows("slices.csv", SliceRecord)[-len(planned) :]
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
        assert cell.throughput.low < cell.throughput_rps < cell.throughput.high


def test_each_cell_has_the_cpu_time_of_its_server(judgement):
    assert {stack: cell.cpu_us_per_request for stack, cell in cells_of(judgement).items()} == pytest.approx(
        {stack: cpu_ns / 1e3 for stack, cpu_ns in CPU_NS.items()}
    )


def test_each_cell_has_the_share_of_the_kernel_and_the_launches_of_its_server(judgement):
    for cell in judgement.cells:
        assert (cell.kernel_ratio, cell.launches) == (pytest.approx(KERNEL_SHARE), 8)


def test_each_server_was_busy_for_its_share_of_the_cores_that_it_had(config, judgement):
    two_cores = cells_of(judged(config, launches=1, cores=(0, 3), partial=True))
    for stack, cell in cells_of(judgement).items():
        assert cell.busy_share == pytest.approx(RATES_RPS[stack] * CPU_NS[stack] / 1e9, rel=0.01)
        assert two_cores[stack].busy_share == pytest.approx(cell.busy_share / 2, rel=0.01)


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


def test_a_cell_that_was_not_measured_has_no_row_and_its_comparisons_no_figures(config):
    judgement = judged(config, launches=0, partial=True)
    assert (judgement.cells, judgement.quantiles) == ((), ())
    assert {(row.contender, row.ratio, row.launches) for row in judgement.comparisons} == {("fastapi-uvicorn", None, 0)}


def test_a_warm_up_enters_no_figure(config, judgement):
    def slow_warm_up(planned, rows):
        return rows[: len(rows) // 10] if planned.warm_up else rows

    assert judged(config, spoil=slow_warm_up).cells == judgement.cells


# --- warm-up --------------------------------------------------------------------------------------------------------


def test_the_curve_of_a_warm_up_begins_with_its_first_answer_and_has_the_rate_of_its_server(judgement):
    points = [point for point in judgement.warm_up if point.stack == "fastapi-uvicorn"]
    assert [point.from_ms for point in points] == list(range(0, LENGTH_NS // MS, Rules().warm_up_bin_ms))
    assert [point.throughput_rps for point in points] == pytest.approx([RATES_RPS["fastapi-uvicorn"]] * len(points), rel=0.04)
    assert {point.launches for point in points} == {8}


def test_every_cell_has_the_curve_of_its_warm_up(config, judgement):
    assert {(point.part, point.stack, point.scenario, point.load) for point in judgement.warm_up} == {
        (key.part, key.stack, key.scenario, key.load) for key in config.cells()
    }


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spoilt(config):
    return judged(config, spoil=every_tenth_wrong)


def test_wrong_and_failed_answers_are_counted_apart(config, judgement, spoilt):
    cell = cells_of(spoilt)["fastapi-uvicorn"]
    planned, _, samples = simulate_launch(config, 1)
    index = next(place.index for place in planned if place.stack == "fastapi-uvicorn" and not place.warm_up)
    requests = int((samples[:, COLUMN["slice"]] == index).sum())
    assert cell.errors == pytest.approx(8 * 2 * requests / 5, rel=0.01)
    assert cell.samples == pytest.approx(0.8 * cells_of(judgement)["fastapi-uvicorn"].samples, rel=0.01)
    assert {other.errors for stack, other in cells_of(spoilt).items() if stack != "fastapi-uvicorn"} == {0}


def test_fast_wrong_answers_raise_no_throughput_and_lower_no_latency(spoilt):
    cell = cells_of(spoilt)["fastapi-uvicorn"]
    assert cell.throughput_rps == pytest.approx(0.8 * RATES_RPS["fastapi-uvicorn"], rel=0.02)
    assert cell.p50_ms == pytest.approx(1.6, rel=0.02)
    assert min(point.latency_ms for point in spoilt.quantiles) > 1.4


def test_wrong_answers_make_the_run_invalid_and_are_warned_of(spoilt):
    assert (spoilt.validity.valid, spoilt.comparisons[0].verdict, spoilt.comparisons[0].reason) == (False, "withheld", "answers were wrong")
    assert [warning.code for warning in spoilt.validity.warnings] == ["errors", "wrong-answers"]
    wrong = int(spoilt.validity.warnings[1].text.split()[0].replace(",", ""))
    assert 0 < wrong < sum(cell.errors for cell in spoilt.cells)  # the others were answered by nobody


def test_a_wrong_answer_in_a_warm_up_is_one_of_its_cell(config):
    def one_wrong(planned, rows):
        if planned.warm_up and planned.stack == "flask-gthread":
            rows[0, COLUMN["correct"]] = 0
        return rows

    spoilt = judged(config, spoil=one_wrong)
    assert {cell.stack: cell.errors for cell in spoilt.cells} == {"flask-gthread": 8, "fastapi-uvicorn": 0, "flask-gthread-twin": 0}
    assert (spoilt.validity.valid, spoilt.comparisons[0].verdict) == (False, "withheld")


@pytest.mark.parametrize(("nth", "verdict", "reason"), [(200, "better", ""), (50, "withheld", "2.0% of the requests to fastapi-uvicorn")])
def test_up_to_one_per_cent_without_an_answer_are_warned_of_and_more_withhold_the_verdict_of_their_row(config, nth, verdict, reason):
    def some_fail(planned, rows):
        if planned.stack == "fastapi-uvicorn":
            rows[::nth, COLUMN["correct"]] = rows[::nth, COLUMN["status"]] = 0
        return rows

    spoilt = judged(config, spoil=some_fail)
    assert (spoilt.comparisons[0].verdict, spoilt.validity.valid) == (verdict, True)
    assert spoilt.comparisons[0].reason.startswith(reason)
    assert [warning.code for warning in spoilt.validity.warnings] == ["errors"]


# --- comparisons ----------------------------------------------------------------------------------------------------


def test_twice_the_rate_is_better_and_half_the_cpu_time_is_half(judgement):
    rows = {row.metric: row for row in judgement.comparisons}
    assert (rows["throughput_rps"].ratio, rows["throughput_rps"].verdict) == (pytest.approx(2, rel=0.005), "better")
    assert rows["cpu_us_per_request"].ratio == pytest.approx(0.5)
    assert rows["p50_ms"].ratio == pytest.approx(0.5, rel=0.01)


def test_the_noise_floor_of_equal_servers_is_one(judgement):
    assert {row.contender for row in judgement.noise_floor} == {"flask-gthread-twin"}
    assert all(row.ratio == pytest.approx(1, abs=0.01) for row in judgement.noise_floor)
    assert (judgement.validity.aa.state, judgement.validity.valid) == ("equal", True)


def test_a_pause_in_one_slice_lowers_the_ratio_as_it_lowers_the_total(config):
    """FastAPI answers nothing for half of the settled time of one of the two slices of a launch, of which one has an odd number."""

    def paused(planned, rows):
        start_ns = rows[:, COLUMN["sent_ns"]].min()
        pause = (start_ns + SETTLE_NS, start_ns + SETTLE_NS + (LENGTH_NS - SETTLE_NS) / 2)
        kept = (rows[:, COLUMN["done_ns"]] < pause[0]) | (rows[:, COLUMN["done_ns"]] >= pause[1])
        is_hit = planned.stack == "fastapi-uvicorn" and planned.block == 0 and not planned.warm_up and planned.index % 2
        return rows[kept] if is_hit else rows

    row = judged(config, spoil=paused).comparisons[0]
    assert row.ratio == pytest.approx(2 * (1 - 1 / 4), rel=0.01)


def test_a_comparison_so_far_is_that_of_the_launches_so_far(config):
    row = judged(config, launches=1, partial=True).comparisons[0]
    assert (row.launches, row.ratio, row.ends) == (1, pytest.approx(2, rel=0.01), None)


def test_a_run_that_is_not_valid_withholds_every_verdict(config):
    judgement = judged(config, warnings=[RunWarning("one-core", "One core.", "Use two.")])
    assert not judgement.validity.valid
    assert {(row.role, row.verdict) for row in judgement.comparisons} == {("primary", "withheld"), ("exploratory", "not judged")}
    assert judgement.comparisons[0].reason == "servers and load generator shared a core"


def test_copies_that_differ_are_warned_of_and_raise_the_bar_and_the_run_stays_valid(config):
    judgement = judged(config, rates={**RATES_RPS, "flask-gthread-twin": 5300.0})
    aa, row = judgement.validity.aa, judgement.comparisons[0]
    assert (aa.state, judgement.validity.valid, row.verdict) == ("unequal", True, "better")
    assert aa.interval.estimate == judgement.noise_floor[0].ratio == pytest.approx(1.06, rel=0.005)
    assert (row.aa_low, row.aa_high, row.aa_resolution) == (*aa.interval.ends, aa.resolution)
    assert row.ratio == pytest.approx(2 / math.sqrt(1.06), rel=0.005)
    assert (row.contender_value, row.baseline_value) == pytest.approx((10_000, 5000 * math.sqrt(1.06)), rel=0.005)
    assert [warning.code for warning in judgement.validity.warnings] == ["copies-differ"]


def test_gates_of_earlier_tries_are_told_with_those_of_the_launches_that_are_kept(config):
    actions = ((1, "repeated"), (2, "kept and marked"))
    gates = [Gate(1, attempt, "generator_cpu_ratio", "open loops", 0.9, 0.8, action) for attempt, action in actions]
    assert judged(config, launches=2, gates=gates, partial=True).validity.gates == tuple(gates)


def test_warnings_of_measuring_are_kept_and_those_of_judging_made_anew(config):
    old = [RunWarning("busy", "Other programs.", "Stop them."), RunWarning("errors", "3 errors.", "Find them.")]
    assert [warning.code for warning in judged(config, warnings=old).validity.warnings] == ["busy"]


def test_a_server_that_answers_nothing_in_one_launch_costs_that_launch_only(config):
    def silent(planned, rows):
        return rows[:0] if planned.stack == "fastapi-uvicorn" else rows

    [row, *_] = judged(config, launches=9, spoil={5: silent}).comparisons
    assert (row.launches, row.ratio) == (8, pytest.approx(2, rel=0.005))


def test_scenarios_of_one_stack_are_cells_of_their_own():
    config = small_config(launches=1, scenarios=("predict-1", "hello"), blocks=1)
    judgement = judged(config)
    assert [(cell.stack, cell.scenario) for cell in judgement.cells if cell.samples] == [
        (key.stack, key.scenario) for key in config.cells()
    ]
    assert KEY in config.cells()


def test_a_run_that_was_cut_off_is_judged_by_the_launches_that_were_kept(config):
    judgement = judged(config, launches=3, partial=True)
    assert {cell.launches for cell in judgement.cells} == {3}
    assert [warning.text for warning in judgement.validity.warnings] == [
        "The run was stopped after 3 launches; its finished launches are used."
    ]


# --- what the loop asks while it measures ---------------------------------------------------------------------------


@pytest.mark.parametrize(("precise_margins", "is_enough"), [(1000.0, True), (0.0, False)])
def test_a_part_is_precise_if_its_judged_rows_are_in_the_launches_so_far(config, tmp_path, precise_margins, is_enough):
    folder = write_run(tmp_path / "run", config)
    plan = replace(config, rules=replace(config.rules, precise_margins=precise_margins))
    assert is_precise(folder, plan, "headline") is is_enough
    assert not is_precise(folder, plan, "another part")


def test_a_part_in_which_the_contender_has_a_copy_too_is_found_precise(tmp_path):
    stacks = ("flask-gthread", "flask-granian", "flask-gthread-twin", "flask-granian-twin")
    config = small_config(launches=8, blocks=1)
    rules = replace(config.rules, precise_margins=1000.0)
    plan = replace(config, pairs=(SERVER_ALONE,), parts=(replace(config.parts[0], stacks=stacks),), rules=rules)
    folder = write_run(tmp_path / "run", plan, rates=dict.fromkeys(stacks, 5000.0))
    assert is_precise(folder, plan, "headline")


def test_the_ratio_so_far_is_that_of_the_first_pair_and_needs_no_samples(config, tmp_path):
    slices = write_run(tmp_path / "run", config, launches=2).read_rows("slices.csv", SliceRecord)
    row = preliminary_ratio(config, slices)
    assert (row.contender, row.metric, row.launches, row.ratio) == ("fastapi-uvicorn", "throughput_rps", 2, pytest.approx(2, rel=0.01))
    assert preliminary_ratio(config, []) is None


def test_the_ratio_so_far_is_of_totals():
    answers = {"fastapi-uvicorn": (1000, 1000, 100), "flask-gthread": (500, 500, 500), "flask-gthread-twin": (500, 500, 500)}
    slices = [make_slice(stack=stack, settled_answers=count) for stack, counts in answers.items() for count in counts]
    assert preliminary_ratio(small_config(), slices).ratio == pytest.approx(2100 / 1500)
