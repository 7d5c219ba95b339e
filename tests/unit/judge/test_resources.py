"""What a stack needs beside CPU time: medians over its starts and over its launches."""

import pytest

from bench.judge.resources import summarise_resources
from bench.records import Memory, Resources, StartUp

MIB = 2**20


def starts_of(stack, *ready_s):
    return [StartUp(stack, number, ready, ready + 0.5, 50 * MIB, 40 * MIB) for number, ready in enumerate(ready_s, start=1)]


def launches_of(stack, *rest_mib):
    return [Memory(launch, stack, rest * MIB, (rest + 1) * MIB, (rest + 2) * MIB, (rest + 3) * MIB) for launch, rest in enumerate(rest_mib)]


def test_every_figure_is_the_median_over_its_own_starts_or_launches():
    [row] = summarise_resources(starts_of("a", 3.0, 1.0, 20.0), launches_of("a", 90, 50, 60, 70, 80))
    assert row == Resources(
        stack="a",
        starts=3,
        ready_s=3.0,
        first_prediction_s=3.5,
        launches=5,
        rest_rss_bytes=50 * MIB,
        rest_pss_bytes=40 * MIB,
        loaded_rss_bytes=72 * MIB,
        loaded_pss_bytes=73 * MIB,
    )


def test_the_median_of_an_even_number_lies_between_and_bytes_stay_whole():
    memory = [Memory(launch, "a", count, count, count, count) for launch, count in ((1, 10), (2, 13))]
    [row] = summarise_resources(starts_of("a", 1.0, 2.0), memory)
    assert row.ready_s == 1.5
    assert row.loaded_rss_bytes == 12
    assert isinstance(row.loaded_rss_bytes, int)


def test_a_stack_that_was_only_started_has_no_memory_under_load():
    [row] = summarise_resources(starts_of("a", 1.0), [])
    assert (row.starts, row.ready_s, row.first_prediction_s, row.launches) == (1, 1.0, 1.5, 0)
    assert (row.rest_rss_bytes, row.rest_pss_bytes) == (50 * MIB, 40 * MIB)
    assert {row.loaded_rss_bytes, row.loaded_pss_bytes} == {None}


def test_a_stack_that_was_only_launched_has_no_start_up_time_and_no_memory_at_rest():
    [row] = summarise_resources([], launches_of("a-twin", 50))
    assert (row.starts, row.ready_s, row.first_prediction_s, row.rest_rss_bytes) == (0, None, None, None)
    assert (row.launches, row.loaded_rss_bytes) == (1, 52 * MIB)


def test_stacks_come_in_the_order_in_which_they_were_first_measured_each_with_its_own_figures():
    rows = summarise_resources([*starts_of("b", 2.0), *starts_of("a", 1.0)], [*launches_of("c", 30), *launches_of("a", 10)])
    assert [(row.stack, row.ready_s, row.launches) for row in rows] == [("b", 2.0, 0), ("a", 1.0, 1), ("c", None, 1)]


@pytest.mark.parametrize("memory", [[], [Memory(1, "a", 0, 0, 0, 0)]])
def test_memory_of_nothing_is_no_memory_unknown(memory):
    found = [row.loaded_pss_bytes for row in summarise_resources([], memory)]
    assert found == [0] * len(memory)
