"""A run over several launches: repeats, early ends, rates. Real stubs, real load, a folder to read."""

import contextlib
import errno
import itertools
import os
import signal
from dataclasses import replace

import pytest
from disks import small_disk

from bench.errors import MachineError, RunFolderError, StackError, UnfinishedError
from bench.judge.judgement import judge
from bench.measure.interrupts import stopped_by_signals
from bench.plan.plan import make_plan
from bench.plan.profiles import JudgedRow, Part
from bench.plan.rules import GateRules, RateRules, Rules, SliceRules
from bench.records import AppCode, Feature, SliceRecord, StartUp
from bench.records.folder import LATEST
from bench.records.summary import WRONG_ANSWERS
from bench.run import loop
from bench.run.loop import run

JUDGED = (JudgedRow("primary", "throughput_rps", "predict-1", "closed-4"),)
# No machine is that good.
NEVER_PASSED = replace(Rules(), gates=replace(GateRules(), slice_wait_ratio=-1.0))
TABLES = ("cells.csv", "comparisons.csv", "distributions.csv", "warm_up.csv", "summary.json")


@pytest.fixture
def two(make_stub, plan_of):
    """Return a function to a plan of two equal stubs and a twin of the first."""

    def plan(load="closed-4", rules=None, **part):
        stubs = [make_stub(name=name) for name in ("stub-one", "stub-two", "stub-one-twin")]
        plan = plan_of(*stubs, loads=(load,), judged=JUDGED)
        return replace(plan, parts=(replace(plan.parts[0], **part),), rules=rules or Rules())

    return plan


def measure(plan, folder):
    """Run a plan to its end, without drawing its report; return its folder."""
    run_folder, stopped = run(plan, "test", folder, report=lambda _: None)
    assert stopped is None
    return run_folder


def test_a_launch_that_trips_a_gate_is_repeated_by_the_same_plan_then_kept_and_marked(two, tmp_path, monkeypatch):
    seen = []
    measure_launch = loop.measure_launch

    def note(launch, *rest):
        seen.append(launch.slices)
        return measure_launch(launch, *rest)

    monkeypatch.setattr(loop, "measure_launch", note)
    folder = measure(replace(two(rules=NEVER_PASSED), repeats=2), tmp_path)
    assert (len(seen), len(set(seen))) == (3, 1)
    summary = folder.read_summary()
    validity = summary.validity
    waits = [gate for gate in validity.gates if gate.gate == "starved_slices_ratio"]
    assert [(gate.launch, gate.attempt, gate.action) for gate in waits] == [
        (1, 1, "repeated"),
        (1, 2, "repeated"),
        (1, 3, "kept and marked"),
    ]
    assert not validity.valid
    assert {warning.code for warning in validity.warnings} >= {"repeated-launches", "starved-generator"}
    assert {cell.launches for cell in summary.cells} == {1}
    samples = sorted(path.name for path in (folder.path / "samples").iterdir())
    assert samples == ["launch-01-repeated-1.parquet", "launch-01-repeated-2.parquet", "launch-01.parquet"]
    log = folder.read_manifest()["launches"]
    assert [(row["attempt"], row["kept"]) for row in log] == [(1, False), (2, False), (3, True)]


def test_where_a_repeat_would_take_too_long_a_launch_is_kept_and_marked_at_once(two, tmp_path):
    folder = measure(replace(two(rules=NEVER_PASSED), repeats=2, limit_s=5), tmp_path)  # drawing alone is planned to take longer
    assert [(row["launch"], row["attempt"], row["kept"]) for row in folder.read_manifest()["launches"]] == [(1, 1, True)]


def test_without_repeats_a_launch_that_trips_a_gate_is_kept_and_marked_at_once(two, tmp_path):
    folder = measure(two(rules=NEVER_PASSED), tmp_path)
    gates = folder.read_summary().validity.gates
    assert {(gate.attempt, gate.action) for gate in gates} == {(1, "kept and marked")}


@pytest.mark.parametrize(("precise_margins", "launches"), [(1e6, 2), pytest.param(0.0, 3, marks=pytest.mark.slow)])
def test_a_part_ends_at_a_look_if_its_judged_rows_are_precise_enough_and_else_at_its_end(two, tmp_path, precise_margins, launches):
    # At this level two launches have an interval: no need to measure more of them to see what a look does.
    levels = {**Rules().levels, "primary": 0.5}
    rules = replace(Rules(), levels=levels, precise_margins=precise_margins, look_every=1)
    folder = measure(two(launches=3, first_look=2, rules=rules), tmp_path)
    ended = ["headline was precise enough after 2 of 3 launches"] if launches == 2 else []
    assert folder.read_manifest()["ended"] == ended
    summary = folder.read_summary()
    assert {cell.launches for cell in summary.cells} == {launches}
    assert not summary.partial


