"""The folder of a run: what is written is read back the same, whole or not at all, and what is not ours is refused."""

import errno
import json
import re
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from disks import small_disk
from pydantic_core import PydanticSerializationError

import bench
from bench.errors import RunFolderError
from bench.judge.resources import summarise_resources
from bench.records import (
    RESULTS_SCHEMA,
    Aa,
    AppCode,
    AppStep,
    Cell,
    Comparison,
    Feature,
    Gate,
    Memory,
    ModelTime,
    Quantile,
    Resources,
    RunWarning,
    ServerTiming,
    SliceRecord,
    StartUp,
    WarmUpPoint,
)
from bench.records.folder import LATEST, RunFolder, to_json
from bench.records.former import OLDEST_SCHEMA
from bench.records.samples import write_samples
from bench.records.schema import SCHEMA_FILE
from bench.records.summary import make_schema

MINI_RUN = Path(__file__).parents[2] / "fixtures" / "mini_run"
FILES = {
    "slices.csv": SliceRecord,
    "cells.csv": Cell,
    "comparisons.csv": Comparison,
    "distributions.csv": Quantile,
    "warm_up.csv": WarmUpPoint,
    "starts.csv": StartUp,
    "memory.csv": Memory,
    "model_times.csv": ModelTime,
    "server_timing.csv": ServerTiming,
    "complexity.csv": AppCode,
    "features.csv": Feature,
    "steps.csv": AppStep,
}
SCHEMA = json.loads(SCHEMA_FILE.read_text("utf-8"))
NOW = datetime(2026, 11, 25, 9, 0, 0, tzinfo=UTC)


