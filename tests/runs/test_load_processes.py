"""Load made by several processes: the same requests at the same times as by one, and a process that is lost is named."""

import contextlib
import threading
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from bench.errors import GeneratorError
from bench.measure.environment import Cores
from bench.measure.launches import measure_launch
from bench.plan.places import make_load
from bench.plan.schedule import Turn, plan_launch
from bench.records.samples import SAMPLE_COLUMNS

UNPINNED = Cores((), ())
SLICE, CONNECTION, INTENDED = (SAMPLE_COLUMNS.index(name) for name in ("slice", "connection", "intended_ns"))


def started(module):
    """Return the processes of a module that a launch of this process has started."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += [child] if module in child.cmdline() else []
    return found


def workers():
    return started("bench.measure.load_worker")


@pytest.fixture
def measure(tmp_path):
    """Return a function that measures a launch of a plan by so many load processes: slices and samples."""

    def measure(plan, processes, on_slice=lambda _: None):
        load = make_load(processes) if processes else plan.load
        plan = replace(plan, load=load)
        path = tmp_path / f"by-{processes}.parquet"
        result = measure_launch(plan_launch(plan, Turn(1, plan.parts[0], 1)), UNPINNED, path, on_slice)
        table = pq.read_table(path)
        return result, np.column_stack([table[name].to_numpy() for name in SAMPLE_COLUMNS])

    return measure


def due_times(result, samples):
    """Return for each slice the times at which its requests were due, in us from its start."""
    found = {}
    for index, record in enumerate(result.slices):
        own = samples[samples[:, SLICE] == index]
        found[index] = sorted(((own[:, INTENDED] - record.start_ns) // 1000).tolist())
    return found


def test_three_processes_send_what_one_would_send_at_the_same_times(make_stub, plan_of, measure):
    plan = plan_of(make_stub(), make_stub(name="other"), loads=("open-500rps", "open-300rps-constant"))
    alone, together = (due_times(*measure(plan, processes)) for processes in (None, 3))
    open_loops = [index for index, times in alone.items() if len(times) and index >= 2]
    assert open_loops
    assert {index: together[index] for index in open_loops} == {index: alone[index] for index in open_loops}


@pytest.mark.parametrize("processes", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_users_of_a_closed_loop_are_dealt_to_the_processes(make_stub, plan_of, measure, processes):
    result, samples = measure(plan_of(make_stub(), loads=("closed-4",)), processes)
    counted = [index for index, record in enumerate(result.slices) if not record.warm_up]
    for index in counted:
        own = Counter(samples[samples[:, SLICE] == index][:, CONNECTION].tolist())
        assert len(own) == 4
        by_process = Counter(connection // 100_000 for connection in own)
        assert sorted(by_process.values()) == ([4] if processes == 1 else [1, 1, 2])
    assert sum(record.errors + record.unfinished for record in result.slices) == 0
    assert sum(record.answers for record in result.slices) == len(samples)
    assert workers() == []


@pytest.mark.slow
def test_more_processes_than_users_leave_some_without_work(make_stub, plan_of, measure):
    result, samples = measure(plan_of(make_stub(), loads=("closed-1",)), 3)
    counted = result.slices[-1]
    assert counted.answers > 0
    assert len(set(samples[samples[:, SLICE] == len(result.slices) - 1][:, CONNECTION].tolist())) == 1


@pytest.mark.slow
def test_stamps_of_all_processes_lie_in_their_slice_in_the_order_in_which_they_ended(make_stub, plan_of, measure):
    result, samples = measure(plan_of(make_stub()), 2)
    done = samples[:, SAMPLE_COLUMNS.index("done_ns")]
    for index, record in enumerate(result.slices):
        own = done[samples[:, SLICE] == index]
        assert record.start_ns < own.min()
        assert own.max() <= record.drained_ns
        assert (np.diff(own) >= 0).all()


def test_a_process_that_is_killed_in_mid_slice_is_named(make_stub, plan_of, measure):
    plan = replace(plan_of(make_stub(), blocks=4), slice_ms=300)
    with pytest.raises(GeneratorError, match=r"^Load process [12] of 2 \(on this machine\) ended \(signal 9\)\.$"):
        measure(plan, 2, on_slice=lambda _: workers()[0].kill())
    assert workers() == []


@pytest.mark.slow  # it is waited for
def test_a_process_that_hangs_is_named(make_stub, plan_of, measure):
    with pytest.raises(
        GeneratorError, match=r"^Load process [12] of 2 \(on this machine\) (did not answer in 10 s|is not heard of any more)\.$"
    ):
        measure(plan_of(make_stub(), blocks=4), 2, on_slice=lambda _: workers()[0].suspend())
    assert workers() == []


def test_a_process_that_begins_late_is_named(make_stub, plan_of, measure):
    held = []

    def hold(_):
        if not held:
            held.append(workers()[0])
            held[0].suspend()
            threading.Timer(0.8, held[0].resume).start()  # it goes on when the other one has begun without it

    with pytest.raises(GeneratorError, match=r"^Load process [12] of 2 \(on this machine\) began a slice 0\.\d\d s after the first one\.$"):
        measure(plan_of(make_stub(), blocks=4), 2, on_slice=hold)


@pytest.mark.slow
def test_a_template_that_starts_nothing_is_named(make_stub, plan_of, measure):
    plan = plan_of(make_stub())
    for template, how in [("no-such-command", r"cannot be started: No such file or directory"), ("false", r"ended \(exit status 1\)")]:
        load = make_load(1, [template])
        with pytest.raises(GeneratorError, match=rf"^Load process 2 of 2 \({template}\) {how}\.$"):
            measure(replace(plan, load=load), None)
        assert workers() == []


@pytest.mark.slow
def test_load_processes_end_with_their_generator(make_stub, plan_of, measure):
    def kill(_):
        started("bench.measure.generator")[0].kill()

    with pytest.raises(GeneratorError, match=r"signal SIGKILL"):
        measure(plan_of(make_stub(), blocks=4), 2, on_slice=kill)
    deadline = time.monotonic() + 10
    while workers() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert workers() == []
