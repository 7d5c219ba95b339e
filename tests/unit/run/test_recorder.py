"""A run and its folder: what was measured, repeated or left out is on disk, whenever it stops."""

import itertools
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bench.errors import Interrupted, StackError
from bench.judge.validity import MARKED, REPEATED
from bench.measure.interrupts import stopped_by_signals
from bench.measure.launches import LaunchResult
from bench.plan.described import describe, hash_plan
from bench.plan.schedule import schedule_run
from bench.plan.seconds import conclusion_s
from bench.records import AppCode, AppStep, Feature, Gate, Memory, ModelTime, RunWarning, ServerTiming, SliceRecord, StartUp
from bench.records.folder import LATEST, RunFolder, run_name
from bench.run import recorder as recorders
from bench.run.recorder import Recorder

WAITED = Gate(1, 1, "starved_slices_ratio", "all slices", 0.6, 0.5, REPEATED)
NAMES = ("launch", "slice", "part", "block", "stack", "scenario", "load", "warm_up")
SLICE = dict(zip(NAMES, (1, 0, "headline", 0, "stub-good", "predict-1", "closed-4", False), strict=True))


BEGIN = datetime(2026, 11, 25, tzinfo=UTC)
LIMIT_S = 100


class Clock:
    """The clock of a test: `passed_s` after the begin of the run."""

    passed_s = 0.0

    @classmethod
    def monotonic(cls):
        return 1e6 + cls.passed_s


@pytest.fixture
def make_recorder(tmp_path, plan_of, make_stub):
    """Return a function that begins a run of two launches of two stacks; its options are fields of the plan."""

    def make(**changes):
        plan = replace(plan_of(make_stub(), make_stub("slow"), launches=2), **changes)
        folder = RunFolder.create("test", BEGIN, tmp_path)
        recorder = Recorder(plan, "a command", {"server_cores": [1]}, [], folder)
        recorder.plan, recorder.parts, recorder.turns = plan, plan.parts, schedule_run(plan.parts)
        return recorder

    return make


def measured(recorder, number, total_s=4.0, **fields):
    """Return a turn and what a launch in it gave, its samples on disk."""
    recorder.folder.samples_path(number).touch()
    counts = dict.fromkeys((name for name in SliceRecord.__dataclass_fields__ if name not in SLICE), 0)
    record = SliceRecord(**counts | SLICE | {"launch": number})
    usual = {"slices": (record,), "conditions": {}, "memory": (Memory(number, "stub-good", 10, 9, 12, 11),), "model_ms": {}, "deaths": {}}
    return recorder.turns[number - 1], LaunchResult(**usual | fields, start_s=1.0, load_s=2.0, total_s=total_s)


def test_a_try_that_is_repeated_stays_with_its_gates_though_the_run_stops_before_the_next(make_recorder):
    recorder = make_recorder()
    recorder.set_aside(*measured(recorder, 1), 1, [WAITED])
    manifest = recorder.folder.read_manifest()
    assert recorder.folder.samples_path(1, 1).is_file()
    assert not recorder.folder.samples_path(1).exists()
    assert manifest["launches"] == [
        {"launch": 1, "part": "headline", "attempt": 1, "kept": False, "start_s": 1.0, "load_s": 2.0, "total_s": 4.0}
    ]
    assert [Gate(**gate) for gate in manifest["gates"]] == [WAITED]
    assert recorder.folder.read_rows("slices.csv", SliceRecord) == []


def test_gates_of_all_tries_of_a_launch_stand_in_their_order(make_recorder):
    recorder = make_recorder()
    marked = replace(WAITED, attempt=2, action=MARKED)
    recorder.set_aside(*measured(recorder, 1), 1, [WAITED])
    recorder.keep(*measured(recorder, 1), 2, [marked])
    manifest = recorder.folder.read_manifest()
    assert [Gate(**gate) for gate in manifest["gates"]] == [WAITED, marked]
    assert [(row["attempt"], row["kept"]) for row in manifest["launches"]] == [(1, False), (2, True)]


