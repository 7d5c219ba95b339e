"""Start `python -m bench` as a user would, and see what it leaves behind."""

import json
import os
import subprocess
import sys
import time

import psutil

RUN_TIMEOUT_S = 120
# The command line of the bench, with few slices of a quarter of the usual length under one load, without repeats unless asked for, and
# without the report, which takes longer to draw than all the rest, unless that is asked for: all of this is tested where it matters.
SHORT = """
import os, signal, sys
from dataclasses import replace
from bench.commands.main import main
from bench.run import loop

measure = loop.run

def run(plan, *rest):
    few = dict(scenarios=("predict-1",), loads=("closed-4",), blocks=1, more_blocks=dict(), trio_turns=dict(), stacks_by_load=dict())
    part = replace(plan.parts[0], **few)
    repeats = int(os.environ.get("SHORT_REPEATS", "0"))
    short = replace(plan, slice_ms=60, settle_ms=10, warm_up_ms=60, starts=0, complexity=False, repeats=repeats, parts=(part,))
    return measure(short, *rest{report})

loop.run = run
sys.exit(main())
"""
NO_REPORT = ", report=lambda folder: None"


def bench(*arguments, cwd, env=None, is_drawn=False, is_whole=False):
    """Start `python -m bench` with the answer and the progress captured: a short run, or the whole of what it plans, which is drawn."""
    program = ["-m", "bench"] if is_whole else ["-c", SHORT.format(report="" if is_drawn else NO_REPORT)]
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process):
    """Return (exit status, stdout, stderr) of a run."""
    out, err = process.communicate(timeout=RUN_TIMEOUT_S)
    return process.returncode, out, err


def run(*arguments, cwd, env=None, is_whole=False):
    return finish(bench(*arguments, cwd=cwd, env=env, is_whole=is_whole))


def processes_of(session):
    """Return what a bench has started and is still there: all of it works in a folder below the bench's TMPDIR."""
    return [
        process
        for process in psutil.process_iter(["status", "cwd"])
        if str(session) in (process.info["cwd"] or "") and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def wait_for_none(session):
    """Wait until nothing is left of what a bench has started; if it stays, end it and fail."""
    deadline = time.monotonic() + 30
    while processes_of(session) and time.monotonic() < deadline:
        time.sleep(0.02)
    left = processes_of(session)
    for process in left:
        process.kill()
    assert left == []


def wait_until(process, is_so):
    """Wait until the function returns something that is true, and return it; fail if the run ends before."""
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := is_so():
            return found
        time.sleep(0.02)
    message = f"it did not come to that: {finish(process)}"
    raise AssertionError(message)


def manifest_of(results):
    """Return the manifest of the only run in a folder; nothing as long as there is none."""
    found = list(results.glob("*/manifest.json"))
    return json.loads(found[0].read_text("utf-8")) if found else {}