def test_a_run_is_judged_again_from_what_it_left_with_the_same_tables(two, tmp_path):
    folder = measure(two(load="open-500rps", launches=2), tmp_path)
    before = {name: (folder.path / name).read_bytes() for name in TABLES}
    for name in TABLES:
        (folder.path / name).unlink()
    judge(folder)
    assert {name: (folder.path / name).read_bytes() for name in TABLES} == before


def test_every_launch_finds_its_own_rates_beginning_with_the_last_ones_and_the_table_has_their_median(make_stub, plan_of, tmp_path):
    stubs = [make_stub("good", f"work={work}", name=name) for name, work in (("stub-one", 30_000), ("stub-two", 10_000))]
    plan = plan_of(*stubs, launches=2, loads=("busy-30", "own-50"))
    rules = Rules(rates=RateRules(slice_ms=100), slices=SliceRules(own_slice_ms=100, own_answers=50, min_answers=50))
    folder = measure(replace(plan, rules=rules), tmp_path)
    slices = folder.read_rows("slices.csv", SliceRecord)
    rates = {(record.launch, record.load, record.stack): record.offered_rps for record in slices if not record.warm_up}
    for launch in (1, 2):
        assert rates[launch, "busy-30", "stub-one"] == rates[launch, "busy-30", "stub-two"]
        assert rates[launch, "own-50", "stub-one"] < rates[launch, "own-50", "stub-two"]
    begun = {record.offered_rps for record in slices if record.warm_up and (record.launch, record.load) == (2, "busy-30")}
    assert begun == {rates[1, "busy-30", "stub-one"]}
    for cell in folder.read_summary().cells:
        assert cell.offered_rps == pytest.approx(sum(rates[launch, cell.load, cell.stack] for launch in (1, 2)) / 2)


def test_parts_are_launched_in_turns_and_keep_their_own_cells_and_memory(make_stub, plan_of, tmp_path):
    stubs = [make_stub(name=name) for name in ("stub-one", "stub-two")]
    plan = plan_of(*stubs)
    other = Part("other", ("stub-two",), ("predict-1",), ("closed-2",), launches=2, blocks=1)
    folder = measure(replace(plan, starts=2, parts=(plan.parts[0], other)), tmp_path)
    assert [row["part"] for row in folder.read_manifest()["launches"] if row["kept"]] == ["other", "headline", "other"]
    summary = folder.read_summary()
    counts = {(cell.part, cell.stack): cell.launches for cell in summary.cells}
    assert counts == {("headline", "stub-one"): 1, ("headline", "stub-two"): 1, ("other", "stub-two"): 2}
    # Stacks that answer one body are not started alone.
    assert sorted((row.stack, row.starts, row.launches) for row in summary.resources) == [("stub-one", 0, 1), ("stub-two", 0, 3)]
    assert all(row.loaded_rss_bytes >= row.loaded_pss_bytes > 1_000_000 for row in summary.resources)
    # Nothing is looked at that the plan does not ask for.
    names = {path.name for path in folder.path.iterdir()}
    assert not {"complexity.csv", "features.csv", "server_timing.csv", "adapters.diff"} & names


@pytest.mark.slow
def test_starts_code_features_and_the_own_account_of_time_are_measured_if_the_plan_asks_for_them(tmp_path):
    plan = make_plan("smoke", launches=1)
    part = replace(plan.parts[0], scenarios=("predict-1",))
    folder = measure(replace(plan, complexity=True, starts=2, parts=(part,)), tmp_path)
    starts = folder.read_rows("starts.csv", StartUp)
    assert sorted((start.stack, start.start) for start in starts) == [
        (stack, start) for stack in ("fastapi-uvicorn", "flask-gthread") for start in (1, 2)
    ]
    assert all(0 < start.ready_s < start.first_prediction_s for start in starts)
    assert all(start.rss_bytes >= start.pss_bytes > 10_000_000 for start in starts)
    summary = folder.read_summary()
    assert [row.stack for row in summary.complexity] == ["fastapi-uvicorn", "flask-gthread"]
    assert {row.stack for row in summary.features} == {"fastapi-uvicorn", "flask-gthread"}
    assert summary.server_timing == ()  # no part has bare servers
    assert folder.read_text("adapters.diff").startswith("--- flask_app/__init__.py\n+++ fastapi_app/__init__.py\n")
    assert folder.read_rows("complexity.csv", AppCode) == list(summary.complexity)
    assert folder.read_rows("features.csv", Feature) == list(summary.features)


# --- ends that are not planned --------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_while_samples_are_written_keeps_the_launches_before(two, tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk", 2000) as disk:
        monkeypatch.setattr(loop, "refuse_lack_of_room", lambda *_: None)
        filled = fill_later(disk, monkeypatch, after=1)
        folder, stopped = run(two(launches=3), "test", disk, report=lambda _: filled.unlink())
        assert isinstance(stopped, UnfinishedError | RunFolderError)
        assert "No space left on device" in str(stopped)
        assert [row["launch"] for row in folder.read_manifest()["launches"]] == [1]
        assert list(folder.path.rglob("*.part")) == list(folder.path.glob(".*")) == []
        filled.unlink(missing_ok=True)
        summary = judge(folder)
        assert ({cell.launches for cell in summary.cells}, summary.partial) == ({1}, True)


