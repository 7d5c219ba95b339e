"""Markers from folders, and the stub servers of the bench's own tests: `bench.servers.stub` in some of its ways to behave."""

import signal
from pathlib import Path

import pytest

from bench.plan.plan import Plan
from bench.plan.profiles import JudgedRow, Pair, Part
from bench.plan.stacks import Stack

MODES = {
    "good": (),
    "status-500": ("status=500",),
    "wrong": ("wrong_every=1",),
    "sometimes-wrong": ("wrong_every=100", "start_after=60"),
    "cut-short": ("cut_every=100", "start_after=60"),
    "closing": ("closing=1",),
    "chunked": ("chunked=1",),
    "slow": ("delay_ms=2",),
    "silent": ("silent_after=60",),
    "dies": ("die_after=60",),
    "deaf": ("deaf=1",),
}
TESTS = Path(__file__).parent


def pytest_configure():
    """Heed the signals that tests send: a shell that runs tests in the background ignores them, and what is ignored stays so."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of the same name; conftests below this one come before it
def pytest_collection_modifyitems(items):
    """Mark each test by the folder it stands in; what opens a browser is slow by nature. One process has all tests of a file or group."""
    for item in items:
        place = item.path.relative_to(TESTS)
        item.add_marker(place.parts[0])
        if place.parts[0] == "browser":
            item.add_marker("slow")
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(place)))


@pytest.fixture(scope="session")
def make_stub():
    """Return a function from a mode to a stack that behaves so; its record goes to a folder."""

    def make(mode: str = "good", *options: str, name: str = "", record: Path | None = None) -> Stack:
        name = name or f"stub-{mode}"
        words = [*MODES[mode], *options, *([f"record={record}"] if record else [])]
        return Stack(name=name, command=("{python}", "-m", "bench.servers.stub", name, "{port}", *words), label=mode, fixed=True)

    return make


@pytest.fixture
def stub_file(tmp_path):
    """Return a function from modes to a stacks file that holds a stub for each."""

    def make(*modes: str) -> Path:
        path = tmp_path / "stubs.toml"
        tables = []
        for mode in modes:
            words = ["{python}", "-m", "bench.servers.stub", f"stub-{mode}", "{port}", *MODES[mode]]
            tables.append(f"[stub-{mode}]\nfixed = true\ncommand = {words}\n".replace("'", '"'))
        path.write_text("".join(tables), "utf-8")
        return path

    return make


@pytest.fixture(scope="session")
def plan_of():
    """Return a function from stacks to a small plan that measures them; the second is compared with the first."""

    def make(
        *stacks: Stack, launches: int = 1, blocks: int = 1, loads: tuple[str, ...] = ("closed-4",), judged: tuple[JudgedRow, ...] = ()
    ) -> Plan:
        names = tuple(stack.name for stack in stacks)
        return Plan(
            profile="test",
            purpose="a test.",
            slice_ms=60,
            settle_ms=10,
            warm_up_ms=60,
            starts=0,
            repeats=0,
            limit_s=600,
            seed=1,
            pairs=(Pair("a pair", names[1], names[0], judged),) if len(names) > 1 else (),
            parts=(Part("headline", names, ("predict-1",), loads, launches, blocks),),
            stacks={stack.name: stack for stack in stacks},
        )

    return make
