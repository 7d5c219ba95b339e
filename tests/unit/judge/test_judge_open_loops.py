"""From a launch's samples to the tables of a run with open loops."""

import math
from dataclasses import replace

import numpy as np
import pytest
from judge_launches import (
    BUSY_40_RPS,
    COLUMN,
    CPU_NS,
    GAP_NS,
    LENGTH_NS,
    MS,
    OTHER_CPU_NS,
    RATES_RPS,
    SEND_LAG_NS,
    SERVICE_NS,
    SETTLE_NS,
    cells_of,
    judged,
    read,
    simulate_launch,
)
from judge_rows import small_config
from sample_rows import not_sent_rows, unfinished_rows

from bench.plan.plan import make_plan
from bench.records import ServerTiming


@pytest.fixture(scope="module")
def config():
    return small_config(launches=8, blocks=1, loads=("closed-16", "busy-40"))


@pytest.fixture(scope="module")
def judgement(config):
    return judged(config)


def test_every_slice_of_an_open_loop_has_the_same_requests_for_all_stacks_of_a_turn(config):
    planned, _, samples = simulate_launch(config, 1)
    counts = {}
    for place in planned:
        if place.arrivals:
            counts.setdefault(place.arrivals, []).append(int((samples[:, 0] == place.index).sum()))
    assert [(len(own), len(set(own))) for own in counts.values()] == [(2, 1), (2, 1), (3, 1), (3, 1)]  # the first are of the copies alone


# --- cells ----------------------------------------------------------------------------------------------------------


def test_a_cell_of_an_open_loop_answers_what_it_is_offered(judgement):
    for cell in cells_of(judgement, "busy-40").values():
        assert cell.offered_rps == BUSY_40_RPS
        assert cell.throughput_rps == pytest.approx(BUSY_40_RPS, rel=0.03)
        assert cell.throughput.ends is None
        assert cell.achieved_ratio == pytest.approx(1, abs=0.005)


def test_a_cell_of_an_open_loop_has_the_times_and_the_cpu_time_of_its_server(judgement):
    for stack, cell in cells_of(judgement, "busy-40").items():
        assert cell.service_p50_ms == pytest.approx(SERVICE_NS[stack] / MS, rel=0.02)
        assert cell.p50_ms == pytest.approx(cell.service_p50_ms + SEND_LAG_NS / MS, abs=1e-4)
        assert cell.service_p50_ms <= cell.service_p95_ms <= cell.service_p99_ms
        assert cell.p50_ms <= cell.p95_ms <= cell.p99_ms <= cell.p999_ms <= cell.max_ms
        assert cell.send_lag_p99_ms == pytest.approx(SEND_LAG_NS / MS, abs=1e-4)
        assert cell.cpu_us_per_request == pytest.approx(CPU_NS[stack] / 1e3)
        assert cell.busy_share == pytest.approx(BUSY_40_RPS * CPU_NS[stack] / 1e9, rel=0.03)


def test_an_open_loop_has_both_distributions_and_a_closed_one_that_of_service_time(judgement):
    times = {(point.load, point.time) for point in judgement.quantiles}
    assert times == {("closed-16", "service"), ("busy-40", "service"), ("busy-40", "response")}


def test_a_cell_of_an_open_loop_has_the_median_of_the_rates_of_its_launches(config):
    judgement = judged(config, launches=3, busier={2: 0.9, 3: 1.2}, partial=True)
    assert {cell.offered_rps for cell in judgement.cells if cell.load == "busy-40"} == {BUSY_40_RPS}


def test_slices_that_rates_are_found_from_are_in_no_curve_of_a_warm_up(judgement):
    """Those at a busy share are open loops of the copies, those at a stack's own share closed ones of every stack, like its warm-up."""

    def halved(planned, rows):
        return rows[::2] if planned.calibrates else rows

    own = judged(small_config(launches=2, blocks=1, loads=("own-50", "own-70")), spoil=halved, partial=True)
    assert all(point.throughput_rps == pytest.approx(RATES_RPS[point.stack], rel=0.05) for point in own.warm_up)
    for run, launches in ((judgement, 8), (own, 2)):
        assert {(point.load, point.launches) for point in run.warm_up} == {("closed-16", launches)}
        assert {point.stack for point in run.warm_up} == set(RATES_RPS)


