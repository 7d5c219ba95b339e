"""Open loops: when requests are due, at which rate, what a launch finds its rates from, and which slices have arrivals in common."""

import json
from collections import Counter
from dataclasses import asdict, replace
from itertools import takewhile

import numpy as np
import pytest
from schedules import STACKS, plan, turns_of
from scipy import stats

from bench.plan.arrivals import LEAST_RPS, Arrivals, Rates
from bench.plan.plan import make_plan
from bench.plan.profiles import Pair, Part
from bench.plan.schedule import reference_stacks, schedule_slices

COPIES = ("b", "b-twin")
OPEN = Part("open", ("a", *COPIES, "c"), ("x",), ("closed-16", "busy-40", "own-80", "open-500rps-constant"), launches=2, blocks=2)
CONFIG = plan(OPEN)


def uncounted(slices):
    """Return what comes before the blocks: (stack, load) of each warm-up, and the calibration slices."""
    first = list(takewhile(lambda planned: planned.warm_up, slices))
    return [(planned.stack, planned.load) for planned in first if not planned.calibrates], [own for own in first if own.calibrates]


def calibrated(part, **changes):
    """Return [scenario, load, stacks in order] of what the rates of a launch of this part are found from."""
    found = {}
    _, slices = uncounted(schedule_slices(replace(plan(part), **changes), part, 1))
    for planned in slices:
        found.setdefault((planned.scenario, planned.load), []).append(planned.stack)
    return [(*cell, order) for cell, order in found.items()]


# --- which rate -----------------------------------------------------------------------------------------------------

BUSY, OWN = Arrivals("seed", busy_share=0.4), Arrivals("seed", own_share=0.8)
MS = 1_000_000


def rates(*, cores=1, last_rps=(), warm=(), capacity=(), cost=()):
    """Return the rates of a launch that has learned this."""
    found = Rates(cores, dict(last_rps))
    for method, learned in ((found.warm_up, warm), (found.learn_capacity, capacity), (found.learn_cost, cost)):
        for values in learned:
            method(*values)
    return found


@pytest.mark.parametrize("stack", ["b", "b-twin", "a"])
@pytest.mark.parametrize(
    ("cores", "cost", "rate_rps"),
    [
        pytest.param(1, [("busy-40", 1000, 200 * MS)], 2000, id="200 us each: 2,000 of them keep a core 40 % busy"),
        pytest.param(2, [("busy-40", 1000, 200 * MS)], 4000, id="two cores carry twice as many"),
        pytest.param(1, [("busy-40", 100, 10 * MS), ("busy-40", 900, 190 * MS)], 2000, id="slices are added up, not averaged"),
        pytest.param(1, [("busy-40", 1000, 200 * MS), ("busy-70", 1000, 50 * MS)], 2000, id="each load has its own cost"),
        pytest.param(1, [("busy-40", 1000, 200 * MS), ("busy-40", 7, None)], 2000, id="a slice without CPU time says nothing"),
        pytest.param(1, [("busy-40", 1000, 200 * MS), ("busy-40", 0, 50 * MS)], 2000, id="nor does one without answers"),
    ],
)
def test_the_rate_of_a_busy_share_follows_from_the_cpu_time_of_a_request_and_is_the_same_for_every_stack(stack, cores, cost, rate_rps):
    found = rates(cores=cores, last_rps={"busy-40": 77.0}, warm=[(stack, 5000.0)], cost=cost)
    assert found.find(stack, "busy-40", BUSY) == rate_rps


def test_until_the_cost_is_known_a_busy_share_is_that_of_what_the_reference_answered_in_its_warm_up():
    found = rates(warm=[("b", 5000.0), ("b", 3000.0), ("b-twin", 9000.0), ("a", 20_000.0)])
    assert [found.find(stack, "busy-40", BUSY, calibrates=True) for stack in ("b", "b-twin", "b-twin", "b")] == [2000] * 4


def test_a_launch_calibrates_at_the_rate_of_the_launch_before_where_there_was_one():
    found = rates(last_rps={"busy-40": 1234.0}, warm=[("b", 5000.0)])
    assert found.find("b", "busy-40", BUSY, calibrates=True) == 1234
    assert found.find("b", "busy-20", Arrivals("seed", busy_share=0.2), calibrates=True) == 1000


def test_all_calibration_slices_have_one_rate_though_the_first_of_them_has_told_the_cost():
    found = rates(last_rps={"busy-40": 1234.0}, cost=[("busy-40", 1000, 200 * MS)])
    assert found.find("b-twin", "busy-40", BUSY, calibrates=True) == 1234
    assert found.find("b-twin", "busy-40", BUSY) == 2000


