"""Whether a run may give verdicts, the gates of a launch, and each warning that there is."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from judge_rows import KEY, OPEN_KEY, make_cell_of, make_floor, make_row, make_slice

from bench.judge import validity as validity_module
from bench.judge.comparisons import judge_aa
from bench.judge.index import index_slices
from bench.judge.validity import INVALIDATING, JUDGED, MARKED, REPEATED, Evidence, check_launch, judge_validity, reasons_against
from bench.plan.rules import GateRules, Rules
from bench.records import Gate, Interval, LadderRow, RunWarning
from bench.records.summary import WRONG_ANSWERS

MS = 1_000_000
ONE_CORE = RunWarning("one-core", "One core.", "Use two.")


def make_cells(key=KEY, **fields):
    return [make_cell_of(key, **fields)]


def marked(*launches):
    return [Gate(launch, 3, "generator_wait_ratio", "all slices", 0.05, 0.02, MARKED) for launch in launches]


def repeated(launch, attempts=1):
    return [Gate(launch, attempt, "generator_wait_ratio", "all slices", 0.05, 0.02, REPEATED) for attempt in range(1, attempts + 1)]


def warming(ratio, launches=12, **fields):
    return [make_slice(launch=launch, throughput_rps=rate, **fields) for launch in range(launches) for rate in (5000, 5000 * ratio)]


def drifting(speed, stacks=("a", "b", "c"), launches=12):
    """Return slices of stacks of which the last launch was as many times as fast as all others."""
    rates = {launch: 5000 * (speed if launch == launches - 1 else 1) for launch in range(launches)}
    return [make_slice(launch=launch, throughput_rps=rate, stack=stack) for launch, rate in rates.items() for stack in stacks]


def troubled(**fields):
    """Return slices of three launches, of which the second has these fields."""
    return [make_slice(launch=launch, **(fields if launch == 2 else {})) for launch in (1, 2, 3)]


def judged(*, cells=(), floor=None, rows=None, ladder=(), slices=(), gates=(), launches=12, spoilers=(), partial=False, wrong=0):
    aa, aa_row = judge_aa([floor or make_floor()], [make_row()] if rows is None else rows, Rules())
    return judge_validity(Evidence(Rules(), cells, index_slices(slices), ladder, aa, aa_row, gates, launches, spoilers, partial, wrong))


def test_a_clean_run_is_valid_and_warns_of_nothing():
    validity = judged(cells=make_cells(), slices=warming(1.0))
    assert (validity.valid, validity.aa.verdict, validity.warnings) == (True, "pass", ())


def test_validity_shows_the_noise_floor_of_the_primary_row():
    validity = judged(floor=make_floor(1.003, 0.01))
    assert (validity.aa.interval.estimate, *validity.aa.interval.ends) == pytest.approx((1.003, 0.993, 1.013), abs=5e-4)


def test_without_a_noise_floor_there_is_none_to_show():
    validity = judged(rows=[], launches=2)
    assert (validity.valid, validity.aa.verdict, validity.aa.interval) == (True, "not judged", None)


# --- the closed list ------------------------------------------------------------------------------------------------

WARNINGS = [
    ("partial", {"partial": True, "launches": 3}, "3 launches", True),
    ("repeated-launches", {"gates": repeated(3)}, "Launches were repeated 1 time because of the load generator, not of a server.", True),
    ("noise-floor", {"floor": make_floor(0.97)}, "Two copies of flask-gthread differed by a factor of 0.970, more than 1% from 1.", False),
    ("marked-launches", {"gates": marked(1, 2, 3, 4), "launches": 12}, "4 of 12 launches did not pass", False),
    ("errors", {"cells": make_cells(errors=3)}, "3 wrong or failed answers, most of them in flask-gthread predict-1 closed-16.", True),
    ("errors", {"cells": make_cells(unfinished=4)}, "4 unfinished requests, most of them in", True),
    ("not-sent", {"cells": make_cells(not_sent=5)}, "5 requests not sent, since 256 were under way already, most of them in", True),
    ("generator-limited", {"cells": make_cells(generator_limited=True)}, "more than 80% of its core against flask-gthread.", True),
    (
        "not-warm",
        {"slices": warming(1.05)},
        "1 cell got faster while measured, most of all flask-gthread predict-1 closed-16 (x 1.05).",
        True,
    ),
    ("steal", {"slices": troubled(steal_ratio=0.06)}, "of one core's time under load 2.0%, in launch 2 6.0%.", True),
    ("foreign-work", {"slices": troubled(foreign_ratio=0.3)}, "of its time under load 10.0%, in launch 2 30.0%.", True),
    ("wrong-answers", {"wrong": 1234}, "1,234 answers under load had another status or value than before it.", True),
    ("unsteady", {"slices": drifting(0.75)}, "all stacks of part headline together answered 0.75 to 1.00 times what is usual", True),
    ("one-core", {"spoilers": [ONE_CORE]}, "One core.", False),
    ("busy", {"spoilers": [RunWarning("busy", "Busy.", "Wait.")]}, "Busy.", True),
]


@pytest.mark.parametrize(("code", "conditions", "words", "valid"), WARNINGS)
def test_a_warning_has_its_number_and_a_next_step_and_some_make_the_run_invalid(code, conditions, words, valid):
    validity = judged(**conditions)
    [warning] = validity.warnings
    assert (warning.code, validity.valid) == (code, valid)
    assert words in warning.text
    assert warning.next_step.endswith(".")


def test_every_warning_of_the_closed_list_is_provoked_here():
    source = Path(validity_module.__file__).read_text("utf-8")
    codes = set(re.findall(r'(?:RunWarning\(|^        \()\s*"([a-z-]+)"', source, re.MULTILINE)) | {WRONG_ANSWERS}
    assert codes == {code for code, *_ in WARNINGS} - {"one-core", "busy"}
    assert codes | {"layering"} == JUDGED
    assert set(INVALIDATING) <= {code for code, *_ in WARNINGS}


def test_a_run_that_is_not_valid_says_all_that_is_against_it():
    validity = judged(floor=make_floor(1.5), gates=marked(*range(12)), spoilers=[ONE_CORE])
    assert sorted(reasons_against(validity)) == sorted(INVALIDATING.values())
    assert reasons_against(judged(partial=True)) == []


def test_a_machine_is_steady_until_a_launch_is_a_quarter_faster_than_another():
    assert judged(slices=drifting(0.81)).warnings == ()
    assert judged(slices=drifting(1.24)).warnings == ()
    assert [warning.code for warning in judged(slices=drifting(1.26)).warnings] == ["unsteady"]


def test_the_part_in_which_the_machine_was_least_steady_is_named():
    slices = [*drifting(0.75), *(replace(record, part="sweep") for record in drifting(0.5))]
    [warning] = judged(slices=slices).warnings
    assert "part sweep together answered 0.50 to 1.00 times" in warning.text


def test_all_that_is_wrong_is_said_what_was_known_beforehand_first():
    validity = judged(
        cells=make_cells(errors=1, generator_limited=True),
        floor=make_floor(1.5),
        slices=[*warming(1.1), *drifting(0.5)],
        gates=[*repeated(1), *marked(*range(12))],
        spoilers=[RunWarning("busy", "Busy.", "Wait.")],
        partial=True,
    )
    codes = [warning.code for warning in validity.warnings]
    assert codes == [
        *("busy", "partial", "repeated-launches", "marked-launches"),
        *("noise-floor", "errors", "generator-limited", "not-warm", "unsteady"),
    ]


def test_failures_are_summed_by_their_kind_and_the_worst_cell_is_named():
    cells = [
        *make_cells(errors=2, not_sent=1000),
        *make_cells(errors=5, unfinished=1, stack="fastapi-def"),
        *make_cells(OPEN_KEY, not_sent=3000, stack="slow"),
        *make_cells(stack="other"),
    ]
    errors, not_sent = judged(cells=cells).warnings
    assert errors.text == "7 wrong or failed answers, 1 unfinished request, most of them in fastapi-def predict-1 closed-16."
    assert not_sent.text == "4,000 requests not sent, since 256 were under way already, most of them in slow predict-1 open-60."


def test_each_stack_that_outran_the_generator_is_named_once():
    cells = [
        *make_cells(generator_limited=True),
        *make_cells(generator_limited=True, load="closed-1"),
        *make_cells(generator_limited=True, stack="b"),
    ]
    [warning] = judged(cells=cells).warnings
    assert "against flask-gthread, b." in warning.text


def test_of_all_cells_that_got_faster_the_one_that_did_most_is_named():
    slices = [*warming(1.05), *warming(1.2, stack="b"), *warming(1.0, stack="c"), *warming(1.3, stack="d", load="open-60")]
    [warning] = judged(slices=slices).warnings
    assert warning.text == "2 cells got faster while measured, most of all b predict-1 closed-16 (x 1.20)."


# --- launches that did not pass a gate ------------------------------------------------------------------------------


@pytest.mark.parametrize(("launches", "valid"), [(3, True), (4, False)])
def test_more_than_one_marked_launch_in_four_makes_a_run_invalid(launches, valid):
    assert judged(gates=marked(*range(launches)), launches=12).valid is valid


def test_a_launch_with_two_faults_is_marked_once():
    assert judged(gates=marked(1, 1, 2, 2), launches=12).valid


def test_launches_that_passed_when_they_were_repeated_make_no_run_invalid():
    validity = judged(gates=[gate for launch in range(12) for gate in repeated(launch, attempts=2)], launches=12)
    assert validity.valid
    assert [warning.code for warning in validity.warnings] == ["repeated-launches"]


def test_repeats_and_marks_of_one_launch_are_told_apart():
    gates = [gate for launch in range(4) for gate in [*repeated(launch, attempts=2), *marked(launch)]]
    texts = {warning.code: warning.text for warning in judged(gates=gates, launches=12).warnings}
    assert texts["repeated-launches"].startswith("Launches were repeated 8 times ")
    assert texts["marked-launches"].startswith("4 of 12 launches")


def test_a_try_with_two_faults_is_repeated_once():
    [warning] = judged(gates=[*repeated(1), replace(repeated(1)[0], gate="send_lag_p99_ms")]).warnings
    assert warning.text.startswith("Launches were repeated 1 time ")


def test_the_gates_are_kept():
    assert judged(gates=[*repeated(2), *marked(3)]).gates == (*repeated(2), *marked(3))


# --- gates ----------------------------------------------------------------------------------------------------------

OPEN = {"load": "open-60", "offered_rps": 3000.0}


def gates_of(*slices, lags=None, attempt=1, action=REPEATED):
    """Return the gates that a launch of these slices did not pass; `lags` are the send lags (ms) of each."""
    opened = [
        np.array(own) for record, own in zip(slices, lags or [()] * len(slices), strict=True) if record.offered_rps and not record.warm_up
    ]
    return check_launch(slices, opened, GateRules(), attempt, action)


def lags_of(p99_ms, count=1000):
    """Return send lags of which one in a hundred is `p99_ms` or larger."""
    lags = np.zeros(count)
    lags[-count // 100 - 1 :] = p99_ms
    return lags


@pytest.mark.parametrize(
    ("gate", "limit", "passed", "failed"),
    [
        ("generator_wait_ratio", 0.05, [make_slice(generator_wait_ratio=0.05)], [make_slice(generator_wait_ratio=0.051)]),
        ("generator_wait_ratio", 0.05, [make_slice(generator_wait_ratio=0.05, **OPEN)], [make_slice(generator_wait_ratio=0.051, **OPEN)]),
        ("generator_cpu_ratio", 0.8, [make_slice(generator_cpu_ns=160 * MS, **OPEN)], [make_slice(generator_cpu_ns=161 * MS, **OPEN)]),
    ],
)
def test_a_launch_passes_a_gate_up_to_its_limit(gate, limit, passed, failed):
    assert gates_of(*passed) == []
    [found] = gates_of(*failed)
    assert (found.gate, found.limit) == (gate, limit)
    assert limit < found.value < limit * 1.06


@pytest.mark.parametrize(("lag_ms", "passes"), [(1.0, True), (1.001, False)])
def test_a_launch_passes_the_gate_of_the_send_lag_up_to_a_p99_of_one_millisecond(lag_ms, passes):
    gates = gates_of(make_slice(**OPEN), lags=[lags_of(lag_ms)])
    assert [(gate.gate, gate.value, gate.limit) for gate in gates] == ([] if passes else [("send_lag_p99_ms", lag_ms, 1.0)])


def test_a_gate_says_which_try_of_which_launch_it_was_and_what_is_done_about_it():
    [first] = gates_of(make_slice(launch=4, generator_wait_ratio=0.5))
    [last] = gates_of(make_slice(launch=4, generator_wait_ratio=0.5), attempt=3, action=MARKED)
    assert (first.launch, first.attempt, first.where, first.action) == (4, 1, "all slices", "repeated")
    assert (last.launch, last.attempt, last.where, last.action) == (4, 3, "all slices", "kept and marked")


def test_a_gate_says_which_slices_it_is_about():
    slow = make_slice(generator_wait_ratio=0.2, generator_cpu_ns=190 * MS, **OPEN)
    wheres = {gate.gate: gate.where for gate in gates_of(slow, lags=[lags_of(2)])}
    assert wheres == {"generator_wait_ratio": "all slices", "generator_cpu_ratio": "open loops", "send_lag_p99_ms": "open loops"}


def test_the_generator_is_judged_by_all_slices_of_a_launch_together():
    busy, idle = (make_slice(generator_cpu_ns=cpu_ms * MS, generator_wait_ratio=wait, **OPEN) for cpu_ms, wait in ((190, 0.09), (100, 0.0)))
    assert gates_of(busy, idle) == []
    assert {gate.gate for gate in gates_of(busy, busy)} == {"generator_cpu_ratio", "generator_wait_ratio"}


def test_closed_loops_do_not_dilute_what_the_open_ones_cost_the_generator():
    busy, calm = make_slice(generator_cpu_ns=190 * MS, **OPEN), make_slice(generator_cpu_ns=0)
    assert [gate.gate for gate in gates_of(busy, calm, calm, calm)] == ["generator_cpu_ratio"]


def test_the_send_lag_is_that_of_all_requests_of_the_open_loops_of_a_launch():
    slices = [make_slice(stack=stack, **OPEN) for stack in "ab"]
    assert gates_of(*slices, lags=[lags_of(9), np.zeros(1500)]) == []
    assert gates_of(*slices, lags=[np.full(400, 9.0), np.zeros(400)])


def test_a_generator_that_is_busy_in_a_closed_loop_is_no_fault():
    assert gates_of(make_slice(generator_cpu_ns=200 * MS)) == []


def test_all_gates_that_did_not_hold_are_named():
    slow = make_slice(generator_wait_ratio=0.2, generator_cpu_ns=190 * MS, **OPEN)
    gates = gates_of(slow, lags=[lags_of(2)])
    assert [gate.gate for gate in gates] == ["generator_wait_ratio", "generator_cpu_ratio", "send_lag_p99_ms"]


def test_waiting_is_weighed_by_the_length_of_the_slices():
    [gate] = gates_of(make_slice(generator_wait_ratio=0.4, drained_ns=100 * MS), make_slice(drained_ns=300 * MS))
    assert gate.value == pytest.approx(0.1)


def test_waiting_is_that_of_the_whole_launch():
    assert gates_of(make_slice(generator_wait_ratio=0.2, stack="a"), *[make_slice(stack=stack) for stack in "bcde"]) == []


def test_what_hits_all_stacks_alike_is_no_gate_however_much_it_is():
    assert gates_of(make_slice(steal_ratio=1.5, foreign_ratio=0.9, pressure_ratio=1.0)) == []


def test_gates_of_older_versions_for_steal_repeat_and_mark_nothing():
    gates = [replace(gate, gate="steal_ratio") for launch in range(12) for gate in [*repeated(launch), *marked(launch)]]
    validity = judged(gates=gates, launches=12)
    assert (validity.valid, validity.warnings) == (True, ())


@pytest.mark.parametrize(("field", "limit"), [("steal_ratio", 0.02), ("foreign_ratio", 0.05)])
def test_the_machine_is_warned_of_from_a_limit_on_over_a_launch_as_a_whole(field, limit):
    assert judged(slices=troubled(**{field: limit})).warnings == ()
    assert len(judged(slices=troubled(**{field: limit * 1.01})).warnings) == 1
    assert judged(slices=[make_slice(**{field: limit * 1.9}), make_slice(block=1)]).warnings == ()


def test_older_runs_which_did_not_measure_other_programs_are_not_warned_of_them():
    assert judged(slices=troubled(foreign_ratio=None)).warnings == ()


def test_a_warm_up_does_not_count():
    fault = make_slice(warm_up=True, generator_wait_ratio=0.5, generator_cpu_ns=200 * MS, **OPEN)
    assert gates_of(fault, make_slice(**OPEN), lags=[lags_of(9), lags_of(0)]) == []


@pytest.mark.parametrize("slices", [[], [make_slice(warm_up=True, generator_wait_ratio=0.5)]])
def test_a_launch_without_counted_slices_has_no_gate(slices):
    assert gates_of(*slices) == []


@pytest.mark.parametrize(
    "outcome",
    [
        {"errors": 1000, "answers": 0, "throughput_rps": None},
        {"unfinished": 200, "drained_ns": 5200 * MS},
        {"not_sent": 5000, "throughput_rps": 1.0},
        {"server_cpu_ns": 0, "pressure_ratio": 1.0},
        {"throughput_rps": 100.0},
    ],
)
@pytest.mark.parametrize("load", [OPEN, {}])
def test_what_a_server_does_is_a_result_and_trips_no_gate(outcome, load):
    records = [make_slice(**load, **outcome)] * 2
    assert check_launch(records, [lags_of(0.5)] * 2 if load else [], GateRules(), 1, REPEATED) == []


def test_a_step_of_the_ladder_below_zero_makes_the_run_suspect_but_not_invalid():
    step = LadderRow("ladder", "flask-gthread", "predict-1", "open-60", 3000.0, "framework", Interval(-5.0, -6.0, -4.0, 0.96), None, 8)
    validity = judged(ladder=[step])
    assert validity.valid
    assert [warning.code for warning in validity.warnings] == ["layering"]
