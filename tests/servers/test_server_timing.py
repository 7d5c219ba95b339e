"""What stacks say of their own time is read from their header; which stacks are asked follows from the plan."""

import time
from dataclasses import replace

import pytest

from bench.errors import StackError
from bench.measure import server_timing
from bench.measure.environment import choose_cores
from bench.measure.server_timing import REQUESTS, WARM_UP_REQUESTS, measure_server_timing, measure_timing, parse_timing
from bench.plan.plan import make_plan
from bench.plan.stacks import BUNDLED_STACKS, load_stacks, resolve_stack

STACKS = load_stacks(BUNDLED_STACKS)
CORES = choose_cores()
WHOLE = ["flask-gthread", "fastapi-uvicorn", "flask-granian", "fastapi-granian"]


@pytest.mark.parametrize(
    ("header", "times"),
    [
        ("preprocess;dur=0.0042, predict;dur=1.5000", {"preprocess": 4.2, "predict": 1500.0}),
        ("predict;dur=2", {"predict": 2000.0}),
        ("total ; dur=0.5,cache", {"total": 500.0}),
        ('db;desc="a";dur=1', {}),
        ("", {}),
    ],
)
def test_a_header_gives_microseconds_by_step(header, times):
    assert parse_timing(header) == times


def test_the_whole_stacks_of_the_ladder_are_asked_and_nobody_without_one():
    assert [stack.name for stack in make_plan("thorough").timed_stacks()] == WHOLE
    assert make_plan("default").timed_stacks() == []


def test_twins_and_other_engines_are_not_asked():
    plan = make_plan("thorough")
    stacks = ("bare-wsgi-gthread", "flask-gthread", "flask-gthread@constant", "flask-gthread@spin-1ms", "flask-gthread-twin")
    part = replace(plan.parts[1], stacks=stacks)
    assert [stack.name for stack in replace(plan, parts=(part,)).timed_stacks()] == ["flask-gthread"]


def test_without_bare_servers_nobody_is_asked():
    stacks = make_plan("smoke").timed_stacks()
    assert stacks == list(measure_server_timing(stacks, CORES)) == []


@pytest.mark.parametrize("name", ["fastapi-uvicorn@spin-1ms", pytest.param("flask-gthread", marks=pytest.mark.slow)])
def test_a_stack_tells_the_time_of_its_model(name):
    begin_s = time.monotonic()
    [row] = measure_timing(resolve_stack(name, STACKS), CORES)
    most_us = (time.monotonic() - begin_s) * 1e6 / (row.requests // 2)  # half of the requests took the median or more
    assert (row.stack, row.scenario, row.requests) == (name, "predict-1", REQUESTS - WARM_UP_REQUESTS)
    assert 0 < row.preprocess_us < most_us
    assert (1000 if "spin" in name else 0) < row.predict_us < most_us


def test_a_stack_that_says_nothing_has_no_row(make_stub):
    assert list(measure_timing(make_stub(), CORES)) == []


def test_a_stack_that_does_not_answer_is_named(make_stub, monkeypatch):
    monkeypatch.setattr(server_timing, "TIMEOUT_S", 0.1)
    with pytest.raises(StackError, match="stub-slow does not answer predict-1 with Server-Timing on"):
        list(measure_timing(make_stub("slow", "delay_ms=5000"), CORES))