def test_a_launch_that_is_kept_is_on_disk_with_all_that_its_samples_do_not_hold(make_recorder):
    recorder = make_recorder()
    recorder.keep(*measured(recorder, 1, model_ms={"numpy": 0.004}, conditions={"stub-good": {"threads": 1}}), 1, [])
    folder = recorder.folder
    assert folder.read_rows("slices.csv", SliceRecord) == recorder.slices
    assert folder.read_rows("memory.csv", Memory) == [Memory(1, "stub-good", 10, 9, 12, 11)]
    assert folder.read_rows("model_times.csv", ModelTime) == [ModelTime(1, "headline", "numpy", 0.004)]
    manifest = folder.read_manifest()
    assert (manifest["conditions"], manifest["partial"]) == ({"stub-good": {"threads": 1}}, True)
    assert not (folder.path / "summary.json").exists()


def test_a_partial_run_says_which_launches_are_missing_and_a_whole_one_does_not(make_recorder):
    recorder = make_recorder()
    recorder.keep(*measured(recorder, 1), 1, [])
    assert recorder.folder.read_manifest()["departures"] == ["headline: 1 of 2 launches were measured"]
    recorder.keep(*measured(recorder, 2), 1, [])
    recorder.finish()
    manifest = recorder.folder.read_manifest()
    assert (manifest["departures"], manifest["partial"], recorder.stopped) == ([], False, None)


def test_a_run_that_is_stopped_after_a_launch_is_partial_and_keeps_the_reason(make_recorder):
    recorder = make_recorder()
    recorder.keep(*measured(recorder, 1), 1, [])
    recorder.stop(Interrupted(2))
    recorder.finish()
    assert recorder.folder.read_manifest()["partial"]
    assert str(recorder.stopped) == "stopped by SIGINT"


def test_a_run_that_is_stopped_before_a_launch_was_kept_leaves_no_folder(make_recorder):
    recorder = make_recorder()
    with pytest.raises(StackError, match="does not start"):
        recorder.stop(StackError("does not start"))
    assert not recorder.folder.path.exists()


def test_a_stack_that_died_is_a_warning_of_the_run_and_an_error_at_its_end(make_recorder):
    recorder = make_recorder()
    recorder.keep(*measured(recorder, 1, deaths={"stub-slow": "stub-slow ended by itself."}), 1, [])
    recorder.finish()
    manifest = recorder.folder.read_manifest()
    assert [warning["code"] for warning in manifest["warnings"]] == ["stack-died"]
    assert not manifest["partial"]
    assert str(recorder.stopped) == "Launch 1: stub-slow ended by itself."


def test_a_run_begins_with_its_stacks_launches_plan_and_folder_and_why_it_is_not_the_latest(make_recorder):
    recorder = make_recorder()
    line = f"2 stacks, launches: headline 2. Plan {hash_plan(describe(recorder.plan))[:12]}, results in {recorder.folder.path}"
    assert recorder.opening() == line
    latest = recorder.folder.path.parent / LATEST
    latest.mkdir()
    first, second = recorder.opening().splitlines()
    assert (first, second.startswith(f"{latest} is a folder")) == (line, True)


@pytest.mark.parametrize(("first_look", "looks"), [(None, []), (6, [6, 8, 10]), (7, [7, 9])])
def test_a_part_is_looked_at_from_its_first_look_on_at_every_second_launch(make_recorder, first_look, looks):
    part = make_recorder().parts[0]
    recorder = make_recorder(parts=(replace(part, launches=10, first_look=first_look),))
    [part], found = recorder.parts, []
    for number in range(1, 11):
        recorder.keep(*measured(recorder, number), 1, [])
        found += [number] if recorder.is_look(part) else []
    assert found == looks


def test_a_part_that_has_ended_is_not_looked_at_again_and_says_when_it_ended(make_recorder):
    part = make_recorder().parts[0]
    recorder = make_recorder(parts=(replace(part, first_look=1),))
    [part] = recorder.parts
    recorder.keep(*measured(recorder, 1), 1, [])
    assert (recorder.is_look(part), recorder.has_ended(part)) == (True, False)
    recorder.end_part(part)
    recorder.finish()
    assert (recorder.is_look(part), recorder.has_ended(part)) == (False, True)
    assert recorder.folder.read_manifest()["ended"] == ["headline was precise enough after 1 of 2 launches"]


