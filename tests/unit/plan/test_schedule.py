"""The order of launches and slices, and when requests are due: seeded, balanced, mirrored, another one in each launch."""

from collections import Counter
from dataclasses import replace
from itertools import groupby, takewhile

import numpy as np
import pytest
from scipy import stats

from bench.plan.plan import Plan, make_plan
from bench.plan.profiles import Pair, Part, profile_purposes
from bench.plan.schedule import count_slices, draw_arrivals, open_length_ms, schedule_run, schedule_slices
from bench.plan.stacks import Stack
from bench.records.loads import parse_load

STACKS = ("a", "b", "c", "d")
CELLS = {(scenario, load) for scenario in ("x", "y") for load in ("closed-1", "closed-16")}
ONE = Part("one", STACKS, ("x", "y"), ("closed-1", "closed-16"), launches=7, blocks=5)
TWO = Part("two", ("a", "e"), ("x",), ("closed-16",), launches=3, blocks=3)
OPEN = Part("open", STACKS, ("x",), ("closed-16", "open-50", "own-80", "open-500rps-constant"), launches=2, blocks=2)


def plan(*parts, seed=7, **saturation_rps):
    """Return a plan of these parts; what is not about the order is left empty."""
    names = {stack for part in parts for stack in part.stacks}
    return Plan(
        profile="test",
        purpose="a test.",
        slice_ms=250,
        settle_ms=40,
        warm_up_ms=100,
        starts=0,
        repeats=2,
        seed=seed,
        pairs=(Pair("first", "a", "b"),),
        parts=parts,
        stacks={name: Stack(name, ("{port}",)) for name in names},
        saturation_rps=saturation_rps,
    )


PLAN = plan(ONE, TWO)


def turns_of(slices):
    """Return the slices of each block of each scenario and load, in order."""
    counted = [planned for planned in slices if not planned.warm_up]
    return [list(turn) for _, turn in groupby(counted, key=lambda planned: (planned.block, planned.scenario, planned.load))]


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


def test_each_stack_is_warmed_up_by_its_own_first_load_and_put_under_its_own_loads_alone():
    by_load = {"closed-16": ("a", "b"), "open-500rps-constant": ("b", "c")}
    part = replace(ONE, stacks=("a", "b", "c"), scenarios=("x",), loads=tuple(by_load), stacks_by_load=by_load, mirrored=False, blocks=1)
    slices = schedule_slices(plan(part), part, 1)
    warm_ups = {(planned.stack, planned.load): planned.length_ms for planned in slices if planned.warm_up}
    assert warm_ups == {("a", "closed-16"): 100, ("b", "closed-16"): 100, ("c", "open-500rps-constant"): 100}
    counted = {(planned.stack, planned.load) for planned in slices if not planned.warm_up}
    assert counted == {(stack, load) for load, stacks in by_load.items() for stack in stacks}
    assert len(slices) == 3 + part.count_slices()


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
    assert [turn[0].block for turn in turns] == [0, 0, 0, 0, 1, 1, 2, 2]
    assert sum(len(turn) for turn in turns) == part.count_slices()


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


# --- open loops -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def config():
    return plan(OPEN, a=1000.0, b=2000.0, c=2000.0, d=4000.0)


