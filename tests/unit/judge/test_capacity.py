"""Capacity and knee where the truth is known: between two rates, beyond both ends, through noise and requests without an answer."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_rows import by_cell, make_cell_of, make_slice, small_config

from bench.judge.capacity import UNANSWERED_LIMITS, find_crossing, find_knees, judge_capacity
from bench.judge.index import index_slices
from bench.plan.rules import Rules
from bench.records import CellKey, Interval
from bench.records.loads import parse_load

RULES = Rules()
UNANSWERED_MS = UNANSWERED_LIMITS * RULES.limit_p99_ms
SHARES = (50, 70, 90, 100)
LOADS = tuple(f"own-{share}" for share in SHARES)
FLASK, FASTAPI, TWIN = "flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"
# What each stack answers to 16 users, where a launch does not say otherwise.
SATURATION_RPS = {FLASK: 5000.0, FASTAPI: 10_000.0, TWIN: 5000.0}
# The limit is crossed halfway (in the log) between the second and the third rate.
CROSSING_MS = (1.0, 1.0, 100.0, 100.0)


# --- one launch -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p99_ms", "rate", "bound"),
    [
        ((1.0, 1.0, 100.0), 250.0, ""),  # linear in the log: 10 lies halfway between 1 and 100
        ((1.0, 100.0, 100.0), 150.0, ""),
        ((1.0, 1000.0, 1000.0), 100 + 100 / 3, ""),
        ((0.1, 1.0, 1000.0), 200 + 100 / 3, ""),
        ((10.0, 10.0, 1000.0), 200.0, ""),  # at the limit is within it
        ((1.0, 2.0, 3.0), 300.0, "above"),
        ((1.0, 2.0, 10.0), 300.0, "above"),
        ((11.0, 20.0, 30.0), 100.0, "below"),
        ((10.1, 10.1, 10.1), 100.0, "below"),
    ],
)
def test_the_crossing_of_the_limit_is_read_between_two_rates_and_never_beyond_them(p99_ms, rate, bound):
    assert find_crossing([100.0, 200.0, 300.0], p99_ms, 10.0) == (pytest.approx(rate), bound)


def test_a_dip_is_noise_and_is_smoothed_over_both_its_rates():
    """40 and 10 ms pool to their geometric mean, 20 ms, which is what the crossing is read from."""
    rate, bound = find_crossing([100.0, 200.0, 300.0, 400.0], [1.0, 40.0, 10.0, 400.0], 10.0)
    assert (rate, bound) == (pytest.approx(100 + 100 * np.log(10) / np.log(20)), "")


def test_a_dip_below_the_limit_after_it_was_crossed_does_not_make_a_later_crossing():
    assert find_crossing([100.0, 200.0, 300.0], [1.0, 100.0, 9.0], 10.0)[0] < 200


TAILS = st.lists(st.floats(0.01, 1e4), min_size=3, max_size=8)


@given(TAILS, st.floats(0.1, 1000))
def test_a_crossing_lies_within_the_rates_and_a_laxer_limit_is_crossed_no_earlier(p99_ms, limit_ms):
    rates = [100.0 * (place + 1) for place in range(len(p99_ms))]
    rate, bound = find_crossing(rates, p99_ms, limit_ms)
    assert rates[0] <= rate <= rates[-1]
    assert not bound or rate == (rates[-1] if bound == "above" else rates[0])
    assert find_crossing(rates, p99_ms, 1.1 * limit_ms)[0] >= rate - 1e-6


# --- all launches ---------------------------------------------------------------------------------------------------


def config_of(loads=LOADS, launches=8):
    return small_config(launches=launches, loads=loads)


def measured(config, tails=None, failures=None, speeds=None):
    """Return values and slices of launches: `tails` gives p99 by (launch, stack), `failures` requests without an answer by key.

    A launch finds its rates from what the stack answers in it: so many times as much as usual as its speed says.
    """
    values, slices = {}, []
    part = config.parts[0]
    for launch, stack in itertools.product(range(1, part.launches + 1), part.stacks):
        own = (tails or {}).get((launch, stack), (tails or {}).get(stack, CROSSING_MS))
        for load, p99_ms in zip(part.loads, own, strict=True):
            key = CellKey(part.name, stack, "predict-1", load)
            values[launch, key] = {"p99_ms": p99_ms}
            lost = (failures or {}).get((launch, stack, load), 0)
            load_of = parse_load(load)
            rate = SATURATION_RPS[stack] * (speeds or {}).get(launch, 1.0) * load_of.percent / 100 if load_of.percent else load_of.rate_rps
            slices.append(make_slice(launch=launch, stack=stack, load=load, offered_rps=rate, unfinished=lost, answers=1000 - lost))
    return by_cell(values), index_slices(slices)


def capacity_of(config, stack=FLASK, **options):
    rows = {row.stack: row for row in judge_capacity(config, *measured(config, **options))}
    return rows.get(stack)


def test_a_capacity_is_the_crossing_of_every_launch_at_the_stacks_own_rates():
    for stack in (FLASK, FASTAPI, TWIN):
        row = capacity_of(config_of(), stack)
        carried = SATURATION_RPS[stack]
        assert (row.capacity_rps, *row.capacity.ends) == (pytest.approx(0.8 * carried),) * 3
        assert (row.lowest_rps, row.highest_rps) == (0.5 * carried, carried)
        assert (row.limit_p99_ms, row.launches, row.bound) == (RULES.limit_p99_ms, 8, "")
        assert row.capacity.level >= RULES.levels["exploratory"]


def test_launches_that_differ_give_an_interval_around_their_middle():
    tails = {(launch, FLASK): (1.0, 1.0, 100.0 * 2**launch, 1e6) for launch in range(1, 9)}
    row = capacity_of(config_of(), tails=tails)
    crossings = [find_crossing([2500.0, 3500.0, 4500.0, 5000.0], own, RULES.limit_p99_ms)[0] for own in tails.values()]
    assert min(crossings) <= row.capacity.low < row.capacity_rps < row.capacity.high <= max(crossings)
    assert row.capacity_rps == pytest.approx(float(np.median(crossings)), rel=0.02)


def test_where_the_rates_differ_from_launch_to_launch_so_does_the_crossing_and_the_interval_says_it():
    speeds = {launch: 0.9 + 0.02 * launch for launch in range(1, 9)}
    row = capacity_of(config_of(), speeds=speeds)
    assert (row.capacity_rps, *row.capacity.ends) == pytest.approx([4000 * speed for speed in (0.99, 0.94, 1.04)])
    assert (row.lowest_rps, row.highest_rps) == pytest.approx((2500 * 0.92, 5000 * 1.06))
    assert [point.offered_rps for point in row.points] == pytest.approx([0.99 * rate for rate in (2500, 3500, 4500, 5000)])


def test_a_launch_in_which_all_was_slower_crosses_at_its_own_rates():
    """At half of the speed every rate of a launch lies below all rates of the others."""
    row = capacity_of(config_of(), speeds={3: 0.5})
    assert row.bound == ""
    assert (row.capacity_rps, row.launches, row.lowest_rps) == (pytest.approx(4000), 8, 1250)
    assert [(point.load, point.launches) for point in row.points] == [(load, 8) for load in LOADS]


@pytest.mark.parametrize(
    ("tails", "bound", "rate"),
    [((1.0, 2.0, 3.0, 4.0), "above", 5000.0), ((20.0, 30.0, 40.0, 50.0), "below", 2500.0)],
)
def test_a_capacity_outside_the_rates_offered_is_a_bound(tails, bound, rate):
    row = capacity_of(config_of(), tails={FLASK: tails})
    assert (row.bound, row.capacity) == (bound, Interval(rate, None, None, None))


def test_one_launch_outside_the_rates_makes_a_bound_of_the_figure_which_has_no_interval():
    row = capacity_of(config_of(), tails={(3, FLASK): (1.0, 2.0, 3.0, 4.0)})
    assert row.bound == "above"
    assert (row.capacity_rps, row.capacity.ends, row.capacity.level) == (pytest.approx(4000.0), None, None)


def test_the_side_on_which_most_launches_lie_is_that_of_the_bound():
    low, high = (20.0, 30.0, 40.0, 50.0), (1.0, 2.0, 3.0, 4.0)
    assert capacity_of(config_of(), tails={(1, FLASK): low, (2, FLASK): high, (3, FLASK): low}).bound == "below"


def test_what_the_launches_measured_under_each_load_is_told_by_their_median_and_ends():
    tails = {(launch, FLASK): (1.0, launch * 1.0, 50.0, 2e6) for launch in range(1, 9)}
    row = capacity_of(config_of(), tails=tails, failures={(3, FLASK, "own-50"): 400})
    assert [(point.load, point.offered_rps) for point in row.points] == list(zip(LOADS, [2500.0, 3500.0, 4500.0, 5000.0], strict=True))
    assert [(point.p99_ms, point.lowest_ms, point.highest_ms) for point in row.points] == [
        (1.0, 1.0, None),
        (4.5, 1.0, 8.0),
        (50.0, 50.0, 50.0),
        (None, None, None),
    ]
    assert {point.launches for point in row.points} == {8}


def test_requests_without_an_answer_are_beyond_the_limit_whatever_the_others_took():
    lost = {(launch, FLASK, "own-90"): 11 for launch in range(1, 9)}
    quick = {FLASK: (1.0, 1.0, 1.0, 1.0)}
    row = capacity_of(config_of(), tails=quick, failures=lost)
    smooth = UNANSWERED_MS**0.5  # pooled with the rate above, at which all were answered
    assert row.bound == ""
    assert row.capacity_rps == pytest.approx(3500 + 1000 * np.log(RULES.limit_p99_ms) / np.log(smooth))
    assert capacity_of(config_of(), tails=quick).bound == "above"


@pytest.mark.parametrize(("lost", "bound"), [(int(1000 * RULES.unanswered_share), "above"), (int(1000 * RULES.unanswered_share) + 1, "")])
def test_up_to_one_per_cent_may_stay_unanswered_since_that_is_what_p99_leaves_out(lost, bound):
    failures = {(launch, FLASK, "own-100"): lost for launch in range(1, 9)}
    assert capacity_of(config_of(), tails={FLASK: (1.0, 1.0, 1.0, 1.0)}, failures=failures).bound == bound


def test_a_tail_that_is_infinite_is_beyond_the_limit_and_no_fault():
    row = capacity_of(config_of(), tails={FLASK: (1.0, 1.0, float("inf"), float("inf"))})
    assert row.bound == ""
    assert 3500 < row.capacity_rps < 4500


def test_a_rate_with_too_few_samples_for_a_p99_is_left_out_of_its_launch():
    row = capacity_of(config_of(), tails={(2, FLASK): (1.0, None, 100.0, 100.0)})
    assert row.launches == 8
    row = capacity_of(config_of(), tails={(2, FLASK): (1.0, None, 100.0, None)})
    assert row.launches == 7  # two rates show no crossing


@pytest.mark.parametrize(
    "loads",
    [
        ("own-50", "own-100"),
        ("closed-16", "closed-1", "closed-4"),
        ("busy-20", "busy-40", "busy-60"),
        ("open-3000rps", "open-4000rps", "open-5000rps"),
    ],
)
def test_capacity_needs_three_shares_of_what_the_stack_itself_answers(loads):
    config = config_of(loads=loads)
    tails = dict.fromkeys((FLASK, FASTAPI, TWIN), (1.0, 2.0, 300.0)[: len(loads)])
    assert judge_capacity(config, *measured(config, tails=tails)) == []


def test_a_run_that_has_measured_nothing_yet_has_no_capacity():
    assert judge_capacity(config_of(), {}, {}) == []


# --- knees ----------------------------------------------------------------------------------------------------------


def cells_of(rates, stack=FLASK, part="sweep"):
    """Return a cell per number of users with its throughput."""
    cells = []
    for users, rate in rates.items():
        throughput = None if rate is None else Interval(rate, None, None, None)
        cells.append(make_cell_of(CellKey(part, stack, "predict-1", f"closed-{users}"), throughput=throughput))
    return cells


@pytest.mark.parametrize(
    ("rates", "users"),
    [
        ({1: 100.0, 2: 200.0, 4: 400.0, 8: 500.0, 16: 505.0}, 8),
        ({1: 100.0, 2: 449.9, 4: 500.0}, 4),
        ({1: 100.0, 2: 450.0, 4: 500.0}, 2),
        ({16: 505.0, 8: 500.0, 4: 400.0, 2: 200.0, 1: 100.0}, 8),  # whatever their order
        ({1: 100.0, 2: 500.0, 4: 300.0, 8: 480.0}, 2),
        ({1: 500.0, 2: 400.0, 4: 300.0}, 1),
        ({1: 100.0, 2: None, 4: 500.0, 8: 505.0}, 4),
    ],
)
def test_the_knee_is_at_the_fewest_users_that_reach_nine_tenths_of_the_highest_throughput(rates, users):
    [knee] = find_knees(cells_of(rates), RULES)
    assert (knee.part, knee.stack, knee.scenario, knee.share) == ("sweep", FLASK, "predict-1", RULES.knee_share)
    assert (knee.users, knee.throughput_rps) == (users, rates[users])


def test_each_stack_of_each_part_has_its_own_knee():
    cells = [
        *cells_of({1: 1.0, 2: 9.0, 4: 9.0}),
        *cells_of({1: 9.0, 2: 9.0, 4: 9.0}, FASTAPI),
        *cells_of({1: 1.0, 2: 1.0, 4: 9.0}, part="b"),
    ]
    assert [(knee.part, knee.stack, knee.users) for knee in find_knees(cells, RULES)] == [
        ("sweep", FLASK, 2),
        ("sweep", FASTAPI, 1),
        ("b", FLASK, 4),
    ]


@pytest.mark.parametrize("rates", [{}, {1: 100.0, 16: 500.0}, {1: None, 2: None, 4: 500.0}])
def test_two_numbers_of_users_show_no_knee(rates):
    assert find_knees(cells_of(rates), RULES) == []


def test_open_loops_have_no_users_and_no_knee():
    cells = [
        replace(cell, load=load)
        for cell, load in zip(cells_of({1: 1.0, 2: 2.0, 4: 3.0}), ("open-500rps", "busy-40", "own-80"), strict=True)
    ]
    assert find_knees(cells, RULES) == []
