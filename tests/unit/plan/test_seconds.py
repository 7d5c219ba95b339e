"""How long a run is planned to take: within its limit, most of it for what is judged."""

import pytest

from bench.commands.planned import known_rates, plan_lines
from bench.plan.plan import judged_rows, make_plan
from bench.plan.seconds import conclusion_s, plan_seconds, total_s
from bench.records import AS_DEPLOYED, CellKey
from bench.records.folder import REFERENCE

RATES = known_rates(REFERENCE)
PROFILES = ("quick", "default", "thorough")


def judged_seconds(profile, rates=RATES):
    """Return the seconds under load of each stack of the judged rows of throughput, and those of all cells."""
    plan = make_plan(profile)
    [first, *_] = plan_seconds(plan, rates)
    stacks = {stack for pair, row in judged_rows(plan) if row.metric == "throughput_rps" for stack in pair.stacks}
    own = {stack: first.cells_s[CellKey(first.part, stack, "predict-1", "closed-16")] for stack in stacks}
    return own, sum(first.cells_s.values())


@pytest.mark.parametrize(("profile", "most_s"), [("smoke", 30), ("quick", 180), ("default", 600), ("thorough", 2400)])
def test_a_bundled_profile_is_planned_to_end_within_its_limit(profile, most_s):
    plan = make_plan(profile)
    assert total_s(plan, RATES) <= most_s <= plan.limit_s or profile == "smoke"


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


def test_the_lines_of_a_plan_add_up_to_its_whole():
    plan = make_plan("quick")
    lines = plan_lines(plan, RATES)
    assert lines[0] == f"Profile quick: {plan.purpose}"
    parts = [float(line.split()[1]) for line in lines if line.startswith("  headline")]
    [whole] = [float(line.split()[2]) for line in lines if line.startswith("  in all")]
    assert whole == pytest.approx(sum(parts) + conclusion_s(plan), abs=1.1)
