"""Whether a run may give verdicts, and each warning that it can give."""

from dataclasses import replace

import pytest
from judge_rows import make_floor, make_row, make_slice

from bench.judge.cells import make_cell
from bench.judge.validity import check_launch, judge_validity
from bench.records import CellKey, Gate, RunWarning

MS = 1_000_000


def make_cells(**fields):
    return [replace(make_cell(CellKey("headline", "flask-gthread", "predict-1", "closed-16"), [], [], [], 0, 0.95), **fields)]


def gates_of(*launches):
    return [Gate(launch, "steal_ratio", 0.05, 0.02, "kept and marked") for launch in launches]


def judged(*, cells=(), floor=None, gates=(), launches=12, spoilers=(), partial=False):
    return judge_validity(
        cells=cells,
        comparisons=[make_row()],
        noise_floor=[floor or make_floor()],
        gates=gates,
        launches=launches,
        spoilers=spoilers,
        partial=partial,
    )


def test_a_clean_run_is_valid_and_warns_of_nothing():
    validity = judged(cells=make_cells())
    assert (validity.valid, validity.aa, validity.warnings) == (True, "pass", ())


def test_validity_shows_the_noise_floor_of_the_primary_row():
    validity = judged(floor=make_floor(1.003, 0.01))
    assert (validity.aa_estimate, validity.aa_ci_low, validity.aa_ci_high) == pytest.approx((1.003, 0.993, 1.013), abs=5e-4)


def test_without_a_noise_floor_there_is_none_to_show():
    validity = judge_validity(cells=[], comparisons=[], noise_floor=[], gates=[], launches=2, spoilers=[], partial=False)
    assert (validity.valid, validity.aa, validity.aa_estimate, validity.aa_ci_low, validity.aa_ci_high) == (
        True,
        "not judged",
        None,
        None,
        None,
    )


# --- the closed list ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "conditions", "words", "valid"),
    [
        ("partial", {"partial": True, "launches": 3}, "3 launches", True),
        (
            "noise-floor",
            {"floor": make_floor(0.97)},
            "Two copies of flask-gthread differed by a factor of 0.970, more than 1% from 1.",
            False,
        ),
        ("marked-launches", {"gates": gates_of(1, 2, 3, 4), "launches": 12}, "4 of 12 launches did not pass", False),
        ("errors", {"cells": make_cells(errors=3)}, "3 wrong or failed answers, most of them in flask-gthread predict-1.", True),
        ("generator-limited", {"cells": make_cells(generator_limited=True)}, "more than 80% of its core against flask-gthread.", True),
        ("one-core", {"spoilers": [RunWarning("one-core", "One core.", "Use two.")]}, "One core.", False),
        ("busy", {"spoilers": [RunWarning("busy", "Busy.", "Wait.")]}, "Busy.", True),
    ],
)
def test_a_warning_has_its_number_and_a_next_step_and_some_make_the_run_invalid(code, conditions, words, valid):
    validity = judged(**conditions)
    [warning] = validity.warnings
    assert (warning.code, validity.valid) == (code, valid)
    assert words in warning.text
    assert warning.next_step.endswith(".")


def test_all_that_is_wrong_is_said_what_was_known_beforehand_first():
    spoiler = RunWarning("busy", "Busy.", "Wait.")
    validity = judged(
        cells=make_cells(errors=1, generator_limited=True),
        floor=make_floor(1.5),
        gates=gates_of(*range(12)),
        spoilers=[spoiler],
        partial=True,
    )
    codes = [warning.code for warning in validity.warnings]
    assert codes == ["busy", "partial", "noise-floor", "marked-launches", "errors", "generator-limited"]


def test_errors_are_summed_and_the_worst_cell_is_named():
    cells = [*make_cells(errors=2), *make_cells(errors=5, stack="fastapi-def"), *make_cells(stack="other")]
    [warning] = judged(cells=cells).warnings
    assert warning.text == "7 wrong or failed answers, most of them in fastapi-def predict-1."


def test_each_stack_that_outran_the_generator_is_named_once():
    cells = [
        *make_cells(generator_limited=True),
        *make_cells(generator_limited=True, load="closed-1"),
        *make_cells(generator_limited=True, stack="b"),
    ]
    [warning] = judged(cells=cells).warnings
    assert "against flask-gthread, b." in warning.text


@pytest.mark.parametrize(("marked", "valid"), [(3, True), (4, False)])
def test_more_than_one_marked_launch_in_four_makes_a_run_invalid(marked, valid):
    assert judged(gates=gates_of(*range(marked)), launches=12).valid is valid


def test_a_launch_with_two_faults_is_marked_once():
    assert judged(gates=gates_of(1, 1, 2, 2), launches=12).valid


def test_the_gates_are_kept():
    assert judged(gates=gates_of(3)).gates == tuple(gates_of(3))


# --- gates ----------------------------------------------------------------------------------------------------------


def test_a_launch_passes_up_to_two_per_cent_of_stolen_time():
    assert check_launch([make_slice(steal_ratio=0.02)]) == []


def test_a_launch_with_more_stolen_time_is_kept_and_marked():
    [gate] = check_launch([make_slice(launch=4, steal_ratio=0.021)])
    assert (gate.launch, gate.gate, gate.value, gate.limit, gate.action) == (
        4,
        "steal_ratio",
        pytest.approx(0.021),
        0.02,
        "kept and marked",
    )


def test_stolen_time_is_weighed_by_the_length_of_the_slices():
    slices = [make_slice(steal_ratio=0.10, drained_ns=100 * MS), make_slice(steal_ratio=0.0, drained_ns=300 * MS)]
    [gate] = check_launch(slices)
    assert gate.value == pytest.approx(0.025)


def test_time_stolen_from_a_warm_up_does_not_count():
    assert check_launch([make_slice(steal_ratio=0.5, warm_up=True), make_slice()]) == []


@pytest.mark.parametrize("slices", [[], [make_slice(warm_up=True, steal_ratio=0.5)]])
def test_a_launch_without_counted_slices_has_no_gate(slices):
    assert check_launch(slices) == []
