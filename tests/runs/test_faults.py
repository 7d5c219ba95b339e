"""What breaks under a run: the load generator, a server, the disk, the clock. The run says so, keeps what it has, and leaves nothing."""

import contextlib
import json
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import replace
from datetime import datetime, timedelta

import psutil
import pytest
from bench_runs import bench, finish, processes_of, wait_until
from disks import small_disk

from bench.errors import GeneratorError, MachineError, RunFolderError, UnfinishedError
from bench.judge.judgement import judge
from bench.measure import processes
from bench.plan.profiles import Part
from bench.plan.rules import OpenLoopRules, Rules
from bench.records import SliceRecord
from bench.run.loop import run
from bench.run.progress import Progress

JUDGED = (0, 4)  # beside other tests the generator may have too little of its core for a valid run


@pytest.fixture
def plan(make_stub, plan_of):
    """Return a plan of three launches of two stubs, which waits 0.3 s for answers under way."""
    plan = plan_of(make_stub(name="one"), make_stub(name="two"), launches=3)
    return replace(plan, rules=replace(Rules(), open_loop=replace(OpenLoopRules(), drain_timeout_s=0.3)))


@pytest.fixture
def at(monkeypatch):
    """Return a function that lets something happen once, when a launch has measured its first slice."""

    def at(launch, happen):
        begin_launch, end_slice, begun, happened = Progress.begin_launch, Progress.end_slice, [], []

        def begin(progress, number, slices):
            begun.append(number)
            begin_launch(progress, number, slices)

        def end(progress, planned):
            end_slice(progress, planned)
            if begun[-1] == launch and not happened:
                happened.append(happen())

        monkeypatch.setattr(Progress, "begin_launch", begin)
        monkeypatch.setattr(Progress, "end_slice", end)

    return at