def test_what_is_measured_of_single_stacks_is_on_disk(make_recorder):
    recorder = make_recorder()
    starts = [StartUp("stub-good", start, 0.5 + start / 10, 1.0, 10, 9) for start in (1, 2, 3)]
    timing = [ServerTiming("stub-good", "predict-1", 100, 3.0, 4.5)]
    code = [AppCode("stub-good", "app", 2, 90, 9, 3, 14, 4, "read", "flask", 7, 5_000_000, 0.2, 5)]
    features = [Feature("stub-good", "docs", "GET /docs", has=False, found="404")]
    recorder.keep_starts(iter(starts))
    recorder.keep_timing(iter(timing))
    steps = [AppStep("stub-good", "hello", "", "It answers", "you", "By hand.", 5, 1, 5, 1, "flask")]
    recorder.keep_complexity(code, features, steps, "-old\n+new\n")
    folder = recorder.folder
    assert folder.read_rows("starts.csv", StartUp) == starts
    assert folder.read_rows("server_timing.csv", ServerTiming) == timing
    assert folder.read_rows("complexity.csv", AppCode) == code
    assert folder.read_rows("features.csv", Feature) == features
    assert folder.read_rows("steps.csv", AppStep) == steps
    assert folder.read_text("adapters.diff") == "-old\n+new\n"


# --- time to measure a launch again ---------------------------------------------------------------------------------


@pytest.fixture
def make_timed(make_recorder, monkeypatch):
    """Return a function that begins a run of parts with so many launches each, to end within `LIMIT_S`, on a clock of the test's own."""

    def make(**launches):
        monkeypatch.setattr(recorders, "time", Clock)
        monkeypatch.setattr(Clock, "passed_s", 0.0)
        part = make_recorder().parts[0]
        parts = tuple(replace(part, name=name, launches=count, first_look=1) for name, count in launches.items())
        recorder = make_recorder(parts=parts, limit_s=LIMIT_S)
        recorder.room_s = LIMIT_S - conclusion_s(recorder.plan)
        return recorder

    return make


@pytest.fixture
def is_latest(monkeypatch):
    """Return a function that says whether a launch may be repeated until so many seconds of the run have passed, and no longer."""

    def is_latest(recorder, launch, seconds):
        allowed = []
        for passed_s in (seconds - 0.01, seconds + 0.01):
            monkeypatch.setattr(Clock, "passed_s", passed_s)
            allowed.append(recorder.may_repeat(*launch))
        return allowed == [True, False]

    return is_latest


def test_a_launch_may_be_repeated_while_the_run_ends_in_time_with_it_and_all_launches_to_come_judged_and_drawn(make_timed, is_latest):
    recorder = make_timed(one=3)
    launch = measured(recorder, 1, total_s=4.0)
    assert is_latest(recorder, launch, recorder.room_s - 3 * 4)
    recorder.set_aside(*launch, 1, [WAITED])
    recorder.keep(*measured(recorder, 1, total_s=10.0), 2, [])
    assert is_latest(recorder, measured(recorder, 2, total_s=16.0), recorder.room_s - 2 * (4 + 10 + 16) / 3)


def test_launches_to_come_of_each_part_take_as_long_as_its_own_did(make_timed, is_latest):
    recorder = make_timed(one=2, other=2)
    assert [turn.part.name for turn in recorder.turns] == ["one", "other", "one", "other"]
    recorder.keep(*measured(recorder, 1, total_s=4.0), 1, [])
    assert is_latest(recorder, measured(recorder, 2, total_s=20.0), recorder.room_s - 1 * 4 - 2 * 20)


def test_launches_of_a_part_that_was_not_launched_yet_take_as_long_as_those_of_the_others(make_timed, is_latest):
    recorder = make_timed(one=2, other=3)
    assert is_latest(recorder, measured(recorder, 1, total_s=5.0), recorder.room_s - (2 + 3) * 5)


def test_no_launch_is_to_come_of_a_part_that_has_ended(make_timed, is_latest):
    recorder = make_timed(one=2, other=3)
    recorder.end_part(recorder.parts[1])
    assert is_latest(recorder, measured(recorder, 1, total_s=5.0), recorder.room_s - 2 * 5)


