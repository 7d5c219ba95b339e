"""Open loops: which stacks have which rate and arrivals in common, how long a slice is, and when requests are due."""

from dataclasses import replace

import numpy as np
import pytest
from schedules import ONE, STACKS, plan, turns_of
from scipy import stats

from bench.plan.profiles import Part
from bench.plan.schedule import draw_arrivals, open_length_ms, schedule_slices
from bench.records.loads import parse_load

OPEN = Part("open", STACKS, ("x",), ("closed-16", "open-50", "own-80", "open-500rps-constant"), launches=2, blocks=2)
PLAN = plan(ONE)


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


def test_a_slice_of_a_closed_loop_has_neither_rate_nor_arrivals(config):
    closed = [
        planned for planned in [*schedule_slices(config, OPEN, 1), *schedule_slices(PLAN, ONE, 1)] if planned.load.startswith("closed")
    ]
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


@pytest.mark.parametrize(
    ("slice_ms", "rate", "length_ms"),
    [
        pytest.param(100, 2000, 250, id="as long as the shortest of open loops"),
        pytest.param(300, 2000, 300, id="as long as the shortest asked for"),
        pytest.param(100, 500, 400, id="as long as the answers take"),
        pytest.param(250, 50, 4000, id="no longer than allowed"),
        pytest.param(250, 1, 4000, id="then with fewer answers"),
    ],
)
def test_a_slice_of_an_open_loop_lasts_for_enough_arrivals_within_bounds(slice_ms, rate, length_ms):
    assert open_length_ms(PLAN.rules.slices, slice_ms, rate, POISSON) == length_ms


def test_a_slice_at_a_share_of_a_stacks_own_saturation_has_enough_arrivals_for_a_p99_of_each_launch():
    assert (
        open_length_ms(PLAN.rules.slices, PLAN.slice_ms, 500, parse_load("own-80"))
        == 2 * open_length_ms(PLAN.rules.slices, PLAN.slice_ms, 500, parse_load("open-80"))
        == 800
    )


@pytest.mark.parametrize(("slice_ms", "length_ms"), [(None, 400), (900, 900)])
def test_the_shortest_slice_of_an_open_loop_is_that_of_its_part(slice_ms, length_ms):
    part = replace(OPEN, loads=("open-500rps",), slice_ms=slice_ms)
    lengths = {planned.length_ms for planned in schedule_slices(plan(part), part, 1) if not planned.warm_up}
    assert lengths == {length_ms}
