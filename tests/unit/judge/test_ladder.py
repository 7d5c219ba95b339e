"""The ladder splits the CPU time of a request by differences within launches, and says when a step cannot be."""

from dataclasses import replace

import numpy as np
import pytest
from judge_rows import make_slice, small_config

from bench.judge.index import index_slices
from bench.judge.ladder import find_impossible, judge_ladder
from bench.plan.plan import make_plan
from bench.plan.profiles import Part
from bench.records import ServerTiming

RUNGS_US = {"bare-wsgi-gthread": 130.0, "flask-gthread@constant": 185.0, "flask-gthread": 195.0}
PART = Part("ladder", tuple(RUNGS_US), ("predict-1",), ("busy-40",), launches=8, blocks=1)


def ladder_config(part=PART):
    stacks = make_plan("thorough").stacks
    return replace(small_config(), parts=(part,), stacks=stacks)


def slices_of(part=PART, cpu_us=RUNGS_US, speeds=None):
    """Return two slices of 1,000 answers per rung and launch; all of a launch is slower by its speed."""
    rows = []
    for launch in range(1, part.launches + 1):
        for stack in part.stacks:
            total_ns = int(cpu_us[stack] * (speeds or {}).get(launch, 1) * 1e6)
            rows += [
                make_slice(
                    launch=launch,
                    slice=place,
                    part=part.name,
                    stack=stack,
                    load=part.loads[0],
                    offered_rps=3000.0,
                    server_cpu_ns=total_ns,
                )
                for place in range(2)
            ]
    return rows


def ladder_of(slices, part=PART, timing=()):
    return judge_ladder(ladder_config(part), index_slices(slices), timing)


def steps_of(rows):
    return {row.step: row for row in rows}


def test_the_steps_are_differences_that_add_up_to_the_total():
    steps = steps_of(ladder_of(slices_of()))
    assert {step: row.cpu_us for step, row in steps.items()} == pytest.approx({"server": 130, "framework": 55, "model": 10, "total": 195})
    assert {row.stack for row in steps.values()} == {"flask-gthread"}
    assert {row.offered_rps for row in steps.values()} == {3000.0}
    assert {row.launches for row in steps.values()} == {8}


def test_the_interval_of_a_step_has_the_noise_of_both_rungs():
    draw = np.random.default_rng(3)
    rows = [replace(row, server_cpu_ns=int(row.server_cpu_ns * draw.normal(1, 0.02))) for row in slices_of()]
    model = steps_of(ladder_of(rows))["model"]
    assert model.cpu.low < 10 < model.cpu.high
    assert model.cpu.high - model.cpu.low > 2


def test_the_rate_is_the_median_of_those_of_the_launches():
    rows = [replace(record, offered_rps=3000.0 + 10 * record.launch) for record in slices_of()]
    assert {row.offered_rps for row in ladder_of(rows)} == {3045.0}


def noisy(spread, cpu_us=RUNGS_US):
    """Return slices whose CPU time is noisy, that of each rung by itself."""
    draw = np.random.default_rng(5)
    return [replace(row, server_cpu_ns=int(row.server_cpu_ns * draw.normal(1, spread))) for row in slices_of(cpu_us=cpu_us)]


def timing_of(preprocess_us, predict_us, stack="flask-gthread"):
    return ServerTiming(stack, "predict-1", 1000, preprocess_us, predict_us)


@pytest.mark.parametrize(
    ("timing", "check_us", "contradicted"),
    [
        ([timing_of(6.0, 4.0)], 10.0, False),  # both together
        ([timing_of(2.0, 4.0)], 6.0, True),
        ([timing_of(15.0, 4.0)], 19.0, True),
        ([timing_of(6.0, 40.0, "fastapi-uvicorn"), timing_of(5.0, 5.5)], 10.5, False),
        ([timing_of(6.0, 40.0, "fastapi-uvicorn")], None, False),
        ([], None, False),
    ],
)
def test_the_models_step_is_contradicted_if_what_the_stack_itself_says_lies_outside_its_interval(timing, check_us, contradicted):
    steps = steps_of(ladder_of(noisy(0.008), timing=timing))
    assert steps["model"].cpu.ends == pytest.approx((8.55, 11.14), abs=0.01)
    assert (steps["model"].check_us, steps["model"].contradicted) == (check_us, contradicted)
    assert {(row.check_us, row.contradicted) for step, row in steps.items() if step != "model"} == {(None, False)}


def test_a_step_without_an_interval_contradicts_nothing():
    part = replace(PART, launches=2)
    steps = steps_of(ladder_of(slices_of(part), part, timing=[timing_of(90.0, 90.0)]))
    assert (steps["model"].check_us, steps["model"].cpu.ends, steps["model"].contradicted) == (180.0, None, False)


@pytest.mark.parametrize(("spread", "resolved"), [(0.0, True), (0.008, True), (0.1, False)])
def test_a_step_is_resolved_unless_its_interval_reaches_across_zero(spread, resolved):
    steps = steps_of(ladder_of(noisy(spread)))
    assert {step: row.is_resolved for step, row in steps.items()} == {"server": True, "framework": True, "model": resolved, "total": True}
    below = steps_of(ladder_of(noisy(spread, {**RUNGS_US, "bare-wsgi-gthread": 185.0 + 10})))["framework"]
    assert (below.cpu.high < 0, below.is_resolved) == (resolved, resolved)


def test_a_launch_in_which_all_was_slower_moves_the_steps_by_less_than_the_rungs():
    usual, one_slow = (steps_of(ladder_of(slices_of(speeds=speeds))) for speeds in (None, {5: 1.5}))
    assert one_slow["model"].cpu_us == pytest.approx(usual["model"].cpu_us)  # of 8 launches one does not move the estimate


@pytest.mark.parametrize("missing", list(RUNGS_US))
def test_a_stack_of_which_a_rung_was_not_measured_has_no_ladder(missing):
    assert ladder_of([row for row in slices_of() if row.stack != missing]) == []
    part = replace(PART, stacks=tuple(stack for stack in PART.stacks if stack != missing))
    assert ladder_of(slices_of(part), part) == []


def test_a_closed_loop_makes_no_ladder():
    part = replace(PART, loads=("closed-16",))
    assert ladder_of(slices_of(part), part) == []


def test_only_launches_with_all_rungs_count():
    rows = [row for row in slices_of() if (row.launch, row.stack) != (3, "bare-wsgi-gthread")]
    assert {row.launches for row in ladder_of(rows)} == {7}


def test_a_launch_whose_cpu_time_is_not_known_is_left_out_of_its_steps():
    rows = [replace(row, server_cpu_ns=None) if (row.launch, row.stack) == (3, "flask-gthread") else row for row in slices_of()]
    assert {step: row.launches for step, row in steps_of(ladder_of(rows)).items()} == {
        "server": 8, "framework": 8, "model": 7, "total": 7,
    }  # fmt: skip


def test_a_framework_below_its_own_floor_is_suspect_only_beyond_the_interval():
    below = {**RUNGS_US, "bare-wsgi-gthread": 190.0}
    [warning] = find_impossible(ladder_of(slices_of(cpu_us=below)))
    assert warning.code == "layering"
    assert "flask-gthread: the step 'framework' took -5.0 us" in warning.text
    assert not list(find_impossible(ladder_of(noisy(0.1, below))))
    assert not list(find_impossible(ladder_of(slices_of())))
