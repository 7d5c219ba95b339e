"""This machine: processor, cores, kernel, versions, commit, and its properties that would disturb a measurement."""

import contextlib
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from bench.errors import ConfigError, MachineError
from bench.measure.clocks import read_place
from bench.measure.guard import count_other_benches
from bench.plan.served import digest_served
from bench.plan.stacks import Stack
from bench.records import RunWarning
from bench.records.numbers import count_words

PACKAGES = (
    "flask", "werkzeug", "fastapi", "starlette", "pydantic", "gunicorn", "uvicorn", "uvloop", "httptools", "granian",
    "numpy", "scikit-learn", "pandas", "locust", "gevent",
)  # fmt: skip
SLOW_UVICORN = "slow-uvicorn"
NEEDED_BY_UVICORN = ("uvloop", "httptools")
NEEDED_CALLS = ("sched_getaffinity", "sched_setaffinity", "killpg")
TOPOLOGY = Path("/sys/devices/system/cpu")
SIBLINGS = {
    "siblings": (
        "Servers and load generator run on two threads of one physical core: the harder one works, the more it slows the other.",
        "Let the bench use more cores, two of them on different physical cores. Until then requests per second are too low.",
    ),
    "unknown": (
        "This system does not say which of its cores are threads of one physical core: servers and load generator may slow each other.",
        "Look at the host. Until then requests per second may be too low.",
    ),
}
BUSY_CORES = 0.2
BUSY_WINDOW_S = 0.5
GIT_TIMEOUT_S = 5


@dataclass(frozen=True)
class Cores:
    """Which cores the servers and which the load generator run on; all empty where they cannot be kept apart.

    `servers` has one core, `generator` one for each of its processes if there are so many. A server with several worker processes gets
    a core for each of them, as far as `further` goes.
    """

    servers: tuple[int, ...]
    generator: tuple[int, ...]
    further: tuple[int, ...] = ()

    @property
    def of_servers(self) -> tuple[int, ...]:
        """All cores that servers may have, that of a server with one worker process first."""
        return *self.servers, *self.further


def refuse_system() -> None:
    """Raise `MachineError` if this system lacks a call or file that the bench needs to measure."""
    missing = [name for name in NEEDED_CALLS if not hasattr(os, name)]
    try:
        Path("/proc/self/stat").read_bytes()
    except OSError:
        missing.insert(0, "/proc")
    if missing:
        message = (
            f"The bench measures on Linux; this system has no {' and no '.join(missing)}. You can run either server here by itself: "
            "python -m flask_app, python -m fastapi_app."
        )
        raise MachineError(message)


def choose_cores(topology: Path = TOPOLOGY, load_processes: int = 1) -> Cores:
    """Return one core for the servers and one for each process of the generator, on other physical cores if the allowed cores permit it.

    On threads of one physical core, servers and generator would slow each other.
    """
    allowed = allowed_cores()
    if len(allowed) < 2:  # noqa: PLR2004 - one each
        return Cores((), ())
    apart = [core for core in allowed[1:] if core not in read_siblings(allowed[0], topology)]
    generator = (apart or allowed[1:])[: max(1, load_processes)]
    return Cores((allowed[0],), tuple(generator), tuple(core for core in allowed[1:] if core not in generator))


def read_siblings(core: int, topology: Path = TOPOLOGY) -> set[int]:
    """Return the cores on the same physical core as `core`, itself included; an empty set if the system does not say."""
    try:
        text = (topology / f"cpu{core}/topology/thread_siblings_list").read_text("ascii")
        ends = [[int(end) for end in span.split("-")] for span in text.strip().split(",")]
    except (OSError, ValueError):
        return set()
    return {sibling for span in ends for sibling in range(span[0], span[-1] + 1)}


def describe_siblings(cores: Cores, topology: Path = TOPOLOGY) -> str:
    """Return whether the servers and the generator have physical cores of their own: apart, siblings, unknown or shared."""
    if not cores.servers:
        return "shared"
    if not cores.generator:  # it is on another machine
        return "apart"
    siblings = read_siblings(cores.servers[0], topology)
    return ("siblings" if cores.generator[0] in siblings else "apart") if siblings else "unknown"


