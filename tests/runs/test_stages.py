"""A signal at any stage of a run: one line, the exit status of the signal, and nothing left running."""

import contextlib
import itertools
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from bench_runs import NO_REPORT, RUN_TIMEOUT_S, SHORT, finish, manifest_of, processes_of, wait_for_none

# At one stage of the run the bench gets a signal, in the middle of its own work or of a library that makes another error of it.
SIGNALLED = """
import importlib, os, sys
module, name = importlib.import_module(sys.argv[1]), sys.argv[2]
work, left, number = getattr(module, name), [int(sys.argv[3])], int(sys.argv[4])
library_error = ValueError() if sys.argv[5] == "library" else None

def signalled(*arguments, **options):
    left[0] -= 1
    if not left[0]:
        try:
            os.kill(os.getpid(), number)
        except BaseException as error:
            raise library_error or error
    return work(*arguments, **options)

setattr(module, name, signalled)
del sys.argv[1:6]
"""
# It is the first of its session, with a terminal.
WITH_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
# Where, at which call, and whether a launch counts by then.
STAGES = {
    "planning": ("bench.plan.plan", "load_stacks", 1, False),
    "looking at the machine": ("bench.run.loop", "describe_machine", 1, False),
    "making the folder": ("bench.run.recorder", "digest_bench", 1, False),
    "single starts": ("bench.run.loop", "measure_starts", 1, False),
    "starts": ("bench.measure.ready", "await_ready", 2, False),
    "parity": ("bench.measure.launches", "check_stack", 2, False),
    "warm-up": ("bench.measure.launches", "_read_line", 1, False),
    "load": ("bench.measure.launches", "_read_line", 8, False),
    "stops": ("bench.measure.processes", "end_marked", 1, False),
    "writing samples": ("bench.measure.launches", "write_samples", 1, False),
    "between launches": ("bench.run.loop", "plan_launch", 2, True),
    "judging": ("bench.judge.judgement", "compare_all", 3, True),
    "drawing": ("bench.show.report", "make_sections", 1, True),
    "the last words": ("bench.show.outputs.terminal", "terminal_summary", 1, True),
}
IN_LIBRARY = ("between launches", "judging")
OFTEN = ("planning", "load", "stops", "judging")
STOPS = [
    pytest.param(stage, number, marks=() if stage in OFTEN else pytest.mark.slow)
    for stage, number in zip(STAGES, itertools.cycle([signal.SIGINT, signal.SIGTERM]), strict=False)
]


@pytest.fixture
def start(tmp_path, stub_file):
    """Return a function that starts a run of two launches of stubs, after a program of the test's own."""
    stubs = stub_file("good", "chunked")
    chosen = ["run", "--profile", "quick", "--launches", "2", "--stacks-file", str(stubs), "--compare", "stub-chunked", "stub-good"]

    def start(program, *words, out=subprocess.PIPE, err=subprocess.PIPE, feed=subprocess.DEVNULL, is_drawn=False):
        begin, end = SHORT.format(report="" if is_drawn else NO_REPORT).split("from bench.commands.main")
        return subprocess.Popen(
            [sys.executable, "-c", f"{begin}{program}from bench.commands.main{end}", *map(str, words), *chosen],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdin=feed,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.mark.parametrize(("stage", "number"), STOPS)
def test_a_signal_at_any_stage_ends_the_run_in_its_own_way(tmp_path, start, stage, number):
    *where, is_measured = STAGES[stage]
    status, _, err = finish(start(SIGNALLED, *where, int(number), "library" if stage in IN_LIBRARY else "own", is_drawn=stage == "drawing"))
    assert status == 128 + number, err
    assert "Traceback" not in err
    [line] = [line for line in err.splitlines() if line.startswith("bench: ")]
    assert line.startswith(f"bench: stopped by {number.name}")
    assert processes_of(tmp_path) == []
    assert list(tmp_path.glob("bench-*")) == []  # its own temporary folders
    assert bool(list(tmp_path.glob("results/*/manifest.json"))) == is_measured


def wait_for_a_launch(results, terminal):
    """Wait until a launch counts, and read what the terminal shows."""
    os.set_blocking(terminal, False)
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while time.monotonic() < deadline and not any(row["kept"] for row in manifest_of(results).get("launches", ())):
        with contextlib.suppress(BlockingIOError):
            os.read(terminal, 65536)
        time.sleep(0.02)


def test_a_closed_terminal_stops_a_run_and_what_was_measured_is_kept_and_judged(tmp_path, start):
    terminal, inner = pty.openpty()
    process = start(WITH_TERMINAL, out=inner, err=inner, feed=inner)
    os.close(inner)
    wait_for_a_launch(tmp_path / "results", terminal)
    os.close(terminal)
    assert process.wait(RUN_TIMEOUT_S) == 128 + signal.SIGHUP
    assert manifest_of(tmp_path / "results")["partial"]
    assert list(tmp_path.glob("results/*/summary.json"))
    assert processes_of(tmp_path) == []


def test_a_run_that_ignores_the_end_of_its_terminal_goes_on_without_it(tmp_path, start):
    # As `nohup` starts it.
    terminal, inner = pty.openpty()
    process = start("signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + WITH_TERMINAL, out=inner, err=inner, feed=inner)
    os.close(inner)
    wait_for_a_launch(tmp_path / "results", terminal)
    os.close(terminal)
    assert process.wait(RUN_TIMEOUT_S) in (0, 4)
    assert not manifest_of(tmp_path / "results")["partial"]
    assert list(tmp_path.glob("results/*/summary.json"))
    wait_for_none(tmp_path)


@pytest.mark.slow
def test_ctrl_c_that_ends_the_readers_of_a_run_as_well_has_the_status_of_the_signal(tmp_path, start):
    # As in `python -m bench run 2>&1 | tee log`.
    *where, _ = STAGES["between launches"]
    process = start(SIGNALLED, *where, int(signal.SIGINT), "own")
    process.stdout.close()
    process.stderr.close()
    assert process.wait(RUN_TIMEOUT_S) == 130
    assert manifest_of(tmp_path / "results")["partial"]
    assert list(tmp_path.glob("results/*/summary.json"))
