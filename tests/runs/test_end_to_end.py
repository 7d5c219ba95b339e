"""Whole runs by the command line: real servers, real load, a report."""

import json
import shutil
import subprocess
import sys

import pytest
from bench_runs import run


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """A finished smoke run, its exit status and what it printed."""
    folder = tmp_path_factory.mktemp("smoke")
    status, out, err = run("run", "--profile", "smoke", cwd=folder, is_whole=True)
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
            "comment.md",
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

    def test_the_report_can_be_drawn_again_without_samples_a_display_or_a_home(self, smoke, tmp_path):
        copy = tmp_path / smoke[0].resolve().name
        shutil.copytree(smoke[0].resolve(), copy, ignore=shutil.ignore_patterns("samples", "report.html"))
        environment = {"DISPLAY": "", "MPLBACKEND": "TkAgg", "HOME": "/nonexistent"}
        status, _, err = run("report", copy, cwd=tmp_path, env=environment)
        assert (status, err) == (0, "")
        assert (copy / "report.html").read_bytes() == (smoke[0] / "report.html").read_bytes()

    def test_it_can_be_judged_again_with_the_same_tables(self, smoke, tmp_path):
        copy = tmp_path / "copy"
        shutil.copytree(smoke[0].resolve(), copy)
        tables = ("cells.csv", "comparisons.csv", "distributions.csv", "warm_up.csv", "summary.json")
        for name in tables:
            (copy / name).unlink()
        status, out, err = run("judge", copy, cwd=tmp_path)
        assert (status, err) == (0, "")
        assert "Judged 6 cells and 10 comparisons" in out
        assert [name for name in tables if (copy / name).read_bytes() != (smoke[0] / name).read_bytes()] == []


def test_a_stack_that_answers_wrongly_stops_the_run_before_load(tmp_path, stub_file):
    stacks = stub_file("good", "wrong")
    arguments = ("run", "--profile", "quick", "--stacks-file", stacks, "--compare", "stub-wrong", "stub-good")
    status, out, err = run(*arguments, cwd=tmp_path)
    assert (status, out) == (3, "")
    assert all(word in err for word in ('"prediction": [0]', '"prediction": [1]'))
    assert list((tmp_path / "results").iterdir()) == []


def test_errors_under_load_are_reported_and_their_rows_not_judged(tmp_path, stub_file):
    modes = ("sometimes-wrong", "cut-short")
    compared = [word for mode in modes for word in ("--compare", f"stub-{mode}", "stub-good")]
    status, _, err = run("run", "--profile", "quick", "--launches", 1, "--stacks-file", stub_file("good", *modes), *compared, cwd=tmp_path)
    assert status == 4, err
    assert "bench: answers were wrong" in err
    summary = json.loads((tmp_path / "results" / "latest" / "summary.json").read_text("utf-8"))
    assert {cell["stack"] for cell in summary["cells"] if cell["errors"]} == {f"stub-{mode}" for mode in modes}
    assert "errors" in {warning["code"] for warning in summary["validity"]["warnings"]}
    wrong = [row["reason"] for row in summary["comparisons"] if row["contender"] == "stub-sometimes-wrong"]
    assert wrong
    assert all("wrong answers in its cells" in reason for reason in wrong)
    assert not summary["validity"]["valid"]


def test_importing_the_bench_patches_nothing():
    program = """
import importlib, pkgutil, sys
import bench, gevent.monkey
# Those that are made to run under Locust are imported by nothing else.
alone = {"bench.locustfile", *(f"bench.measure.{name}" for name in ("generator", "crew", "load", "load_worker"))}
for module in pkgutil.walk_packages(bench.__path__, "bench."):
    if module.name not in alone | {"bench.__main__"}:
        importlib.import_module(module.name)
assert not gevent.monkey.saved, gevent.monkey.saved
assert "locust" not in sys.modules
assert not {"flask", "fastapi", "starlette", "flask_app", "fastapi_app"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
