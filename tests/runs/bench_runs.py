"""Start `python -m bench` as a user would, and see what it leaves behind."""

import os
import subprocess
import sys
import time

import psutil

RUN_TIMEOUT_S = 120


def bench(*arguments, cwd, env=None, **options):
    """Start `python -m bench` with the answer and the progress captured."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def finish(process):
    """Return (exit status, stdout, stderr) of a run."""
    out, err = process.communicate(timeout=RUN_TIMEOUT_S)
    return process.returncode, out, err


def run(*arguments, cwd, env=None):
    return finish(bench(*arguments, cwd=cwd, env=env))


def processes_of(session):
    """Return what a bench has started and is still there: all of it works in a folder below the bench's TMPDIR."""
    return [
        process
        for process in psutil.process_iter(["status", "cwd"])
        if str(session) in (process.info["cwd"] or "") and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def wait_for(path, process):
    """Wait until the run has written a file."""
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := list(path.parent.parent.glob(f"{path.parent.name}/{path.name}")):
            return found[0]
        time.sleep(0.02)
    message = f"no {path}: {finish(process)}"
    raise AssertionError(message)
