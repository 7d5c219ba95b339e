"""The tables of a run's figures: which columns stand where, what a missing figure is called, and what is the same said only once."""

from dataclasses import replace

import pytest
from marks import column
from report_pages import RUN

from bench.records import AS_DEPLOYED
from bench.records.numbers import format_number
from bench.show.words.tables import CELL_LEGEND, cell_legend, cell_table, comparison_table, has_failed, noise_floor_table, resource_table

SUMMARY, STACKS = RUN.summary, RUN.stacks
SATURATED = [cell for cell in SUMMARY.cells if (cell.part, cell.load) == ("headline", "closed-16")]
OPEN = [cell for cell in SUMMARY.cells if (cell.part, cell.load) == ("headline", "busy-40")]
ROW = next(row for row in SUMMARY.comparisons if row.role == "primary")
EXPLORATORY = [row for row in SUMMARY.comparisons if row.role == "exploratory"]


def figures_of(cells):
    """Return the first row of a table of cells by column."""
    table = cell_table("Cells", cells, STACKS)
    return dict(zip(table.columns, table.rows[0], strict=True))


def changed(cells, **fields):
    return [replace(cells[0], **fields), *cells[1:]]


# --- cells ----------------------------------------------------------------------------------------------------------


def test_what_is_the_same_for_all_cells_stands_above_them():
    table = cell_table("Cells", SATURATED, STACKS)
    assert table.caption == "Cells: predict-1, 16 users; service times; 12 launches"
    assert "requests per second (95.8 %)" in table.columns
    assert not {"load", "offered req/s", "level", "launches"} & set(table.columns)


@pytest.mark.parametrize(
    ("cells", "caption", "columns"),
    [
        ([*SATURATED, *OPEN], "Cells: 12 launches", {"load", "offered req/s", "level"}),
        (changed(SATURATED, scenario="predict-100"), "Cells: 12 launches", {"load"}),
        (changed(SATURATED, launches=7), "Cells: predict-1, 16 users; service times", {"launches"}),
        (changed(SATURATED, throughput_level=0.9), "Cells: predict-1, 16 users; service times; 12 launches", {"level"}),
        ([*changed(SATURATED, launches=7), *OPEN], "Cells", {"load", "offered req/s", "level", "launches"}),
    ],
)
def test_what_differs_from_cell_to_cell_is_a_column(cells, caption, columns):
    table = cell_table("Cells", cells, STACKS)
    assert table.caption == caption
    assert {"load", "offered req/s", "level", "launches"} & set(table.columns) == columns


def test_a_rate_that_is_offered_stands_in_the_caption_and_the_times_are_response_times():
    assert cell_table("Cells", OPEN, STACKS).caption == (
        "Cells: predict-1, equal rate, baseline 40 % busy, 1,820 req/s; response times; 12 launches"
    )


def test_tail_percentiles_stand_there_with_cpu_time_its_share_of_the_kernel_and_how_busy_the_core_was():
    figures = figures_of(SATURATED)
    assert figures["p99 ms"] == format_number(SATURATED[0].p99_ms)
    assert figures["p99.9 ms"] == format_number(SATURATED[0].p999_ms)
    assert (figures["CPU us (kernel)"], figures["busy"]) == ("191 (24 %)", "96.5 %")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"p99_ms": None}, "too few"),
        ({"p99_ms": None, "samples": 0}, "none"),
        ({"p99_ms": None, "unfinished": 1700}, "unanswered"),  # the percentile falls among these
        ({"p99_ms": None, "not_sent": 1700}, "unanswered"),
        ({"p99_ms": None, "unfinished": 2}, "too few"),
    ],
)
def test_a_percentile_that_is_missing_has_its_reason(fields, words):
    assert figures_of(changed(SATURATED, **fields))["p99 ms"] == words


def test_a_lower_bound_of_throughput_is_called_one():
    assert figures_of(changed(SATURATED, generator_limited=True))["requests per second (95.8 %)"] == "at least 5,050 (4,994 to 5,111)"


def test_every_kind_of_failure_that_there_is_has_a_column_and_errors_have_one_always():
    kinds = ["errors", "unfinished", "not sent"]
    clean = [replace(cell, errors=0, unfinished=0, not_sent=0) for cell in SATURATED]
    for fields, shown in (({}, kinds[:1]), ({"unfinished": 4}, kinds[:2]), ({"not_sent": 1100}, ["errors", "not sent"])):
        table = cell_table("Cells", changed(clean, **fields), STACKS)
        assert [name for name in table.columns if name in kinds] == shown
    assert column(table, "not sent")[:2] == ["1,100", "0"]


def test_how_much_of_what_was_due_was_answered_is_told_where_a_rate_was_offered():
    assert figures_of(changed(OPEN, achieved_ratio=0.8744))["answered in time"] == "87.4 %"
    assert "answered in time" not in figures_of(SATURATED)


