"""From a launch's samples to the tables of a run with open loops."""

import math

import numpy as np
import pytest
from bench.judge.tables import read_launch
from judge_launches import CPU_NS, GAP_NS, LENGTH_NS, MS, SEND_LAG_NS, SERVICE_NS, SETTLE_NS, cells_of, judged, read, simulate_launch
from judge_rows import not_sent_rows, sample_rows, small_config, unfinished_rows

from bench.plan.schedule import PlannedSlice

OFFERED_RPS = 3000


@pytest.fixture(scope="module")
def config():
    return small_config(launches=8, blocks=1, loads=("closed-16", "open-60"))


@pytest.fixture(scope="module")
def judgement(config):
    return judged(config)


def slice_of(*rows, offered_rps=100.0):
    """Return the record of one slice of 200 ms, of which 40 are trimmed, with these samples."""
    samples = np.concatenate(rows)
    planned = PlannedSlice(0, "headline", 0, "a", "predict-1", "open-60", warm_up=False, offered_rps=offered_rps, arrivals="seed")
    names = ("server_cpu_ns", "server_user_ns", "server_kernel_ns", "generator_cpu_ns")
    clocks = dict.fromkeys(names, 0) | dict.fromkeys(("generator_wait_ratio", "steal_ratio", "pressure_ratio"), 0.0)
    fact = {"slice": 0, "start_ns": 0, "settled_ns": 40 * MS, "end_ns": 200 * MS, "drained_ns": 250 * MS, **clocks}
    [record] = read_launch(1, [planned], [fact], samples).records
    return record


def done_at(*done_ms, intended_ms=10):
    """Return correct answers that were done at these times."""
    sent = [intended_ms * MS] * len(done_ms)
    return sample_rows(0, sent, np.array(done_ms) * MS - intended_ms * MS)


# --- slices ---------------------------------------------------------------------------------------------------------


def test_throughput_counts_the_answers_that_were_done_between_settling_and_the_end_whenever_they_were_due():
    assert slice_of(done_at(39, 40, 41, 199, 200, 249)).throughput_rps == pytest.approx(3 / 0.16)
    assert slice_of(done_at(201, 202, intended_ms=150)).throughput_rps == 0


def test_throughput_counts_correct_answers_only():
    wrong = sample_rows(0, [50 * MS] * 9, [MS] * 9, correct=False)
    rows = (done_at(100, 101), wrong, unfinished_rows(0, [60 * MS] * 9), not_sent_rows(0, [70 * MS] * 9))
    assert slice_of(*rows).throughput_rps == pytest.approx(2 / 0.16)


def test_a_slice_has_its_rate_and_the_send_lag_of_its_settled_requests():
    due = np.linspace(50, 190, 1000) * MS
    late = due + np.linspace(0, 2, 1000) * MS
    early = sample_rows(0, [60 * MS] * 500, [MS] * 500, intended_ns=[20 * MS] * 500)
    record = slice_of(early, sample_rows(0, late, [MS] * 1000, intended_ns=due))
    assert record.offered_rps == 100
    assert record.send_lag_p99_ms == pytest.approx(1.98, abs=0.005)


def test_the_send_lag_of_few_requests_is_not_known():
    assert slice_of(sample_rows(0, [60 * MS] * 661, [MS] * 661)).send_lag_p99_ms is None


def test_every_slice_of_an_open_loop_has_the_same_requests_for_all_stacks_of_a_turn(config):
    planned, _, samples = simulate_launch(config, 1)
    counts = {}
    for place in planned:
        if place.offered_rps:
            counts.setdefault(place.arrivals, set()).add(int((samples[:, 0] == place.index).sum()))
    assert [len(own) for own in counts.values()] == [1, 1]


# --- cells ----------------------------------------------------------------------------------------------------------


def test_a_cell_of_an_open_loop_answers_what_it_is_offered(judgement):
    for cell in cells_of(judgement, "open-60").values():
        assert cell.offered_rps == OFFERED_RPS
        assert cell.throughput_rps == pytest.approx(OFFERED_RPS, rel=0.03)


def test_a_cell_of_an_open_loop_has_the_times_and_the_cpu_time_of_its_server(judgement):
    for stack, cell in cells_of(judgement, "open-60").items():
        assert cell.service_p50_ms == pytest.approx(SERVICE_NS[stack] / MS, rel=0.02)
        assert cell.p50_ms == pytest.approx(cell.service_p50_ms + SEND_LAG_NS / MS, abs=1e-4)
        assert cell.service_p50_ms <= cell.service_p95_ms <= cell.service_p99_ms
        assert cell.p50_ms <= cell.p95_ms <= cell.p99_ms <= cell.p999_ms <= cell.max_ms
        assert cell.send_lag_p99_ms == pytest.approx(SEND_LAG_NS / MS, abs=1e-4)
        assert cell.cpu_us_per_request == pytest.approx(CPU_NS[stack] / 1e3)