def arrivals_of(slices, load):
    """Return the seeds of the arrivals of each half of each turn of a load."""
    turns = [turn for turn in turns_of(slices) if turn[0].load == load]
    halves = [half for turn in turns for half in (turn[: len(turn) // 2], turn[len(turn) // 2 :])]
    return [[planned.arrivals for planned in half] for half in halves]


def test_a_slice_of_an_open_loop_has_the_rate_of_its_stack_and_load(config):
    rates = {(planned.load, planned.stack): planned.offered_rps for planned in schedule_slices(config, OPEN, 1)}
    assert {stack: rates["open-50", stack] for stack in STACKS} == dict.fromkeys(STACKS, 500)
    assert {stack: rates["own-80", stack] for stack in STACKS} == {"a": 800, "b": 1600, "c": 1600, "d": 3200}
    assert {stack: rates["open-500rps-constant", stack] for stack in STACKS} == dict.fromkeys(STACKS, 500)


def test_a_slice_of_a_closed_loop_has_neither_rate_nor_arrivals(config, slices):
    closed = [planned for planned in [*schedule_slices(config, OPEN, 1), *slices] if planned.load.startswith("closed")]
    assert {(planned.offered_rps, planned.arrivals) for planned in closed} == {(None, "")}


@pytest.mark.parametrize("load", ["open-50", "open-500rps-constant"])
def test_all_stacks_of_a_turn_have_the_same_arrivals_and_others_in_the_mirrored_half(config, load):
    halves = arrivals_of(schedule_slices(config, OPEN, 1), load)
    assert [len(set(half)) for half in halves] == [1] * 4
    assert len({half[0] for half in halves}) == 4
    assert all(half[0] for half in halves)


def test_at_a_share_of_its_own_each_stack_has_arrivals_of_its_own_rate_and_equal_ones_share_them(config):
    turn = [planned for planned in schedule_slices(config, OPEN, 1) if planned.load == "own-80"][: len(STACKS)]
    arrivals = {planned.stack: planned.arrivals for planned in turn}
    assert arrivals["b"] == arrivals["c"]
    assert len(set(arrivals.values())) == 3


def test_one_seed_of_arrivals_stands_for_one_rate_and_one_load(config):
    meanings = {}
    for planned in schedule_slices(config, OPEN, 1):
        meanings.setdefault(planned.arrivals, set()).add((planned.offered_rps, planned.load, planned.block))
    assert {len(meaning) for seed, meaning in meanings.items() if seed} == {1}


@pytest.mark.parametrize(("ordinal", "seed"), [(2, 7), (1, 8)])
def test_another_launch_or_seed_has_other_arrivals(config, ordinal, seed):
    one, other = (
        {planned.arrivals for planned in schedule_slices(replace(config, seed=number), OPEN, launch) if planned.arrivals}
        for number, launch in ((7, 1), (seed, ordinal))
    )
    assert one.isdisjoint(other)


def test_an_open_loop_has_no_warm_up_of_its_own_where_a_closed_loop_of_the_scenario_has_one(config):
    warmed = [(planned.stack, planned.load) for planned in schedule_slices(config, OPEN, 1) if planned.warm_up]
    assert sorted(warmed) == [(stack, "closed-16") for stack in STACKS]


def test_an_open_loop_without_a_closed_one_has_its_warm_up_with_arrivals_of_its_own():
    part = replace(OPEN, loads=("open-50",))
    planned = schedule_slices(plan(part, a=1000.0, b=2000.0), part, 1)
    warm_ups = [place for place in planned if place.warm_up]
    assert sorted(place.stack for place in warm_ups) == list(STACKS)
    [arrivals] = {place.arrivals for place in warm_ups}
    assert arrivals
    assert arrivals not in {place.arrivals for place in planned if not place.warm_up}


# --- when requests are due ------------------------------------------------------------------------------------------

POISSON, CONSTANT = parse_load("open-60"), parse_load("open-60-constant")
MANY = 2000


@pytest.mark.parametrize("load", [POISSON, CONSTANT])
@pytest.mark.parametrize(("rate_rps", "length_ms"), [(1.0, 250), (400.0, 250), (2800.0, 250), (400.0, 4000), (100_000.0, 20)])
def test_arrivals_are_in_order_and_within_their_slice(load, rate_rps, length_ms):
    due = draw_arrivals(load, rate_rps, length_ms, "seed")
    assert due == sorted(due)
    assert all(isinstance(at_ns, int) and 0 <= at_ns < length_ms * 1e6 for at_ns in due)


@pytest.mark.parametrize("load", [POISSON, CONSTANT])
def test_arrivals_are_the_same_each_time_and_others_with_another_seed(load):
    assert draw_arrivals(load, 400.0, 250, "seed") == draw_arrivals(load, 400.0, 250, "seed")
    assert draw_arrivals(load, 400.0, 250, "seed") != draw_arrivals(load, 400.0, 250, "other")


def test_a_longer_slice_begins_with_the_arrivals_of_a_shorter_one():
    short, long = (draw_arrivals(POISSON, 400.0, length_ms, "seed") for length_ms in (250, 500))
    assert long[: len(short)] == short


def test_the_number_of_random_arrivals_has_the_mean_and_the_variance_of_a_poisson_process():
    """100 are expected; the tolerances are four standard errors of mean and variance over 2,000 slices."""
    counts = np.array([len(draw_arrivals(POISSON, 400.0, 250, f"seed {number}")) for number in range(MANY)])
    assert counts.mean() == pytest.approx(100, abs=4 * np.sqrt(100 / MANY))
    assert counts.var(ddof=1) == pytest.approx(100, abs=4 * 100 * np.sqrt(2 / MANY))


def test_the_gaps_between_random_arrivals_are_exponential():
    gaps = np.diff(draw_arrivals(POISSON, 1000.0, 60_000, "seed"))
    assert stats.kstest(gaps, "expon", args=(0, 1e6)).pvalue > 0.01
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 4 / np.sqrt(len(gaps))


def test_the_first_random_arrival_is_as_far_from_the_start_as_any_from_the_one_before():
    first = [draw_arrivals(POISSON, 400.0, 250, f"seed {number}")[0] for number in range(MANY)]
    assert stats.kstest(first, "expon", args=(0, 2.5e6)).pvalue > 0.01


def test_constant_arrivals_have_equal_gaps():
    due = draw_arrivals(CONSTANT, 300.0, 250, "seed")
    assert len(due) == 75
    assert np.diff(due) == pytest.approx(1e9 / 300, abs=1)


def test_constant_arrivals_begin_at_a_random_point_of_the_first_gap():
    first = [draw_arrivals(CONSTANT, 400.0, 250, f"seed {number}")[0] for number in range(MANY)]
    assert stats.kstest(first, "uniform", args=(0, 2.5e6)).pvalue > 0.01


def test_a_rate_below_one_per_slice_gives_some_slices_no_arrival():
    assert {len(draw_arrivals(CONSTANT, 2.0, 250, f"seed {number}")) for number in range(20)} == {0, 1}


@pytest.mark.parametrize(("rate", "length_ms"), [(100_000, 250), (800, 250), (500, 400), (50, 4000), (1, 4000)])
def test_a_slice_of_an_open_loop_lasts_for_enough_arrivals_within_bounds(rate, length_ms):
    assert open_length_ms(PLAN.rules.slices, PLAN.slice_ms, rate, POISSON) == max(PLAN.slice_ms, length_ms)


def test_a_slice_at_a_share_of_a_stacks_own_saturation_has_enough_arrivals_for_a_p99_of_each_launch():
    assert (
        open_length_ms(PLAN.rules.slices, PLAN.slice_ms, 500, parse_load("own-80"))
        == 2 * open_length_ms(PLAN.rules.slices, PLAN.slice_ms, 500, parse_load("open-80"))
        == 800
    )