def fill_later(disk, monkeypatch, after):
    """Fill a disk once so many launches have been measured; return the file that does it."""
    filled, measure_launch, count = disk / "filled", loop.measure_launch, itertools.count()

    def measure(*arguments):
        if next(count) == after:
            with contextlib.suppress(OSError), filled.open("wb", buffering=0) as file:
                for _ in range(10_000):
                    file.write(bytes(4096))
        return measure_launch(*arguments)

    monkeypatch.setattr(loop, "measure_launch", measure)
    return filled


@pytest.fixture(scope="module")
def recorder(make_stub, plan_of, tmp_path_factory):
    """Return a run of which all is measured and nothing judged or reported yet."""
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "conclude", lambda recorder, _: kept.append(recorder))
        run(plan_of(make_stub()), "test", tmp_path_factory.mktemp("results"))
    return kept[0]


def concluded(recorder, report):
    """Return the folder of a run and what its end left undone."""
    recorder.stopped = None
    with stopped_by_signals():
        loop.conclude(recorder, report)
    return recorder.folder, recorder.stopped


def test_a_disk_that_is_full_when_tables_are_written_says_that_what_was_measured_is_safe(recorder):
    def fail(folder):
        raise OSError(errno.ENOSPC, "No space left on device", str(folder.path / "charts" / "answer.png"))

    folder, stopped = concluded(recorder, fail)
    assert isinstance(stopped, UnfinishedError)
    assert stopped.exit_status == 3
    told = f"{folder.path}/charts/answer.png: No space left on device. The measurements are safe in {folder.path};"
    assert str(stopped).startswith(told)
    assert f"python -m bench judge {folder.path}; python -m bench report {folder.path}" in str(stopped)
    assert (folder.path.parent / LATEST).resolve() == folder.path
    assert not folder.read_manifest()["partial"]


def test_an_error_that_is_no_lack_of_room_is_not_hidden(recorder):
    def fail(_):
        raise FileNotFoundError(errno.ENOENT, "No such file", "a fault of ours")

    with pytest.raises(FileNotFoundError, match="a fault of ours"):
        concluded(recorder, fail)


def test_a_signal_while_the_report_is_drawn_says_where_the_run_is(recorder):
    folder, stopped = concluded(recorder, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert isinstance(stopped, UnfinishedError)
    assert (stopped.exit_status, str(stopped).split(";")[0]) == (143, f"stopped by SIGTERM. The measurements are safe in {folder.path}")
    assert (folder.path.parent / LATEST).resolve() == folder.path
    assert not folder.read_summary().partial


def test_a_second_signal_cuts_the_report_of_a_partial_run_short(two, tmp_path, monkeypatch):
    keep = loop.Recorder.keep

    def keep_and_stop(recorder, *arguments):
        keep(recorder, *arguments)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop.Recorder, "keep", keep_and_stop)
    folder, stopped = run(two(launches=2), "test", tmp_path, report=lambda _: os.kill(os.getpid(), signal.SIGINT))
    assert isinstance(stopped, UnfinishedError)
    assert (stopped.exit_status, str(stopped).split(";")[0]) == (130, f"stopped by SIGINT. The measurements are safe in {folder.path}")
    assert folder.read_summary().partial


def test_what_cannot_be_written_is_said_before_anything_is_started(two, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "measure_alone", lambda *_: pytest.fail("something was started"))
    with small_disk(tmp_path / "disk", 400) as disk:
        with pytest.raises(MachineError, match=r"MiB are free where"):
            run(two(), "test", disk, report=lambda _: None)
        assert list(disk.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="choose another with --results"):
        run(two(), "test", tmp_path / "file", report=lambda _: None)


def test_wrong_answers_are_told_from_failed_ones(make_stub, plan_of, tmp_path):
    plan = plan_of(make_stub(name="well"), make_stub("sometimes-wrong"), make_stub("cut-short"))
    summary = measure(plan, tmp_path).read_summary()
    errors = {cell.stack: cell.errors for cell in summary.cells}
    [wrong] = [warning for warning in summary.validity.warnings if warning.code == WRONG_ANSWERS]
    assert wrong.text.startswith(f"{errors['stub-sometimes-wrong']} answer")
    assert errors["stub-cut-short"] > 0


def test_a_stack_that_dies_under_load_stops_nothing_and_is_told_at_the_end(make_stub, plan_of, tmp_path):
    plan = plan_of(make_stub(name="well"), make_stub("dies"))
    folder, stopped = run(plan, "test", tmp_path, report=lambda _: None)
    assert isinstance(stopped, StackError)
    assert "stub-dies ended by itself (signal SIGKILL)" in str(stopped)
    summary = folder.read_summary()
    assert not summary.partial
    assert "stack-died" in {warning.code for warning in summary.validity.warnings}
