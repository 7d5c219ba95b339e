"""The gates of a launch: faults of the load generator, never of a server, nor of a machine that is slow for all."""

from dataclasses import replace

import pytest
from judge_rows import make_slice

from bench.judge.validity import MARKED, REPEATED, STARVED, check_launch
from bench.plan.rules import GateRules

MS = 1_000_000
OPEN = {"load": "busy-40", "offered_rps": 3000.0}
WAITED = {"generator_wait_ratio": 0.101}


def gates_of(*slices, attempt=1, action=REPEATED):
    return check_launch(slices, GateRules(), attempt, action)


@pytest.mark.parametrize(
    ("gate", "limit", "passed", "failed"),
    [
        (STARVED, 0.5, [make_slice(**WAITED), make_slice()], [make_slice(**WAITED)] * 51 + [make_slice()] * 49),
        (STARVED, 0.5, [make_slice(generator_wait_ratio=0.1)], [make_slice(**WAITED)] * 2 + [make_slice()]),
        (STARVED, 0.5, [make_slice(generator_wait_ratio=0.1, **OPEN)], [make_slice(**WAITED, **OPEN)]),
        ("generator_cpu_ratio", 0.8, [make_slice(generator_cpu_ns=160 * MS, **OPEN)], [make_slice(generator_cpu_ns=161 * MS, **OPEN)]),
    ],
)
def test_a_launch_passes_a_gate_up_to_its_limit(gate, limit, passed, failed):
    assert gates_of(*passed) == []
    [found] = gates_of(*failed)
    assert (found.gate, found.limit) == (gate, limit)
    assert found.value > limit


def test_a_gate_says_which_try_of_which_launch_it_was_and_what_is_done_about_it():
    [first] = gates_of(make_slice(launch=4, **WAITED))
    [last] = gates_of(make_slice(launch=4, **WAITED), attempt=3, action=MARKED)
    assert (first.launch, first.attempt, first.where, first.value, first.action) == (4, 1, "all slices", 1, "repeated")
    assert (last.launch, last.attempt, last.where, last.value, last.action) == (4, 3, "all slices", 1, "kept and marked")


def test_all_gates_that_did_not_hold_are_named_and_say_which_slices_they_are_about():
    slow = make_slice(generator_cpu_ns=190 * MS, **WAITED, **OPEN)
    assert {gate.gate: gate.where for gate in gates_of(slow)} == {STARVED: "all slices", "generator_cpu_ratio": "open loops"}


def test_a_long_wait_in_few_slices_is_no_starved_launch():
    assert gates_of(*[make_slice(generator_wait_ratio=0.9)] * 5, *[make_slice()] * 5) == []


def test_the_cpu_time_of_the_generator_is_that_of_all_open_loops_of_a_launch_together():
    busy, idle = (make_slice(generator_cpu_ns=cpu_ms * MS, **OPEN) for cpu_ms in (190, 100))
    assert gates_of(busy, idle) == []
    assert [gate.gate for gate in gates_of(busy, busy, busy, idle)] == ["generator_cpu_ratio"]
    assert gates_of(busy, busy, busy, replace(idle, drained_ns=400 * MS, generator_cpu_ns=200 * MS)) == []


def test_closed_loops_do_not_dilute_what_the_open_ones_cost_the_generator():
    busy, calm = make_slice(generator_cpu_ns=190 * MS, **OPEN), make_slice(generator_cpu_ns=0)
    assert [gate.gate for gate in gates_of(busy, calm, calm, calm)] == ["generator_cpu_ratio"]


def test_a_generator_that_is_busy_in_a_closed_loop_is_no_fault():
    assert gates_of(make_slice(generator_cpu_ns=200 * MS)) == []


def test_what_hits_all_stacks_alike_is_no_gate_however_much_it_is():
    assert gates_of(make_slice(steal_ratio=1.5, foreign_ratio=0.9, pressure_ratio=1.0)) == []


def test_requests_that_were_sent_late_are_no_gate():
    assert gates_of(make_slice(send_lag_p99_ms=50.0, **OPEN)) == []


def test_a_warm_up_does_not_count():
    fault = make_slice(warm_up=True, generator_cpu_ns=200 * MS, **WAITED, **OPEN)
    assert gates_of(fault, fault, make_slice(**OPEN)) == []


@pytest.mark.parametrize("slices", [[], [make_slice(warm_up=True, **WAITED)]])
def test_a_launch_without_counted_slices_has_no_gate(slices):
    assert gates_of(*slices) == []


@pytest.mark.parametrize(
    "outcome",
    [
        {"errors": 1000, "answers": 0, "settled_answers": 0},
        {"unfinished": 200, "drained_ns": 5200 * MS},
        {"not_sent": 5000, "settled_answers": 1},
        {"server_cpu_ns": 0, "pressure_ratio": 1.0},
        {"throughput_rps": 100.0},
    ],
)
@pytest.mark.parametrize("load", [OPEN, {}])
def test_what_a_server_does_is_a_result_and_trips_no_gate(outcome, load):
    assert gates_of(*[make_slice(**load, **outcome)] * 2) == []
