"""Whether a run may give verdicts, what widened its intervals, and each warning that there is."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from judge_rows import KEY, OPEN_KEY, make_cell_of, make_floor, make_row, make_slice

from bench.judge import validity as validity_module
from bench.judge.comparisons import judge_aa
from bench.judge.index import index_slices
from bench.judge.validity import (
    FORMER_GATES,
    INVALIDATING,
    JUDGED,
    MARKED,
    REPEATED,
    STARVED,
    Evidence,
    judge_validity,
    reasons_against,
)
from bench.plan.rules import Rules
from bench.records import Gate, Interval, LadderRow, Noise, RunWarning
from bench.records.summary import WRONG_ANSWERS

MS = 1_000_000
ONE_CORE = RunWarning("one-core", "One core.", "Use two.")


def make_cells(key=KEY, **fields):
    return [make_cell_of(key, **fields)]


def marked(*launches):
    return [Gate(launch, 3, STARVED, "all slices", 0.6, 0.5, MARKED) for launch in launches]


def repeated(launch, attempts=1):
    return [Gate(launch, attempt, STARVED, "all slices", 0.6, 0.5, REPEATED) for attempt in range(1, attempts + 1)]


def warming(ratio, launches=12, **fields):
    return [make_slice(launch=launch, throughput_rps=rate, **fields) for launch in range(launches) for rate in (5000, 5000 * ratio)]


def drifting(speed, stacks=("a", "b", "c"), launches=12):
    """Return slices of stacks of which the last launch was as many times as fast as all others."""
    rates = {launch: 5000 * (speed if launch == launches - 1 else 1) for launch in range(launches)}
    return [make_slice(launch=launch, throughput_rps=rate, stack=stack) for launch, rate in rates.items() for stack in stacks]


def troubled(**fields):
    """Return slices of three launches, of which the second has these fields."""
    return [make_slice(launch=launch, **(fields if launch == 2 else {})) for launch in (1, 2, 3)]


def starved(count, launches=12):
    """Return the gates and slices of a run whose generator had its core for 40 of the 60 ms that it asked for, and marked launches."""
    own = [make_slice(launch=launch, generator_cpu_ns=40 * MS, generator_wait_ratio=0.1) for launch in range(launches)]
    return {"gates": marked(*range(count)), "slices": own, "launches": launches}


def judged(*, cells=(), floor=None, rows=None, ladder=(), slices=(), gates=(), launches=12, warned=(), partial=False, wrong=0):
    floor = floor or make_floor()
    rows = [make_row(aa=floor)] if rows is None else rows
    aa = judge_aa([floor], rows)
    return judge_validity(Evidence(Rules(), cells, index_slices(slices), ladder, aa, rows, gates, launches, warned, partial, wrong))


def codes_of(validity):
    return [warning.code for warning in validity.warnings]


def test_a_clean_run_is_valid_and_warns_of_nothing():
    validity = judged(cells=make_cells(), slices=warming(1.0))
    assert (validity.valid, validity.aa.state, validity.warnings) == (True, "equal", ())


def test_validity_shows_the_noise_floor_of_the_primary_row():
    aa = judged(floor=make_floor(1.003, 0.01)).aa
    assert (aa.interval.estimate, *aa.interval.ends, aa.resolution) == pytest.approx((1.003, 0.993, 1.013, 0.013), abs=5e-4)


def test_without_a_noise_floor_there_is_none_to_show():
    validity = judged(rows=[], launches=2)
    assert (validity.valid, validity.aa.state, validity.aa.interval) == (True, "not judged", None)


# --- the closed list ------------------------------------------------------------------------------------------------

WARNINGS = [
    ("partial", {"partial": True, "launches": 3}, "3 launches", True),
    ("repeated-launches", {"gates": repeated(3)}, "Launches were repeated 1 time because of the load generator, not of a server.", True),
    (
        "starved-generator",
        starved(4),
        "one in four: of the time that it asked for its core, the load generator had it for 67%. Rates are lower bounds.",
        False,
    ),
    (
        "copies-differ",
        {"floor": make_floor(0.97)},
        "Two copies of flask-gthread differed in throughput_rps under closed-16: their ratio is 0.965 to 0.975.",
        True,
    ),
    ("coarse", {"floor": make_floor(1.0, 0.04)}, "may differ by up to 4.1%.", True),
    ("errors", {"cells": make_cells(errors=3)}, "3 wrong or failed answers, most of them in flask-gthread predict-1 closed-16.", True),
    ("errors", {"cells": make_cells(unfinished=4)}, "4 unfinished requests, most of them in", True),
    ("not-sent", {"cells": make_cells(not_sent=5)}, "5 requests not sent, since 256 were under way already, most of them in", True),
    (
        "generator-limited",
        {"cells": make_cells(generator_limited=True)},
        "more than 80% of its core, or had to wait for it, against flask-gthread.",
        True,
    ),
    (
        "not-warm",
        {"slices": warming(1.05)},
        "1 cell got faster while measured, most of all flask-gthread predict-1 closed-16 (x 1.05).",
        True,
    ),
    ("steal", {"slices": troubled(steal_ratio=0.06)}, "of one core's time under load 2.0%, in launch 2 6.0%.", True),
    ("foreign-work", {"slices": troubled(foreign_ratio=0.3)}, "of its time under load 10.0%, in launch 2 30.0%.", True),
    (
        "generator-waited",
        {"slices": troubled(generator_wait_ratio=0.09)},
        "of the time under load 3.0%, in launch 2 9.0%.",
        True,
    ),
    ("wrong-answers", {"wrong": 1234}, "1,234 answers under load had another status or value than before it.", False),
    ("unsteady", {"slices": drifting(0.75)}, "all stacks of part headline together answered 0.75 to 1.00 times what is usual", True),
    ("one-core", {"warned": [ONE_CORE]}, "One core.", False),
    ("busy", {"warned": [RunWarning("busy", "Busy.", "Wait.")]}, "Busy.", True),
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
    codes = set(re.findall(r'(?:RunWarning\(|^            )\s*"([a-z-]+)",', source, re.MULTILINE)) | {WRONG_ANSWERS}
    assert codes == {code for code, *_ in WARNINGS} - {"one-core", "busy"}
    assert codes | {"layering"} == JUDGED
    assert set(INVALIDATING) <= {code for code, *_ in WARNINGS}


def test_a_run_that_is_not_valid_says_all_that_is_against_it():
    validity = judged(wrong=1, gates=marked(*range(12)), warned=[ONE_CORE])
    assert sorted(reasons_against(validity)) == sorted(INVALIDATING.values())
    assert reasons_against(judged(partial=True)) == []


def test_a_machine_is_steady_until_a_launch_is_a_quarter_faster_than_another():
    assert judged(slices=drifting(0.81)).warnings == ()
    assert judged(slices=drifting(1.24)).warnings == ()
    assert codes_of(judged(slices=drifting(1.26))) == ["unsteady"]


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
        warned=[RunWarning("busy", "Busy.", "Wait.")],
        partial=True,
        wrong=1,
    )
    assert codes_of(validity) == [
        *("busy", "partial", "repeated-launches", "starved-generator"),
        *("copies-differ", "errors", "generator-limited", "wrong-answers", "not-warm", "unsteady"),
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
    assert not_sent.text == "4,000 requests not sent, since 256 were under way already, most of them in slow predict-1 busy-40."


def test_each_stack_that_outran_the_generator_is_named_once():
    cells = [
        *make_cells(generator_limited=True),
        *make_cells(generator_limited=True, load="closed-1"),
        *make_cells(generator_limited=True, stack="b"),
    ]
    [warning] = judged(cells=cells).warnings
    assert "against flask-gthread, b." in warning.text


def test_of_all_cells_that_got_faster_the_one_that_did_most_is_named():
    slices = [*warming(1.05), *warming(1.2, stack="b"), *warming(1.0, stack="c"), *warming(1.3, stack="d", load="busy-40")]
    [warning] = judged(slices=slices).warnings
    assert warning.text == "2 cells got faster while measured, most of all b predict-1 closed-16 (x 1.20)."


# --- copies of a baseline -------------------------------------------------------------------------------------------


def test_copies_that_differ_are_told_once_for_each_baseline_metric_and_load_that_is_judged():
    unequal = make_floor(0.97)
    rows = [
        make_row(aa=unequal),
        make_row(aa=unequal, contender="flask-granian", role="secondary"),
        make_row(aa=unequal, contender="fastapi-def", role="exploratory"),
        make_row(aa=make_floor(1.2, metric="p95_ms"), metric="p95_ms", load="busy-40", role="secondary"),
        make_row(aa=make_floor(1.2, metric="p50_ms"), metric="p50_ms", role="exploratory"),
    ]
    warnings = judged(floor=unequal, rows=rows).warnings
    assert [warning.text.partition(":")[0] for warning in warnings] == [
        "Two copies of flask-gthread differed in throughput_rps under closed-16",
        "Two copies of flask-gthread differed in p95_ms under busy-40",
    ]


def test_that_a_run_is_coarse_is_said_of_its_primary_row_alone():
    coarse = make_floor(width=0.2)
    assert codes_of(judged(rows=[make_row(), make_row(aa=coarse, role="secondary", contender="flask-granian")])) == []


# --- launches that did not pass a gate ------------------------------------------------------------------------------


@pytest.mark.parametrize(("launches", "valid"), [(3, True), (4, False)])
def test_more_than_one_marked_launch_in_four_makes_a_run_invalid(launches, valid):
    assert judged(**starved(launches)).valid is valid


def test_a_launch_with_two_faults_is_marked_once():
    assert judged(gates=marked(1, 1, 2, 2), launches=12).valid


def test_launches_that_passed_when_they_were_repeated_make_no_run_invalid():
    validity = judged(gates=[gate for launch in range(12) for gate in repeated(launch, attempts=2)], launches=12)
    assert (validity.valid, codes_of(validity)) == (True, ["repeated-launches"])


def test_repeats_and_marks_of_one_launch_are_told_apart():
    gates = [gate for launch in range(4) for gate in [*repeated(launch, attempts=2), *marked(launch)]]
    texts = {warning.code: warning.text for warning in judged(gates=gates, launches=12).warnings}
    assert texts["repeated-launches"].startswith("Launches were repeated 8 times ")
    assert "in 4 of 12 launches" in texts["starved-generator"]


def test_a_generator_that_had_its_core_and_used_it_up_is_not_said_to_have_shared_it():
    gates = [replace(gate, gate="generator_cpu_ratio", where="open loops", value=0.83 + 0.02 * gate.launch) for gate in marked(*range(4))]
    [warning] = judged(gates=gates, launches=12).warnings
    assert "in open loops the load generator used up to 89% of its core. Rates are lower bounds." in warning.text
    assert warning.next_step.startswith("Offer lower rates")


def test_a_try_with_two_faults_is_repeated_once():
    [warning] = judged(gates=[*repeated(1), replace(repeated(1)[0], gate="generator_cpu_ratio")]).warnings
    assert warning.text.startswith("Launches were repeated 1 time ")


def test_the_gates_are_kept():
    assert judged(gates=[*repeated(2), *marked(3)]).gates == (*repeated(2), *marked(3))


@pytest.mark.parametrize("former", FORMER_GATES)
def test_gates_of_older_versions_repeat_and_mark_nothing(former):
    gates = [replace(gate, gate=former) for launch in range(12) for gate in [*repeated(launch), *marked(launch)]]
    validity = judged(gates=gates, launches=12)
    assert (validity.valid, validity.warnings) == (True, ())


# --- the machine ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("field", "limit"), [("steal_ratio", 0.02), ("foreign_ratio", 0.05), ("generator_wait_ratio", 0.02)])
def test_the_machine_is_warned_of_from_a_limit_on_over_a_launch_as_a_whole(field, limit):
    assert judged(slices=troubled(**{field: limit})).warnings == ()
    assert len(judged(slices=troubled(**{field: limit * 1.01})).warnings) == 1
    assert judged(slices=[make_slice(**{field: limit * 1.9}), make_slice(block=1)]).warnings == ()


def test_older_runs_which_did_not_measure_other_programs_are_not_warned_of_them():
    assert judged(slices=troubled(foreign_ratio=None)).warnings == ()


@pytest.mark.parametrize("fields", [{"steal_ratio": 0.5}, {"foreign_ratio": 0.9}, {"generator_wait_ratio": 0.09}])
def test_what_the_machine_did_spoils_nothing(fields):
    validity = judged(slices=[make_slice(launch=launch, **fields) for launch in range(12)])
    assert (validity.valid, len(validity.warnings)) == (True, 1)


def test_what_widened_the_intervals_is_measured_whatever_it_did():
    half = {"drained_ns": 100 * MS, "steal_ratio": 0.04, "foreign_ratio": 0.3, "generator_wait_ratio": 0.08}
    slices = [make_slice(launch=2, stack=stack, throughput_rps=4000.0, **half) for stack in "abc"]
    slices += [make_slice(launch=1, stack=stack, throughput_rps=rate) for stack in "abc" for rate in (5000.0, 6000.0)]
    noise = judged(slices=slices).noise
    assert noise.steal_ratio == pytest.approx(0.04 * 3 * 100 / 1500)  # by length
    assert noise.generator_wait_ratio == pytest.approx(0.08 * 3 * 100 / 1500)
    assert noise.foreign_ratio == pytest.approx(0.3)  # where it was measured
    assert noise.slice_sd_ratio == pytest.approx(math.log(1.2) / math.sqrt(2))
    assert (noise.slowest_ratio, noise.fastest_ratio) == pytest.approx((4000 / 4750, 5500 / 4750))


def test_the_speeds_of_launches_are_those_of_the_first_part_launch_by_launch():
    first = [make_slice(launch=2, stack="a", throughput_rps=500.0)]  # in launch 1 this stack answered nothing
    first += [make_slice(launch=launch, stack=stack, throughput_rps=rate) for stack in "bc" for launch, rate in ((1, 800.0), (2, 1200.0))]
    later = [make_slice(part="sweep", launch=launch, stack=stack, throughput_rps=9.0) for stack in "abc" for launch in (3, 4, 5)]
    assert judged(slices=[*first, *later]).noise.launch_speeds == pytest.approx((0.8, 1.2))


def test_of_what_was_not_measured_no_noise_is_known():
    assert judged().noise == Noise()
    assert judged(slices=[make_slice()]).noise == Noise(steal_ratio=0.0, generator_wait_ratio=0.0)


def test_a_step_of_the_ladder_below_zero_makes_the_run_suspect_but_not_invalid():
    step = LadderRow("ladder", "flask-gthread", "predict-1", "busy-40", 3000.0, "framework", Interval(-5.0, -6.0, -4.0, 0.96), 8)
    validity = judged(ladder=[step])
    assert (validity.valid, codes_of(validity)) == (True, ["layering"])
