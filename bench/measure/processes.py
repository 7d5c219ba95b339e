"""A stack as a process group of its own: started, pinned, its sockets found, and all of it stopped again."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.errors import StackError
from bench.measure import guard
from bench.measure.clocks import process_tree
from bench.measure.environment import allowed_cores
from bench.measure.guard import MARK, OWN_MARK, find_marked
from bench.measure.interrupts import shielded
from bench.plan.places import LOOPBACK
from bench.plan.stacks import WORKERS, Stack

STOP_TIMEOUT_S = 10.0
POLL_S = 0.01
GROUP_TIMEOUT_S = 2.0
LOG_TAIL_LINES = 5
MAX_LOG_BYTES = 1_000_000
# The variables that a started process gets from our environment. All others could change the plan unseen (GUNICORN_CMD_ARGS,
# WEB_CONCURRENCY, UVICORN_*, LOCUST_*, PYTHONPATH, proxies ...). Some interpreters do not start without the path of the loader.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "VIRTUAL_ENV")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1")


@dataclass
class RunningStack:
    """A stack that is starting or running. `started_ns` is the start of its process, `cut_bytes` the bytes cut from its log."""

    stack: Stack
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    started_ns: int
    mark: str
    ready_s: float = 0.0
    cut_bytes: int = 0
    host: str = LOOPBACK

    def pids(self) -> list[int]:
        """Return the ids of its processes, the main one first."""
        return process_tree(self.process.pid)

    def family(self) -> list[psutil.Process]:
        """Return its processes but the main one; one that leaves the group, with an environment of its own, is known by this alone."""
        found = []
        for pid in self.pids()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
        return found

    def log_tail(self) -> str:
        """Return the last lines that the server printed."""
        lines = last_lines(self.log.read_bytes())
        return "\n".join(f"    {line}" for line in lines) or "    (it printed nothing)"

    def bound_log(self) -> None:
        """Empty the log when it has grown too long."""
        with contextlib.suppress(OSError):
            size = self.log.stat().st_size
            if size > MAX_LOG_BYTES:
                os.truncate(self.log, 0)
                self.cut_bytes += size

    def log_bytes(self) -> int:
        """Return how many bytes it has printed so far."""
        with contextlib.suppress(OSError):
            return self.cut_bytes + self.log.stat().st_size
        return self.cut_bytes

    def describe_death(self) -> str:
        """Return how its main process ended, with its last output; an empty text while it runs."""
        status = self.process.poll()
        if status is None:
            return ""
        return f"{self.stack.name} ended by itself ({describe_exit(status)}). Its last output:\n{self.log_tail()}"


def find_deaths(stacks: Iterable[RunningStack]) -> dict[str, str]:
    """Return how each stack ended that did by itself, with its last output, by name; logs that have grown too long are emptied."""
    deaths = {}
    for running in stacks:
        if death := running.describe_death():
            deaths[running.stack.name] = death
        running.bound_log()
    return deaths


def last_lines(output: bytes) -> list[str]:
    """Return the last lines of what a process printed: enough to see why it ended."""
    return output.decode(errors="replace").strip().splitlines()[-LOG_TAIL_LINES:]


def start_process(
    command: Sequence[str], cores: Sequence[int], folder: Path, environment: Mapping[str, str], **streams: Any
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, pinned to `cores` (empty: not pinned): `kill_group` ends it, or the guard."""
    guard.call_guard()
    with pinned(cores):
        process = subprocess.Popen(  # noqa: S603 - our own modules, and the user's own commands
            command, cwd=folder, env=environment, start_new_session=True, **streams
        )
    guard.watch(process.pid)
    return process


def spawn_stack(stack: Stack, cores: Sequence[int], folder: Path, taken: Collection[int] = (), host: str = LOOPBACK) -> RunningStack:
    """Start a stack on a free port of an address, pinned to `cores` (empty: not pinned); its output goes to a file in `folder`.

    `taken` are the ports of other stacks that are starting. Raises `StackError` if the command cannot be started.
    """
    port = free_port(taken, host)
    log = folder / f"{stack.name.replace('/', '_')}.log"
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    places = {"{python}": sys.executable, "{host}": host, "{port}": str(port), WORKERS: str(stack.workers)}
    command = [_fill(word, places) for word in stack.command]
    mark = f"{OWN_MARK}-{secrets.token_hex(8)}"
    environment = {**server_environment(stack), MARK: mark}
    try:
        with log.open("ab") as output:
            process = start_process(
                command, cores, stack.folder or empty, environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
    except OSError as error:
        message = f"{stack.name} cannot be started: {command[0]} ({error.strerror})."
        raise StackError(message) from None
    return RunningStack(stack, port, process, log, time.perf_counter_ns(), mark, host=host)


def _fill(word: str, places: Mapping[str, str]) -> str:
    for place, text in places.items():
        word = word.replace(place, text)
    return word


def pin_stack(running: RunningStack, cores: Sequence[int]) -> None:
    """Move every thread of a stack's process tree to `cores` (empty: do nothing); later processes of the stack inherit them."""
    if not cores:
        return
    for _ in range(2):  # a thread that was starting during the first pass is caught by the second
        for thread in threads_of(running):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, cores)


