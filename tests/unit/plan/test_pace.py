"""Which blocks stay where slices take longer than planned: so many fewer, spread evenly, the first one always."""

import itertools
import math

import pytest

from bench.plan.pace import is_kept

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
