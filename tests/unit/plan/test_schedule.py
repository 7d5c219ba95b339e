"""The order of launches and slices: seeded, balanced, mirrored, another one in each launch, and the blocks of a launch spread over it."""

from collections import Counter
from dataclasses import replace
from itertools import groupby, takewhile

import pytest
from schedules import ONE, STACKS, plan, turns_of

from bench.plan.plan import make_plan
from bench.plan.profiles import Part, profile_purposes
from bench.plan.schedule import Turn, count_slices, plan_launch, schedule_run, schedule_slices

CELLS = {(scenario, load) for scenario in ("x", "y") for load in ("closed-1", "closed-16")}
TWO = Part("two", ("a", "e"), ("x",), ("closed-16",), launches=3, blocks=3)
PLAN = plan(ONE, TWO)


@pytest.fixture(scope="module")
def slices():
    return schedule_slices(PLAN, ONE, 1)


@pytest.fixture(scope="module")
def turns(slices):
    return turns_of(slices)


# --- launches of a run ----------------------------------------------------------------------------------------------

RUNS = [(1,), (14, 8, 8), (12,), (2, 1), (1, 1, 1), (20, 3), (5, 7, 11, 2), (200, 1)]
BUNDLED = [tuple(part.launches for part in make_plan(profile).parts) for profile in profile_purposes()]


def parts_of(launches):
    return [replace(ONE, name=f"part {place}", launches=count) for place, count in enumerate(launches)]


@pytest.mark.parametrize("launches", RUNS)
def test_a_run_has_every_launch_of_every_part_once_numbered_in_order(launches):
    planned = schedule_run(parts_of(launches))
    assert [launch.number for launch in planned] == list(range(1, sum(launches) + 1))
    assert sorted((launch.part.name, launch.ordinal) for launch in planned) == [
        (part.name, ordinal) for part in parts_of(launches) for ordinal in range(1, part.launches + 1)
    ]


@pytest.mark.parametrize("launches", RUNS)
def test_the_launches_of_a_part_come_in_order(launches):
    for place, count in enumerate(launches):
        own = [launch.ordinal for launch in schedule_run(parts_of(launches)) if launch.part.name == f"part {place}"]
        assert own == list(range(1, count + 1))


@pytest.mark.parametrize("launches", [*RUNS, *BUNDLED])
def test_at_any_time_each_part_is_as_far_as_each_other_within_half_a_launch_of_both(launches):
    done = Counter()
    for launch in schedule_run(parts_of(launches)):
        done[launch.part.name] += 1
        shares = [(done[f"part {place}"] / count, 0.5 / count) for place, count in enumerate(launches)]
        assert all(abs(one - other) <= half + other_half + 1e-9 for one, half in shares for other, other_half in shares)


def test_a_run_of_no_part_has_no_launch():
    assert schedule_run([]) == []


# --- slices of a launch ---------------------------------------------------------------------------------------------


def test_slices_are_numbered_in_order(slices):
    assert [planned.index for planned in slices] == list(range(len(slices)))


@pytest.mark.parametrize("part", [ONE, TWO])
def test_a_launch_has_the_slices_of_its_part_alone(part):
    planned = schedule_slices(PLAN, part, 1)
    assert {place.part for place in planned} == {part.name}
    assert {place.stack for place in planned} == set(part.stacks)


def test_every_cell_is_warmed_up_once_before_the_first_counted_slice(slices):
    first = list(takewhile(lambda planned: planned.warm_up, slices))
    warmed = [(planned.stack, planned.scenario, planned.load) for planned in first]
    assert sorted(warmed) == sorted((stack, *cell) for stack in STACKS for cell in CELLS)
    assert not any(planned.warm_up for planned in slices[len(first) :])


def test_a_warm_up_belongs_to_no_block(slices):
    assert {planned.warm_up for planned in slices if planned.block == -1} == {True}
    assert {planned.block for planned in slices if planned.warm_up} == {-1}


def test_each_block_takes_every_scenario_and_load_in_one_turn(turns):
    seen = Counter((turn[0].block, turn[0].scenario, turn[0].load) for turn in turns)
    assert set(seen.values()) == {1}
    assert len(seen) == 5 * len(CELLS)


def test_each_turn_has_each_stack_exactly_twice(turns):
    for turn in turns:
        assert Counter(planned.stack for planned in turn) == dict.fromkeys(STACKS, 2)


def test_a_part_that_is_not_mirrored_has_each_stack_once_per_turn_in_random_order():
    orders = set()
    for ordinal in range(1, 20):
        counted = [planned for planned in schedule_slices(PLAN, replace(ONE, mirrored=False), ordinal) if not planned.warm_up]
        for _, turn in groupby(counted, key=lambda planned: (planned.block, planned.scenario, planned.load)):
            order = tuple(planned.stack for planned in turn)
            assert sorted(order) == sorted(STACKS)
            orders.add(order)
    assert len(orders) == 24  # all orders of four stacks


