"""How a stack really runs, and how much memory it holds: read from its live processes."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from bench.measure.processes import RunningStack, threads_of
from bench.records import SliceRecord

# The libraries for HTTP and for JSON that a process may have mapped; each process also has Python's own JSON library.
PARSERS = {"httptools": "httptools", "_granian": "hyper (granian, in Rust)", "gunicorn_h1c": "gunicorn_h1c"}
JSON_LIBRARIES = ("orjson", "ujson", "rapidjson", "pydantic_core")


def read_memory(running: RunningStack) -> tuple[int, int]:
    """Return (RSS, PSS) of a stack's process tree in bytes: RSS counts shared pages in each process, PSS divides them."""
    rss_bytes = pss_bytes = 0
    for pid in running.pids():
        with contextlib.suppress(psutil.Error):
            full = psutil.Process(pid).memory_full_info()
            rss_bytes, pss_bytes = rss_bytes + full.rss, pss_bytes + getattr(full, "pss", full.rss)
    return rss_bytes, pss_bytes


def read_conditions(running: RunningStack) -> dict[str, Any]:
    """Return how the stack runs now: its command, processes, threads and cores, and its loaded event loop, parser and JSON library."""
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
        "http_parser": next((words for library, words in PARSERS.items() if library in maps), "in Python"),
        "json_library": ", ".join([*(library for library in JSON_LIBRARIES if library in maps), "Python's own"]),
        "ready_beside_others_s": round(running.ready_s, 3),
    }


def describe_traffic(slices: Sequence[SliceRecord], log_bytes: int) -> dict[str, Any]:
    """Return the connections, bytes and log bytes of a stack's answers in a launch, warm-ups included."""
    answers = sum(record.answers for record in slices)
    if not answers:
        return {}
    connections, received = (sum(getattr(record, name) or 0 for record in slices) for name in ("connections", "received_bytes"))
    return {
        "connections_per_1000_answers": round(1000 * connections / answers, 1),
        "bytes_per_answer": round(received / answers, 1),
        "log_bytes_per_answer": round(log_bytes / answers, 2),
    }


def _is_overseer(process: psutil.Process) -> bool:
    """Whether a process serves no requests itself: it has children, or it only cleans up after other processes."""
    return bool(process.children()) or any("resource_tracker" in word for word in process.cmdline())


def _affinity(thread: int) -> set[int]:
    try:
        return os.sched_getaffinity(thread)
    except (OSError, AttributeError):
        return set()