def test_a_stall_of_the_server_shows_in_response_time_and_not_in_service_time(config, judgement):
    """FastAPI does not take requests for 20 ms of each slice: those due meanwhile are sent late, when it does again."""

    def stalled(planned, rows):
        if planned.arrivals and planned.stack == "fastapi-uvicorn":
            begin_ns = (planned.index + 1) * GAP_NS + 100 * MS
            due, sent, done = rows[:, 2], rows[:, 3], rows[:, 5]
            held = (due >= begin_ns) & (due < begin_ns + 20 * MS)
            wait = begin_ns + 20 * MS - sent[held]
            sent[held] += wait
            done[held] += wait
        return rows

    cell, usual = (cells_of(run, "busy-40")["fastapi-uvicorn"] for run in (judged(config, spoil=stalled), judgement))
    assert cell.service_p99_ms == pytest.approx(usual.service_p99_ms, abs=1e-4)
    assert cell.p50_ms == pytest.approx(usual.p50_ms, rel=0.05)
    assert cell.p99_ms > 15
    assert cell.max_ms == pytest.approx(20.2, abs=0.1)


def without_answers(kind, share):
    """Return a spoiler that leaves the last settled requests of each slice of an open loop of FastAPI without an answer."""

    def spoil(planned, rows):
        if not planned.arrivals or planned.stack != "fastapi-uvicorn":
            return rows
        count = round(len(rows) * share)
        return np.concatenate([rows[:-count], kind(planned.index, rows[-count:, 2])])

    return spoil


def test_a_stack_that_did_not_carry_the_load_has_no_latency_ratio_and_the_others_have(config):
    judgement = judged(config, spoil=without_answers(unfinished_rows, 0.05))
    assert {cell.stack: cell.carried for cell in judgement.cells if cell.load == "busy-40"} == {
        stack: stack != "fastapi-uvicorn" for stack in RATES_RPS
    }
    rows = {row.metric: row for row in judgement.comparisons if row.load == "busy-40"}
    assert (rows["p95_ms"].ratio, rows["p95_ms"].verdict) == (None, "withheld")
    assert rows["p95_ms"].reason.startswith("fastapi-uvicorn did not carry this load: it answered 94.")
    assert rows["cpu_us_per_request"].ratio == pytest.approx(0.5)
    assert all(row.ratio == pytest.approx(1, abs=0.01) for row in judgement.noise_floor if row.metric == "p95_ms")


@pytest.mark.parametrize(
    ("busier", "verdict"), [({}, "better"), ({1: 1.5, 2: 1.5}, "better"), (dict.fromkeys(range(1, 5), 1.5), "withheld")]
)
def test_a_row_is_judged_if_its_launches_were_at_the_busy_share_asked_for(config, busier, verdict):
    judgement = judged(config, busier=busier)
    assert {row.load: row.verdict for row in judgement.comparisons if row.role != "exploratory"} == {
        "closed-16": "better",
        "busy-40": verdict,
    }
    words = "flask-gthread was busy for 39% to 61% of the time, and for 30% to 50% in only 4 of 8 launches"
    assert {words in row.reason for row in judgement.comparisons if row.verdict == "withheld"} <= {True}


@pytest.mark.parametrize(("kind", "name"), [(unfinished_rows, "unfinished"), (not_sent_rows, "not_sent")])
def test_requests_without_an_answer_are_counted_apart_withhold_verdicts_and_are_warned_of(config, kind, name):
    judgement = judged(config, spoil=without_answers(kind, 0.02))
    cell = cells_of(judgement, "busy-40")["fastapi-uvicorn"]
    assert cell.failures == getattr(cell, name) > 100
    assert cell.achieved_ratio == pytest.approx(0.976, abs=0.005)
    assert {(row.load, row.verdict) for row in judgement.comparisons if row.role != "exploratory"} == {
        ("closed-16", "better"),
        ("busy-40", "withheld"),
    }
    assert [warning.code for warning in judgement.validity.warnings] == ["not-sent" if name == "not_sent" else "errors"]


