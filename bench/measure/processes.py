"""Start a stack as a process group of its own, prove that the port is its own, read its clocks, stop all of it again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil

from bench.errors import StackError
from bench.measure.environment import allowed_cores
from bench.measure.interrupts import shielded
from bench.plan.stacks import Stack

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.01
REQUEST_TIMEOUT_S = 2.0
GROUP_TIMEOUT_S = 2.0
PORT_ATTEMPTS = 5
LOG_TAIL_LINES = 5
MAX_LOG_BYTES = 1_000_000
# What a process that we start keeps of our environment. All else could change the plan unseen (GUNICORN_CMD_ARGS, WEB_CONCURRENCY,
# UVICORN_*, LOCUST_*, PYTHONPATH, proxies ...).
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1")


@dataclass
class RunningStack:
    """A stack that is starting or running. `started_ns` is when its process was made."""

    stack: Stack
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    started_ns: int
    ready_s: float = 0.0

    def pids(self) -> list[int]:
        """Return the ids of its processes, the main one first."""
        try:
            main = psutil.Process(self.process.pid)
            return [main.pid, *(child.pid for child in main.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def log_tail(self) -> str:
        """Return the last lines that the server printed."""
        lines = last_lines(self.log.read_bytes())
        return "\n".join(f"    {line}" for line in lines) or "    (it printed nothing)"

    def bound_log(self) -> None:
        """Begin the log anew when it has grown too long."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > MAX_LOG_BYTES:
                os.truncate(self.log, 0)

    def describe_death(self) -> str:
        """Return how its main process ended and its last output; nothing while it runs."""
        status = self.process.poll()
        if status is None:
            return ""
        return f"{self.stack.name} ended by itself ({_describe_exit(status)}). Its last output:\n{self.log_tail()}"


def last_lines(output: bytes) -> list[str]:
    """Return the last lines of what a process printed: enough to see why it ended."""
    return output.decode(errors="replace").strip().splitlines()[-LOG_TAIL_LINES:]


def spawn_stack(stack: Stack, cores: Sequence[int], folder: Path) -> RunningStack:
    """Start a stack on a free port, pinned to `cores` (empty: not pinned); its output goes to a file in `folder`."""
    port = free_port()
    log = folder / f"{stack.name.replace('/', '_')}.log"
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    command = [word.replace("{python}", sys.executable).replace("{port}", str(port)) for word in stack.command]
    try:
        with log.open("ab") as output, pinned(cores):
            process = subprocess.Popen(  # noqa: S603 - the command is the user's own
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=stack.folder or empty,
                env=server_environment(stack),
                start_new_session=True,
            )
    except OSError as error:
        message = f"{stack.name} cannot be started: {command[0]} ({error.strerror})."
        raise StackError(message) from None
    return RunningStack(stack, port, process, log, time.perf_counter_ns())


def await_ready(running: RunningStack) -> bool:
    """Wait until the stack answers on a port that is its own and return True; False if another took the port first.

    Raises `StackError` with the end of its log if it ends or does not answer in time.
    """
    deadline_ns = running.started_ns + int(START_TIMEOUT_S * 1e9)
    while time.perf_counter_ns() < deadline_ns:
        if running.process.poll() is not None:
            if _is_taken(running.port):
                return False
            raise StackError(running.describe_death())
        if _answers(running):
            running.ready_s = (time.perf_counter_ns() - running.started_ns) / 1e9
            return count_listeners(running) > 0
        time.sleep(POLL_S)
    message = (
        f"{running.stack.name} was not ready after {START_TIMEOUT_S:g} s: no 200 on {running.stack.ready}. "
        f"Its last output:\n{running.log_tail()}"
    )
    raise StackError(message)


def launch_stacks(stacks: Sequence[Stack], cores: Sequence[int], folder: Path, stack_of_exits: contextlib.ExitStack) -> list[RunningStack]:
    """Start all stacks, wait until each is ready, and pin them to `cores`; they are stopped when `stack_of_exits` unwinds.

    Several stacks start on all cores, in half of the time, and are pinned once they are ready; one alone starts pinned, as on a
    machine of that size. A port that somebody else took first is no failure of the stack: another one is tried.
    """
    cores_at_start = cores if len(stacks) == 1 else ()
    started: list[RunningStack] = []
    stack_of_exits.callback(lambda: stop_stacks(started))
    for stack in stacks:
        with shielded():
            started.append(spawn_stack(stack, cores_at_start, folder))
    for place, running in enumerate(started):
        for _ in range(PORT_ATTEMPTS):
            if await_ready(started[place]):
                break
            with shielded():
                stop_stacks([started[place]])
                started[place] = spawn_stack(running.stack, cores_at_start, folder)
        else:
            message = f"{running.stack.name}: other programs took {PORT_ATTEMPTS} free ports in a row; try again."
            raise StackError(message)
    for running in started:
        pin_stack(running, cores)
    return started