def threads_of(running: RunningStack) -> list[int]:
    """Return the ids of all threads of a stack's process tree."""
    found: list[int] = []
    for pid in running.pids():
        with contextlib.suppress(OSError):
            found += [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    return found


def stop_stacks(stacks: Sequence[RunningStack]) -> None:
    """End all stacks with their process groups and daemons: ask first (SIGTERM), after a while force them (SIGKILL).

    They end on all cores, as they started: each needs a tenth of a second of CPU time for it. Raises `StackError` with the ids of
    another user's processes, which cannot be stopped.
    """
    asked = []
    with shielded():
        family = [process for running in stacks for process in running.family()]
        for running in stacks:
            pin_stack(running, allowed_cores())
            with contextlib.suppress(ProcessLookupError, PermissionError):
                running.process.send_signal(signal.SIGTERM)
                asked.append(running.process)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in asked:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for running in stacks:
            kill_group(running.process)
        end_processes(family, insist=True)
        if stacks:
            end_marked([running.mark for running in stacks])
        left = [pid for running in stacks if running.process.poll() is None for pid in running.pids()]
        if left:
            raise StackError(another_users(left))


def end_marked(marks: Sequence[str]) -> None:
    """End the processes that were started with these marks, and their children: ask first, then insist, until none is found."""
    deadline, insist = time.monotonic() + STOP_TIMEOUT_S, False
    while time.monotonic() < deadline and (found := find_marked(marks)):
        end_processes(found, insist=insist)
        insist = True


def end_processes(processes: Sequence[psutil.Process], *, insist: bool = False) -> None:
    """End processes that are no children of ours: ask first (not with `insist`), and insist after a while."""
    for kill in (True,) if insist else (False, True):
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill() if kill else process.terminate()
        _, processes = psutil.wait_procs(processes, GROUP_TIMEOUT_S)


def another_users(pids: Sequence[int]) -> str:
    """Return the message on processes that only another user, or root, may look at and stop."""
    return (
        "A stack's processes of another user can be neither measured nor stopped. Let its command run as the user of the bench, and end "
        f"these processes by hand: {' '.join(str(pid) for pid in pids)}."
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End all remaining processes of a group that we started, and wait until they are gone; another user's stay."""
    deadline = time.monotonic() + GROUP_TIMEOUT_S
    with shielded(), contextlib.suppress(ProcessLookupError):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except PermissionError:
            return
        process.wait()
        while time.monotonic() < deadline:  # another process reaps orphans, in its own time
            os.killpg(process.pid, 0)
            time.sleep(POLL_S)
    process.wait()
    guard.release(process.pid)


def server_environment(stack: Stack) -> dict[str, str]:
    """Return the whole environment of a server: a few variables of our own environment, its settings, one BLAS thread."""
    return {**clean_environment(), "SERVE_ENGINE": stack.engine, "SERVE_TIMING": "0", **stack.environment}


def clean_environment() -> dict[str, str]:
    """Return the part of our environment that every process of the bench gets, with one BLAS thread and our mark."""
    return {**{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}, **ONE_THREAD, MARK: OWN_MARK}


@contextlib.contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """Let processes that are started in the block inherit `cores`; without effect if cores cannot be chosen."""
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
    """Return how many sockets of a stack's processes listen on its port."""
    return len(listeners(running))


def listeners(running: RunningStack) -> list[tuple[str, int]]:
    """Return address and port of each socket of a stack's processes that listens on its port.

    Raises `StackError` if its processes are another user's.
    """
    found: list[tuple[str, int]] = []
    for pid in running.pids():
        try:
            connections = psutil.Process(pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            raise StackError(another_users([pid])) from None
        found += [
            (one.laddr.ip, one.laddr.port) for one in connections if one.status == psutil.CONN_LISTEN and one.laddr.port == running.port
        ]
    return found


def free_port(taken: Collection[int] = (), host: str = LOOPBACK) -> int:
    """Return a port of an address that was free a moment ago and is not in `taken`.

    The user of the port must check that it got it, and got it alone: the system may give out a released port again before the
    intended server has bound it.
    """
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


def describe_exit(status: int) -> str:
    """Return in words how a process ended."""
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
