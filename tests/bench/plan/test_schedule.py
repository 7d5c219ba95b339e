"""The order of slices: seeded, balanced, mirrored within each block, another one in each launch."""

from collections import Counter
from itertools import groupby, takewhile

import pytest

from bench.plan.config import Part
from bench.plan.schedule import schedule_launch

STACKS = ("a", "b", "c", "d")
CELLS = {("x", "closed-1"), ("x", "closed-16"), ("y", "closed-1"), ("y", "closed-16")}
PARTS = (Part("one", STACKS, ("x", "y"), ("closed-1", "closed-16"), 5), Part("two", ("a", "e"), ("x",), ("closed-16",), 3))


@pytest.fixture(scope="module")
def slices():
    return schedule_launch(PARTS, 1, 7)


@pytest.fixture(scope="module")
def turns(slices):
    """Return the slices of each block of each scenario and load, in order."""
    counted = [planned for planned in slices if not planned.warm_up]
    return [list(turn) for _, turn in groupby(counted, key=lambda planned: (planned.part, planned.block, planned.scenario, planned.load))]


def test_slices_are_numbered_in_order(slices):
    assert [planned.index for planned in slices] == list(range(len(slices)))


def test_parts_come_one_after_the_other(slices):
    assert [part for part, _ in groupby(slices, key=lambda planned: planned.part)] == ["one", "two"]


def test_every_cell_is_warmed_up_once_before_the_first_counted_slice_of_its_part(slices):
    for part in PARTS:
        own = [planned for planned in slices if planned.part == part.name]
        first = list(takewhile(lambda planned: planned.warm_up, own))
        warmed = [(planned.stack, planned.scenario, planned.load) for planned in first]
        assert sorted(warmed) == sorted(
            (stack, *cell) for stack in part.stacks for cell in CELLS if cell[0] in part.scenarios and cell[1] in part.loads
        )
        assert not any(planned.warm_up for planned in own[len(first) :])


def test_a_warm_up_belongs_to_no_block(slices):
    assert {planned.warm_up for planned in slices if planned.block == -1} == {True}
    assert {planned.block for planned in slices if planned.warm_up} == {-1}


def test_each_block_takes_every_scenario_and_load_in_one_turn(turns):
    seen = Counter((turn[0].part, turn[0].block, turn[0].scenario, turn[0].load) for turn in turns)
    assert set(seen.values()) == {1}
    assert len(seen) == 5 * len(CELLS) + 3


def test_each_turn_has_each_stack_exactly_twice(turns):
    for turn in turns:
        stacks = STACKS if turn[0].part == "one" else ("a", "e")
        assert Counter(planned.stack for planned in turn) == dict.fromkeys(stacks, 2)


def test_each_turn_is_mirrored(turns):
    for turn in turns:
        order = [planned.stack for planned in turn]
        assert order == order[::-1]


def test_every_stack_has_the_same_mean_place_in_a_turn(turns):
    for turn in turns:
        places = {
            stack: [place for place, planned in enumerate(turn) if planned.stack == stack] for stack in {planned.stack for planned in turn}
        }
        assert {sum(own) / 2 for own in places.values()} == {(len(turn) - 1) / 2}


def test_a_launch_has_the_same_order_each_time():
    assert schedule_launch(PARTS, 3, 7) == schedule_launch(PARTS, 3, 7)


@pytest.mark.parametrize(("launch", "seed"), [(2, 7), (1, 8)])
def test_another_launch_or_seed_has_another_order(slices, launch, seed):
    assert [planned.stack for planned in schedule_launch(PARTS, launch, seed)] != [planned.stack for planned in slices]


def test_blocks_of_a_launch_differ_in_order(turns):
    orders = {tuple(planned.stack for planned in turn) for turn in turns if turn[0].part == "one"}
    assert len(orders) > 5


def test_blocks_of_a_launch_differ_in_the_order_of_scenarios_and_loads(turns):
    orders = {
        tuple((turn[0].scenario, turn[0].load) for turn in block)
        for _, block in groupby((turn for turn in turns if turn[0].part == "one"), key=lambda turn: turn[0].block)
    }
    assert len(orders) > 1


def test_over_many_launches_every_stack_is_first_equally_often():
    part = Part("one", STACKS, ("x",), ("closed-16",), 1)
    first = Counter(schedule_launch([part], launch, 7)[len(STACKS)].stack for launch in range(4000))
    assert all(900 <= times <= 1100 for times in first.values())


def test_the_order_of_a_part_does_not_depend_on_the_other_parts():
    alone = schedule_launch(PARTS[1:], 1, 7)
    among = [planned for planned in schedule_launch(PARTS, 1, 7) if planned.part == "two"]
    assert [planned.stack for planned in alone] == [planned.stack for planned in among]
