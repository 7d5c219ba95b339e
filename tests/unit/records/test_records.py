"""The rows of a run and the clocks they may come from."""

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import bench
from bench.records import (
    HIGHER_IS_BETTER,
    METRICS,
    Capacity,
    Cell,
    CellKey,
    Comparison,
    LadderRow,
    Memory,
    OfferedPoint,
    Quantile,
    Resources,
    ServerTiming,
    SliceRecord,
    StartUp,
    WarmUpPoint,
)
from bench.records.samples import SAMPLE_COLUMNS

ROWS = [SliceRecord, Cell, Comparison, Quantile, WarmUpPoint, StartUp, Memory, Resources, LadderRow, Capacity, OfferedPoint, ServerTiming]
SOURCES = sorted(Path(bench.__file__).parent.rglob("*.py"))
WALL_CLOCKS = {"time", "time_ns", "clock", "localtime", "gmtime", "ctime"}


def test_a_slice_belongs_to_the_cell_of_its_part_stack_scenario_and_load():
    values = {field.name: field.name for field in fields(SliceRecord)}
    assert SliceRecord(**values).key == CellKey("part", "stack", "scenario", "load")


@pytest.mark.parametrize("kind", [SliceRecord, Cell])
def test_every_request_without_a_correct_answer_in_time_is_a_failure(kind):
    values = dict.fromkeys((field.name for field in fields(kind)), 1000) | {"errors": 1, "unfinished": 20, "not_sent": 300}
    assert kind(**values).failures == 321


@pytest.mark.parametrize("kind", ROWS)
def test_every_quantity_of_a_row_has_its_unit_in_its_name(kind):
    names = {
        "launch", "slice", "start", "part", "block", "stack", "scenario", "load", "warm_up", "generator_limited", "contender",
        "baseline", "metric", "role", "verdict", "reason", "time", "step", "bound", "points",
    }  # fmt: skip
    counts = {"answers", "settled_answers", "errors", "unfinished", "not_sent", "samples", "launches", "starts", "requests"}
    ratios = {"ratio", "ci_low", "ci_high", "margin", "smallest_seen", "launch_ratios", "level", "quantile"}
    ratios |= {"throughput_level", "cpu_level"}
    rates = {"throughput_ci_low", "throughput_ci_high", "cpu_us_per_request", "cpu_ci_low", "cpu_ci_high"}
    others = {field.name for field in fields(kind)} - names - counts - ratios - rates
    assert [name for name in others if not name.endswith(("_ns", "_us", "_ms", "_s", "_rps", "_ratio", "_bytes"))] == []


def test_every_latency_is_a_metric_and_a_lower_one_is_better():
    assert set(HIGHER_IS_BETTER) == {metric for metric in METRICS if not metric.endswith("_ms") and not metric.startswith("cpu")}


def test_every_metric_is_a_figure_of_a_cell():
    assert set(METRICS) <= {field.name for field in fields(Cell)}


def test_a_sample_begins_with_its_slice_and_ends_with_whether_it_was_correct():
    assert SAMPLE_COLUMNS == ("slice", "connection", "intended_ns", "sent_ns", "first_byte_ns", "done_ns", "status", "correct")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(path.parts[path.parts.index("bench") :]))
def test_no_duration_can_come_from_the_wall_clock(path):
    """The wall clock may step; it names folders and dates, by `datetime.now`, and nothing else."""
    tree = ast.parse(path.read_text("utf-8"))
    asked = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time"
    }
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "time" for alias in node.names}
    assert (asked | imported) & WALL_CLOCKS == set()
