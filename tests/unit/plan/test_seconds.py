"""How long a run is planned to take: within its limit, most of it for what is judged."""

from dataclasses import replace

import pytest

from bench.commands.planned import known_rates, plan_lines
from bench.plan.plan import judged_rows, make_plan
from bench.plan.seconds import (
    BETWEEN_SLICES_S,
    START_PER_STACK_S,
    START_S,
    STOP_PER_STACK_S,
    STOP_S,
    conclusion_s,
    plan_seconds,
    total_s,
)
from bench.records import AS_DEPLOYED, CellKey
from bench.records.folder import REFERENCE

RATES = known_rates(REFERENCE)
PROFILES = ("quick", "default", "thorough")


@pytest.fixture(scope="module")
def thorough():
    return make_plan("thorough")


def judged_seconds(profile, rates=RATES):
    """Return the seconds under load of each stack of the judged rows of throughput, and those of all cells."""
    plan = make_plan(profile)
    [first, *_] = plan_seconds(plan, rates)
    stacks = {stack for pair, row in judged_rows(plan) if row.metric == "throughput_rps" for stack in pair.stacks}
    own = {stack: first.cells_s[CellKey(first.part, stack, "predict-1", "closed-16")] for stack in stacks}
    return own, sum(first.cells_s.values())


@pytest.mark.parametrize(("profile", "most_s"), [("smoke", 30), ("quick", 180), ("default", 570), ("thorough", 2399)])
def test_a_bundled_profile_is_planned_to_end_within_its_limit(profile, most_s):
    plan = make_plan(profile)
    assert total_s(plan, RATES) <= most_s <= plan.limit_s


def test_quick_gives_the_primary_pair_twice_the_time_of_the_others_and_what_is_judged_most_of_it():
    own, whole = judged_seconds("quick", {})
    assert {round(own[stack], 1) for stack in AS_DEPLOYED} == {round(2 * own["fastapi-granian"], 1)}
    assert own["flask-gthread"] >= 25
    assert own["fastapi-granian"] >= 12.5
    assert sum(own.values()) >= 0.5 * whole


@pytest.mark.parametrize("profile", ["default", "thorough"])
def test_a_longer_profile_gives_what_is_judged_at_least_as_much_time_as_quick(profile):
    quick, longer = judged_seconds("quick")[0], judged_seconds(profile)[0]
    assert {stack: longer[stack] >= 0.99 * seconds for stack, seconds in quick.items()} == dict.fromkeys(quick, True)


def test_a_slow_stack_has_longer_slices_and_fewer_blocks_of_them_in_the_same_time():
    plan = make_plan("quick")
    [usual] = plan_seconds(plan, {})
    [slow] = plan_seconds(plan, {(name, "predict-1", "closed-16"): 500.0 for name in plan.parts[0].stacks})
    assert slow.load_s == pytest.approx(usual.load_s, rel=0.02)


def test_what_is_asked_beside_a_slice_takes_no_time_of_its_own(thorough):
    [probed] = [part for part in thorough.parts if part.probe]
    plans = [replace(thorough, parts=(replace(probed, probe=probe),)) for probe in (probed.probe, None)]
    [[beside], [alone]] = [plan_seconds(plan, {}) for plan in plans]
    assert (beside.load_s, beside.total_s) == (alone.load_s, alone.total_s)
    assert beside.cells_s.keys() == alone.cells_s.keys()


@pytest.mark.parametrize(
    ("loads", "slices_s", "warm_up_s"),
    [
        pytest.param(("closed-16",), 6 * 0.1, 3 * 0.5, id="a closed loop: each stack once, and once mirrored"),
        pytest.param(("closed-16", "open-500rps"), 6 * (0.1 + 0.25), 3 * 0.5, id="a known rate needs no calibration"),
        pytest.param(("open-500rps",), 6 * 0.25, 3 * 0.5, id="nor a closed loop of its own"),
        pytest.param(("closed-16", "busy-40"), 6 * (0.1 + 0.25), 3 * 0.5 + 4 * 0.5, id="a busy share: both copies, there and back"),
        pytest.param(("own-80",), 6 * 1.0, 3 * 0.5 + 6 * 0.5, id="a share of its own: every stack, there and back"),
    ],
)
def test_warm_ups_and_calibration_are_part_of_the_time_of_a_launch(loads, slices_s, warm_up_s):
    plan = make_plan("quick", compare=[AS_DEPLOYED])
    part = replace(plan.parts[0], loads=loads, more_blocks={}, trio_turns={}, blocks=1, launches=1)
    plan = replace(plan, parts=(part,), slice_ms=100, warm_up_ms=500)
    [found], [unloaded] = (plan_seconds(one, {}) for one in (plan, replace(plan, warm_up_ms=0)))
    assert found.load_s == pytest.approx(slices_s)
    assert found.total_s - unloaded.total_s == pytest.approx(3 * 0.5)
    slices = 3 + round((warm_up_s - 3 * 0.5) / 0.5) + part.count_slices()
    usual_s = START_S + STOP_S + 3 * (START_PER_STACK_S + STOP_PER_STACK_S) + BETWEEN_SLICES_S * slices
    assert found.total_s == pytest.approx(slices_s + warm_up_s + usual_s)


def test_the_lines_of_a_plan_add_up_to_its_whole():
    plan = make_plan("quick")
    lines = plan_lines(plan, RATES)
    assert lines[0] == f"Profile quick: {plan.purpose}"
    parts = [float(line.split()[1]) for line in lines if line.startswith("  headline")]
    [whole] = [float(line.split()[2]) for line in lines if line.startswith("  in all")]
    assert whole == pytest.approx(sum(parts) + conclusion_s(plan), abs=1.1)
