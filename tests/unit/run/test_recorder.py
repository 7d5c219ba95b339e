"""A run and its folder: what was measured, repeated or left out is on disk, whenever it stops."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from bench.judge.tables import MeasuredLaunch

from bench.judge.validity import MARKED, REPEATED
from bench.measure.launches import LaunchResult
from bench.plan.schedule import schedule_run, schedule_slices
from bench.records import AppCode, Feature, Gate, Memory, ServerTiming, StartUp
from bench.records.folder import RunFolder
from bench.run.recorder import Session

STEAL = Gate(1, 1, "steal_ratio", "the whole launch", 0.05, 0.02, REPEATED)


@pytest.fixture
def make_session(tmp_path, plan_of, make_stub):
    """Return a function that begins a session of two launches of two stacks; its options are fields of the plan."""

    def make(**changes):
        config = replace(plan_of(make_stub(), make_stub("slow"), launches=2), **changes)
        folder = RunFolder.create("test", datetime(2026, 11, 25, tzinfo=UTC), tmp_path)
        return Session(config, "a command", {"server_cores": [1]}, [], folder)

    return make


def empty_launch(session, number):
    """Return a planned launch, and a result of it in which nothing was sent."""
    planned = schedule_run(session.config.parts)[number - 1]
    slices = tuple(schedule_slices(session.config, planned.part, planned.ordinal))
    memory = (Memory(number, "stub-good", 10, 9, 12, 11),)
    return planned, LaunchResult(number, slices, (), np.zeros((0, 8), dtype=np.int64), {}, memory, {}, {}, 1.0, 2.0, 4.0)


NOTHING = MeasuredLaunch((), ())


def test_a_try_that_is_repeated_stays_with_its_gates_though_the_run_stops_before_the_next(make_session):
    session = make_session()
    session.set_aside(empty_launch(session, 1)[1], 1, [STEAL])
    session.write_tables(partial=True)
    manifest = session.folder.read_manifest()
    assert session.folder.samples_path(1, 1).is_file()
    assert not session.folder.samples_path(1).exists()
    assert manifest["launches"] == [
        {"launch": 1, "part": "headline", "attempt": 1, "kept": False, "start_s": 1.0, "load_s": 2.0, "total_s": 4.0}
    ]
    assert manifest["gates"] == [vars(STEAL)]
    assert session.folder.read_summary().validity.gates == (STEAL,)


def test_gates_of_all_tries_of_a_launch_stand_in_their_order(make_session):
    session = make_session()
    planned, result = empty_launch(session, 1)
    marked = replace(STEAL, attempt=2, action=MARKED)
    session.set_aside(result, 1, [STEAL])
    session.keep(planned, result, NOTHING, 2, [marked])
    assert session.folder.read_summary().validity.gates == (STEAL, marked)
    assert [(row["attempt"], row["kept"]) for row in session.folder.read_manifest()["launches"]] == [(1, False), (2, True)]


def test_a_partial_run_says_which_launches_are_missing_and_a_whole_one_does_not(make_session):
    session = make_session()
    session.keep(*empty_launch(session, 1), NOTHING, 1, [])
    assert session.folder.read_manifest()["departures"] == ["headline: 1 of 2 launches were measured"]
    session.keep(*empty_launch(session, 2), NOTHING, 1, [])
    session.write_tables(partial=False)
    assert session.folder.read_manifest()["departures"] == []


def test_a_cell_that_a_stack_cannot_carry_is_a_departure_with_its_reason(make_session):
    part = make_session().config.parts[0]
    parts = (replace(part, loads=("open-60",)),)
    session = make_session(parts=parts, pairs=(("stub-good", "stub-good-twin"),), saturation_rps={"stub-good": 5000.0, "stub-slow": 400.0})
    session.write_tables(partial=False)
    [line] = session.folder.read_manifest()["departures"]
    assert line == "headline: open-60 is 3,000 req/s; stub-slow was found to carry 400, so it is not measured"


def test_starts_and_memory_are_on_disk_and_summed_up(make_session):
    session = make_session()
    starts = [StartUp("stub-good", start, 0.5 + start / 10, 1.0, 10, 9) for start in (1, 2, 3)]
    session.keep_starts(iter(starts))
    session.keep(*empty_launch(session, 1), NOTHING, 1, [])
    assert session.folder.read_rows("starts.csv", StartUp) == starts
    assert session.folder.read_rows("memory.csv", Memory) == [Memory(1, "stub-good", 10, 9, 12, 11)]
    [row] = session.folder.read_summary().resources
    assert (row.starts, row.ready_s, row.launches, row.loaded_pss_bytes) == (3, 0.7, 1, 11)


def test_what_stacks_say_of_their_time_and_of_their_code_is_on_disk_and_in_the_summary(make_session):
    session = make_session()
    timing = [ServerTiming("stub-good", "predict-1", 100, 3.0, 4.5)]
    code = [AppCode("stub-good", "app", 2, 90, 9, 3, 14, 4, "read", "flask", 7, 5_000_000, 0.2, 5)]
    features = [Feature("stub-good", "docs", "GET /docs", has=False, found="404")]
    session.keep_timing(iter(timing))
    session.keep_complexity(code, features, "-old\n+new\n")
    folder = session.folder
    assert folder.read_rows("server_timing.csv", ServerTiming) == timing
    assert folder.read_rows("complexity.csv", AppCode) == code
    assert folder.read_rows("features.csv", Feature) == features
    assert folder.read_text("adapters.diff") == "-old\n+new\n"
    session.write_tables(partial=False)
    summary = folder.read_summary()
    assert (list(summary.server_timing), list(summary.complexity), list(summary.features)) == (timing, code, features)
