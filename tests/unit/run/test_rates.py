"""The rates that the next launch of a part starts from: those at busy shares that its last one found."""

from bench.records import SliceRecord
from bench.records.record import columns
from bench.run.rates import last_rates


def slice_of(load, offered_rps, part="one", *, warm_up=False):
    """Return a slice of a load at a rate; nothing else of it matters."""
    usual = {name: "" if kind is str else 0 for name, kind in columns(SliceRecord).items()}
    return SliceRecord(**usual | {"part": part, "load": load, "offered_rps": offered_rps, "warm_up": warm_up})


def test_the_last_launch_of_the_part_tells_the_rate_of_each_busy_share():
    slices = [
        *(slice_of("busy-40", rate_rps) for rate_rps in (1000.0, 1000.0, 1100.0, 1100.0)),
        slice_of("busy-20-constant", 500.0),
        slice_of("busy-40", 9000.0, part="other"),
    ]
    assert last_rates(slices, "one") == {"busy-40": 1100.0, "busy-20-constant": 500.0}


def test_the_rate_of_a_calibration_slice_is_not_the_one_that_was_found():
    slices = [slice_of("busy-40", 1100.0), slice_of("busy-40", 700.0, warm_up=True)]
    assert last_rates(slices, "one") == {"busy-40": 1100.0}


def test_rates_that_no_next_launch_can_begin_with_are_left_out():
    slices = [slice_of("own-80", 900.0), slice_of("open-500rps", 500.0), slice_of("closed-16", None), slice_of("busy-40", None)]
    assert last_rates(slices, "one") == {}


def test_before_the_first_launch_of_a_part_there_is_no_rate():
    assert last_rates([], "one") == last_rates([slice_of("busy-40", 1100.0, part="other")], "one") == {}
