"""Who stands beside whom in a pass: contenders directly between both copies of their baseline, since near in time is less noise."""

import itertools
import random
from collections import Counter
from dataclasses import replace

import pytest
from schedules import ONE, passes_of, plan, turns_of

from bench.plan.plan import judged_rows, make_plan
from bench.plan.profiles import Pair, profile_purposes
from bench.plan.schedule import find_trios, order_pass, schedule_slices

LAUNCHES = range(1, 7)
BUNDLED = {name: make_plan(name) for name in profile_purposes()}
JUDGING = [name for name in BUNDLED if name != "smoke"]


def copies(stack):
    """Return a stack and its copy."""
    return {stack, f"{stack}-twin"}


def judged(*, with_copy):
    """Return the judged rows of the bundled profiles whose contender has a copy of its own in the part, or has none."""
    return [
        pytest.param(name, *pair.stacks, row.load, id=f"{name}: {pair.name}, {row.metric} {row.load}")
        for name, config in BUNDLED.items()
        for pair, row in judged_rows(config)
        if (f"{pair.contender}-twin" in config.parts[0].stacks) == with_copy
    ]


def turns_under(name, load, launches=LAUNCHES):
    """Return the passes of every turn of a load in some launches of the first part of a bundled profile."""
    config = BUNDLED[name]
    launched = [turns_of(schedule_slices(config, config.parts[0], ordinal)) for ordinal in launches]
    found = [passes_of(turn) for turns in launched for turn in turns if turn[0].load == load]
    assert found
    return found


def is_between(stack, neighbours, order):
    """Whether a stack has these two directly beside it."""
    place = order.index(stack)
    return place > 0 and set(order[place - 1 : place + 2]) == {stack, *neighbours}


def meetings(order, stacks, others):
    """Return how a stack of one kind stands directly beside one of another, each time: before it or after it."""
    kinds = ["stack" if name in stacks else "other" if name in others else "" for name in order]
    met = {("stack", "other"): "before", ("other", "stack"): "after"}
    return [met[beside] for beside in itertools.pairwise(kinds) if beside in met]


# --- judged rows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", JUDGING)
def test_the_judged_pairs_are_three_and_the_contender_of_the_server_alone_has_a_copy_of_its_own(name):
    config = BUNDLED[name]
    has_copy = {pair.name: f"{pair.contender}-twin" in config.parts[0].stacks for pair, _ in judged_rows(config)}
    assert has_copy == {"as usually deployed": False, "server alone": True, "same server": False}


@pytest.mark.parametrize(("name", "contender", "baseline", "load"), judged(with_copy=False))
def test_in_every_pass_a_judged_contender_stands_between_both_copies_of_its_baseline(name, contender, baseline, load):
    for passes in turns_under(name, load):
        own = [order for order in passes if contender in order]
        assert own[:2] == passes[:2]
        assert all(is_between(contender, copies(baseline), order) for order in own)


@pytest.mark.parametrize(("name", "contender", "baseline", "load"), judged(with_copy=True))
def test_of_a_judged_contender_with_a_copy_one_stands_beside_a_copy_of_its_baseline_first_in_one_pass_and_last_in_its_mirror(
    name, contender, baseline, load
):
    for passes in turns_under(name, load):
        own = [order for order in passes if contender in order]
        assert own == passes[:2]
        assert all(copies(contender) | copies(baseline) <= set(order) for order in own)
        assert sorted(meetings(order, copies(contender), copies(baseline)) for order in own) == [["after"], ["before"]]


@pytest.mark.parametrize("name", BUNDLED)
def test_every_pass_is_followed_by_its_mirror(name):
    for load in BUNDLED[name].parts[0].loads:
        for passes in turns_under(name, load):
            assert passes[1::2] == [order[::-1] for order in passes[::2]]


@pytest.mark.parametrize(("name", "load"), [(name, load) for name in ("default", "thorough") for load in ("closed-16", "busy-40")])
def test_a_stack_of_no_judged_row_of_a_load_stands_outside_those_of_its_rows_and_over_launches_on_both_sides(name, load):
    compared = {copy for pair, row in judged_rows(BUNDLED[name]) if row.load == load for own in pair.stacks for copy in copies(own)}
    orders = [passes[0] for passes in turns_under(name, load)]
    others = {stack for order in orders for stack in order} - compared
    assert "fastapi-def" in others
    kinds = ["".join("=" if stack in compared else "." for stack in order) for order in orders]
    assert all("=" * (len(order) - len(others)) in kind for order, kind in zip(orders, kinds, strict=True))
    for stack in others:
        assert {order.index(stack) > kind.index("=") for order, kind in zip(orders, kinds, strict=True)} == {True, False}