def test_a_percentile_among_requests_that_were_not_sent_is_none_though_those_that_were_sent_were_fast(config):
    cell = cells_of(judged(config, spoil=without_answers(not_sent_rows, 0.06)), "busy-40")["fastapi-uvicorn"]
    assert (cell.p95_ms, cell.p99_ms) == (None, None)
    assert cell.p50_ms == pytest.approx(0.22, rel=0.05)
    assert cell.service_p99_ms < 0.25


def test_one_per_cent_without_an_answer_withhold_nothing(config):
    judgement = judged(config, spoil=without_answers(unfinished_rows, 0.009))
    assert {row.verdict for row in judgement.comparisons if row.role != "exploratory"} == {"better"}
    assert [warning.code for warning in judgement.validity.warnings] == ["errors"]


def test_requests_that_are_sent_late_cost_the_latency_its_verdict_and_nothing_else(config):
    def late(planned, rows):
        if planned.arrivals and planned.stack == "flask-gthread-twin":
            rows[:, [COLUMN["sent_ns"], COLUMN["done_ns"]]] += 3 * MS
        return rows

    judgement = judged(config, spoil=late)
    verdicts = {row.metric: row.verdict for row in judgement.comparisons if row.role != "exploratory"}
    assert verdicts == {"throughput_rps": "better", "cpu_us_per_request": "better", "p95_ms": "withheld"}
    assert judgement.validity.valid


# --- comparisons ----------------------------------------------------------------------------------------------------


def test_an_open_loop_is_compared_by_cpu_time_and_response_time(judgement):
    rows = {row.metric: row for row in judgement.comparisons if row.load == "busy-40"}
    assert "throughput_rps" not in rows
    assert rows["cpu_us_per_request"].ratio == pytest.approx(0.5)
    assert rows["p50_ms"].ratio == pytest.approx(0.22 / 0.42, rel=0.01)
    assert (rows["cpu_us_per_request"].verdict, rows["p95_ms"].verdict) == ("better", "better")
    assert {row.role for row in rows.values()} == {"secondary", "exploratory"}


def test_the_same_requests_for_all_stacks_make_their_noise_floor_small(judgement):
    floor = [row for row in judgement.noise_floor if row.load == "busy-40" and row.metric != "p99_ms"]
    assert len(floor) == 3
    assert all(abs(math.log(row.ratio)) < 0.01 for row in floor)


def test_a_stack_that_is_under_open_loops_alone_has_the_curve_of_the_closed_one_that_it_is_warmed_up_by():
    judgement = judged(small_config(launches=4, blocks=1, loads=("busy-40",)))
    points = [point for point in judgement.warm_up if point.stack == "flask-gthread"]
    assert len(points) == LENGTH_NS // (50 * MS)
    assert np.mean([point.throughput_rps for point in points]) == pytest.approx(RATES_RPS["flask-gthread"], rel=0.05)
    assert {cell.load for cell in judgement.cells} == {"busy-40"}


def test_the_ladder_of_a_run_stands_beside_what_its_stacks_say_of_their_time():
    stacks = ("bare-wsgi-gthread", "flask-gthread@constant", "flask-gthread")
    plan = small_config(launches=6, blocks=1, loads=("busy-40",))
    plan = replace(plan, parts=(replace(plan.parts[0], stacks=stacks),), stacks=make_plan("thorough").stacks)
    [row] = [
        row
        for row in judged(
            plan, rates=dict.fromkeys(stacks, 5000.0), timing=[ServerTiming("flask-gthread", "predict-1", 9, 4.0, 6.0)]
        ).ladder
        if row.step == "model"
    ]
    assert row.cpu_us == pytest.approx((CPU_NS["flask-gthread"] - OTHER_CPU_NS) / 1e3)
    assert (row.check_us, row.contradicted, row.offered_rps) == (10.0, True, BUSY_40_RPS)


def test_settling_trims_the_start_of_an_open_loop(config):
    for record, settled in zip(*read(config, 1), strict=True):
        if record.offered_rps and not record.warm_up:
            share = (LENGTH_NS - SETTLE_NS) / LENGTH_NS
            assert len(settled.response_ms) == pytest.approx(record.answers * share, rel=0.1)
            assert record.settled_answers == pytest.approx(len(settled.response_ms), abs=3)  # answers of an open loop come a little later
