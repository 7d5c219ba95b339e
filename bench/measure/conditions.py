"""How a stack really runs, and what it holds in memory: read off its live processes."""

import contextlib
import os
from pathlib import Path
from typing import Any

import psutil

from bench.measure.processes import RunningStack, threads_of


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
        "cores": sorted({core for thread in threads_of(running) for core in _affinity(thread)}),
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