def test_the_first_load_of_a_scenario_has_the_whole_warm_up_and_further_ones_a_third(slices):
    lengths = {(planned.scenario, planned.load): planned.length_ms for planned in slices if planned.warm_up}
    first = {scenario: next(load for name, load in lengths if name == scenario) for scenario in {name for name, _ in lengths}}
    for (scenario, load), length_ms in lengths.items():
        assert length_ms == pytest.approx(PLAN.warm_up_ms if load == first[scenario] else PLAN.warm_up_ms / 3)


def test_each_stack_is_warmed_up_by_its_own_first_closed_loop_and_put_under_its_own_loads_alone():
    by_load = {"closed-1": ("a", "b"), "open-500rps-constant": ("b", "c"), "closed-64": ("b", "d")}
    part = replace(ONE, scenarios=("x",), loads=tuple(by_load), stacks_by_load=by_load, mirrored=False, blocks=1)
    slices = schedule_slices(plan(part), part, 1)
    warm_ups = {(planned.stack, planned.load): round(planned.length_ms) for planned in slices if planned.warm_up}
    whole = [("a", "closed-1"), ("b", "closed-1"), ("d", "closed-64"), ("c", "closed-16")]
    assert warm_ups == {**dict.fromkeys(whole, 100), ("b", "closed-64"): 33}
    counted = {(planned.stack, planned.load) for planned in slices if not planned.warm_up}
    assert counted == {(stack, load) for load, stacks in by_load.items() for stack in stacks}
    assert len(slices) == 5 + part.count_slices()


def test_a_counted_slice_of_a_closed_loop_has_no_length_yet(slices):
    assert {planned.length_ms for planned in slices if not planned.warm_up} == {None}


def test_each_turn_is_mirrored(turns):
    for turn in turns:
        order = [planned.stack for planned in turn]
        assert order == order[::-1]


def test_every_stack_has_the_same_mean_place_in_a_turn(turns):
    for turn in turns:
        places = {stack: [place for place, planned in enumerate(turn) if planned.stack == stack] for stack in STACKS}
        assert {sum(own) / 2 for own in places.values()} == {(len(turn) - 1) / 2}


def test_a_launch_has_the_same_order_each_time():
    assert schedule_slices(PLAN, ONE, 3) == schedule_slices(PLAN, ONE, 3)


@pytest.mark.parametrize(("ordinal", "seed"), [(2, 7), (1, 8)])
def test_another_launch_or_seed_has_another_order(slices, ordinal, seed):
    other = schedule_slices(replace(PLAN, seed=seed), ONE, ordinal)
    assert [planned.stack for planned in other] != [planned.stack for planned in slices]


def test_blocks_of_a_launch_differ_in_order(turns):
    assert len({tuple(planned.stack for planned in turn) for turn in turns}) > 5


def test_blocks_of_a_launch_differ_in_the_order_of_scenarios_and_loads(turns):
    orders = {tuple((turn[0].scenario, turn[0].load) for turn in block) for _, block in groupby(turns, key=lambda turn: turn[0].block)}
    assert len(orders) > 1


def test_a_load_with_more_blocks_has_more_turns_than_the_others():
    part = replace(ONE, blocks=1, more_blocks={"closed-16": 3})
    turns = turns_of(schedule_slices(plan(part), part, 1))
    assert Counter((turn[0].scenario, turn[0].load) for turn in turns) == {
        (scenario, load): blocks for scenario in ("x", "y") for load, blocks in (("closed-16", 3), ("closed-1", 1))
    }
    assert sum(len(turn) for turn in turns) == part.count_slices()


@pytest.mark.parametrize("more_blocks", [{"closed-16": 3}, {"closed-16": 8, "busy-40": 2}, {"closed-1": 6, "busy-40": 5}])
def test_at_any_place_of_a_launch_each_load_is_as_far_as_each_other_within_half_a_block_of_both(more_blocks):
    part = replace(ONE, loads=("closed-16", "closed-1", "busy-40"), blocks=1, more_blocks=more_blocks)
    done = Counter()
    for turn in turns_of(schedule_slices(plan(part), part, 1)):
        done[turn[0].scenario, turn[0].load] += 1
        shares = [
            (done[scenario, load] / part.count_blocks(load), 0.5 / part.count_blocks(load)) for scenario in "xy" for load in part.loads
        ]
        assert all(abs(one - other) <= half + other_half + 1e-9 for one, half in shares for other, other_half in shares)


def test_the_blocks_of_a_load_come_in_their_order_and_a_single_one_stands_in_the_middle_of_the_launch():
    part = replace(ONE, scenarios=("x",), blocks=1, more_blocks={"closed-16": 8})
    turns = turns_of(schedule_slices(plan(part), part, 1))
    assert [turn[0].load for turn in turns].index("closed-1") == 4
    assert [turn[0].block for turn in turns if turn[0].load == "closed-16"] == list(range(8))


def test_over_many_launches_every_stack_is_first_equally_often():
    part = replace(ONE, scenarios=("x",), loads=("closed-16",), blocks=1)
    config = plan(part)
    first = Counter(schedule_slices(config, part, launch)[len(STACKS)].stack for launch in range(4000))
    assert all(900 <= times <= 1100 for times in first.values())


