"""What the kernel counts while a slice goes on: CPU time, waiting, steal and pressure. Read by the generator, twice a slice."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROCESS_CLOCK = 2  # the scheduler's clock of all threads of a process, see clock_getcpuclockid(3)


@dataclass(frozen=True)
class Clocks:
    """What the kernel has counted so far: CPU time of the server's processes and of this one, and of the whole machine.

    `server_cpu_ns` is exact; its split into user and kernel time comes in ticks and adds up over many slices only. `alive` is the
    number of the server's processes that could be read.
    """

    alive: int
    server_cpu_ns: int
    server_user_ticks: int
    server_kernel_ticks: int
    generator_cpu_ns: int
    generator_wait_ns: int
    steal_ticks: int
    pressure_us: int

    def since(self, before: "Clocks", elapsed_ns: int) -> dict[str, Any]:
        """Return what has been added since `before`, for the record of a slice; no server time if one of its processes has gone."""
        user_ticks, kernel_ticks = self.server_user_ticks - before.server_user_ticks, self.server_kernel_ticks - before.server_kernel_ticks
        is_whole = self.alive == before.alive
        return {
            "server_cpu_ns": self.server_cpu_ns - before.server_cpu_ns if is_whole else None,
            "server_user_ns": user_ticks * 1_000_000_000 // TICKS_PER_S if is_whole else None,
            "server_kernel_ns": kernel_ticks * 1_000_000_000 // TICKS_PER_S if is_whole else None,
            "generator_cpu_ns": self.generator_cpu_ns - before.generator_cpu_ns,
            "generator_wait_ratio": (self.generator_wait_ns - before.generator_wait_ns) / elapsed_ns,
            "steal_ratio": (self.steal_ticks - before.steal_ticks) / TICKS_PER_S / (elapsed_ns / 1e9),
            "pressure_ratio": (self.pressure_us - before.pressure_us) * 1e3 / elapsed_ns,
        }


def read_clocks(pids: list[int]) -> Clocks:
    """Return all clocks now; what this kernel does not count, and a process that is gone, counts as nothing."""
    alive = server_ns = user_ticks = kernel_ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):  # the process is gone; the errors of the slice tell the rest
            server_ns += time.clock_gettime_ns((~pid << 3) | _PROCESS_CLOCK)
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            user_ticks, kernel_ticks = user_ticks + int(fields[11]), kernel_ticks + int(fields[12])
            alive += 1
    return Clocks(
        alive,
        server_ns,
        user_ticks,
        kernel_ticks,
        time.process_time_ns(),
        _read_number("/proc/self/schedstat", 1),
        _read_number("/proc/stat", 8),
        _read_number("/proc/pressure/cpu", 4),
    )


def _read_number(path: str, place: int) -> int:
    """Return the number at a place among the words of the first line of a file; 0 where there is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - read at each slice: the lean way
            return int(file.readline().split()[place].rpartition(b"=")[2])
    except (OSError, ValueError, IndexError):
        return 0
