"""The soak of docs/studies: what it asks of a server, and that it runs."""

import importlib.util
import os
import subprocess
import sys

import pytest
from serving import ROOT

SCRIPT = ROOT / "docs" / "studies" / "soak.py"


@pytest.fixture(scope="module")
def soak():
    spec = importlib.util.spec_from_file_location("soak", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def broken(soak, *, rss_mb=lambda _: 100.0, descriptors=lambda _: 20, cpu_s=lambda at_s: 0.7 * at_s, right=1000, wrong=0):
    """Return what does not hold of ten minutes, each second of which is given by functions of time."""
    samples = [soak.Sample(at_s, rss_mb(at_s), descriptors(at_s), cpu_s(at_s)) for at_s in range(601)]
    return [line.what for line in soak.judge("app", samples, right, wrong) if not line.holds]


def test_a_server_that_stays_as_it_is_passes(soak):
    assert broken(soak) == []
    assert broken(soak, rss_mb=lambda at_s: 50 if at_s < 100 else 100) == []  # what it takes before the second minute is its own


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ({"rss_mb": lambda at_s: 100 + at_s / 150}, ["memory"]),  # 2.2 % between the middles of both parts
        ({"rss_mb": lambda at_s: 100 - at_s / 150}, ["memory"]),
        ({"descriptors": lambda at_s: 20 if at_s < 400 else 21}, ["descriptors"]),
        ({"cpu_s": lambda at_s: 0.5 * at_s}, ["busy"]),
        ({"cpu_s": lambda at_s: 0.9 * at_s}, ["busy"]),
        ({"wrong": 1}, ["errors"]),
        ({"right": 0}, ["answers"]),
    ],
)
def test_each_fault_breaks_its_line(soak, fault, what):
    assert broken(soak, **fault) == what


@pytest.mark.slow
def test_it_runs_for_some_seconds_and_its_status_is_what_its_table_says():
    command = [sys.executable, SCRIPT, "--minutes", "0.1"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
    lines = done.stdout.splitlines()
    assert done.stderr == ""
    assert [line.split()[:2] for line in lines[1:]] == [
        [app, what] for app in ("flask_app", "fastapi_app") for what in ("answers", "errors", "busy", "memory", "descriptors")
    ]
    assert [line.split() for line in lines if " errors " in line] == [
        [app, "errors", "0", "0", "yes"] for app in ("flask_app", "fastapi_app")
    ]
    assert done.returncode == any(line.endswith("NO") for line in lines)
