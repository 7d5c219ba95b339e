"""What a run would lack is said before it: open files, memory, space on the disk."""

import resource
from types import SimpleNamespace

import pytest
from disks import small_disk

from bench.errors import MachineError
from bench.measure import room
from bench.measure.room import GENERATOR_FILES, MIB, SERVER_FILES, STACK_BYTES, available_memory, refuse_lack_of_room
from bench.plan.plan import LaunchSize, make_plan
from bench.plan.schedule import count_slices

SIZE = LaunchSize(stacks=3, users=16, in_flight=0)
ENOUGH = 3 * 16 + GENERATOR_FILES


@pytest.fixture
def limit_files(monkeypatch):
    """Return a function that sets how many files this process may open, as far as it can tell."""
    return lambda soft, hard: monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))


@pytest.mark.parametrize(
    ("soft", "hard", "size", "words"),
    [
        (ENOUGH - 1, ENOUGH - 1, SIZE, rf"have {ENOUGH - 1} files open here, and the load generator needs {ENOUGH} \(3 stacks, 16 users\)"),
        (ENOUGH, ENOUGH, SIZE, None),
        (16 + SERVER_FILES - 1, 4096, SIZE, rf"and a server needs {16 + SERVER_FILES} \("),
        (16 + SERVER_FILES, 4096, SIZE, None),
        (1024, 1024, LaunchSize(25, 16, 256), None),
        (256, 4096, LaunchSize(3, 0, 256), "a server needs"),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, LaunchSize(200, 256, 256), None),
    ],
)
def test_too_few_open_files_are_refused_with_what_is_needed_and_how_to_allow_it(tmp_path, limit_files, soft, hard, size, words):
    limit_files(soft, hard)
    if words is None:
        refuse_lack_of_room([size], 10, tmp_path)
        return
    with pytest.raises(MachineError, match=words) as caught:
        refuse_lack_of_room([size], 10, tmp_path)
    assert "(ulimit -n " in str(caught.value)


def test_too_little_memory_is_refused_with_how_much_is_free_and_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(room.psutil, "virtual_memory", lambda: SimpleNamespace(available=3 * STACK_BYTES - 1))
    with pytest.raises(MachineError, match=r"^240 MiB of memory are free, and 3 stacks at once need about 240 MiB"):
        refuse_lack_of_room([SIZE], 10, tmp_path)
    monkeypatch.setattr(room.psutil, "virtual_memory", lambda: SimpleNamespace(available=3 * STACK_BYTES))
    refuse_lack_of_room([SIZE], 10, tmp_path)


@pytest.mark.parametrize(("limit", "available"), [("max\n", None), (f"{300 * MIB}\n", 100 * MIB)])
def test_the_memory_of_a_container_is_that_of_its_limit(tmp_path, limit, available):
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text(f"{200 * MIB}\n")
    assert available_memory(tmp_path) == available or (available is None and available_memory(tmp_path) > 0)


@pytest.mark.parametrize("kilobytes", [60, 400])
def test_a_small_disk_is_refused_and_another_folder_asked_for(tmp_path, kilobytes):
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        with pytest.raises(MachineError, match=r"MiB are free where .* is, and a run of 10 slices needs about 5 MiB: .* --results"):
            refuse_lack_of_room([SIZE], 10, disk / "results" / "of mine")
        assert list(disk.iterdir()) == []


def test_a_machine_without_a_folder_for_temporary_files_is_refused(tmp_path, monkeypatch):
    def find_none():
        raise FileNotFoundError

    monkeypatch.setattr("tempfile.gettempdir", find_none)
    with pytest.raises(MachineError, match="set TMPDIR to one"):
        refuse_lack_of_room([SIZE], 10, tmp_path)


@pytest.mark.parametrize("profile", ["smoke", "quick", "default", "thorough"])
def test_every_profile_runs_with_the_usual_limit_of_open_files(tmp_path, limit_files, monkeypatch, profile):
    limit_files(1024, 4096)
    monkeypatch.setattr(room.psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * 1024 * MIB))
    plan = make_plan(profile)
    refuse_lack_of_room(plan.launch_sizes(), count_slices(plan), tmp_path)