def pin_stack(running: RunningStack, cores: Sequence[int]) -> None:
    """Move every thread of a stack's process tree to `cores` (empty: leave it); what they start later inherits that."""
    if not cores:
        return
    for _ in range(2):  # a thread that was starting during the first pass is caught by the second
        for thread in _threads(running):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, cores)


def _threads(running: RunningStack) -> list[int]:
    """Return the ids of all threads of a stack's process tree."""
    found: list[int] = []
    for pid in running.pids():
        with contextlib.suppress(OSError):
            found += [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    return found


def stop_stacks(stacks: Sequence[RunningStack]) -> None:
    """End all stacks: ask first, and after a while insist; whatever is left of their process groups goes too.

    They end on all cores, as they were started: it takes each a tenth of a second of CPU time.
    """
    with shielded():
        for running in stacks:
            pin_stack(running, allowed_cores())
            with contextlib.suppress(ProcessLookupError):
                running.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for running in stacks:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.process.wait(max(0.0, deadline - time.monotonic()))
            kill_group(running.process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of a process group that we started, and wait until it is gone."""
    deadline = time.monotonic() + GROUP_TIMEOUT_S
    with shielded(), contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        while time.monotonic() < deadline:  # orphans are reaped by another process, in its own time
            os.killpg(process.pid, 0)
            time.sleep(POLL_S)
    process.wait()


def read_memory(running: RunningStack) -> tuple[int, int]:
    """Return (RSS, PSS) of its process tree in bytes: RSS counts shared pages in each process, PSS shares them out."""
    rss_bytes = pss_bytes = 0
    for pid in running.pids():
        with contextlib.suppress(psutil.Error):
            full = psutil.Process(pid).memory_full_info()
            rss_bytes, pss_bytes = rss_bytes + full.rss, pss_bytes + getattr(full, "pss", full.rss)
    return rss_bytes, pss_bytes


def read_conditions(running: RunningStack) -> dict[str, Any]:
    """Return how the stack really runs: its command, processes, threads, cores and the event loop and parser it loaded."""
    processes = [psutil.Process(pid) for pid in running.pids()]
    maps = "".join(Path(f"/proc/{process.pid}/maps").read_text("utf-8", errors="replace") for process in processes)
    return {
        "command": " ".join(running.stack.command),
        "environment": {"SERVE_ENGINE": running.stack.engine, **running.stack.environment},
        "processes": len(processes),
        "serving_processes": sum(not _is_overseer(process) for process in processes),
        "threads": sum(process.num_threads() for process in processes),
        "cores": sorted({core for thread in _threads(running) for core in _affinity(thread)}),
        "uvloop": "uvloop" in maps,
        "httptools": "httptools" in maps,
        "ready_beside_others_s": round(running.ready_s, 3),
    }


def _is_overseer(process: psutil.Process) -> bool:
    """Whether a process serves nothing itself: it has children, or it only cleans up after the others."""
    return bool(process.children()) or any("resource_tracker" in word for word in process.cmdline())


def _affinity(thread: int) -> set[int]:
    try:
        return os.sched_getaffinity(thread)
    except (OSError, AttributeError):
        return set()


def server_environment(stack: Stack) -> dict[str, str]:
    """Return the whole environment of a server: a few variables of ours, its settings, one BLAS thread."""
    return {**clean_environment(), "SERVE_ENGINE": stack.engine, "SERVE_TIMING": "0", **stack.environment}


def clean_environment() -> dict[str, str]:
    """Return what every process that the bench starts keeps of our environment."""
    return {**{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}, **ONE_THREAD}


@contextlib.contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """Let processes started in the block inherit `cores`; nothing happens where cores cannot be chosen."""
    if not cores or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def count_listeners(running: RunningStack) -> int:
    """Return how many sockets of a stack's processes listen on its port; none: whatever answers there is not the stack."""
    listeners = 0
    for pid in running.pids():
        with contextlib.suppress(psutil.NoSuchProcess):
            connections = psutil.Process(pid).net_connections("tcp")
            listeners += sum(one.status == psutil.CONN_LISTEN and one.laddr.port == running.port for one in connections)
    return listeners


def free_port() -> int:
    """Return a port that was free a moment ago; whoever uses it must check that it got it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _answers(running: RunningStack) -> bool:
    connection = HTTPConnection("127.0.0.1", running.port, timeout=REQUEST_TIMEOUT_S)
    try:
        connection.request("GET", running.stack.ready)
        return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _describe_exit(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