# --- the turns of the first trio ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "turns"), [("quick", {"closed-16": 2}), *((name, {"closed-16": 2, "busy-40": 2}) for name in ("default", "thorough"))]
)
def test_the_trio_of_the_primary_row_has_so_many_times_the_slices_of_others(name, turns):
    config = BUNDLED[name]
    part, pair = config.parts[0], config.pairs[0]
    trio = {pair.contender, *copies(pair.baseline)}
    for load in part.loads:
        slices = Counter(stack for passes in turns_under(name, load, [1]) for order in passes for stack in order)
        usual = 2 * part.count_blocks(load)
        assert slices == {stack: usual * (part.trio_turns.get(load, 1) if stack in trio else 1) for stack in part.stacks_under(load)}
    assert part.trio_turns == turns


def test_further_turns_of_the_first_trio_follow_in_the_same_block_and_are_tossed_again():
    part = replace(ONE, stacks=("b", "a", "b-twin", "c"), trio_turns={"closed-16": 3}, blocks=20)
    passes = [passes_of(turn) for turn in turns_of(schedule_slices(plan(part), part, 1)) if turn[0].load == "closed-16"]
    assert {tuple(map(len, own)) for own in passes} == {(4, 4, 3, 3, 3, 3)}
    first = [["".join(stack[0] for stack in order if stack != "c") for order in own[::2]] for own in passes]
    assert all(order == "bab" for own in first for order in own)
    assert {tuple(order[0] for order in own[2::2]) for own in passes} == {(one, other) for one in copies("b") for other in copies("b")}


def test_without_a_trio_there_are_no_further_turns():
    part = replace(ONE, trio_turns={"closed-16": 3}, blocks=1)
    turns = turns_of(schedule_slices(plan(part), part, 1))
    assert {len(turn) for turn in turns} == {2 * len(part.stacks)}


def test_each_turn_of_the_first_trio_under_an_open_loop_has_arrivals_of_its_own_that_its_stacks_share():
    part = replace(ONE, stacks=("b", "a", "b-twin"), scenarios=("x",), loads=("busy-40",), trio_turns={"busy-40": 2}, blocks=1)
    [turn] = turns_of(schedule_slices(plan(part), part, 1))
    arrivals = [{planned.arrivals for planned in turn[place : place + 3]} for place in range(0, 12, 3)]
    assert [len(own) for own in arrivals] == [1] * 4
    assert len(set.union(*arrivals)) == 4


# --- coins ----------------------------------------------------------------------------------------------------------


def test_over_many_launches_both_orders_of_the_trios_and_of_the_copies_come_equally_often():
    """Of 480 passes each of the eight orders is expected 60 times; the tolerance is four standard errors."""
    seen = Counter()
    for passes in turns_under("quick", "closed-16", range(1, 61)):
        order = passes[0]
        pairs = [("flask-gthread", "flask-granian"), *((name, f"{name}-twin") for name in ("flask-gthread", "flask-granian"))]
        seen[tuple(order.index(one) < order.index(other) for one, other in pairs)] += 1
    assert (len(seen), sum(seen.values())) == (8, 480)
    assert all(abs(times - 60) < 4 * (480 * 1 / 8 * 7 / 8) ** 0.5 for times in seen.values())


def test_others_are_split_over_both_ends_in_every_way():
    draw = random.Random(1)  # noqa: S311 - reproducible order, no secret
    orders = Counter("".join(order_pass([("B", "A", "b")], ["x", "y"], draw)) for _ in range(600))
    ends = ("{}xy", "{}yx", "x{}y", "y{}x", "xy{}", "yx{}")
    assert set(orders) == {end.format(trio) for end in ends for trio in ("BAb", "bAB")}
    assert min(orders.values()) > 20


# --- which pairs have a trio ----------------------------------------------------------------------------------------

G, U, F, A = "gthread", "uvicorn", "granian", "granian-fastapi"
TWINS = {f"{G}-twin", f"{F}-twin"}


@pytest.mark.parametrize(
    ("pairs", "stacks", "trios"),
    [
        pytest.param([(U, G), (A, F)], {G, U, F, A, *TWINS}, [(G, U, f"{G}-twin"), (F, A, f"{F}-twin")], id="each pair has its own"),
        pytest.param([(U, G)], {G, U}, [], id="no copy of the baseline"),
        pytest.param([(U, G)], {G, f"{G}-twin"}, [], id="no contender"),
        pytest.param([(U, G), ("def", G)], {G, U, "def", f"{G}-twin"}, [(G, U, f"{G}-twin")], id="a baseline has one place"),
        pytest.param([(F, G), (U, G)], {G, U, F, *TWINS}, [(G, U, f"{G}-twin")], id="a contender with a copy is another's baseline"),
        pytest.param([(F, G), (U, G)], {G, U, F, f"{G}-twin"}, [(G, F, f"{G}-twin")], id="without its copy it is as any other"),
        pytest.param([], {G, U, f"{G}-twin"}, [], id="no pair"),
    ],
)
def test_a_pair_has_a_trio_if_its_contender_and_both_copies_of_its_baseline_are_there_and_have_no_place_yet(pairs, stacks, trios):
    assert find_trios([Pair("x", *pair).stacks for pair in pairs], stacks) == trios