@pytest.mark.parametrize(("last_rps", "rate_rps"), [({"busy-40": 1234.0}, 1234), ({}, 2000)])
@pytest.mark.parametrize("cost", [[("busy-40", 1000, None)], [("busy-40", 0, 50 * MS)], []])
def test_where_no_cpu_time_is_known_the_rate_of_the_calibration_stays_for_every_stack(last_rps, rate_rps, cost):
    found = rates(last_rps=last_rps, warm=[("b", 5000.0), ("a", 20_000.0)], cost=cost)
    assert found.find("b", "busy-40", BUSY, calibrates=True) == rate_rps
    assert [found.find(stack, "busy-40", BUSY) for stack in ("a", "b", "b-twin")] == [rate_rps] * 3


def test_a_share_of_its_own_is_that_of_what_the_stack_itself_answered_in_its_calibration_slices():
    found = rates(warm=[("a", 9000.0)], capacity=[("a", 700, 0.5), ("a", 1300, 0.5), ("b", 250, 0.5)])
    assert {stack: found.find(stack, "own-80", OWN) for stack in ("a", "b")} == {"a": 1600, "b": 400}


def test_a_known_rate_is_offered_as_it_is():
    assert rates(last_rps={"open-500rps": 7.0}, warm=[("a", 9000.0)]).find("a", "open-500rps", Arrivals("seed", rate_rps=500)) == 500


def test_a_rate_has_four_significant_digits():
    found = rates(capacity=[("a", 12_345_678, 1000.0), ("b", 67_892, 1000.0)])
    assert {stack: found.find(stack, "own-100", Arrivals("seed", own_share=1.0)) for stack in ("a", "b")} == {"a": 12_350, "b": 67.89}


@pytest.mark.parametrize("arrivals", [BUSY, OWN])
@pytest.mark.parametrize("learned", [{}, {"warm": [("a", 0.0)], "capacity": [("a", 0, 0.5)], "cost": [("busy-40", 0, 0)]}])
def test_a_stack_that_answered_nothing_is_still_asked(arrivals, learned):
    assert rates(**learned).find("a", "some load", arrivals) == LEAST_RPS == 1


# --- when requests are due ------------------------------------------------------------------------------------------

MANY = 2000
BOTH = pytest.mark.parametrize("is_constant", [False, True])


def draw(rate_rps, length_ms, seed="seed", *, is_constant=False):
    """Return when requests are due."""
    return Arrivals(seed, rate_rps=rate_rps, is_constant=is_constant).draw(rate_rps, length_ms)


@BOTH
@pytest.mark.parametrize(("rate_rps", "length_ms"), [(1.0, 250), (400.0, 250), (2800.0, 250), (400.0, 4000), (100_000.0, 20)])
def test_arrivals_are_in_order_and_within_their_slice(is_constant, rate_rps, length_ms):
    due = draw(rate_rps, length_ms, is_constant=is_constant)
    assert due == sorted(due)
    assert all(isinstance(at_ns, int) and 0 <= at_ns < length_ms * 1e6 for at_ns in due)


@BOTH
def test_arrivals_are_the_same_each_time_and_others_with_another_seed(is_constant):
    once, again, other = (draw(400.0, 250, seed, is_constant=is_constant) for seed in ("seed", "seed", "other"))
    assert once == again != other


def test_a_longer_slice_begins_with_the_arrivals_of_a_shorter_one():
    short, long = (draw(400.0, length_ms) for length_ms in (250, 500))
    assert long[: len(short)] == short


@BOTH
def test_a_rate_scales_the_gaps_of_a_seed(is_constant):
    slow, fast = (np.array(draw(rate_rps, 100_000 / rate_rps, is_constant=is_constant)) for rate_rps in (400.0, 1000.0))
    assert len(slow) == len(fast) > 50
    assert fast == pytest.approx(slow * 0.4, abs=2)


def test_the_number_of_random_arrivals_has_the_mean_and_the_variance_of_a_poisson_process():
    """100 are expected; the tolerances are four standard errors of mean and variance over 2,000 slices."""
    counts = np.array([len(draw(400.0, 250, f"seed {number}")) for number in range(MANY)])
    assert counts.mean() == pytest.approx(100, abs=4 * np.sqrt(100 / MANY))
    assert counts.var(ddof=1) == pytest.approx(100, abs=4 * 100 * np.sqrt(2 / MANY))


def test_the_gaps_between_random_arrivals_are_exponential():
    gaps = np.diff(draw(1000.0, 60_000))
    assert stats.kstest(gaps, "expon", args=(0, 1e6)).pvalue > 0.01
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 4 / np.sqrt(len(gaps))


