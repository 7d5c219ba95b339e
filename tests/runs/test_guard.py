"""A bench that is killed leaves no process behind, and no process of anybody else is ended for it."""

import contextlib
import os
import subprocess
import sys

import psutil
import pytest
from bench_runs import processes_of, wait_for_none

from bench.measure.guard import MARK, find_members, stand_guard

# Launches stacks as a bench does, says so, and waits.
BENCH = """
import contextlib, pathlib, sys
from bench.measure.ready import launch_stacks
from bench.plan.stacks import BUNDLED_STACKS, Stack, load_stacks

leaking = Stack(name="leaking", command=(sys.executable, "-c", sys.argv[2], "{port}"))
with contextlib.ExitStack() as exits:
    launch_stacks([load_stacks(BUNDLED_STACKS)["flask-gthread"], leaking], (), pathlib.Path(sys.argv[1]), exits)
    print("launched", flush=True)
    sys.stdin.read()
"""
# Starts one child with its own session, one with its own environment and one with both; then it is a stub, and forgets its own mark.
LEAKING = """
import os, subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(sleep, start_new_session=True)
subprocess.Popen(sleep, env={})
subprocess.Popen(sleep, start_new_session=True, env={})
os.execve(sys.executable, [sys.executable, "-m", "bench.servers.stub", "leaking", sys.argv[1]], {})
"""
SERVERS = 6  # the main process of gunicorn and its worker, the stub and its three children


@contextlib.contextmanager
def launched(folder):
    """Start a bench in a folder of its own; it is launched."""
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", BENCH, str(folder), LEAKING],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == b"launched\n"
        assert len(processes_of(folder)) == SERVERS
        yield process
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def guard_of(bench):
    [guard] = [child for child in psutil.Process(bench.pid).children() if "bench.measure.guard" in child.cmdline()]
    return guard


def test_a_killed_bench_leaves_nothing_behind_and_another_bench_goes_on(tmp_path):
    with launched(tmp_path / "killed") as killed, launched(tmp_path / "other") as other:
        guard = guard_of(killed)
        killed.kill()
        wait_for_none(tmp_path / "killed")
        guard.wait(30)
        assert len(processes_of(tmp_path / "other")) == SERVERS
        guard = guard_of(other)
    guard.wait(30)
    assert processes_of(tmp_path) == []


def test_a_bench_whose_guard_was_killed_still_stops_what_it_has_started(tmp_path):
    with launched(tmp_path / "bench") as bench:
        guard_of(bench).kill()
    assert bench.returncode == 0
    wait_for_none(tmp_path)


def test_a_process_that_was_just_beginning_when_the_bench_was_killed_is_ended_too():
    """Between fork and exec it has neither its mark nor a session that the guard was told of."""
    program = f"""
import os, sys, time
print("begun", flush=True)
time.sleep(0.2)
os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(6)"], {{"{MARK}": "late-1"}})
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True) as late:
        late.stdout.readline()
        stand_guard("late", [])
        assert not psutil.pid_exists(late.pid)


@pytest.fixture
def stranger():
    """Return a process with a session of its own."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_session_that_has_ended_may_be_a_strangers(stranger):
    stand_guard("no such mark", [f"{stranger.pid}\n", f"-{stranger.pid}\n"])
    assert stranger.poll() is None
    stand_guard("no such mark", [f"{stranger.pid}\n"])
    assert not psutil.pid_exists(stranger.pid)


def test_a_session_whose_number_went_to_another_process_is_a_strangers(stranger):
    former = subprocess.Popen([sys.executable, "-c", ""])
    leader = psutil.Process(former.pid)
    former.wait()
    assert find_members({stranger.pid: leader}) == []
    assert [one.pid for one in find_members({stranger.pid: psutil.Process(stranger.pid)})] == [stranger.pid]