def allowed_cores() -> list[int]:
    """Return the cores that this process may use; an empty list if the system cannot choose cores."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def describe_machine(cores: Cores, stacks: Iterable[Stack]) -> dict[str, Any]:
    """Return the facts that a reader needs to interpret the numbers: the machine, and the version of the served applications."""
    allowed = allowed_cores() or list(range(os.cpu_count() or 1))
    return {
        "cpu": _read_cpu_name(),
        "cores_allowed": allowed,
        "server_cores": list(cores.servers),
        "generator_cores": list(cores.generator),
        "further_cores": list(cores.further),
        "physical_cores": describe_siblings(cores),
        "boot_id": read_place()["boot_id"],
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": platform.release(),
        "os": _read_os_name(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "commit": read_commit(),
        "served_sha256": digest_served(stacks),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "governor": _read_first(f"/sys/devices/system/cpu/cpu{allowed[0]}/cpufreq/scaling_governor"),
        "busy_cores": measure_busy_cores(),
        "other_benches": count_other_benches(),
        "virtual_machine": "hypervisor" in (_read_first("/proc/cpuinfo", whole=True) or ""),
    }


def find_spoilers(machine: dict[str, Any]) -> list[RunWarning]:
    """Return a warning for each property of this machine that would disturb a measurement, with the next step."""
    return list(_spoilers(machine))


def find_shared_cores(machine: Mapping[str, Any], load_places: Sequence[Mapping[str, Any]]) -> RunWarning | None:
    """Return a warning if load processes have no cores of their own, whatever machines they seem to be on."""
    servers = machine.get("servers_machine", machine)
    for boot_id in dict.fromkeys(place["boot_id"] for place in load_places):
        own = [place["cores"] for place in load_places if place["boot_id"] == boot_id]
        taken = set(servers["server_cores"]) if servers.get("boot_id") == boot_id else set()
        free = {core for cores in own for core in cores} - taken
        if len(free) < len(own):
            return RunWarning(
                "shared-cores",
                f"{count_words(len(own), 'load process')} share {count_words(len(free), 'core')} of one machine, beside that of the "
                "servers: this run shows that they work together, not how fast they are.",
                "Give each load process a core of its own.",
            )
    return None


def refuse_slow_uvicorn(spoilers: Iterable[RunWarning], *, is_allowed: bool) -> None:
    """Raise `ConfigError` if uvicorn would run without uvloop or httptools, unless that is allowed."""
    slow = next((warning for warning in spoilers if warning.code == SLOW_UVICORN), None)
    if slow and not is_allowed:
        message = f"{slow.text} {slow.next_step} Or measure it as it is with --allow-unequal."
        raise ConfigError(message)


def _spoilers(machine: dict[str, Any]) -> Iterable[RunWarning]:
    if not machine["server_cores"]:
        yield RunWarning(
            "one-core",
            "Servers and load generator cannot be kept on cores of their own; the numbers are for diagnosis only.",
            "Run on a machine with at least two cores.",
        )
    if machine["physical_cores"] in SIBLINGS:
        yield RunWarning("physical-cores", *SIBLINGS[machine["physical_cores"]])
    if machine["governor"] not in {None, "performance"}:
        yield RunWarning(
            "governor",
            f"The processor's governor is '{machine['governor']}': its speed may change while measuring.",
            "Set it to 'performance' (as root: cpupower frequency-set -g performance).",
        )
    if machine["busy_cores"] > BUSY_CORES:
        yield RunWarning(
            "busy",
            f"Other programs kept {machine['busy_cores']} cores busy just before the run.",
            "Stop them, or accept wider intervals.",
        )
    if machine["other_benches"]:
        yield RunWarning(
            "another-bench",
            "Another bench measures on this machine now: each takes time from the other, so both give wider intervals or none.",
            "Let one of them end, and measure again.",
        )
    missing = [name for name in NEEDED_BY_UVICORN if name not in machine["packages"]]
    if missing:
        yield RunWarning(
            SLOW_UVICORN,
            f"{' and '.join(missing)} not installed: uvicorn falls back to slower parts.",
            "Install the locked requirements (make bench does).",
        )
    if machine["virtual_machine"]:
        yield RunWarning(
            "virtual-machine",
            "This is a virtual machine: other tenants of its host take CPU time that cannot be measured from inside.",
            "The A/A row shows the effect. On bare metal the intervals would be narrower.",
        )


def measure_busy_cores() -> float:
    """Return how many cores are busy with other programs, on average over a short window in which this process waits.

    The load average does not serve here: it still contains the minute in which the bench itself was set up.
    """
    share = psutil.cpu_percent(interval=BUSY_WINDOW_S) / 100
    return round(share * (psutil.cpu_count() or 1), 2)


def read_commit(folder: Path = Path(__file__).parent) -> str:
    """Return the git commit of the source, marked `+changes` where files differ from it, or `unknown`."""
    git = ["git", "-C", str(folder)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S)  # noqa: S603
        changed = subprocess.run(  # noqa: S603
            [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if changed.stdout.strip() else "")


def _read_cpu_name() -> str:
    for line in (_read_first("/proc/cpuinfo", whole=True) or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read_os_name() -> str:
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return platform.system()


def _read_first(path: str, *, whole: bool = False) -> str | None:
    try:
        text = Path(path).read_text("utf-8", errors="replace")
    except OSError:
        return None
    return text if whole else text.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
