"""Whoever sets the clock of the machine changes no measurement: what is timed is timed by clocks that only go forward."""

import ast

import pytest
from serving import ROOT

WALL = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "time.localtime", "time.gmtime"}
# They name and date things.
DATED = {"run/recorder.py", "run/progress.py"}
FILES = sorted(path.relative_to(ROOT / "bench").as_posix() for path in (ROOT / "bench").rglob("*.py"))


def calls(path):
    nodes = ast.walk(ast.parse((ROOT / "bench" / path).read_text("utf-8")))
    return {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}


@pytest.mark.parametrize("path", FILES)
def test_only_what_names_and_dates_reads_the_wall_clock(path):
    assert bool(calls(path) & WALL) == (path in DATED)