@pytest.fixture
def mini(tmp_path):
    shutil.copytree(MINI_RUN, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


def check_schema(document):
    jsonschema.Draft202012Validator(SCHEMA).validate(document)


@pytest.mark.parametrize(("name", "kind"), FILES.items())
def test_rows_are_read_back_as_they_were_written(mini, name, kind):
    before = (mini.path / name).read_bytes()
    rows = mini.read_rows(name, kind)
    assert rows
    assert all(isinstance(row, kind) for row in rows)
    mini.write_rows("again.csv", rows, kind)
    assert mini.read_rows("again.csv", kind) == rows
    assert (mini.path / "again.csv").read_bytes() == before


def test_every_table_of_the_miniature_run_is_read_back_here(mini):
    assert {path.name for path in mini.path.glob("*.csv")} == set(FILES)


def test_numbers_of_a_row_come_back_as_what_they_were(mini):
    start, memory, point = (mini.read_rows(name, FILES[name])[0] for name in ("starts.csv", "memory.csv", "warm_up.csv"))
    assert [type(value) for value in vars(start).values()] == [str, int, float, float, int, int]
    assert [type(value) for value in vars(memory).values()] == [int, str, int, int, int, int]
    assert [type(value) for value in vars(point).values()] == [str, str, str, str, int, float, int]
    quantiles = mini.read_rows("distributions.csv", Quantile)
    assert {point.time for point in quantiles} == {"service", "response"}
    slices = mini.read_rows("slices.csv", SliceRecord)
    assert {type(record.warm_up) for record in slices} == {bool}
    assert {type(record.offered_rps) for record in slices if not record.warm_up} == {type(None), float}


def test_none_text_with_commas_and_every_digit_survive_a_csv(mini):
    cell, *_ = mini.read_rows("cells.csv", Cell)
    rows = [
        replace(cell, stack='a,"b"\nc', throughput_rps=0.1 + 0.2, p99_ms=None, offered_rps=1e-300, generator_limited=True),
        replace(cell, throughput_rps=None, samples=10**15),
    ]
    mini.write_rows("odd.csv", rows, Cell)
    assert mini.read_rows("odd.csv", Cell) == rows
    comparison, *_ = mini.read_rows("comparisons.csv", Comparison)
    rows = [replace(comparison, launch_ratios=()), replace(comparison, launch_ratios=(1 / 3, 2.0))]
    mini.write_rows("odd.csv", rows, Comparison)
    assert mini.read_rows("odd.csv", Comparison) == rows


def test_an_empty_table_is_read_back_as_no_rows(mini):
    mini.write_rows("none.csv", [], Quantile)
    assert mini.read_rows("none.csv", Quantile) == []


def test_a_text_is_read_back_and_one_that_was_not_written_is_empty(mini):
    mini.write_text("some.diff", "-ü\n+<b>\n")
    assert mini.read_text("some.diff") == "-ü\n+<b>\n"
    assert mini.read_text("none.diff") == ""


def test_a_text_that_is_no_text_is_a_sentence(mini):
    (mini.path / "some.diff").write_bytes(b"\xff")
    with pytest.raises(RunFolderError, match=r"some\.diff cannot be read"):
        mini.read_text("some.diff")


def test_the_summary_is_read_back_as_it_was_written(mini):
    summary = mini.read_summary()
    assert summary.validity.gates[0] == Gate(7, 1, "starved_slices_ratio", "all slices", 0.62, 0.5, "repeated")
    assert summary.validity.gates[-1] == Gate(11, 3, "starved_slices_ratio", "all slices", 0.55, 0.5, "kept and marked")
    assert summary.validity.noise.slice_sd_ratio == 0.071
    assert summary.validity.aa.state == "equal"
    assert isinstance(summary.validity.warnings[0], RunWarning)
    assert isinstance(summary.resources[0], Resources)
    before = (mini.path / "summary.json").read_bytes()
    mini.write_summary(summary)
    assert (mini.path / "summary.json").read_bytes() == before
    assert mini.read_summary() == summary


def test_the_tables_and_the_summary_hold_the_same_rows(mini):
    summary = mini.read_summary()
    assert mini.read_rows("cells.csv", Cell) == list(summary.cells)
    assert mini.read_rows("comparisons.csv", Comparison) == [*summary.comparisons, *summary.noise_floor]


def test_the_resources_are_the_medians_of_the_starts_and_launches(mini):
    summary = mini.read_summary()
    assert list(summary.resources) == summarise_resources(mini.read_rows("starts.csv", StartUp), mini.read_rows("memory.csv", Memory))


def test_the_miniature_run_has_one_row_per_try_as_the_manifest_of_a_run_has(mini):
    manifest = mini.read_manifest()
    tries = [(row["launch"], row["attempt"]) for row in manifest["launches"]]
    assert tries == sorted(set(tries))
    kept = {row["launch"] for row in manifest["launches"] if row["kept"]}
    short = [re.search(r"(\d+) of (\d+) launches", line) for line in (*manifest["ended"], *manifest["departures"])]
    missing = sum(int(found[2]) - int(found[1]) for found in short if found)
    planned = sum(part["launches"] for part in manifest["plan"]["parts"])
    assert len(kept) == sum(row["kept"] for row in manifest["launches"]) == planned - missing
    repeated = {(gate.launch, gate.attempt) for gate in mini.read_summary().validity.gates if gate.action == "repeated"}
    assert {(row["launch"], row["attempt"]) for row in manifest["launches"] if not row["kept"]} == repeated


def test_the_manifest_carries_the_schema_and_is_read_back(mini):
    mini.write_manifest({"profile": "x", "plan": {"seed": 1}})
    assert mini.read_manifest() == {"schema": RESULTS_SCHEMA, "profile": "x", "plan": {"seed": 1}}


def test_the_shipped_schema_is_the_one_that_the_records_give_and_describes_a_summary(mini):
    assert make_schema() == SCHEMA, "write it anew: python -m bench.records.schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    check_schema(json.loads((mini.path / "summary.json").read_text("utf-8")))
    assert all(kind["additionalProperties"] is False for name, kind in SCHEMA["$defs"].items() if name != "Interval")


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"schema": RESULTS_SCHEMA + 1},
        {"partial": None},
        {"cells": [{}]},
        {"validity": {"valid": True}},
        {"environment": {"cpu": "x"}},
    ],
)
def test_the_schema_refuses_what_is_no_summary(mini, change):
    document = json.loads((mini.path / "summary.json").read_text("utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        check_schema({**document, **change})


def test_the_schema_refuses_an_unknown_key_a_missing_one_and_an_unknown_verdict(mini):
    document = json.loads((mini.path / "summary.json").read_text("utf-8"))
    row = document["comparisons"][0]
    for changed in ({**row, "winner": "x"}, {**row, "verdict": "faster"}, {key: value for key, value in row.items() if key != "level"}):
        with pytest.raises(jsonschema.ValidationError):
            check_schema({**document, "comparisons": [changed]})


def test_the_schema_refuses_gates_and_cells_of_the_format_before(mini):
    document = json.loads((mini.path / "summary.json").read_text("utf-8"))
    gate, cell = document["validity"]["gates"][0], document["cells"][0]
    old_gate = {key: value for key, value in gate.items() if key not in ("attempt", "where")}
    old_cell = {key: value for key, value in cell.items() if key not in ("unfinished", "not_sent")}
    for changed in ({"validity": {**document["validity"], "gates": [old_gate]}}, {"cells": [old_cell]}, {"resources": [{"stack": "x"}]}):
        with pytest.raises(jsonschema.ValidationError):
            check_schema({**document, **changed})


def test_the_schema_allows_null_where_there_is_no_figure(mini):
    summary = mini.read_summary()
    no_ratio = {"interval": None, "smallest_seen": None, "launch_ratios": ()}
    rows = tuple(replace(row, **no_ratio) for row in summary.comparisons)
    validity = replace(summary.validity, aa=Aa("not judged", None), gates=(), warnings=())
    cells = tuple(replace(cell, **_optional(Cell)) for cell in summary.cells)
    resources = tuple(replace(row, **_optional(Resources)) for row in summary.resources)
    mini.write_summary(replace(summary, cells=cells, comparisons=rows, validity=validity, resources=resources))
    check_schema(json.loads((mini.path / "summary.json").read_text("utf-8")))
    assert mini.read_summary().cells == cells


def _optional(kind):
    """Return None for every field of a record that may be None."""
    return {field.name: None for field in fields(kind) if "None" in str(field.type)}


def test_a_figure_that_is_no_number_is_never_written(mini):
    before = (mini.path / "summary.json").read_bytes()
    summary = mini.read_summary()
    with pytest.raises(ValueError, match="JSON compliant"):
        mini.write_summary(replace(summary, cells=(replace(summary.cells[0], p50_ms=float("nan")),)))
    assert (mini.path / "summary.json").read_bytes() == before
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json({"x": float("inf")})


def test_files_are_set_aside_as_they_are_and_once_only(mini):
    before = (mini.path / "cells.csv").read_bytes()
    mini.set_aside(["cells.csv", "none.csv"], "former")
    mini.write_text("cells.csv", "new")
    mini.set_aside(["cells.csv"], "former")
    assert [path.name for path in (mini.path / "former").iterdir()] == ["cells.csv"]
    assert (mini.path / "former" / "cells.csv").read_bytes() == before


def test_of_a_folder_only_what_is_named_is_kept(mini):
    for name in ("old.svg", "new.svg"):
        mini.write_text(f"charts/{name}", "x")
    before = {path.name for path in mini.path.iterdir()}
    mini.keep_only("charts", ["new.svg", "never-written.svg"])
    assert [path.name for path in (mini.path / "charts").iterdir()] == ["new.svg"]
    assert {path.name for path in mini.path.iterdir()} == before


def test_what_cannot_be_removed_is_a_sentence(mini):
    (mini.path / "charts" / "a-folder").mkdir(parents=True)
    with pytest.raises(RunFolderError, match=r"Cannot remove old files from .*charts"):
        mini.keep_only("charts", [])


def test_a_file_is_replaced_whole_or_stays_as_it_was(mini):
    (mini.path / "charts").mkdir()
    (mini.path / "charts" / "x.svg").mkdir()  # no file can take this name
    with pytest.raises(RunFolderError, match=r"Cannot write .*x\.svg"):
        mini.write_text("charts/x.svg", "new")
    assert mini.write_text("charts/y.svg", "ü").read_bytes() == "ü".encode()
    before = mini.path.joinpath("cells.csv").read_bytes()
    with pytest.raises(PydanticSerializationError):
        mini.write_rows("cells.csv", [object()], Cell)
    assert mini.path.joinpath("cells.csv").read_bytes() == before


def test_who_reads_while_a_file_is_written_sees_all_of_the_old_one(mini):
    before = (mini.path / "cells.csv").read_bytes()
    with (mini.path / "cells.csv").open("rb") as reader:
        mini.write_text("cells.csv", "new")
        assert reader.read() == before
    assert (mini.path / "cells.csv").read_bytes() == b"new"


def test_a_write_leaves_nothing_but_the_file(mini):
    before = set(mini.path.iterdir())
    mini.write_text("new.txt", "text")
    assert set(mini.path.iterdir()) - before == {mini.path / "new.txt"}


@pytest.mark.parametrize("schema", [0, OLDEST_SCHEMA - 1, RESULTS_SCHEMA + 1, str(RESULTS_SCHEMA), None])
def test_a_run_of_another_format_is_refused_with_those_that_are_read(mini, schema):
    mini.write_text("manifest.json", json.dumps({"schema": schema}))
    with pytest.raises(RunFolderError, match=rf"has results format {schema}; this version reads 4 to 5\. The report in its"):
        RunFolder.open(mini.path)


@pytest.mark.parametrize(("text", "words"), [("{", "is no JSON"), ("[1]", "holds no JSON object"), ("\udcff", "is no JSON")])
def test_an_unreadable_manifest_is_a_sentence(mini, text, words):
    (mini.path / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunFolderError, match=words):
        RunFolder.open(mini.path)


def test_a_folder_that_is_no_run_is_a_sentence_with_a_remedy(tmp_path):
    with pytest.raises(RunFolderError, match="give the folder of a run, for example results/latest"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize(
    "damage",
    ["validity", "cells", "comparisons", "environment", "resources", "changes", "break_even", "capacity", "complexity", "features"],
)
def test_a_summary_that_lacks_something_is_a_sentence(mini, damage):
    document = json.loads((mini.path / "summary.json").read_text("utf-8"))
    del document[damage]
    mini.write_text("summary.json", json.dumps(document))
    with pytest.raises(RunFolderError, match=rf"summary\.json lacks .*{damage}"):
        mini.read_summary()


def test_figures_that_a_run_of_this_format_did_not_have_from_its_beginning_are_none_or_as_they_were_then(mini):
    document = json.loads((mini.path / "summary.json").read_text("utf-8"))
    document.pop("probes", None)
    later = {
        "cells": {"carried": True},
        "ladder": {"check_us": None, "contradicted": False},
        "break_even": {"contender_slope": None, "baseline_slope": None},
    }
    for rows, fields_ in later.items():
        assert document[rows]
        for row in document[rows]:
            for name in fields_:
                row.pop(name, None)
    for curve in document["break_even"]:
        for row in (*curve["points"], *curve["thresholds"]):
            for name in ("off", "is_drawn", "multiple"):
                row.pop(name, None)
    mini.write_text("summary.json", json.dumps(document))
    summary = mini.read_summary()
    assert summary.probes == ()
    for rows, fields_ in later.items():
        assert [{name: getattr(row, name) for name in fields_} for row in getattr(summary, rows)] == [fields_] * len(document[rows])
    assert {(point.off, point.is_drawn) for curve in summary.break_even for point in curve.points} == {(None, True)}
    assert {threshold.multiple for curve in summary.break_even for threshold in curve.thresholds} == {None}


@pytest.mark.parametrize(
    "text",
    [
        "part,stack\nx,y\n",
        "part,stack,scenario,load,time,quantile,latency_ms,samples\na,b,c,d,service,half,1,2\n",
        "part,stack,scenario,load,quantile,latency_ms,samples\na,b,c,d,0.5,1,2\n",  # the format before
        "part,stack\nx\n",
    ],
)
def test_a_table_that_is_not_ours_is_a_sentence(mini, text):
    mini.write_text("distributions.csv", text)
    with pytest.raises(RunFolderError, match=r"distributions\.csv cannot be read"):
        mini.read_rows("distributions.csv", Quantile)


@pytest.fixture
def full(tmp_path):
    """Return a run on a disk with room for little more than its folder."""
    with small_disk(tmp_path / "disk", 60) as disk:
        yield RunFolder.create("smoke", NOW, disk)


def test_a_full_disk_is_a_sentence_and_leaves_the_old_file_and_no_other(full):
    full.write_text("cells.csv", "old")
    with pytest.raises(RunFolderError, match=r"Cannot write .*cells\.csv \(No space left on device\)"):
        full.write_bytes("cells.csv", bytes(200_000))
    assert {path.name for path in full.path.iterdir()} == {"samples", "cells.csv"}
    assert (full.path / "cells.csv").read_text() == "old"


def test_samples_that_a_disk_has_no_room_for_are_an_error_and_leave_nothing(full):
    noise = np.random.default_rng(1).integers(0, 2**60, (20_000, 8))
    with pytest.raises(OSError, match="No space left on device"):
        write_samples(full.samples_path(1), noise)
    assert list(full.samples_path(1).parent.iterdir()) == []


def test_latest_points_at_the_newest_run(tmp_path):
    for _ in range(2):
        folder = RunFolder.create("smoke", NOW, tmp_path)
        assert folder.why_not_latest() == ""
        folder.point_latest()
        assert (tmp_path / LATEST).resolve() == folder.path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20261125T090000Z-smoke", "20261125T090000Z-smoke-2", LATEST]


def test_a_folder_called_latest_stays_as_it_is_and_that_is_said(tmp_path):
    (tmp_path / LATEST).mkdir()
    (tmp_path / LATEST / "kept").write_text("mine")
    folder = RunFolder.create("smoke", NOW, tmp_path)
    assert folder.why_not_latest() == f"{tmp_path / LATEST} is a folder and no link: it stays as it is, and this run is in {folder.path}."
    folder.point_latest()
    assert (tmp_path / LATEST / "kept").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {LATEST, folder.path.name}


def test_where_links_are_refused_that_is_said_and_stops_nothing(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.symlink", refuse)
    folder = RunFolder.create("smoke", NOW, tmp_path)
    assert folder.why_not_latest().endswith(f"since links cannot be made there (Operation not permitted): it is in {folder.path}.")
    folder.point_latest()
    assert [path.name for path in tmp_path.iterdir()] == [folder.path.name]


def test_folders_are_named_by_utc_time_and_profile_and_never_shared(tmp_path):
    folders = [RunFolder.create("smoke", NOW, tmp_path) for _ in range(3)]
    names = [folder.path.name for folder in folders]
    assert names == ["20261125T090000Z-smoke", "20261125T090000Z-smoke-2", "20261125T090000Z-smoke-3"]
    assert folders[0].samples_path(7) == folders[0].path / "samples" / "launch-07.parquet"
    assert folders[0].samples_path(7).parent.is_dir()


def test_samples_of_a_try_that_was_repeated_lie_beside_those_of_the_launch_that_is_kept(tmp_path):
    folder = RunFolder.create("smoke", NOW, tmp_path)
    paths = [folder.samples_path(7, attempt) for attempt in (1, 2, None)]
    assert [path.name for path in paths] == ["launch-07-repeated-1.parquet", "launch-07-repeated-2.parquet", "launch-07.parquet"]
    assert {path.parent for path in paths} == {folder.path / "samples"}


def test_the_lines_that_read_samples_do_so_as_they_stand_in_the_explanation_of_a_run(tmp_path):
    shutil.copytree(MINI_RUN, tmp_path / "results" / "latest")
    folder = RunFolder.open(tmp_path / "results" / "latest")
    slices = folder.read_rows("slices.csv", SliceRecord)
    load = next(record.load for record in slices if record.offered_rps and not record.warm_up)
    records = [record for record in slices if record.load == load and not record.warm_up]
    rows = [
        (record.slice, 0, intended_ns, intended_ns + 1000, 0, intended_ns + 3_000_000, 200, 1)
        for record in records
        for intended_ns in (record.start_ns, record.settled_ns, record.settled_ns + 1, record.end_ns)
    ]
    folder.samples_path(1).parent.mkdir()
    write_samples(folder.samples_path(1), np.array(rows, dtype=np.int64))
    explanation = (Path(bench.__file__).parents[1] / "results" / "README.md").read_text("utf-8")
    code = explanation.partition("```python\n")[2].partition("```")[0]
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines() if load in line]
    assert len(lines) == len(records)
    assert {(line[2], line[3]) for line in lines} == {("2.0", "3.0")}  # count of the settled ones, mean in ms


def test_every_file_of_a_run_is_explained(mini):
    explanation = (Path(bench.__file__).parents[1] / "results" / "README.md").read_text("utf-8")
    assert [path.name for path in mini.path.iterdir() if f"`{path.name}`" not in explanation] == []


def test_a_results_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="choose another with --results"):
        RunFolder.create("smoke", NOW, tmp_path / "file")


def test_latest_points_at_the_newest_run_and_is_no_run_of_its_own(tmp_path):
    runs = [RunFolder.create(profile, NOW, tmp_path) for profile in ("a", "b")]
    for run in runs:
        run.write_manifest({})
        run.point_latest()
    assert RunFolder.open(tmp_path / LATEST).path == runs[1].path.resolve()


# --- one bench at a time --------------------------------------------------------------------------------------------


def test_a_run_that_one_bench_measures_is_refused_to_another_until_it_has_ended(mini):
    other = RunFolder(mini.path)
    assert not other.is_locked()
    mini.lock()
    assert other.is_locked()
    with pytest.raises(RunFolderError, match="is being measured by another bench now; wait until that one has ended"):
        other.lock()
    mini.unlock()
    other.lock()
    other.unlock()


def test_the_lock_of_a_bench_that_was_killed_is_gone(mini):
    lock = "RunFolder(pathlib.Path(sys.argv[1])).lock(); os.kill(os.getpid(), 9)"
    program = f"import os, pathlib, sys; from bench.records.folder import RunFolder; {lock}"
    subprocess.run([sys.executable, "-c", program, str(mini.path)], check=False)
    assert not mini.is_locked()


def test_a_run_that_was_removed_does_not_come_back(mini):
    shutil.rmtree(mini.path)
    with pytest.raises(RunFolderError, match=r"Cannot write .*manifest\.json \(No such file or directory\)"):
        mini.write_manifest({})
    assert not mini.path.exists()