def test_the_order_of_a_part_does_not_depend_on_the_other_parts():
    assert schedule_slices(plan(TWO), TWO, 1) == schedule_slices(PLAN, TWO, 1)


def test_the_parts_of_a_run_differ_in_order():
    part = replace(ONE, name="other")
    orders = [[planned.stack for planned in schedule_slices(plan(ONE, part), own, 1)] for own in (ONE, part)]
    assert orders[0] != orders[1]


def test_the_slices_of_a_run_are_those_of_all_launches():
    assert count_slices(PLAN) == 7 * (4 * 4 + 5 * 4 * 8) + 3 * (2 + 3 * 4)


# --- the pace of a launch -------------------------------------------------------------------------------------------


def pace_of(config, part):
    """Return the pace of a launch of a part, which is asked something that there is."""
    return plan_launch(config, Turn(1, replace(part, scenarios=("hello",)), 1)).pace


def test_a_launch_has_the_slices_of_its_part_or_of_the_plan_and_the_bounds_of_the_rules():
    part = replace(ONE, name="other", slice_ms=90, settle_ms=15)
    config = plan(ONE, part)
    (usual, own), rules = (pace_of(config, one) for one in config.parts), config.rules.slices
    assert [(pace.slice_ms, pace.settle_ms) for pace in (usual, own)] == [(250, 40), (90, 15)]
    for pace in (usual, own):
        assert (pace.max_slice_ms, pace.drain_timeout_s) == (rules.max_slice_ms, config.rules.open_loop.drain_timeout_s) == (4000, 5)
        assert (pace.open_slice_ms, pace.own_slice_ms, pace.own_answers) == (rules.open_slice_ms, rules.own_slice_ms, rules.own_answers)


def test_a_part_may_settle_for_no_time_at_all():
    assert pace_of(PLAN, replace(ONE, settle_ms=0)).settle_ms == 0


@pytest.mark.parametrize(("mirrored", "share"), [(True, 0.35), (False, 0.7)])
def test_a_block_of_a_part_that_is_only_explored_needs_seven_tenths_of_the_answers_and_drains_of_one_slice(mirrored, share):
    explored = replace(ONE, name="explored", mirrored=mirrored)
    judged, other = (pace_of(plan(ONE, explored), part) for part in (ONE, explored))
    assert (judged.min_answers, judged.drains_per_slice) == (200, 10)
    assert (other.min_answers, other.drains_per_slice) == pytest.approx((share * 200, share * 10))
    assert other.own_answers == judged.own_answers  # every launch of a stack's own rates needs a p99


def test_the_first_part_needs_all_answers_though_its_blocks_are_not_mirrored():
    part = replace(ONE, mirrored=False)
    assert pace_of(plan(part), part).min_answers == 200


# --- probes ---------------------------------------------------------------------------------------------------------

PROBED = replace(ONE, scenarios=("x",), loads=("closed-16",), blocks=2, probe="open-10rps-constant")


@pytest.mark.parametrize("mirrored", [True, False])
def test_beside_each_counted_slice_its_stack_is_asked_whether_it_is_alive(mirrored):
    part = replace(PROBED, mirrored=mirrored)
    slices = schedule_slices(plan(part), part, 1)
    counted = [planned for planned in slices if not planned.warm_up]
    loaded, beside = counted[::2], counted[1::2]
    assert [(own.beside, own.scenario, own.load) for own in loaded] == [(False, "x", "closed-16")] * len(loaded)
    assert [(own.beside, own.scenario, own.load) for own in beside] == [(True, "livez", "open-10rps-constant")] * len(beside)
    assert [(own.stack, own.block) for own in beside] == [(own.stack, own.block) for own in loaded]
    assert not any(planned.beside for planned in slices if planned.warm_up)
    assert len(counted) == part.count_slices() == 2 * 2 * 4 * (1 + mirrored)


def test_probes_come_at_the_rate_of_their_load_the_same_for_all_stacks_of_a_turn():
    probes = [planned.arrivals for planned in schedule_slices(plan(PROBED), PROBED, 1) if planned.beside]
    assert {(own.rate_rps, own.is_constant) for own in probes} == {(10, True)}
    assert set(Counter(probes).values()) == {len(STACKS)}
    assert len(set(probes)) == 2 * 2  # blocks, there and back


def test_the_order_of_slices_is_the_same_with_and_without_probes():
    orders = [
        [planned.stack for planned in schedule_slices(plan(part), part, 1) if not planned.beside]
        for part in (PROBED, replace(PROBED, probe=None))
    ]
    assert orders[0] == orders[1]


def test_a_stack_that_is_probed_is_asked_both_before_load():
    config = make_plan("thorough")
    [part] = [part for part in config.parts if part.probe]
    launch = plan_launch(config, Turn(1, part, 1))
    assert set(launch.scenarios.values()) == {("predict-1", "livez")}
