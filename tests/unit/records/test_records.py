"""The rows of a run and the clocks they may come from."""

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

import bench
from bench.records import (
    HIGHER_IS_BETTER,
    METRICS,
    Aa,
    Capacity,
    Cell,
    CellKey,
    Comparison,
    CurvePoint,
    Interval,
    LadderRow,
    Memory,
    OfferedPoint,
    Probe,
    Quantile,
    Resources,
    ServerTiming,
    SliceRecord,
    StartUp,
    Threshold,
    WarmUpPoint,
    far_end,
    rate_of,
)
from bench.records.record import adapter, columns
from bench.records.samples import SAMPLE_COLUMNS, Sample

ROWS = [
    Sample,
    SliceRecord,
    Cell,
    Comparison,
    Quantile,
    WarmUpPoint,
    StartUp,
    Memory,
    Resources,
    LadderRow,
    Capacity,
    OfferedPoint,
    Probe,
    ServerTiming,
]
SOURCES = sorted(Path(bench.__file__).parent.rglob("*.py"))
WALL_CLOCKS = {"time", "time_ns", "clock", "localtime", "gmtime", "ctime"}


def make(kind, **values):
    """Return a record with these fields, and anything in the others."""
    anything = {name: "x" if declared is str else 1 for name, declared in columns(kind).items()}
    return adapter(kind).validate_python(anything | values)


def test_a_slice_belongs_to_the_cell_of_its_part_stack_scenario_and_load():
    names = {name: name for name in ("part", "stack", "scenario", "load")}
    assert make(SliceRecord, **names).key == CellKey("part", "stack", "scenario", "load")


@pytest.mark.parametrize("kind", [SliceRecord, Cell])
def test_every_request_without_a_correct_answer_in_time_is_a_failure(kind):
    assert make(kind, errors=1, unfinished=20, not_sent=300).failures == 321


@pytest.mark.parametrize("kind", ROWS)
def test_every_quantity_of_a_row_has_its_unit_in_the_name_of_its_column(kind):
    names = {
        "launch", "slice", "start", "part", "block", "stack", "scenario", "load", "warm_up", "generator_limited", "contender",
        "baseline", "metric", "role", "verdict", "reason", "time", "step", "bound", "points", "connection", "status", "correct",
        "pair", "aa_state", "carried", "contradicted", "probe_load",
    }  # fmt: skip
    counts = {"answers", "settled_answers", "errors", "unfinished", "not_sent", "samples", "launches", "starts", "requests"}
    counts |= {"connections", "probes"}
    ratios = {"ratio", "ci_low", "ci_high", "margin", "smallest_seen", "launch_ratios", "level", "quantile"}
    ratios |= {"throughput_level", "cpu_level", "aa_low", "aa_high", "busy_share"}
    rates = {"throughput_ci_low", "throughput_ci_high", "cpu_us_per_request", "cpu_ci_low", "cpu_ci_high"}
    in_the_unit_of_the_metric = {"contender_value", "baseline_value"}
    others = set(columns(kind)) - names - counts - ratios - rates - in_the_unit_of_the_metric
    assert [name for name in others if not name.endswith(("_ns", "_us", "_ms", "_s", "_rps", "_ratio", "_bytes"))] == []


def test_an_interval_is_whole_in_a_record_and_flat_where_it_is_written():
    interval = Interval(2.0, 1.9, 2.1, 0.95)
    threshold = Threshold(0.1, interval, is_measured=True)
    written = adapter(Threshold).dump_python(threshold)
    flat = {"model_ms": 2.0, "ci_low": 1.9, "ci_high": 2.1, "level": 0.95}
    assert written == {"within": 0.1, **flat, "is_measured": True, "multiple": None}
    assert adapter(Threshold).validate_python(written) == threshold
    assert list(columns(Threshold)) == list(written)


def test_an_end_that_lies_beyond_all_that_was_measured_is_missing_and_the_other_stays():
    threshold = Threshold(0.1, Interval(2.0, 1.9, None, 0.95), is_measured=True, multiple=Interval(10.0, 9.5, None, 0.95))
    assert adapter(Threshold).validate_python(adapter(Threshold).dump_python(threshold)) == threshold


@pytest.mark.parametrize(
    ("written", "bound"), [("at least", "above"), ("at most", "below"), *((bound, bound) for bound in ("above", "below", ""))]
)
def test_a_bound_says_on_which_side_of_the_figure_the_true_one_lies_and_older_words_are_read_so(written, bound):
    assert make(Capacity, bound=written, points=()).bound == bound


