"""A run over several launches: repeats, early ends, calibrated rates, what is left out. Real stubs, real load, a folder to read."""

from dataclasses import replace

import pytest

from bench import runner
from bench.plan.plan import make_plan
from bench.plan.profiles import Part
from bench.records import AppCode, Feature, StartUp
from bench.run.loop import run

KEY = ("headline", "stub-two", "stub-one", "predict-1", "closed-4", "throughput_rps")


@pytest.fixture
def two(make_stub, plan_of):
    """Return a function to a plan of two equal stubs and a twin of the first."""

    def plan(load="closed-4", **part):
        stubs = [make_stub(name=name) for name in ("stub-one", "stub-two", "stub-one-twin")]
        config = plan_of(*stubs, loads=(load,))
        return replace(config, parts=(replace(config.parts[0], **part),), roles={KEY: "primary"})

    return plan


def measure(config, folder):
    """Run a plan to its end; return its folder."""
    run_folder, stopped = run(config, "test", folder)
    assert stopped is None
    return run_folder


def test_a_launch_that_trips_a_gate_is_repeated_twice_then_kept_and_marked(two, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.judge.validity.STEAL_LIMIT", -1.0)  # no machine is that good
    folder = measure(replace(two(), repeats=2), tmp_path)
    validity = folder.read_summary().validity
    steal = [gate for gate in validity.gates if gate.gate == "steal_ratio"]
    assert [(gate.launch, gate.attempt, gate.action) for gate in steal] == [
        (1, 1, "repeated"),
        (1, 2, "repeated"),
        (1, 3, "kept and marked"),
    ]
    assert not validity.valid
    assert {warning.code for warning in validity.warnings} >= {"repeated-launches", "marked-launches"}
    samples = sorted(path.name for path in (folder.path / "samples").iterdir())
    assert samples == ["launch-01-repeated-1.parquet", "launch-01-repeated-2.parquet", "launch-01.parquet"]
    log = folder.read_manifest()["launches"]
    assert [(row["attempt"], row["kept"]) for row in log] == [(1, False), (2, False), (3, True)]


def test_a_repeat_follows_the_same_plan_and_only_the_kept_try_counts(two, tmp_path, monkeypatch):
    seen = []
    measure_launch = runner.measure_launch

    def note(config, launch, slices, *rest):
        seen.append(tuple(slices))
        return measure_launch(config, launch, slices, *rest)

    monkeypatch.setattr(runner, "measure_launch", note)
    monkeypatch.setattr("bench.judge.validity.STEAL_LIMIT", -1.0)
    folder = measure(replace(two(), repeats=2), tmp_path)
    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert {cell.launches for cell in folder.read_summary().cells} == {1}


def test_a_part_ends_at_a_look_once_its_judged_rows_are_precise_enough(two, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.judge.comparisons.PRECISE_MARGINS", 1000.0)
    folder = measure(two(launches=9, first_look=6), tmp_path)
    assert folder.read_manifest()["ended"] == ["headline was precise enough after 6 of 9 launches"]
    summary = folder.read_summary()
    assert {row.launches for row in summary.comparisons} == {6}
    assert not summary.partial


def test_a_part_that_is_not_precise_enough_goes_to_its_end(two, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.judge.comparisons.PRECISE_MARGINS", 0.0)
    folder = measure(two(launches=7, first_look=6), tmp_path)
    assert folder.read_manifest()["ended"] == []
    assert {cell.launches for cell in folder.read_summary().cells} == {7}


def test_rates_come_from_a_calibration_and_a_stack_that_cannot_carry_them_is_left_out(make_stub, plan_of, tmp_path):
    # 16 users with an answer of 20 ms each are far below 60 % of what a stub without delay answers.
    stubs = [make_stub(name="stub-one"), make_stub(name="stub-two"), make_stub("good", "delay_ms=20", name="slow")]
    config = replace(plan_of(*stubs, loads=("open-60", "own-50")), roles={})
    folder = measure(config, tmp_path)
    manifest = folder.read_manifest()
    carried = manifest["plan"]["saturation_rps"]
    assert 300 < carried["slow"] < 900
    offered = {(row["load"], row["stack"]): row["rps"] for row in manifest["plan"]["offered_rps"]}
    slower = min(carried["stub-one"], carried["stub-two"])
    assert offered == {
        **{("open-60", name): float(f"{slower * 0.6:.3g}") for name in ("stub-one", "stub-two")},
        **{("own-50", name): float(f"{carried[name] * 0.5:.3g}") for name in ("stub-one", "stub-two", "slow")},
    }
    cells = folder.read_summary().cells
    assert {(cell.load, cell.stack) for cell in cells} == set(offered)
    assert all(0 < cell.throughput_rps < cell.offered_rps * 1.25 for cell in cells)
    (departure,) = manifest["departures"]
    assert departure.startswith("headline: open-60 is")
    assert "slow was found to carry" in departure


def test_parts_are_launched_in_turns_and_keep_their_own_cells(make_stub, plan_of, tmp_path):
    stubs = [make_stub(name=name) for name in ("stub-one", "stub-two")]
    config = plan_of(*stubs)
    other = Part("other", ("stub-two",), ("predict-1",), ("closed-2",), launches=2, blocks=1)
    folder = measure(replace(config, parts=(config.parts[0], other)), tmp_path)
    assert [row["part"] for row in folder.read_manifest()["launches"] if row["kept"]] == ["other", "headline", "other"]
    counts = {(cell.part, cell.stack): cell.launches for cell in folder.read_summary().cells}
    assert counts == {("headline", "stub-one"): 1, ("headline", "stub-two"): 1, ("other", "stub-two"): 2}


def test_memory_is_measured_in_each_launch_and_stacks_that_answer_one_body_are_not_started_alone(two, tmp_path):
    folder = measure(replace(two(), starts=2), tmp_path)
    resources = folder.read_summary().resources
    assert sorted((row.stack, row.starts, row.launches) for row in resources) == sorted((name, 0, 1) for name in two().parts[0].stacks)
    assert all(row.loaded_rss_bytes >= row.loaded_pss_bytes > 1_000_000 for row in resources)


def test_each_stack_is_started_alone_as_often_as_planned(tmp_path):
    config = make_plan("smoke", launches=1)
    part = replace(config.parts[0], scenarios=("predict-1",))
    folder = measure(replace(config, parts=(part,), starts=2), tmp_path)
    starts = folder.read_rows("starts.csv", StartUp)
    assert sorted((start.stack, start.start) for start in starts) == [
        (stack, start) for stack in ("fastapi-uvicorn", "flask-gthread") for start in (1, 2)
    ]
    assert all(0.1 < start.ready_s < start.first_prediction_s < 30 for start in starts)
    assert all(start.rss_bytes >= start.pss_bytes > 10_000_000 for start in starts)


def test_without_repeats_a_launch_that_trips_a_gate_is_kept_and_marked_at_once(two, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.judge.validity.STEAL_LIMIT", -1.0)
    folder = measure(two(), tmp_path)
    assert {(gate.attempt, gate.action) for gate in folder.read_summary().validity.gates} == {(1, "kept and marked")}


def test_the_code_the_features_and_the_own_account_of_time_are_measured_if_the_plan_asks_for_it(tmp_path):
    config = make_plan("smoke", launches=1)
    config = replace(config, complexity=True, parts=(replace(config.parts[0], scenarios=("predict-1",)),))
    folder = measure(config, tmp_path)
    summary = folder.read_summary()
    assert [row.stack for row in summary.complexity] == ["fastapi-uvicorn", "flask-gthread"]
    assert {row.stack for row in summary.features} == {"fastapi-uvicorn", "flask-gthread"}
    assert summary.server_timing == ()  # no part has floors
    assert folder.read_text("adapters.diff").startswith("--- flask_app/__init__.py\n+++ fastapi_app/__init__.py\n")
    assert folder.read_rows("complexity.csv", AppCode) == list(summary.complexity)
    assert folder.read_rows("features.csv", Feature) == list(summary.features)


def test_nothing_of_it_is_measured_if_the_plan_does_not_ask_for_it(two, tmp_path):
    folder = measure(two(), tmp_path)
    assert not {"complexity.csv", "features.csv", "server_timing.csv", "adapters.diff"} & {path.name for path in folder.path.iterdir()}