def test_the_first_random_arrival_is_as_far_from_the_start_as_any_from_the_one_before():
    first = [draw(400.0, 250, f"seed {number}")[0] for number in range(MANY)]
    assert stats.kstest(first, "expon", args=(0, 2.5e6)).pvalue > 0.01


def test_constant_arrivals_have_equal_gaps():
    due = draw(300.0, 250, is_constant=True)
    assert len(due) == 75
    assert np.diff(due) == pytest.approx(1e9 / 300, abs=1)


def test_constant_arrivals_begin_at_a_random_point_of_the_first_gap():
    first = [draw(400.0, 250, f"seed {number}", is_constant=True)[0] for number in range(MANY)]
    assert stats.kstest(first, "uniform", args=(0, 2.5e6)).pvalue > 0.01


def test_a_rate_below_one_per_slice_gives_some_slices_no_arrival():
    assert {len(draw(2.0, 250, f"seed {number}", is_constant=True)) for number in range(20)} == {0, 1}


# --- which slices have which arrivals -------------------------------------------------------------------------------


def arrivals_of(slices, load):
    """Return the arrivals of each half of each turn of a load."""
    turns = [turn for turn in turns_of(slices) if turn[0].load == load]
    halves = [half for turn in turns for half in (turn[: len(turn) // 2], turn[len(turn) // 2 :])]
    return [[planned.arrivals for planned in half] for half in halves]


@pytest.mark.parametrize(
    ("load", "rule"),
    [
        ("busy-40", {"busy_share": 0.4}),
        ("own-110", {"own_share": 1.1}),
        ("open-500rps", {"rate_rps": 500}),
        ("busy-40-constant", {"busy_share": 0.4, "is_constant": True}),
        ("open-500rps-constant", {"rate_rps": 500, "is_constant": True}),
    ],
)
def test_a_slice_of_an_open_loop_has_arrivals_by_the_rule_of_its_load_and_its_length_comes_with_the_rate(load, rule):
    part = replace(OPEN, loads=(load,))
    counted = [planned for planned in schedule_slices(plan(part), part, 1) if not planned.warm_up]
    assert {replace(planned.arrivals, seed="") for planned in counted} == {Arrivals("", **rule)}
    assert {(planned.length_ms, planned.users) for planned in counted} == {(None, 256)}


def test_the_rule_of_arrivals_goes_to_the_generator_as_plain_data():
    assert Arrivals(**json.loads(json.dumps(asdict(BUSY)))) == BUSY


def test_a_slice_of_a_closed_loop_has_no_arrivals():
    closed = [planned for planned in schedule_slices(CONFIG, OPEN, 1) if planned.load.startswith("closed")]
    assert {(planned.arrivals, planned.users) for planned in closed} == {(None, 16)}


@pytest.mark.parametrize("load", ["busy-40", "own-80", "open-500rps-constant"])
def test_all_stacks_of_a_turn_have_the_same_arrivals_and_others_in_the_mirrored_half(load):
    halves = arrivals_of(schedule_slices(CONFIG, OPEN, 1), load)
    assert [len(set(half)) for half in halves] == [1] * 4
    assert len({half[0] for half in halves}) == 4
    assert all(half[0] for half in halves)


def test_one_seed_of_arrivals_stands_for_one_load_and_one_turn():
    meanings = {}
    for planned in schedule_slices(CONFIG, OPEN, 1):
        if planned.arrivals:
            meanings.setdefault(planned.arrivals.seed, set()).add((planned.load, planned.block, planned.calibrates))
    assert {len(meaning) for meaning in meanings.values()} == {1}
    assert len(meanings) == 3 * 2 * 2 + 2  # three open loads, two blocks and their mirrors, and a calibration there and back


@pytest.mark.parametrize(("ordinal", "seed"), [(2, 7), (1, 8)])
def test_another_launch_or_seed_has_other_arrivals(ordinal, seed):
    one, other = (
        {planned.arrivals for planned in schedule_slices(replace(CONFIG, seed=number), OPEN, launch) if planned.arrivals}
        for number, launch in ((7, 1), (seed, ordinal))
    )
    assert one.isdisjoint(other)


# --- warm-up and calibration ----------------------------------------------------------------------------------------


def test_an_open_loop_has_no_warm_up_of_its_own_where_a_closed_loop_of_the_scenario_has_one():
    warmed, _ = uncounted(schedule_slices(CONFIG, OPEN, 1))
    assert sorted(warmed) == [(stack, "closed-16") for stack in sorted(OPEN.stacks)]


@pytest.mark.parametrize("load", ["busy-40", "own-80", "open-500rps"])
def test_a_stack_without_a_closed_loop_is_warmed_up_by_16_users(load):
    part = replace(OPEN, loads=(load,))
    first = [planned for planned in schedule_slices(plan(part), part, 1) if planned.warm_up and not planned.calibrates]
    assert Counter(planned.stack for planned in first) == dict.fromkeys(part.stacks, 1)
    assert {(own.load, own.users, own.arrivals, own.length_ms, own.block) for own in first} == {("closed-16", 16, None, 100, -1)}


@pytest.mark.parametrize("loads", [("closed-16", "closed-1"), ("open-500rps", "open-100rps-constant")])
def test_what_needs_no_share_is_not_calibrated(loads):
    assert calibrated(replace(OPEN, loads=loads)) == []


def test_a_busy_share_is_calibrated_by_both_copies_of_the_first_pairs_baseline_under_that_load_there_and_back():
    [(_, load, order)] = calibrated(replace(OPEN, loads=("closed-16", "busy-40")))
    assert (load, sorted(order), order) == ("busy-40", ["b", "b", "b-twin", "b-twin"], order[::-1])


def test_each_busy_share_is_calibrated_for_each_scenario():
    part = replace(OPEN, scenarios=("x", "y"), loads=("busy-20", "busy-70"))
    found = {(scenario, load): set(order) for scenario, load, order in calibrated(part)}
    assert found == {(scenario, load): set(COPIES) for scenario in "xy" for load in part.loads}


def test_shares_of_its_own_are_calibrated_together_by_every_stack_that_has_one_under_a_closed_loop():
    by_load = {"closed-1": STACKS, "own-50": ("a", "c"), "own-80": ("a", "b")}
    [(_, load, order)] = calibrated(replace(OPEN, stacks=STACKS, loads=tuple(by_load), stacks_by_load=by_load))
    assert (load, sorted(order), order) == ("closed-16", ["a", "a", "b", "b", "c", "c"], order[::-1])


def test_a_calibration_slice_is_as_long_as_the_rules_say_and_is_not_counted():
    _, slices = uncounted(schedule_slices(CONFIG, OPEN, 1))
    assert {(own.length_ms, own.warm_up, own.block) for own in slices} == {(500, True, -1)}
    assert {(own.load, own.users) for own in slices} == {("busy-40", 256), ("closed-16", 16)}
    busy = [own.arrivals for own in slices if own.load == "busy-40"]
    assert [own.busy_share for own in busy] == [0.4] * 4
    assert (busy[0], busy[2]) == (busy[1], busy[3])
    assert busy[0] != busy[2]  # there, and back


def test_calibration_slices_come_after_all_warm_ups_and_before_the_first_counted_slice():
    kinds = [(planned.warm_up, planned.calibrates) for planned in schedule_slices(CONFIG, OPEN, 1)]
    assert kinds == sorted(kinds, key=[(True, False), (True, True), (False, False)].index)
    assert Counter(kinds) == {(True, False): 4, (True, True): 2 * 2 + 2 * 4, (False, False): 4 * 2 * 2 * 4}


def test_the_order_of_calibration_differs_from_launch_to_launch():
    part = replace(OPEN, loads=("own-80",))
    orders = {tuple(own.stack for own in uncounted(schedule_slices(plan(part), part, ordinal))[1]) for ordinal in range(1, 40)}
    assert len(orders) > 10


@pytest.mark.parametrize(
    ("stacks", "references"),
    [((*COPIES, "a"), ["b", "b-twin"]), (("b", "a"), ["b"]), (("a", "c"), [])],
)
def test_the_reference_is_every_copy_of_the_first_pairs_baseline_that_the_part_has(stacks, references):
    config = replace(plan(OPEN), pairs=(Pair("first", "a", "b"), Pair("second", "b", "c")))
    assert reference_stacks(config, replace(OPEN, stacks=stacks)) == references


def test_a_comparison_of_ones_own_is_loaded_by_its_own_baseline():
    config = make_plan("default", compare=[("fastapi-def", "flask-granian")])
    _, slices = uncounted(schedule_slices(config, config.parts[0], 1))
    assert {(own.stack, own.load) for own in slices} == {("flask-granian", "busy-40"), ("flask-granian-twin", "busy-40")}


@pytest.mark.parametrize("profile", ["default", "thorough"])
def test_in_a_bundled_profile_every_part_with_a_busy_share_has_both_copies_of_the_baseline_to_calibrate_by(profile):
    config = make_plan(profile)
    found = {part.name: reference_stacks(config, part) for part in config.parts if any(load.startswith("busy") for load in part.loads)}
    assert "headline" in found
    assert {tuple(own) for own in found.values()} == {("flask-gthread", "flask-gthread-twin")}
