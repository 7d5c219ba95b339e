"""Whether this machine has room for a plan: memory, open files, and disk space. Checked before anything is measured."""

import resource
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

import psutil

from bench.errors import MachineError
from bench.plan.plan import LaunchSize

MIB = 1024 * 1024
# The observed need with a quarter more. A bundled stack holds 19 to 165 MB of its own, 63 MB on average in the largest launch of `default`.
# Beside its connections a server had at most 26 files open (granian), the generator 5, and 3 more at its end.
STACK_BYTES = 80 * MIB
SERVER_FILES = 32
GENERATOR_FILES = 8
# A run on disk: 15 to 18 kB per slice were observed, and 2 to 4 MB for tables, charts and pages.
SLICE_BYTES = 22_000
REPORT_BYTES = 5 * MIB
MEMORY_GROUP = Path("/sys/fs/cgroup")


def refuse_lack_of_room(launches: Collection[LaunchSize], slices: int, results: Path) -> None:
    """Raise `MachineError` if one of the launches, or a run with this number of slices, would not fit."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        message = "There is no folder for temporary files that can be written; set TMPDIR to one."
        raise MachineError(message) from None
    for size in launches:
        refuse_few_files(size)
        refuse_little_memory(max(size.stacks, size.workers))
    refuse_full_disk(results, slices)


def refuse_few_files(size: LaunchSize) -> None:
    """Raise `MachineError` if a launch would need more open files than a process may have.

    An open loop opens as few connections as it can. Only against a stack that stalls it opens one for each request under way.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needs = (
        ("the load generator needs", size.stacks * size.users + size.in_flight + GENERATOR_FILES, hard),
        ("a server needs", max(size.users, size.in_flight) + SERVER_FILES, soft),
    )
    for who, needed, allowed in needs:
        if allowed != resource.RLIM_INFINITY and needed > allowed:
            message = (
                f"A process may have {allowed} files open here, and {who} {needed} ({size.stacks} stacks, {size.users} users): "
                f"allow more (ulimit -n {max(1024, needed)}), or compare fewer stacks."
            )
            raise MachineError(message)


def refuse_little_memory(stacks: int) -> None:
    """Raise `MachineError` if this number of stacks at once would not fit into the free memory."""
    available, needed = available_memory(), stacks * STACK_BYTES
    if available < needed:
        message = (
            f"{available / MIB:,.0f} MiB of memory are free, and {stacks} stacks at once need about {needed / MIB:,.0f} MiB: "
            "stop what else runs, or compare fewer stacks."
        )
        raise MachineError(message)


def refuse_full_disk(results: Path, slices: int) -> None:
    """Raise `MachineError` if a run with this number of slices would not fit on the disk of `results`, which may not exist yet."""
    existing = next((folder for folder in (results, *results.absolute().parents) if folder.exists()), results)
    free, needed = shutil.disk_usage(existing).free, slices * SLICE_BYTES + REPORT_BYTES
    if free < needed:
        message = (
            f"{free / MIB:,.1f} MiB are free where {results} is, and a run of {slices:,} slices needs about {needed / MIB:,.0f} MiB: "
            "make room, or choose another folder with --results."
        )
        raise MachineError(message)


def available_memory(group: Path = MEMORY_GROUP) -> int:
    """Return the bytes that processes can still get, from the machine or within the limit of our control group."""
    available = int(psutil.virtual_memory().available)
    try:
        limit, used = ((group / name).read_text("ascii").strip() for name in ("memory.max", "memory.current"))
        return min(available, int(limit) - int(used))
    except (OSError, ValueError):  # no such group, or no limit
        return available
