"""How long slices are, and which blocks stay where they take longer than planned: so many fewer, spread evenly, the first one always."""

import itertools
import math
from dataclasses import replace

import pytest

from bench.plan.pace import Pace, is_kept

PACE = Pace(
    slice_ms=100,
    settle_ms=20,
    min_answers=200,
    drains_per_slice=10,
    max_slice_ms=4000,
    drain_timeout_s=5.0,
    open_slice_ms=250,
    own_slice_ms=1000,
    own_answers=400,
)

STRETCHES = [1, 1.01, 1.25, 1.5, 2, 2.5, 3, 4.0625, 7, 16, 40]
COUNTS = [1, 2, 3, 6, 8, 20, 48]


def kept(blocks, stretch):
    """Return the numbers of the blocks that stay."""
    return [block for block in range(blocks) if is_kept(block, stretch)]


@pytest.mark.parametrize(
    ("stretch", "blocks"),
    [(1, [0, 1, 2, 3, 4, 5, 6, 7]), (2, [0, 2, 4, 6]), (3, [0, 3, 6]), (1.5, [0, 1, 3, 4, 6, 7]), (8, [0]), (40, [0])],
)
def test_of_eight_blocks_these_stay_where_each_takes_so_many_times_as_long(stretch, blocks):
    assert kept(8, stretch) == blocks


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("stretch", STRETCHES)
def test_as_many_blocks_stay_as_the_planned_time_has_room_for_and_the_first_is_one_of_them(stretch, count):
    own = kept(count, stretch)
    assert own[0] == 0
    assert len(own) == math.ceil(count / stretch)


@pytest.mark.parametrize("stretch", STRETCHES)
def test_the_blocks_that_stay_are_as_far_from_each_other_as_each_takes_longer(stretch):
    own = kept(200, stretch)
    gaps = {later - earlier for earlier, later in itertools.pairwise(own)}
    assert gaps <= {math.floor(stretch), math.ceil(stretch)}


# --- lengths --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("users", "rate_rps", "length_ms"),
    [
        pytest.param(16, 5000, 100, id="as long as the shortest"),
        pytest.param(16, 1000, 200, id="as long as the answers take"),
        pytest.param(64, 1000, 640, id="as long as outweighs the drain of many users"),
        pytest.param(16, 10, 4000, id="no longer than allowed, with fewer answers"),
        pytest.param(16, None, 100, id="as short as may be where the rate is not known"),
        pytest.param(16, 0.0, 100, id="or where nothing was answered"),
    ],
)
def test_a_slice_of_a_closed_loop_lasts_for_enough_answers_and_drains_within_bounds(users, rate_rps, length_ms):
    assert PACE.length_ms(rate_rps, users) == length_ms


@pytest.mark.parametrize(
    ("slice_ms", "rate_rps", "length_ms"),
    [
        pytest.param(100, 2000, 250, id="as long as the shortest of open loops"),
        pytest.param(300, 2000, 300, id="as long as the shortest asked for"),
        pytest.param(100, 500, 400, id="as long as the answers take"),
        pytest.param(250, 50, 4000, id="no longer than allowed"),
        pytest.param(250, 1, 4000, id="then with fewer answers"),
        pytest.param(4500, 1, 4500, id="but never shorter than asked for"),
        pytest.param(100, None, 250, id="as short as may be where the rate is not known"),
    ],
)
def test_a_slice_of_an_open_loop_lasts_for_enough_arrivals_within_bounds(slice_ms, rate_rps, length_ms):
    assert replace(PACE, slice_ms=slice_ms).open_length_ms(rate_rps, is_own=False) == length_ms


@pytest.mark.parametrize(
    ("rate_rps", "length_ms"),
    [
        pytest.param(2000, 1000, id="a queue needs that long to show"),
        pytest.param(250, 1600, id="or as long as the answers for a p99 of each launch take"),
        pytest.param(50, 4000, id="no longer than allowed"),
        pytest.param(None, 1000, id="as short as may be where the rate is not known"),
    ],
)
def test_a_slice_at_a_share_of_a_stacks_own_throughput_lasts_for_a_second_and_more_answers(rate_rps, length_ms):
    assert PACE.open_length_ms(rate_rps, is_own=True) == length_ms


@pytest.mark.parametrize(("lengths_ms", "stretch"), [([], 1), ([100, 100], 1), ([100, 300], 2), ([400], 4)])
def test_slices_are_stretched_by_their_mean_length_over_the_shortest(lengths_ms, stretch):
    assert PACE.stretch(lengths_ms) == stretch
