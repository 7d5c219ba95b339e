"""The kernel's counters for a slice: CPU time, waiting, steal and pressure. The generator reads them twice a slice."""

import contextlib
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TICK_NS = 1_000_000_000 // TICKS_PER_S
# Places in a line of /proc/stat, see proc_stat(5): user, nice and system time, and the time of interrupts; guest time is part of user time.
_AT_WORK = (0, 1, 2, 5, 6)
_STEAL = 7
_KEEPS_CHILDREN = Path("/proc/self/task", str(os.getpid()), "children").exists()
_PROCESS_CLOCK = 2  # the scheduler's clock of all threads of a process, see clock_getcpuclockid(3)


@dataclass(frozen=True)
class Clocks:
    """The kernel's counters so far, for the server's processes, for the servers' cores and for the machine.

    `server_cpu_ns` is exact; its split into user and kernel time comes in ticks and is usable only over many slices. `pids` are the
    server's processes that could be read. `cores_busy_ticks` is the time in which the servers' cores worked for any program, `stamp_ns`
    when all this was read, by the clock of the servers' machine.
    """

    pids: tuple[int, ...]
    server_cpu_ns: int
    server_user_ticks: int
    server_kernel_ticks: int
    cores_busy_ticks: int
    steal_ticks: int
    pressure_us: int
    stamp_ns: int

    def since(self, before: "Clocks") -> dict[str, Any]:
        """Return the growth of the counters since `before`, for the record of a slice.

        Server time and foreign share are None if a process of the server came or went meanwhile: it could not be read to its end.
        """
        elapsed_ns = self.stamp_ns - before.stamp_ns
        user_ticks, kernel_ticks = self.server_user_ticks - before.server_user_ticks, self.server_kernel_ticks - before.server_kernel_ticks
        server_cpu_ns = self.server_cpu_ns - before.server_cpu_ns
        busy_ns = (self.cores_busy_ticks - before.cores_busy_ticks) * TICK_NS
        is_whole = self.pids == before.pids
        return {
            "server_cpu_ns": server_cpu_ns if is_whole else None,
            "server_user_ns": user_ticks * TICK_NS if is_whole else None,
            "server_kernel_ns": kernel_ticks * TICK_NS if is_whole else None,
            "steal_ratio": (self.steal_ticks - before.steal_ticks) / TICKS_PER_S / (elapsed_ns / 1e9),
            "pressure_ratio": (self.pressure_us - before.pressure_us) * 1e3 / elapsed_ns,
            "foreign_ratio": (busy_ns - server_cpu_ns) / elapsed_ns if is_whole and self.cores_busy_ticks else None,
        }


def read_clocks(main: int, cores: Collection[int]) -> Clocks:
    """Return all clocks now, for the present process tree below `main` and for the servers' cores.

    A counter that this kernel lacks, and a process that is gone, count as 0.
    """
    server_ns = user_ticks = kernel_ticks = 0
    pids = []
    for pid in process_tree(main):
        with contextlib.suppress(OSError):  # the process is gone; the errors of the slice show it
            own_ns = time.clock_gettime_ns((~pid << 3) | _PROCESS_CLOCK)
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            server_ns, user_ticks, kernel_ticks = server_ns + own_ns, user_ticks + int(fields[11]), kernel_ticks + int(fields[12])
            pids.append(pid)
    busy_ticks, steal_ticks = _read_machine(cores)
    return Clocks(
        tuple(pids),
        server_ns,
        user_ticks,
        kernel_ticks,
        busy_ticks,
        steal_ticks,
        _read_number("/proc/pressure/cpu", 4),
        time.perf_counter_ns(),
    )


def read_own_clocks() -> tuple[int, int]:
    """Return the CPU time of this process so far, and how long it waited for a core, in ns."""
    return time.process_time_ns(), _read_number("/proc/self/schedstat", 1)


def read_place() -> dict[str, Any]:
    """Return what tells machines apart, and the cores that this process may use: `boot_id` is the same in all containers of a machine."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return {"boot_id": boot.read_text("ascii").strip() if boot.exists() else None, "cores": cores}


def process_tree(main: int) -> list[int]:
    """Return the ids of a process and of all its descendants, these in ascending order; an empty list once it has gone.

    The tree is read at each slice, since a server may replace its workers. It comes from the kernel's lists of children, if there are any.
    """
    if not _KEEPS_CHILDREN:
        try:
            return [main, *sorted(child.pid for child in psutil.Process(main).children(recursive=True))]
        except psutil.NoSuchProcess:
            return []
    found, unseen = [], [main]
    while unseen:
        pid = unseen.pop()
        with contextlib.suppress(OSError):
            threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - read at each slice: the lean way
            found.append(pid)
            for thread in threads:
                with contextlib.suppress(OSError):  # a thread may end meanwhile, as in a server with one thread per request
                    unseen += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split())
    return [*found[:1], *sorted(found[1:])]


def _read_machine(cores: Collection[int]) -> tuple[int, int]:
    """Return the ticks in which these cores worked, and those in which the host kept the machine from its cores, so far."""
    wanted = {b"cpu%d" % core for core in cores}
    busy = steal = 0
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/stat", "rb") as file:  # noqa: PTH123
        for line in file:
            name, *counts = line.split()
            if not name.startswith(b"cpu"):
                break
            if name == b"cpu":
                steal = int(counts[_STEAL])
            if name in wanted:
                busy += sum(int(counts[place]) for place in _AT_WORK)
    return busy, steal


def _read_number(path: str, place: int) -> int:
    """Return the number at a place among the words of the first line of a file; 0 where there is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - read at each slice: the lean way
            return int(file.readline().split()[place].rpartition(b"=")[2])
    except (OSError, ValueError, IndexError):
        return 0
