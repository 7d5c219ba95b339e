"""Whole runs by the command line: real servers, real load, a report."""

import json
import shutil
import subprocess
import sys

import pytest
from bench_runs import bench, finish, run


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """A finished smoke run, its exit status and what it printed."""
    folder = tmp_path_factory.mktemp("smoke")
    status, out, err = run("run", "--profile", "smoke", cwd=folder)
    return folder / "results" / "latest", status, out, err


class TestSmokeRun:
    def test_it_ends_well_and_is_whole(self, smoke):
        path, status, _, err = smoke
        assert status == 0, err
        summary = json.loads((path / "summary.json").read_text("utf-8"))
        assert summary["partial"] is False
        assert sum(cell["errors"] for cell in summary["cells"]) == 0
        assert {cell["stack"] for cell in summary["cells"]} == {"flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"}

    def test_nothing_is_judged(self, smoke):
        summary = json.loads((smoke[0] / "summary.json").read_text("utf-8"))
        rows = summary["comparisons"] + summary["noise_floor"]
        assert {row["verdict"] for row in rows} == {"not judged"}
        assert all(row["reason"] for row in rows)

    def test_every_file_of_a_run_is_there(self, smoke):
        for name in (
            "manifest.json",
            "samples/launch-01.parquet",
            "samples/launch-02.parquet",
            "slices.csv",
            "cells.csv",
            "comparisons.csv",
            "distributions.csv",
            "summary.json",
            "report.html",
            "report.md",
        ):
            assert (smoke[0] / name).stat().st_size > 0

    def test_the_answer_is_on_stdout_and_the_progress_on_stderr(self, smoke):
        _, _, out, err = smoke
        assert "report.html" in out
        assert "launch 2 of 2" in err
        assert "launch 2 of 2" not in out
        assert "\r" not in out + err
        assert "\x1b" not in out + err

    def test_the_plan_and_the_conditions_are_in_the_manifest(self, smoke):
        manifest = json.loads((smoke[0] / "manifest.json").read_text("utf-8"))
        assert len(manifest["plan_sha256"]) == 64
        assert manifest["partial"] is False
        assert manifest["conditions"]["fastapi-uvicorn"]["uvloop"] is True
        assert manifest["conditions"]["flask-gthread"]["processes"] == 2

    @pytest.mark.parametrize("environment", [{"DISPLAY": "", "MPLBACKEND": "TkAgg", "HOME": "/nonexistent"}])
    def test_the_report_can_be_drawn_again_without_a_display_or_a_home(self, smoke, environment):
        before = (smoke[0] / "report.html").read_bytes()
        status, _, err = run("report", smoke[0], cwd=smoke[0].parent, env=environment)
        assert (status, err) == (0, "")
        assert (smoke[0] / "report.html").read_bytes() == before

    def test_the_report_needs_no_samples(self, smoke, tmp_path):
        copy = tmp_path / "copy"
        shutil.copytree(smoke[0].resolve(), copy, ignore=shutil.ignore_patterns("samples"))
        status, _, err = run("report", copy, cwd=tmp_path)
        assert (status, err) == (0, "")


@pytest.mark.parametrize(
    ("mode", "words"),
    [("status-500", ["expected: 200", "got:      500"]), ("wrong", ['"prediction": [0]', '"prediction": [1]'])],
)
def test_a_stack_that_answers_wrongly_stops_the_run_before_load(tmp_path, stub_file, mode, words):
    stacks = stub_file("good", mode)
    arguments = ("run", "--profile", "quick", "--stacks-file", stacks, "--compare", f"stub-{mode}", "stub-good")
    status, out, err = run(*arguments, cwd=tmp_path)
    assert (status, out) == (3, "")
    assert all(word in err for word in words)
    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.parametrize("mode", ["sometimes-wrong", "cut-short"])
def test_errors_under_load_are_reported_and_their_rows_not_judged(tmp_path, stub_file, mode):
    stacks = stub_file("good", mode)
    arguments = ("run", "--profile", "quick", "--launches", 1, "--stacks-file", stacks, "--compare", f"stub-{mode}", "stub-good")
    status, _, err = run(*arguments, cwd=tmp_path)
    assert status == 0, err
    summary = json.loads((tmp_path / "results" / "latest" / "summary.json").read_text("utf-8"))
    assert {cell["stack"] for cell in summary["cells"] if cell["errors"]} == {f"stub-{mode}"}
    assert "errors" in {warning["code"] for warning in summary["validity"]["warnings"]}
    assert all("without a correct answer" in row["reason"] for row in summary["comparisons"])


def test_two_runs_at_once_both_end_well(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    arguments = ("run", "--profile", "smoke", "--launches", 1)
    for process in [bench(*arguments, cwd=folder) for folder in folders]:
        status, _, err = finish(process)
        assert status == 0, err


def test_a_run_needs_neither_git_nor_a_repository(tmp_path):
    (tmp_path / "bin").mkdir()
    status, _, err = run("run", "--profile", "smoke", "--launches", 1, cwd=tmp_path, env={"PATH": str(tmp_path / "bin")})
    assert status == 0, err
    assert json.loads((tmp_path / "results" / "latest" / "manifest.json").read_text("utf-8"))["environment"]["commit"] == "unknown"


def test_a_terminal_that_knows_only_ascii_gets_the_whole_answer(tmp_path):
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    status, out, err = run("run", "--profile", "smoke", "--launches", 1, cwd=tmp_path, env=plain)
    assert status == 0, err
    assert out.isascii()
    assert (tmp_path / "results" / "latest" / "report.md").read_text("utf-8")


def test_importing_the_bench_patches_nothing():
    program = """
import importlib, pkgutil, sys
import bench, gevent.monkey
# The two that are made to run under Locust are imported by nothing else.
alone = {"bench.measure.generator", "bench.locustfile"}
for module in pkgutil.walk_packages(bench.__path__, "bench."):
    if module.name not in alone | {"bench.__main__"}:
        importlib.import_module(module.name)
assert not gevent.monkey.saved, gevent.monkey.saved
assert "locust" not in sys.modules
assert not {"flask", "fastapi", "starlette", "flask_app", "fastapi_app"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