def test_a_bound_of_other_words_is_refused():
    with pytest.raises(ValidationError, match="bound"):
        make(Capacity, bound="near", points=())


@pytest.mark.parametrize(
    ("ends", "is_resolved"), [((1.0, 3.0), True), ((-3.0, -1.0), True), ((-1.0, 3.0), False), ((0.0, 3.0), False), ((None, None), True)]
)
def test_a_step_of_the_ladder_is_resolved_if_its_interval_tells_it_from_none_at_all(ends, is_resolved):
    row = LadderRow("explored", "a", "predict-1", "busy-40", 900.0, "model", Interval(1.0, *ends, 0.95), 8)
    assert row.is_resolved is is_resolved


def test_a_level_that_is_not_written_is_not_known_when_it_is_read_back():
    point = CurvePoint(1.0, Interval(2.0, 1.9, 2.1, 0.95))
    written = adapter(CurvePoint).dump_python(point)
    assert written == {"model_ms": 1.0, "ratio": 2.0, "ci_low": 1.9, "ci_high": 2.1}
    assert adapter(CurvePoint).validate_python(written).interval == Interval(2.0, 1.9, 2.1, None)


def test_no_interval_is_no_figure_in_each_of_its_columns_and_back():
    written = adapter(Aa).dump_python(Aa("not judged", None))
    assert written == {"state": "not judged", "estimate": None, "ci_low": None, "ci_high": None, "resolution": None}
    assert adapter(Aa).validate_python(written) == Aa("not judged", None)


def test_an_estimate_without_an_interval_stays_one():
    aa = adapter(Aa).validate_python({"state": "not judged", "estimate": 1.01, "ci_low": None, "ci_high": None})
    assert (aa.interval.estimate, aa.interval.ends) == (1.01, None)


def test_a_key_that_a_record_does_not_have_is_refused():
    with pytest.raises(ValidationError, match="winner"):
        adapter(Aa).validate_python({"state": "equal", "estimate": 1.0, "ci_low": 0.9, "ci_high": 1.1, "winner": "x"})


def row_with(**aa):
    """Return a row with this A/A."""
    return Comparison(
        "headline", "a", "b", "predict-1", "closed-16", "throughput_rps", None, 0.02, None, 12, (), "primary", "undecided", "", **aa
    )  # fmt: skip


@pytest.mark.parametrize(("answers", "length_ms", "rps"), [(50, 100, 500.0), (1, 250, 4.0), (0, 100, None), (5, 0, None)])
def test_a_rate_is_a_count_over_its_time_and_none_where_none_came(answers, length_ms, rps):
    assert rate_of(answers, length_ms * 1_000_000) == rps


@pytest.mark.parametrize(
    ("low", "high", "far"), [(0.99, 1.05, 0.05), (0.8, 1.02, 0.25), (1 / 1.05, 1 / 0.99, 0.05), (1.1, 1.2, 0.2), (1.0, 1.0, 0.0)]
)
def test_the_resolution_of_an_aa_is_its_far_end_the_same_for_a_ratio_and_its_inverse(low, high, far):
    assert far_end(low, high) == pytest.approx(far)
    assert row_with(aa_low=low, aa_high=high).aa_resolution == pytest.approx(far)


def test_an_aa_without_an_interval_has_no_resolution():
    assert row_with().aa_resolution is None


def test_every_latency_is_a_metric_and_a_lower_one_is_better():
    assert set(HIGHER_IS_BETTER) == {metric for metric in METRICS if not metric.endswith("_ms") and not metric.startswith("cpu")}


def test_every_metric_is_a_figure_of_a_cell():
    assert set(METRICS) <= set(columns(Cell))


def test_a_sample_begins_with_its_slice_and_ends_with_whether_it_was_correct():
    assert SAMPLE_COLUMNS == ("slice", "connection", "intended_ns", "sent_ns", "first_byte_ns", "done_ns", "status", "correct")


def test_no_duration_comes_from_the_wall_clock():
    """The wall clock may step; it names folders and dates, by `datetime.now`, and nothing else."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time":
                found.add((path.name, node.attr))
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                found |= {(path.name, alias.name) for alias in node.names}
    assert found
    assert [(name, asked) for name, asked in found if asked in WALL_CLOCKS] == []
