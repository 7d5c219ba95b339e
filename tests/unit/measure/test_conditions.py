"""What a stack's answers took of connections, bytes and lines of log, and how much it has printed so far."""

import pytest

from bench.measure.conditions import describe_traffic
from bench.measure.processes import MAX_LOG_BYTES, RunningStack
from bench.plan.stacks import Stack
from bench.records import SliceRecord
from bench.records.record import columns


def slice_of(answers, **fields):
    """Return a slice with so many answers; nothing else of it matters."""
    usual = {name: "" if kind is str else 0 for name, kind in columns(SliceRecord).items()}
    return SliceRecord(**usual | {"answers": answers, "warm_up": False} | fields)


def test_traffic_is_that_of_all_slices_per_answer():
    slices = [
        slice_of(500, connections=16, received_bytes=90_000, warm_up=True),
        slice_of(1500, connections=0, received_bytes=310_000),
        slice_of(0, connections=4, received_bytes=0),
    ]
    assert describe_traffic(slices, 5000) == {"connections_per_1000_answers": 10.0, "bytes_per_answer": 200.0, "log_bytes_per_answer": 2.5}


@pytest.mark.parametrize("slices", [[], [slice_of(0, connections=4, received_bytes=0)]])
def test_there_is_no_traffic_per_answer_without_an_answer(slices):
    assert describe_traffic(slices, 100) == {}


@pytest.fixture
def running(tmp_path):
    """Return a stack that has printed nothing yet."""
    log = tmp_path / "a.log"
    log.touch()
    return RunningStack(Stack("a", ("{port}",)), 8000, None, log, 0, "mark")


def test_what_a_stack_has_printed_counts_whether_or_not_its_log_was_begun_anew(running):
    for size, printed in ((10, 10), (MAX_LOG_BYTES + 1, MAX_LOG_BYTES + 1), (7, MAX_LOG_BYTES + 8)):
        running.log.write_bytes(b"x" * size)
        assert running.log_bytes() == printed
        running.bound_log()
        assert running.log_bytes() == printed
    assert running.log.stat().st_size == 7


def test_a_log_that_is_gone_holds_nothing_more(running):
    running.log.unlink()
    running.bound_log()
    assert running.log_bytes() == 0
