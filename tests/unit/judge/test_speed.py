"""How fast a stack is from its first request on, whether it still gets faster while it is measured, and how steady the machine is."""

import math

import numpy as np
import pytest
from judge_rows import KEY, OPEN_KEY, make_slice

from bench.judge import speed
from bench.judge.index import index_slices
from bench.judge.speed import warm_up_curves
from bench.plan.rules import Rules
from bench.records import CellKey, WarmUpPoint

MS = 1_000_000
LAUNCHES = 12


def warm_up(**fields):
    """Return the record of a warm-up that begins at 1,000 ms and lasts 150."""
    return make_slice(warm_up=True, start_ns=1000 * MS, end_ns=1150 * MS, drained_ns=1160 * MS, **fields)


def done_at(*from_start_ms):
    return np.array([round((1000 + at_ms) * MS) for at_ms in from_start_ms], dtype=np.int64)


def still_warming(slices):
    return speed.still_warming(index_slices(slices), Rules())


def slice_spread(slices, part=KEY.part):
    return speed.slice_spread(index_slices(slices), part)


def launch_speeds(slices):
    return speed.launch_speeds(index_slices(slices), Rules())


def curves(*warm_ups):
    """Return the curves of warm-ups, each a record with when its answers were done."""
    return list(warm_up_curves(warm_ups, Rules().warm_up_bin_ms))


# --- the curve ------------------------------------------------------------------------------------------------------


def test_a_bin_has_the_answers_that_were_done_in_it_per_second():
    assert Rules().warm_up_bin_ms == 50
    points = curves((warm_up(), done_at(0, 49.999, 50, 99.999, 100, 120, 149.999)))
    assert [point.throughput_rps for point in points] == [40, 40, 60]


def test_answers_that_came_while_the_warm_up_drained_are_in_no_bin():
    assert [point.throughput_rps for point in curves((warm_up(), done_at(10, 150, 155)))] == [20, 0, 0]


def test_a_part_of_a_bin_at_the_end_is_left_out():
    points = curves((make_slice(warm_up=True, start_ns=0, end_ns=199 * MS), np.arange(0, 199, dtype=np.int64) * MS))
    assert [(point.from_ms, point.throughput_rps) for point in points] == [(0, 1000), (50, 1000), (100, 1000)]


def test_a_bin_has_the_median_over_launches_and_their_number():
    points = curves(*((warm_up(launch=launch), done_at(*[60] * count)) for launch, count in enumerate((1, 2, 50), start=1)))
    assert points[1] == WarmUpPoint(*vars(KEY).values(), from_ms=50, throughput_rps=40, launches=3)


def test_each_cell_has_a_curve_of_its_own():
    points = curves(*((warm_up(stack=stack), done_at(10)) for stack in "ab"))
    assert [(point.stack, point.from_ms) for point in points] == [(stack, at_ms) for stack in "ab" for at_ms in (0, 50, 100)]


def test_before_anything_is_warmed_up_there_is_no_curve():
    assert curves() == []


# --- still warming --------------------------------------------------------------------------------------------------


def slices_of(ratios, slices=4, key=KEY, **fields):
    """Return the counted slices of launches of a cell that ends each launch at `ratio` times the rate of its start.

    The rates between and the level of a launch vary; of up to five slices the ratio of the last third to the first is exact.
    """
    rng = np.random.default_rng(20261125)
    found = []
    for launch, ratio in enumerate(ratios, start=1):
        start_rps = 5000 * rng.uniform(0.8, 1.2)
        rates = [start_rps, *(start_rps * rng.uniform(0.7, 1.3) for _ in range(slices - 2)), start_rps * ratio]
        found += [make_slice(launch=launch, throughput_rps=rate, **{**vars(key), **fields}) for rate in rates]
    return found


def drawn(median, spread, launches=LAUNCHES, seed=1):
    return median * np.exp(np.random.default_rng(seed).normal(0, spread, launches))


def test_a_stack_that_gets_five_per_cent_faster_within_every_launch_is_found_with_its_ratio():
    assert still_warming(slices_of([1.05] * LAUNCHES)) == [(KEY, pytest.approx(1.05))]


def in_every_launch(*rates):
    return [make_slice(launch=launch, throughput_rps=float(rate)) for launch in range(1, LAUNCHES + 1) for rate in rates]


def test_of_many_slices_the_last_third_is_compared_with_the_first_by_their_means():
    warming = in_every_launch(1000, 800, 900, 500, 1, 9999, 950, 1100, 1000)
    assert still_warming(warming) == [(KEY, pytest.approx(3050 / 2700))]
    assert (
        still_warming(in_every_launch(100, 200, 300, 500, 500, 500, 300, 200, 100)) == []
    )  # the last slice or the first is nothing special


def test_it_is_found_in_the_noise_of_its_slices_in_almost_every_run():
    found = [bool(still_warming(slices_of(drawn(1.05, 0.02, seed=seed)))) for seed in range(100)]
    assert sum(found) >= 90


def test_a_stack_that_drifts_by_five_per_cent_with_random_sign_is_found_in_hardly_any_run():
    rng = np.random.default_rng(20261125)
    found = [bool(still_warming(slices_of(np.exp(rng.choice([-1, 1], LAUNCHES) * 0.05)))) for _ in range(400)]
    assert np.mean(found) <= 0.0125


@pytest.mark.parametrize("ratio", [1 / 1.05, 1.0, 1.019])
def test_a_stack_that_gets_slower_or_hardly_faster_is_not_found(ratio):
    assert still_warming(slices_of([ratio] * LAUNCHES)) == []