def test_an_open_loop_has_both_distributions_and_a_closed_one_that_of_service_time(judgement):
    times = {(point.load, point.time) for point in judgement.quantiles}
    assert times == {("closed-16", "service"), ("open-60", "service"), ("open-60", "response")}


def test_an_open_loop_that_is_warmed_up_by_a_closed_one_has_no_curve(judgement):
    assert {point.load for point in judgement.warm_up} == {"closed-16"}


def test_a_stall_of_the_server_shows_in_response_time_and_not_in_service_time(config):
    """FastAPI does not take requests for 20 ms of each slice: those due meanwhile are sent late, when it does again."""

    def stalled(planned, rows):
        if planned.offered_rps and planned.stack == "fastapi-uvicorn":
            begin_ns = (planned.index + 1) * GAP_NS + 100 * MS
            due, sent, done = rows[:, 2], rows[:, 3], rows[:, 5]
            held = (due >= begin_ns) & (due < begin_ns + 20 * MS)
            wait = begin_ns + 20 * MS - sent[held]
            sent[held] += wait
            done[held] += wait
        return rows

    cell, usual = (cells_of(run, "open-60")["fastapi-uvicorn"] for run in (judged(config, spoil=stalled), judged(config)))
    assert cell.service_p99_ms == pytest.approx(usual.service_p99_ms, abs=1e-4)
    assert cell.p50_ms == pytest.approx(usual.p50_ms, rel=0.05)
    assert cell.p99_ms > 15
    assert cell.max_ms == pytest.approx(20.2, abs=0.1)


def without_answers(kind, share):
    """Return a spoiler that leaves the last settled requests of each slice of an open loop of FastAPI without an answer."""

    def spoil(planned, rows):
        if not planned.offered_rps or planned.stack != "fastapi-uvicorn":
            return rows
        count = round(len(rows) * share)
        return np.concatenate([rows[:-count], kind(planned.index, rows[-count:, 2])])

    return spoil


@pytest.mark.parametrize(("kind", "name"), [(unfinished_rows, "unfinished"), (not_sent_rows, "not_sent")])
def test_requests_without_an_answer_are_counted_apart_withhold_verdicts_and_are_warned_of(config, kind, name):
    judgement = judged(config, spoil=without_answers(kind, 0.02))
    cell = cells_of(judgement, "open-60")["fastapi-uvicorn"]
    assert cell.failures == getattr(cell, name) > 100
    assert {(row.load, row.verdict) for row in judgement.comparisons if row.role != "exploratory"} == {
        ("closed-16", "better"),
        ("open-60", "withheld"),
    }
    assert [warning.code for warning in judgement.validity.warnings] == ["not-sent" if name == "not_sent" else "errors"]


def test_a_percentile_among_requests_that_were_not_sent_is_none_though_those_that_were_sent_were_fast(config):
    cell = cells_of(judged(config, spoil=without_answers(not_sent_rows, 0.06)), "open-60")["fastapi-uvicorn"]
    assert (cell.p95_ms, cell.p99_ms, cell.p99_upper_ms) == (None, None, None)
    assert cell.p50_ms == pytest.approx(0.22, rel=0.05)
    assert cell.service_p99_ms < 0.25


# --- comparisons ----------------------------------------------------------------------------------------------------


def test_an_open_loop_is_compared_by_cpu_time_and_response_time(judgement):
    rows = {row.metric: row for row in judgement.comparisons if row.load == "open-60"}
    assert "throughput_rps" not in rows
    assert rows["cpu_us_per_request"].ratio == pytest.approx(0.5)
    assert rows["p50_ms"].ratio == pytest.approx(0.22 / 0.42, rel=0.01)
    assert (rows["cpu_us_per_request"].verdict, rows["p95_ms"].verdict) == ("better", "better")
    assert {row.role for row in rows.values()} == {"secondary", "exploratory"}


def test_the_same_requests_for_all_stacks_make_their_noise_floor_small(judgement):
    floor = [row for row in judgement.noise_floor if row.load == "open-60" and row.metric != "p99_ms"]
    assert len(floor) == 3
    assert all(abs(math.log(row.ratio)) < 0.01 for row in floor)


def test_a_warm_up_of_an_open_loop_has_the_curve_of_its_rate():
    config = small_config(launches=4, blocks=1, loads=("open-60",))
    judgement = judged(config)
    points = [point for point in judgement.warm_up if point.stack == "flask-gthread"]
    assert len(points) == LENGTH_NS // (50 * MS)
    assert np.mean([point.throughput_rps for point in points]) == pytest.approx(OFFERED_RPS, rel=0.05)


def test_settling_trims_the_start_of_an_open_loop(config):
    measured = read(config, 1)
    for record, settled in zip(measured.records, measured.settled, strict=True):
        if record.offered_rps:
            share = (LENGTH_NS - SETTLE_NS) / LENGTH_NS
            assert len(settled.response_ms) == pytest.approx(record.answers * share, rel=0.1)
            assert record.settled_answers == len(settled.response_ms)