@pytest.mark.parametrize(("field", "name"), [("busy_share", "busy"), ("p999_ms", "p99.9 ms")])
def test_a_column_that_no_cell_has_a_figure_for_is_left_out(field, name):
    assert name in figures_of(SATURATED)
    assert name not in figures_of([replace(cell, **{field: None}) for cell in SATURATED])


def test_the_legend_explains_columns_that_there_are():
    table = cell_table("Cells", [*SATURATED, *OPEN], STACKS)
    explained = {name for name, _ in CELL_LEGEND if not name.startswith(("p50 to", "too few"))}
    assert explained <= set(table.columns)
    assert cell_legend().rows == CELL_LEGEND


@pytest.mark.parametrize(("errors", "failed"), [(0, False), (10, False), (11, True)])
def test_a_cell_has_failed_beyond_one_request_in_a_hundred(errors, failed):
    assert has_failed(replace(SATURATED[0], samples=1000 - errors, errors=errors)) == failed


# --- comparisons ----------------------------------------------------------------------------------------------------


def test_a_judged_comparison_has_verdict_both_sides_margin_its_own_aa_and_role():
    table = comparison_table("Judged", [ROW], STACKS)
    assert dict(zip(table.columns, table.rows[0], strict=True)) == {
        "contender / baseline": "FastAPI on uvicorn / Flask on gunicorn gthread",
        "verdict": "▲ better",
        "ratio": "2.008 (1.990 to 2.026)",
        "of contender, baseline": "10,100 / 5,050 req/s",
        "level": "95.3 %",
        "metric": "requests per second",
        "load": "predict-1, 16 users",
        "launches": "12",
        "margin": "2 %",
        "A/A": "equal, 0.992 to 1.014",
        "role": "primary",
    }
    assert table.caption == "Judged"


@pytest.mark.parametrize(("metric", "unit"), [("cpu_us_per_request", "us"), ("p99_ms", "ms"), ("throughput_rps", "req/s")])
def test_both_sides_stand_in_the_unit_of_their_metric(metric, unit):
    row = replace(ROW, metric=metric, ratio=2.0, ci_low=1.5, ci_high=2.5, contender_value=2.0, baseline_value=1.0)
    assert column(comparison_table("", [row], STACKS), "of contender, baseline") == [f"2.00 / 1.00 {unit}"]


def test_both_sides_that_do_not_divide_to_the_ratio_are_marked_and_the_caption_explains_the_mark():
    off = replace(ROW, contender_value=3 * ROW.baseline_value)
    table = comparison_table("Judged", [ROW, off], STACKS)
    assert [text.endswith(" *") for text in column(table, "of contender, baseline")] == [False, True]
    assert table.caption.startswith("Judged. *: both sides by themselves do not divide to the ratio")


def test_rows_that_are_all_exploratory_have_no_margin_and_role_and_a_verdict_only_with_a_reason_of_their_own():
    plain = [replace(row, reason="exploratory") for row in EXPLORATORY]
    assert not {"margin", "role", "verdict"} & set(comparison_table("", plain, STACKS).columns)
    assert "verdict" in comparison_table("", [*plain, replace(plain[0], reason="3 requests failed")], STACKS).columns


def test_rows_of_several_parts_say_of_which_part_they_are():
    assert "part" not in comparison_table("", [ROW], STACKS).columns
    assert column(comparison_table("", [ROW, replace(ROW, part="ladder")], STACKS), "part") == ["headline", "ladder"]


def test_a_comparison_without_figures_has_dashes_for_them():
    row = replace(ROW, interval=None, aa_low=None, aa_high=None, contender_value=None)
    table = comparison_table("", [ROW, row], STACKS)
    assert {column(table, name)[1] for name in ("ratio", "level", "of contender, baseline", "A/A")} == {"-"}


def test_two_copies_are_called_by_the_stack_and_say_their_state_where_any_is_judged():
    states = ("equal", "coarse", "unequal", "not judged")
    floor = SUMMARY.noise_floor[0]
    table = noise_floor_table("", [replace(floor, aa_state=state) for state in states], STACKS)
    assert column(table, "A/A") == list(states)
    assert set(column(table, "second copy / first")) == {STACKS[floor.baseline]["label"]}
    assert "A/A" not in noise_floor_table("", [replace(floor, aa_state="not judged")], STACKS).columns


# --- resources ------------------------------------------------------------------------------------------------------


def test_resources_have_columns_of_starts_and_of_load_as_far_as_they_were_measured():
    row = next(row for row in SUMMARY.resources if row.stack == AS_DEPLOYED[1])
    started = ["ready after, s", "first answer after, s", "starts", "RSS (PSS) at rest, MB"]
    loaded = ["RSS (PSS) after load, MB", "launches"]
    for fields, shown in (({}, [*started, *loaded]), ({"starts": 0}, loaded), ({"launches": 0}, started)):
        assert list(resource_table("", [replace(row, **fields)], STACKS).columns) == ["stack", *shown]
    assert resource_table("", [row], STACKS).rows == (
        ("Flask on gunicorn gthread", "0.624", "0.655", "5", "62.8 (61.0)", "105.1 (53.2)", "20"),
    )