def test_no_launch_is_to_come_of_a_part_that_has_given_way(make_timed, is_latest, monkeypatch):
    recorder = make_timed(one=3, other=3)
    for number in (1, 2):
        recorder.keep(*measured(recorder, number, total_s=5.0), 1, [])
    monkeypatch.setattr(Clock, "passed_s", recorder.room_s)
    assert recorder.gives_way(recorder.turns[3])
    assert is_latest(recorder, measured(recorder, 3, total_s=5.0), recorder.room_s - 2 * 5)


def test_a_run_without_time_for_its_own_plan_repeats_nothing(make_timed):
    recorder = make_timed(one=3)
    assert not recorder.may_repeat(*measured(recorder, 1, total_s=LIMIT_S))


# --- time for what is only explored ---------------------------------------------------------------------------------


@pytest.fixture
def give_way(monkeypatch):
    """Return a function that says whether the launch of a number gives way at so many seconds of the run."""

    def give_way(recorder, number, passed_s):
        monkeypatch.setattr(Clock, "passed_s", passed_s)
        return recorder.gives_way(recorder.turns[number - 1])

    return give_way


@pytest.fixture
def make_begun(make_timed):
    """Return a function that begins a run of a judged part, launches of 4 s, and an explored one of 20 s, each launched once."""

    def make(**launches):
        recorder = make_timed(**launches)
        assert [turn.part.name for turn in recorder.turns[:2]] == list(launches)
        for number, total_s in ((1, 4.0), (2, 20.0)):
            recorder.keep(*measured(recorder, number, total_s=total_s), 1, [])
        return recorder

    return make


@pytest.mark.parametrize(("after_s", "gives"), [(-0.01, False), (0.01, True)])
def test_an_explored_launch_gives_way_once_it_would_leave_too_little_time_for_the_judged_launches_to_come(
    make_begun, give_way, after_s, gives
):
    recorder = make_begun(judged=3, explored=3)
    latest_s = recorder.room_s - 20 - 2 * 4
    assert give_way(recorder, 4, latest_s + after_s) is gives


def test_a_part_that_has_given_way_once_has_no_more_launches_and_others_go_on(make_timed, give_way):
    recorder = make_timed(judged=3, long=3, short=3)
    for number, total_s in ((1, 4.0), (2, 20.0), (3, 2.0)):
        recorder.keep(*measured(recorder, number, total_s=total_s), 1, [])
    in_danger_s = recorder.room_s - 15
    assert [give_way(recorder, number, in_danger_s) for number in (5, 8, 6, 9)] == [True, True, False, False]
    assert give_way(recorder, 8, 0.0)


def test_a_judged_launch_never_gives_way(make_begun, give_way):
    assert not give_way(make_begun(judged=3, explored=3), 3, LIMIT_S)


@pytest.mark.parametrize("number", [1, 2])
def test_a_part_has_its_first_launch_whatever_the_time(make_timed, give_way, number):
    recorder = make_timed(judged=3, explored=3)
    if number == 2:
        recorder.keep(*measured(recorder, 1), 1, [])
    assert not give_way(recorder, number, LIMIT_S)


def test_a_judged_part_that_has_ended_needs_no_time(make_begun, give_way):
    recorder = make_begun(judged=3, explored=3)
    recorder.end_part(recorder.parts[0])
    assert not give_way(recorder, 4, recorder.room_s - 20 - 0.01)
    assert give_way(recorder, 4, recorder.room_s - 20 + 0.01)


def test_a_whole_run_says_which_launches_gave_way_and_why(make_begun, give_way):
    recorder = make_begun(judged=3, explored=3)
    assert give_way(recorder, 4, LIMIT_S)
    for number in (3, 5):
        recorder.keep(*measured(recorder, number), 1, [])
    recorder.finish()
    manifest = recorder.folder.read_manifest()
    reason = f"explored: 1 of 3 launches were measured, so that the run ends within {LIMIT_S} s"
    assert (manifest["departures"], manifest["partial"]) == ([reason], False)


# --- a run that was cut off and is taken up again -------------------------------------------------------------------


@pytest.fixture
def take_up():
    """Return a function that takes up the run of a recorder."""

    def take_up(recorder, *warnings):
        resumed = Recorder.resume(recorder.plan, warnings, RunFolder(recorder.folder.path))
        resumed.plan, resumed.turns = recorder.plan, recorder.turns
        return resumed

    return take_up


