"""What is recorded of the machine, and what of it is warned of before a run."""

import subprocess

import pytest

from bench.errors import MachineError
from bench.measure.environment import (
    Cores,
    choose_cores,
    describe_machine,
    describe_siblings,
    find_shared_cores,
    find_spoilers,
    read_commit,
    read_siblings,
    refuse_system,
)

QUIET = {
    "server_cores": [0],
    "generator_cores": [1],
    "physical_cores": "apart",
    "governor": "performance",
    "busy_cores": 0.02,
    "other_benches": 0,
    "packages": {"uvloop": "1", "httptools": "1"},
    "virtual_machine": False,
}


def test_a_quiet_machine_spoils_nothing():
    assert find_spoilers(QUIET) == []


def test_a_governor_that_cannot_be_read_is_not_warned_of():
    assert find_spoilers({**QUIET, "governor": None}) == []


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"server_cores": []}, "one-core", "cores of their own"),
        ({"physical_cores": "siblings"}, "physical-cores", "two threads of one physical core"),
        ({"physical_cores": "unknown"}, "physical-cores", "does not say which of its cores"),
        ({"governor": "powersave"}, "governor", "powersave"),
        ({"busy_cores": 0.7}, "busy", "0.7 cores"),
        ({"other_benches": 1}, "another-bench", "Another bench measures on this machine now"),
        ({"packages": {"uvloop": "1"}}, "slow-uvicorn", "httptools not installed"),
        ({"virtual_machine": True}, "virtual-machine", "virtual machine"),
    ],
)
def test_what_spoils_a_measurement_is_warned_of_with_the_next_step(change, code, words):
    [warning] = find_spoilers({**QUIET, **change})
    assert warning.code == code
    assert words in warning.text
    assert warning.next_step.endswith(".")


def test_servers_and_generator_get_different_cores():
    cores = choose_cores()
    assert not set(cores.servers) & set(cores.generator)


def topology_of(tmp_path, *groups):
    """Return a folder in which the system says which cores are threads of one physical core."""
    for group in groups:
        for core in group:
            (tmp_path / f"cpu{core}" / "topology").mkdir(parents=True)
            (tmp_path / f"cpu{core}" / "topology" / "thread_siblings_list").write_text(",".join(map(str, group)) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("allowed", "groups", "cores", "words"),
    [
        ((0, 1, 2, 3), [(0, 1), (2, 3)], Cores((0,), (2,), (1, 3)), "apart"),
        ((0, 1, 2, 3), [(0, 2), (1, 3)], Cores((0,), (1,), (2, 3)), "apart"),
        ((4, 5), [(4, 5)], Cores((4,), (5,)), "siblings"),
        ((4, 5), [], Cores((4,), (5,)), "unknown"),
        ((5,), [(5,)], Cores((), ()), "shared"),
    ],
)
def test_servers_and_generator_get_physical_cores_of_their_own_where_there_are_two(tmp_path, monkeypatch, allowed, groups, cores, words):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(allowed))
    topology = topology_of(tmp_path, *groups)
    assert choose_cores(topology) == cores
    assert describe_siblings(cores, topology) == words


def test_each_load_process_gets_a_core_and_the_rest_is_for_servers_with_workers(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(6)))
    cores = choose_cores(topology_of(tmp_path, *((core,) for core in range(6))), load_processes=3)
    assert cores == Cores((0,), (1, 2, 3), (4, 5))
    assert cores.of_servers == (0, 4, 5)


def place(boot_id, *cores):
    return {"boot_id": boot_id, "cores": list(cores)}


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([place("here", 1), place("here", 2)], None),
        ([place("here", 1), place("there", 1)], None),
        ([place("here", 1), place("here", 1)], "2 load processes share 1 core of one machine"),
        ([place("here", 0, 1), place("here", 0, 1)], "2 load processes share 1 core of one machine"),
        ([place("here", 0)], "1 load process share 0 cores"),
        ([], None),
    ],
)
def test_load_processes_without_cores_of_their_own_are_told_whatever_machines_they_seem_to_be_on(places, words):
    warning = find_shared_cores({"boot_id": "here", "server_cores": [0]}, places)
    assert (warning is None) if words is None else warning.text.startswith(words)


def test_siblings_are_read_as_the_kernel_writes_them(tmp_path):
    (tmp_path / "cpu1" / "topology").mkdir(parents=True)
    (tmp_path / "cpu1" / "topology" / "thread_siblings_list").write_text("1-2,5\n")
    assert read_siblings(1, tmp_path) == {1, 2, 5}


def test_a_system_without_what_the_bench_measures_with_is_refused_in_one_line(monkeypatch):
    refuse_system()
    monkeypatch.delattr("os.sched_setaffinity")
    with pytest.raises(MachineError, match=r"^The bench measures on Linux; this system has no sched_setaffinity\. You can run"):
        refuse_system()


def test_the_machine_is_described_with_the_versions_of_what_is_measured():
    machine = describe_machine(Cores((0,), (1,)), [])
    assert {"flask", "fastapi", "gunicorn", "uvicorn", "granian", "scikit-learn"} <= set(machine["packages"])
    assert (machine["server_cores"], machine["generator_cores"]) == ([0], [1])


def test_the_commit_is_unknown_outside_a_repository(tmp_path):
    assert read_commit(tmp_path) == "unknown"


def test_the_commit_is_unknown_without_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_commit() == "unknown"


def test_changed_files_are_marked_beside_the_commit(tmp_path):
    def git(*words):
        subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True)  # noqa: S607

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "One")
    clean = read_commit(tmp_path)
    (tmp_path / "file").write_text("two")
    assert len(clean) == 40
    assert read_commit(tmp_path) == f"{clean}+changes"
