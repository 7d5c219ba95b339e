"""The guard: a small process that ends all that the bench has started if the bench itself is killed.

`python -m bench.measure.guard MARK` waits for the end of its stdin, which comes when the bench has gone, in whatever way. A process is
ended if its environment has the mark, if it belongs to a session that the bench began and did not end, or if it descends from one of
these. A number alone never is the reason, since the system gives a free number to the next stranger.

The parent-death signal of Linux would not do: it comes when the thread ends that started the process, and workers do not inherit it.
"""

import atexit
import contextlib
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import psutil

# The variable that identifies what the bench has started, also processes that have left their parent and session as a daemon does.
MARK = "BENCH_MARK"
# The mark of this bench. The marks of its stacks begin with it.
OWN_MARK = secrets.token_hex(8)
LOOKS = 3
WAIT_S = 2.0
LONGEST_S = 10.0
# A process that the bench had just begun to start has its mark only a moment later: so long nothing may be found after a kill.
QUIET_S = 1.0
LOOK_EVERY_S = 0.05
# The last word of a bench that ends by itself, and so is not in the middle of starting anything.
GOODBYE = 0


class _Guard:
    """The guard of this bench; None before its first process."""

    process: subprocess.Popen[bytes] | None = None
    lock = threading.Lock()


def call_guard() -> None:
    """Start the guard, unless it is there, and wait until it is ready; a process that is started later has nothing to fear from it."""
    with _Guard.lock:
        if _Guard.process is None:
            command = [sys.executable, "-m", __name__, OWN_MARK]
            _Guard.process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd="/",
                env={**os.environ, MARK: OWN_MARK},  # other benches see by it that there is one
                start_new_session=True,
            )
            atexit.register(_dismiss, _Guard.process)
            assert _Guard.process.stdout is not None  # noqa: S101 - asked for above
            _Guard.process.stdout.readline()


def watch(session: int) -> None:
    """Tell the guard that a session has begun."""
    _tell(session)


def release(session: int) -> None:
    """Tell the guard that a session has ended, so that its number may be a stranger's from now on."""
    _tell(-session)


def _tell(number: int) -> None:
    if _Guard.process and _Guard.process.stdin:
        with contextlib.suppress(BrokenPipeError):  # somebody ended it: the bench still stops what it has started
            os.write(_Guard.process.stdin.fileno(), b"%d\n" % number)


def _dismiss(process: subprocess.Popen[bytes]) -> None:
    _tell(GOODBYE)
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(WAIT_S)


def find_marked(marks: Collection[str]) -> list[psutil.Process]:
    """Return the processes with a mark that begins with one of these, wherever in the tree they are now; it looks more than once.

    A daemon forks twice, and its parents end: a listed process may be gone before we look at it, and its successor is not listed.
    """
    wanted = tuple(f"{MARK}={mark}".encode() for mark in marks)
    for _ in range(LOOKS):
        found = []
        for pid in psutil.pids():
            with contextlib.suppress(OSError, psutil.Error):
                if any(variable.startswith(wanted) for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")):
                    found.append(psutil.Process(pid))
        if found:
            return found
    return []


def count_other_benches() -> int:
    """Return how many other benches have processes on this machine now, as far as this user may see them."""
    found: set[bytes] = set()
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            found.update(mark.partition(b"-")[0] for mark in environment if mark.startswith(f"{MARK}=".encode()))
    return len(found - {f"{MARK}={OWN_MARK}".encode()})


def find_members(sessions: Mapping[int, psutil.Process | None]) -> list[psutil.Process]:
    """Return the processes of sessions, each with its leader as it was; a session whose number another process has is a stranger's."""
    own = {number for number, leader in sessions.items() if not psutil.pid_exists(number) or (leader and leader.is_running())}
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(pid) in own:
                found.append(psutil.Process(pid))
    return found


def with_children(processes: Collection[psutil.Process]) -> set[psutil.Process]:
    """Return processes with all that descend from them."""
    found = set(processes)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            found.update(process.children(recursive=True))
    return found


def stand_guard(mark: str, lines: Iterable[str]) -> None:
    """Follow the sessions until the lines end; then end these sessions, and all that has the mark, until nothing more appears."""
    sessions: dict[int, psutil.Process | None] = {}
    quiet_s = QUIET_S
    for number in map(int, lines):
        if number == GOODBYE:
            quiet_s = 0.0
        elif number < 0:
            sessions.pop(-number, None)
        else:
            sessions[number] = None
            with contextlib.suppress(psutil.NoSuchProcess):
                sessions[number] = psutil.Process(number)
    spared = {psutil.Process()}
    last_s = time.monotonic()
    deadline = last_s + LONGEST_S
    while (now_s := time.monotonic()) < deadline:
        found = with_children([*find_marked([mark]), *find_members(sessions)]) - spared
        if found:
            last_s = now_s
        elif now_s - last_s >= quiet_s:
            break
        for process in found:
            try:
                process.kill()
            except psutil.AccessDenied:
                spared.add(process)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(found - spared, WAIT_S)
        time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201 - the bench waits for it
    stand_guard(sys.argv[1], sys.stdin)