def test_a_run_that_is_taken_up_has_its_launches_tries_gates_and_conditions(make_recorder, take_up):
    recorder = make_recorder(repeats=2)
    recorder.keep(*measured(recorder, 1, model_ms={"numpy": 0.004}, conditions={"stub-good": {"threads": 1}}), 1, [])
    recorder.set_aside(*measured(recorder, 2), 1, [WAITED])
    before = recorder.folder.read_manifest()
    resumed = take_up(recorder)
    assert [resumed.has_measured(turn) for turn in recorder.turns] == [True, False]
    assert [resumed.count_tries(turn) for turn in recorder.turns] == [1, 1]
    assert resumed.slices == recorder.slices
    after = resumed.folder.read_manifest()
    assert {key for key in before if before[key] != after[key]} <= {"sittings"}
    assert [sitting["launches"] for sitting in after["sittings"]] == [[1], []]
    assert resumed.folder.read_rows("model_times.csv", ModelTime) == [ModelTime(1, "headline", "numpy", 0.004)]


def test_a_sitting_that_measured_nothing_is_forgotten(make_recorder, take_up):
    recorder = make_recorder()
    recorder.keep(*measured(recorder, 1), 1, [])
    last = take_up(take_up(recorder))
    last.keep(*measured(recorder, 2), 1, [])
    assert [sitting["launches"] for sitting in last.folder.read_manifest()["sittings"]] == [[1], [2]]


def test_a_run_that_is_taken_up_has_the_warnings_of_all_its_sittings_once(make_recorder, take_up):
    recorder = make_recorder()
    recorder.keep(*measured(recorder, 1, deaths={"stub-slow": "stub-slow ended by itself."}), 1, [])
    busy = RunWarning("busy", "Text.", "Next.")
    resumed = take_up(recorder, busy, busy)
    resumed.keep(*measured(recorder, 2), 1, [])
    resumed.finish()
    assert [warning["code"] for warning in resumed.folder.read_manifest()["warnings"]] == ["stack-died", "busy"]
    assert str(resumed.stopped) == "stub-slow ended by itself in launch 1; its later requests failed."


def test_the_limit_of_a_run_holds_for_all_its_sittings_without_the_time_between_them(make_timed, take_up, is_latest, monkeypatch):
    recorder = make_timed(one=3)
    monkeypatch.setattr(Clock, "passed_s", 10.0)
    recorder.keep(*measured(recorder, 1, total_s=4.0), 1, [])
    monkeypatch.setattr(Clock, "passed_s", 0.0)  # the clock begins anew with the machine
    resumed = take_up(recorder)
    assert is_latest(resumed, measured(recorder, 2, total_s=4.0), recorder.room_s - 10 - 2 * 4)


def test_a_part_that_has_given_way_has_no_more_launches_after_the_run_is_taken_up(make_begun, give_way, take_up):
    recorder = make_begun(judged=3, explored=3)
    assert give_way(recorder, 4, LIMIT_S)
    recorder.keep(*measured(recorder, 3), 1, [])
    assert give_way(take_up(recorder), 4, 0.0)


def test_a_run_that_cannot_be_begun_leaves_no_folder(make_recorder, tmp_path, monkeypatch):
    plan = make_recorder().plan
    monkeypatch.setattr(Recorder, "_write", lambda _: signal.raise_signal(signal.SIGINT))
    with stopped_by_signals(), pytest.raises(Interrupted):
        Recorder.begin(plan, "a command", {}, [], tmp_path / "results")
    assert list((tmp_path / "results").iterdir()) == []


def test_a_folder_is_named_by_the_moment_at_which_its_run_began(make_recorder, tmp_path, monkeypatch):
    plan, ticks = make_recorder().plan, itertools.count()

    class Ticking(datetime):
        @classmethod
        def now(cls, _tz=None):
            return BEGIN + timedelta(seconds=next(ticks))

    monkeypatch.setattr(recorders, "datetime", Ticking)
    folder = Recorder.begin(plan, "a command", {}, [], tmp_path / "results").folder
    folder.unlock()
    assert folder.path.name == run_name(plan.profile, datetime.fromisoformat(folder.read_manifest()["created_utc"]))
