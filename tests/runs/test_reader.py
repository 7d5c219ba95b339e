"""The reader on a machine of servers: it starts them, answers for them, and stops them when nobody asks any more."""

import os
import signal
import time

import psutil
import pytest

from bench.errors import StackError
from bench.measure.elsewhere import reach
from bench.plan.places import ServerPlace
from bench.plan.stacks import Stack

HERE = ServerPlace("{command}", "127.0.0.1")


@pytest.fixture
def far(tmp_path):
    with reach(HERE, tmp_path) as far:
        yield far


def servers_of(names):
    """Return the stubs of these names that run anywhere."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or ()
        if "bench.servers.stub" in words and set(names) & set(words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def reader_of(folder):
    """Return the reader that was started in a folder."""
    children = psutil.Process().children()
    return next(child for child in children if "bench.measure.reader" in child.cmdline() and child.cwd() == str(folder))


def wait_until_gone(names):
    deadline = time.monotonic() + 10
    while servers_of(names) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert servers_of(names) == []


def test_it_starts_servers_and_tells_what_only_its_machine_can(far, make_stub, tmp_path):
    names = [f"one-{tmp_path.name}", f"two-{tmp_path.name}"]
    one, two = far.launch([make_stub(name=name) for name in names])
    assert one.port != two.port
    assert len(servers_of(names)) == 2
    assert one.read_conditions()["serving_processes"] == 1
    assert min(one.read_memory()) > 1e6
    assert far.find_deaths() == {}
    assert one.log_bytes() == 0
    before, after = far.ask("clocks", one.stack.name), far.ask("clocks", one.stack.name)
    assert after["stamp_ns"] > before["stamp_ns"]
    assert (after["pids"], len(after["pids"])) == (before["pids"], 1)
    os.kill(servers_of(names[:1])[0].pid, signal.SIGKILL)
    wait_until_gone(names[:1])
    deaths = far.find_deaths()
    assert list(deaths) == [one.stack.name]
    assert deaths[names[0]].startswith(f"{names[0]} ended by itself (signal SIGKILL).")


def test_its_machine_is_described(far, make_stub):
    facts = far.describe_machine([make_stub()])
    assert facts["server_cores"] == sorted(os.sched_getaffinity(0))[:1]
    assert facts["generator_cores"] == []


def test_an_error_there_is_an_error_here(far):
    broken = Stack(name="broken", command=("{python}", "-c", "raise SystemExit('no {port}')"), ready_timeout_s=5)
    for _ in range(2):
        with pytest.raises(StackError, match=r"^On the machine of the servers: broken ended by itself \(exit status 1\)\..*\n    no \d+"):
            far.launch([broken])


def test_it_stops_its_servers_when_nobody_asks_any_more(make_stub, tmp_path):
    name = f"left-{tmp_path.name}"
    with reach(HERE, tmp_path) as far:
        far.launch([make_stub(name=name)])
        assert len(servers_of([name])) == 1
    assert servers_of([name]) == []


def test_servers_of_a_reader_that_was_killed_are_stopped_and_it_is_told(make_stub, tmp_path):
    name = f"orphan-{tmp_path.name}"
    with reach(HERE, tmp_path) as far:
        far.launch([make_stub(name=name)])
        reader_of(tmp_path).kill()
        wait_until_gone([name])
        message = r"^The machine of the servers \(\{command\}\) ended \(signal SIGKILL\)\. Its last output:\n    \(it printed nothing\)$"
        with pytest.raises(StackError, match=message):
            far.ask("clocks", name)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("no-such-command", r"^The machine of the servers cannot be reached: no-such-command \(No such file or directory\)\.$"),
        ("false", r"^The machine of the servers \(false\) ended \(exit status 1\)\. Its last output:\n    \(it printed nothing\)$"),
        ("sh -c 'echo no route >&2; exit 255'", r"ended \(exit status 255\)\. Its last output:\n    no route$"),
    ],
)
def test_a_machine_that_cannot_be_reached_is_told_with_what_the_template_said(template, message, tmp_path, make_stub):
    with pytest.raises(StackError, match=message), reach(ServerPlace(template, "127.0.0.1"), tmp_path) as far:
        far.launch([make_stub()])