def test_the_whole_interval_must_lie_above_the_margin_of_throughput():
    assert still_warming(slices_of([1.021] * LAUNCHES))
    assert still_warming(slices_of([1.021] * (LAUNCHES - 3) + [1.019] * 3)) == []


def test_at_the_margin_a_stack_is_rarely_found():
    found = [bool(still_warming(slices_of(drawn(1.02, 0.02, seed=seed)))) for seed in range(200)]
    assert np.mean(found) <= 0.05


@pytest.mark.parametrize(("launches", "found"), [(1, False), (5, False), (6, True)])
def test_so_few_launches_that_there_is_no_interval_find_nothing(launches, found):
    assert bool(still_warming(slices_of([1.5] * launches))) is found


def test_launches_of_one_slice_find_nothing():
    slices = [make_slice(launch=launch, throughput_rps=1000.0 * launch) for launch in range(1, LAUNCHES + 1)]
    assert still_warming(slices) == []


def test_the_warm_up_itself_does_not_count():
    cold = [make_slice(launch=launch, throughput_rps=1.0, warm_up=True) for launch in range(1, LAUNCHES + 1)]
    assert still_warming([*cold, *slices_of([1.0] * LAUNCHES)]) == []


def test_an_open_loop_has_the_rate_that_it_is_offered_and_is_not_looked_at():
    assert still_warming(slices_of([1.5] * LAUNCHES, key=OPEN_KEY)) == []


@pytest.mark.parametrize("rate", [None, 0.0])
def test_slices_without_a_rate_do_not_count(rate):
    empty = [make_slice(launch=launch, throughput_rps=rate) for launch in range(1, LAUNCHES + 1)]
    assert still_warming([*empty, *slices_of([1.0] * LAUNCHES), *empty]) == []


def test_each_cell_is_looked_at_by_itself():
    other = CellKey("headline", "fastapi-uvicorn", "predict-1", "closed-16")
    slices = [*slices_of([1.0] * LAUNCHES), *slices_of([1.1] * LAUNCHES, key=other), *slices_of([1.2] * LAUNCHES, load="closed-1")]
    assert [(key.stack, key.load) for key, _ in still_warming(slices)] == [
        ("fastapi-uvicorn", "closed-16"),
        ("flask-gthread", "closed-1"),
    ]


# --- the machine's speed --------------------------------------------------------------------------------------------


def at_rates(rates, **fields):
    """Return two slices a launch; `rates` has each launch's."""
    return [
        make_slice(launch=launch, throughput_rps=rate + step, **fields) for launch, rate in enumerate(rates, start=1) for step in (-10, 10)
    ]


def test_the_speed_of_a_launch_is_what_its_stacks_have_in_common():
    slices = [
        *at_rates([1000, 500, 1000], stack="a"),
        *at_rates([4000, 2000, 4000], stack="b"),
        *at_rates([9000, 4500, 3000], stack="c"),  # slow in the last launch for a reason of its own
    ]
    assert launch_speeds(slices) == {KEY.part: pytest.approx([1, 0.5, 1])}


def test_stacks_that_could_be_the_cause_themselves_tell_nothing_about_the_machine():
    slices = [*at_rates([1000, 500, 1000], stack="a"), *at_rates([4000, 2000, 4000], stack="b")]
    assert launch_speeds(slices) == {}


def test_the_speed_of_a_launch_comes_from_counted_slices_of_closed_loops_of_its_part():
    slices = [record for stack in "abc" for record in at_rates([1000, 1000], stack=stack)]
    others = ({"warm_up": True}, {"load": "busy-40"}, {"part": "sweep"})
    disturbed = [record for fields in others for stack in "abc" for record in at_rates([1000, 300], stack=stack, **fields)]
    assert launch_speeds([*slices, *disturbed]) == {KEY.part: [1, 1], "sweep": pytest.approx([1000 / 650, 300 / 650])}
    assert launch_speeds(slices) == {KEY.part: [1, 1]}


# --- how much slices vary -------------------------------------------------------------------------------------------


def test_the_spread_of_slices_is_within_stacks_and_launches_and_on_the_log_scale():
    slices = [*at_rates([1000, 5000], stack="a"), *at_rates([9000], stack="b")]
    logs = [math.log((rate + 10) / (rate - 10)) for rate in (1000, 5000, 9000)]
    assert slice_spread(slices) == pytest.approx(math.sqrt(sum(log**2 / 2 for log in logs) / 3))


def test_the_spread_of_slices_is_found_again():
    rng = np.random.default_rng(20261125)
    slices = [
        make_slice(launch=launch, stack=stack, throughput_rps=5000 * launch * math.exp(rng.normal(0, 0.03)))
        for launch in range(1, 9)
        for stack in "abc"
        for _ in range(12)
    ]
    assert slice_spread(slices) == pytest.approx(0.03, rel=0.1)


def test_the_spread_is_of_the_first_closed_loop_of_the_part_that_is_asked_for():
    slices = at_rates([1000, 1000], load="closed-16")
    others = ({"load": "closed-1"}, {"load": "busy-40"}, {"part": "sweep"}, {"warm_up": True})
    disturbed = [record for fields in others for record in at_rates([100, 100], **fields)]
    assert slice_spread([*slices, *disturbed]) == slice_spread(slices)
    assert slice_spread([*slices, *disturbed], "sweep") == slice_spread(at_rates([100, 100]))


@pytest.mark.parametrize("slices", [[], [make_slice(launch=1), make_slice(launch=2)]])
def test_without_two_slices_of_a_stack_in_a_launch_there_is_no_spread(slices):
    assert slice_spread(slices) is None
