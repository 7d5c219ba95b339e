"""A run of results format 4, cut down, is read as if this version had written it."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from bench.errors import RunFolderError
from bench.plan.described import method_of, read_rules
from bench.plan.rules import GateRules, OpenLoopRules
from bench.records import Noise, Quantile, SliceRecord
from bench.records.folder import RunFolder

FORMAT_4 = Path(__file__).parents[2] / "fixtures" / "format_4"
WRITTEN = json.loads((FORMAT_4 / "summary.json").read_text("utf-8"))
BARE = {"null-wsgi-gthread": "bare-wsgi-gthread", "null-wsgi-granian": "bare-wsgi-granian"}


@pytest.fixture(scope="module")
def folder():
    return RunFolder.open(FORMAT_4)


@pytest.fixture(scope="module")
def summary(folder):
    return folder.read_summary()


@pytest.fixture
def copied(tmp_path):
    """Return a function that copies the run with its summary changed by another function."""

    def copy(change):
        shutil.copytree(FORMAT_4, tmp_path / "run")
        document = json.loads(json.dumps(WRITTEN))
        change(document)
        (tmp_path / "run" / "summary.json").write_text(json.dumps(document), "utf-8")
        return RunFolder.open(tmp_path / "run")

    return copy


def renamed(names):
    """Return names of stacks as they are today."""
    return [BARE.get(name, name) for name in names]


def test_bare_servers_are_called_so_wherever_they_are_named(folder, summary):
    assert {cell["stack"] for cell in WRITTEN["cells"]} & set(BARE)
    assert [cell.stack for cell in summary.cells] == renamed(cell["stack"] for cell in WRITTEN["cells"])
    manifest = folder.read_manifest()
    assert "bare-wsgi-gthread" in manifest["stacks"]
    assert "bare-wsgi-gthread" in manifest["plan"]["parts"][1]["stacks"]
    assert "null-" not in json.dumps(manifest)


@pytest.fixture
def with_a_bare_row(tmp_path):
    """Return a copy of the run whose table of distributions has rows of a bare server."""
    shutil.copytree(FORMAT_4, tmp_path / "run")
    table = tmp_path / "run" / "distributions.csv"
    table.write_text(table.read_text("utf-8").replace("flask-gthread,", "null-wsgi-gthread,"), "utf-8")
    return RunFolder.open(table.parent)


def test_bare_servers_are_called_so_in_tables(with_a_bare_row):
    stacks = {row.stack for row in with_a_bare_row.read_rows("distributions.csv", Quantile)}
    assert stacks >= {"bare-wsgi-gthread", "fastapi-uvicorn"}


def test_names_of_a_run_of_this_version_are_read_as_they_are(with_a_bare_row):
    manifest = json.loads((with_a_bare_row.path / "manifest.json").read_text("utf-8"))
    with_a_bare_row.write_manifest({key: value for key, value in manifest.items() if key != "schema"})
    today = RunFolder.open(with_a_bare_row.path)
    assert "null-wsgi-gthread" in {row.stack for row in today.read_rows("distributions.csv", Quantile)}
    assert "null-wsgi-gthread" in today.read_manifest()["stacks"]


def test_figures_that_were_written_are_read(summary):
    assert [cell.throughput_rps for cell in summary.cells] == [cell["throughput_rps"] for cell in WRITTEN["cells"]]
    assert [row.cpu.estimate for row in summary.ladder] == [row["cpu_us"] for row in WRITTEN["ladder"]]
    for rows, name in ((summary.comparisons, "comparisons"), (summary.noise_floor, "noise_floor"), (summary.changes, "changes")):
        assert [(row.ratio, row.verdict, row.role) for row in rows] == [
            (row["ratio"], row["verdict"], row["role"]) for row in WRITTEN[name]
        ]
    assert [vars(gate) for gate in summary.validity.gates] == WRITTEN["validity"]["gates"]


def test_figures_that_this_version_added_are_none(summary):
    assert {(cell.achieved_ratio, cell.busy_share, cell.carried) for cell in summary.cells} == {(None, None, True)}
    assert summary.probes == ()
    rows = [*summary.comparisons, *summary.noise_floor, *summary.changes]
    assert {(row.pair, row.contender_value, row.baseline_value) for row in rows} == {("", None, None)}
    assert {(row.aa_state, row.aa_low, row.aa_high) for row in rows} == {("not judged", None, None)}
    assert summary.validity.noise == Noise()
    assert summary.answer is None


def test_a_column_that_was_not_written_is_none(folder):
    with (FORMAT_4 / "slices.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    records = folder.read_rows("slices.csv", SliceRecord)
    added = ("foreign_ratio", "connections", "received_bytes")
    assert not set(added) & set(written[0])
    assert [(record.stack, record.answers, *(getattr(record, name) for name in added)) for record in records] == [
        (row["stack"], int(row["answers"]), None, None, None) for row in written
    ]


@pytest.mark.parametrize(
    ("verdict", "low", "high", "state", "resolution"),
    [
        ("pass", 0.99, 1.02, "equal", 0.02),
        ("pass", 0.98, 1.029, "equal", 0.029),
        ("pass", 0.99, 1.031, "coarse", 0.031),
        ("pass", 0.9, 1.0, "coarse", 1 / 0.9 - 1),
        ("fail", 1.02, 1.04, "unequal", 0.04),
        ("fail", 1.01, 1.02, "unequal", 0.02),
        ("not judged", 0.99, 1.02, "not judged", 0.02),
        ("pass", None, None, "not judged", None),
        ("not judged", None, None, "not judged", None),
    ],
)
def test_an_aa_that_passed_is_equal_or_coarse_and_one_that_failed_unequal(copied, verdict, low, high, state, resolution):
    aa = {"verdict": verdict, "estimate": low, "ci_low": low, "ci_high": high}
    read = copied(lambda document: document["validity"].update(aa=aa)).read_summary().validity.aa
    assert (read.state, read.resolution) == (state, None if resolution is None else pytest.approx(resolution))
    assert (read.interval and read.interval.ends) == (None if low is None else (low, high))


def test_the_plan_names_the_former_method_and_its_gates_are_those_of_today(folder):
    plan = folder.read_manifest()["plan"]
    assert "send_lag_p99_ms" in plan["rules"]["gates"]
    assert method_of(plan) == "block-medians-1"
    assert "carried_share" in plan["rules"]["open_loop"]
    assert (read_rules(plan).gates, read_rules(plan).open_loop) == (GateRules(), OpenLoopRules())
    assert read_rules(plan).levels["secondary"] == plan["rules"]["levels"]["secondary"]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda document: document.pop("ladder"), id="no ladder"),
        pytest.param(lambda document: document.pop("cells"), id="no cells"),
        pytest.param(lambda document: document.pop("validity"), id="no validity"),
        pytest.param(lambda document: document.update(cells=[1]), id="a cell that is none"),
        pytest.param(lambda document: document.update(ladder=None), id="a ladder that is none"),
        pytest.param(lambda document: document["validity"]["aa"].pop("verdict"), id="no verdict of the A/A"),
        pytest.param(lambda document: document["validity"]["aa"].pop("ci_low"), id="no interval of the A/A"),
        pytest.param(lambda document: document["validity"]["aa"].update(ci_low="x"), id="an end that is no number"),
        pytest.param(lambda document: document["validity"]["aa"].update(ci_low=0), id="an end that is no ratio"),
        pytest.param(lambda document: document["cells"][0].update(more=1), id="an unknown key"),
    ],
)
def test_a_summary_that_is_not_whole_is_a_sentence(copied, damage):
    with pytest.raises(RunFolderError, match=r"summary\.json lacks what this version expects"):
        copied(damage).read_summary()
