"""The clocks of a server are those of its process tree as it is: a worker that replaced another is counted from then on."""

import contextlib
import os
import subprocess
import sys
import time

import pytest

from bench.measure import clocks
from bench.measure.clocks import process_tree, read_clocks

# Ends its busy child and starts another one for each line that it reads; says its number.
MAIN = """
import subprocess, sys
child = None
for _ in sys.stdin:
    if child:
        child.kill()
        child.wait()
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    print(child.pid, flush=True)
"""


@pytest.fixture
def server():
    """Return a process, and a function that lets it replace its child and returns the new one's number."""
    process = subprocess.Popen([sys.executable, "-c", MAIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)

    def replace_child():
        os.write(process.stdin.fileno(), b"\n")
        return int(process.stdout.readline())

    yield process, replace_child
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.communicate()


def spend(pid, seconds=0.2):
    """Return what the clocks have counted of a process tree in a while."""
    before = read_clocks(pid, ())
    time.sleep(seconds)
    return read_clocks(pid, ()).since(before)


@pytest.mark.parametrize("keeps_children", [True, False], ids=["lists of the kernel", "all processes"])
def test_the_tree_is_the_process_and_all_that_descend_from_it_now(server, monkeypatch, keeps_children):
    monkeypatch.setattr(clocks, "_KEEPS_CHILDREN", keeps_children)
    process, replace_child = server
    assert process_tree(process.pid) == [process.pid]
    for _ in range(2):
        child = replace_child()
        assert process_tree(process.pid) == [process.pid, child]


def test_a_worker_that_replaced_another_is_counted_and_the_slice_in_which_it_did_is_not(server):
    process, replace_child = server
    replace_child()
    assert spend(process.pid)["server_cpu_ns"] > 0
    before = read_clocks(process.pid, ())
    replace_child()
    between = read_clocks(process.pid, ()).since(before)
    names = ("server_cpu_ns", "server_user_ns", "server_kernel_ns", "foreign_ratio")
    assert [between[name] for name in names] == [None] * 4
    assert spend(process.pid)["server_cpu_ns"] > 0


def test_a_process_whose_threads_come_and_go_is_in_its_tree():
    busy = "import threading\nwhile True: threading.Thread(target=int).start()"
    process = subprocess.Popen([sys.executable, "-c", busy], start_new_session=True)
    try:
        assert {tuple(process_tree(process.pid)) for _ in range(2000)} == {(process.pid,)}
    finally:
        process.kill()
        process.wait()


def test_a_process_that_has_gone_has_no_tree(server):
    process, _ = server
    process.kill()
    process.wait()
    assert process_tree(process.pid) == []
    assert spend(process.pid, 0.01)["server_cpu_ns"] == 0


def test_work_on_the_cores_is_that_of_the_stack_and_of_others(server):
    process, replace_child = server
    replace_child()
    cores = sorted(os.sched_getaffinity(process.pid))[:1]
    for pid in process_tree(process.pid):
        os.sched_setaffinity(pid, cores)
    stacks = {"own": process.pid, "others": os.getpid()}
    before = {name: read_clocks(pid, cores) for name, pid in stacks.items()}
    begin_ns = time.perf_counter_ns()
    time.sleep(0.5)
    elapsed_ns = time.perf_counter_ns() - begin_ns
    own, others = (read_clocks(pid, cores).since(before[name]) for name, pid in stacks.items())
    # The busy process is foreign to us and not to itself, whatever else runs there; the core is counted in ticks of 10 ms.
    assert others["foreign_ratio"] - own["foreign_ratio"] == pytest.approx(
        (own["server_cpu_ns"] - others["server_cpu_ns"]) / elapsed_ns, abs=0.06
    )
    assert 0 < own["server_cpu_ns"] <= 1.06 * elapsed_ns