def own(*words):
    """Return the processes that this one has started whose command has these words."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += [child] if set(words) <= set(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE else []
    return found


def nothing_is_left():
    return own("bench.measure.generator") == own("bench.servers.stub") == []


# --- the load generator and the servers -----------------------------------------------------------------------------


def test_a_load_generator_that_is_killed_in_mid_slice_ends_the_run_which_can_go_on(plan, at, tmp_path):
    at(2, lambda: [generator.kill() for generator in own("bench.measure.generator")])
    folder, stopped = run(plan, "test", tmp_path, report=lambda _: None)
    assert isinstance(stopped, GeneratorError)
    assert str(stopped).startswith("The load generator failed (signal SIGKILL).")
    assert nothing_is_left()
    summary = folder.read_summary()
    assert (summary.partial, {cell.launches for cell in summary.cells}) == (True, {1})
    folder.lock()
    folder, stopped = run(plan, "test", begun=folder, report=lambda _: None)
    assert (stopped, {cell.launches for cell in folder.read_summary().cells}) == (None, {3})


def test_a_launch_whose_load_generator_was_killed_is_measured_again(plan, at, tmp_path):
    at(2, lambda: [generator.kill() for generator in own("bench.measure.generator")])
    folder, stopped = run(replace(plan, repeats=1), "test", tmp_path, report=lambda _: None)
    assert stopped is None
    launches = folder.read_manifest()["launches"]
    assert [row["launch"] for row in launches if "failure" in row] == [2]
    assert [row["launch"] for row in launches if row["kept"]] == [1, 2, 3]
    summary = folder.read_summary()
    assert (summary.partial, {cell.launches for cell in summary.cells}) == (False, {3})
    [warning] = [warning for warning in summary.validity.warnings if warning.code == "generator-failed"]
    assert warning.text == "Launch 2: The load generator failed (signal SIGKILL)."


def test_a_server_that_hangs_fails_its_requests_is_ended_and_started_anew(plan, at, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "STOP_TIMEOUT_S", 0.5)
    at(2, lambda: [server.suspend() for server in own("bench.servers.stub", "two")])
    folder, stopped = run(plan, "test", tmp_path, report=lambda _: None)
    assert stopped is None
    assert nothing_is_left()
    unfinished = {(record.launch, record.stack) for record in folder.read_rows("slices.csv", SliceRecord) if record.unfinished}
    assert unfinished == {(2, "two")}
    assert not folder.read_summary().partial


# --- the disk -------------------------------------------------------------------------------------------------------


def remount(disk, mode):
    subprocess.run([shutil.which("mount"), "-o", f"remount,{mode}", disk], check=True)


def fill(disk):
    with contextlib.suppress(OSError), (disk / "filled").open("wb", buffering=0) as file:
        for _ in range(10_000):
            file.write(bytes(4096))


def test_a_full_disk_for_temporary_files_ends_the_run_and_keeps_what_it_has(plan, at, tmp_path, monkeypatch):
    with small_disk(tmp_path / "temporary", 2000) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        at(2, lambda: fill(disk))
        folder, stopped = run(plan, "test", tmp_path / "results", report=lambda _: None)
        assert isinstance(stopped, MachineError | UnfinishedError)
        assert str(stopped).startswith(f"{disk}: No space left on device. Make room, or set TMPDIR to a folder on another disk.")
        (disk / "filled").unlink()
        assert {cell.launches for cell in judge(folder).cells} == {1}
    assert nothing_is_left()


def test_a_results_folder_that_is_read_only_is_refused_before_anything_is_started(plan, tmp_path):
    with small_disk(tmp_path / "disk", 100_000) as disk:
        remount(disk, "ro")
        with pytest.raises(RunFolderError, match=r"\(Read-only file system\); choose another with --results\."):
            run(plan, "test", disk, report=lambda _: None)


def test_a_results_folder_that_becomes_read_only_keeps_what_it_has(plan, at, tmp_path):
    with small_disk(tmp_path / "disk", 100_000) as disk:
        at(2, lambda: remount(disk, "ro"))
        folder, stopped = run(plan, "test", disk, report=lambda _: None)
        assert isinstance(stopped, UnfinishedError)
        assert "Read-only file system" in str(stopped)
        assert f"The measurements are safe in {folder.path}" in str(stopped)
        remount(disk, "rw")
        folder.lock()
        folder, stopped = run(plan, "test", begun=folder, report=lambda _: None)
        assert (stopped, {cell.launches for cell in folder.read_summary().cells}) == (None, {3})


@pytest.mark.parametrize("removed", ["run", pytest.param("results", marks=pytest.mark.slow)])
def test_a_folder_that_somebody_removes_is_told_and_does_not_come_back_in_parts(plan, at, tmp_path, removed):
    results = tmp_path / "results"
    at(2, lambda: shutil.rmtree(results if removed == "results" else next(results.glob("*-test"))))
    folder, stopped = run(plan, "a command", results, report=lambda _: None)
    assert isinstance(stopped, UnfinishedError)
    assert str(stopped).endswith(f"{folder.path} has gone, and with it what was measured. To measure again: a command")
    assert not folder.path.exists()
    assert nothing_is_left()


def test_two_runs_at_once_have_a_folder_each_and_the_later_one_says_that_there_is_another(tmp_path, stub_file):
    stubs = stub_file("good", "chunked")
    chosen = ("--profile", "quick", "--launches", 1, "--stacks-file", stubs, "--compare", "stub-chunked", "stub-good")
    folders = {name: tmp_path / name for name in ("first", "second", "bin")}
    for folder in folders.values():
        folder.mkdir()
    first = bench("run", *chosen, cwd=tmp_path, env={"TMPDIR": str(folders["first"])})
    wait_until(first, lambda: processes_of(folders["first"]))
    first.send_signal(signal.SIGSTOP)  # so that it does not end before the other one looks for it
    # The later one has no git, and a terminal that knows ASCII only.
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PATH": str(folders["bin"])}
    second = bench("run", *chosen, cwd=tmp_path, env={"TMPDIR": str(folders["second"]), **plain})
    wait_until(second, lambda: processes_of(folders["second"]))
    first.send_signal(signal.SIGCONT)
    status, out, err = finish(second)
    assert status in JUDGED, err
    assert out.isascii()
    assert "Warning: Another bench measures on this machine now" in err
    assert finish(first)[0] in JUDGED
    manifests = list((tmp_path / "results").glob("*-quick*/manifest.json"))
    commits = [json.loads(path.read_text("utf-8"))["environment"]["commit"] for path in manifests]
    assert (len(commits), commits.count("unknown")) == (2, 1)


# --- the clock ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [1, pytest.param(-1, marks=pytest.mark.slow)])
def test_a_clock_that_is_set_while_a_run_measures_changes_dates_alone(plan, at, tmp_path, monkeypatch, hours):
    step_s, true_time = [0.0], time.time

    class Stepped(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(true_time() + step_s[0], tz)

    for module in ("bench.run.recorder", "bench.run.progress"):
        monkeypatch.setattr(f"{module}.datetime", Stepped)
    monkeypatch.setattr(time, "time", lambda: true_time() + step_s[0])
    at(1, lambda: step_s.append(step_s.pop() + hours * 3600))
    # An explored part gives way, and no launch is repeated, once an hour of the limit has passed.
    extra = Part("extra", ("one",), ("predict-1",), ("closed-4",), launches=3, blocks=1)
    plan = replace(plan, parts=(*plan.parts, extra), limit_s=600)
    begin_s = time.monotonic()
    folder, stopped = run(plan, "test", tmp_path, report=lambda _: None)
    manifest = folder.read_manifest()
    assert (stopped, manifest["partial"], manifest["departures"]) == (None, False, [])
    assert len(manifest["launches"]) == 6
    elapsed_s = time.monotonic() - begin_s
    assert all(0 < row["load_s"] < row["total_s"] < elapsed_s for row in manifest["launches"])
    assert 0 < manifest["sittings"][0]["measured_s"] < elapsed_s
    created, finished = (datetime.fromisoformat(manifest[key]) for key in ("created_utc", "finished_utc"))
    assert abs(finished - created - timedelta(hours=hours)) < timedelta(seconds=elapsed_s + 2)
    assert folder.path.name == f"{created:%Y%m%dT%H%M%SZ}-test"
    assert (folder.path.parent / "latest").resolve() == folder.path
