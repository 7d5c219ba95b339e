"""Latency: which loads are shown, who did not keep up, the curve by load, and up to which rate a limit holds."""

from dataclasses import replace

import pytest
from marks import column, marks_on, plots_on, table_of, values_on, whiskers_on
from report_pages import RUN
from run_variants import VARIANTS
from sheets import draw, mini_sheets, texts_on, with_summary, words_on

from bench.records.loads import parse_load
from bench.show.finished import read_run
from bench.show.topics.latency import LEAST_LOADS, capacity_words, section
from bench.show.words.selection import equal_load, widest_cells

CELLS, CAPACITY = RUN.summary.cells, RUN.summary.capacity
FIRST = CAPACITY[0]
SHOWN = ("flask-gthread", "fastapi-uvicorn", "flask-granian", "fastapi-granian", "fastapi-def")
CURVED = SHOWN[:4]
CROSS = "Cross: more than 1 % of the requests got no answer"
LIMIT_MS = 10.0
HALF, TOP = "own-50", "own-110"


def cell_of(part, stack, load):
    return next(cell for cell in CELLS if (cell.part, cell.stack, cell.load) == (part, stack, load))


def with_cell(part, stack, load, **fields):
    """Return the miniature run in which one cell has other figures."""
    one = cell_of(part, stack, load)
    return with_summary(cells=tuple(replace(cell, **fields) if cell is one else cell for cell in CELLS))


def chart_of(name, run=RUN):
    """Return a chart of this topic, and its axes."""
    sheet = (mini_sheets(section) if run is RUN else draw(section, run))[name]
    [axes] = plots_on(sheet)
    return sheet, axes


def headings_on(sheet):
    return [text for text in texts_on(sheet) if " for all" in text or "alone on the server" in text]


# --- alone, and at one rate for all ---------------------------------------------------------------------------------


def test_each_stack_has_its_p95_alone_and_at_the_equal_load_with_a_line_from_median_to_p99():
    _, axes = chart_of("latency")
    cells = [cell_of("headline", stack, load) for load in ("closed-1", "busy-40") for stack in SHOWN]
    assert values_on(axes) == [(cell.p95_ms,) for cell in cells]
    assert [(one[0], other[0]) for one, other in whiskers_on(axes)] == [(cell.p50_ms, cell.p99_ms) for cell in cells]


def test_a_line_without_p99_ends_at_p95():
    _, axes = chart_of("latency", with_cell("headline", "flask-gthread", "closed-1", p99_ms=None))
    one, other = whiskers_on(axes)[0]
    cell = cell_of("headline", "flask-gthread", "closed-1")
    assert (one[0], other[0]) == (cell.p50_ms, cell.p95_ms)


def test_another_scenario_of_the_part_is_left_to_the_table():
    other = replace(cell_of("headline", "flask-gthread", "closed-1"), scenario="predict-100", p95_ms=77.0)
    run = with_summary(cells=(*CELLS, other))
    assert (77.0,) not in values_on(chart_of("latency", run)[1])
    assert "77.0" in column(table_of(section, "All figures", run), "p95 ms")


@pytest.mark.parametrize(("rate", "words"), [(1820.0, "1,820"), (910.0, "910 to 1,820"), (2000.0, "1,820 to 2,000")])
def test_the_rate_that_all_are_offered_is_told_from_the_lowest_to_the_highest(rate, words):
    sheet, _ = chart_of("latency", with_cell("headline", "fastapi-uvicorn", "busy-40", offered_rps=rate))
    [alone, equal] = headings_on(sheet)
    assert alone == "1 user, alone on the server"
    assert equal.startswith(f"{words} requests per second for all")


@pytest.mark.parametrize(
    ("loads", "judged", "equal"),
    [
        (("closed-16", "busy-20", "busy-40"), ("closed-16", "busy-40"), "busy-40"),
        (("closed-16", "busy-20", "busy-40"), (), "busy-20"),
        (("own-80", "open-500rps"), (), "open-500rps"),
        (("closed-16", "own-80"), ("closed-16",), None),
    ],
)
def test_the_equal_load_is_that_of_a_verdict_else_the_first_one_and_a_rate_of_ones_own_is_none(loads, judged, equal):
    cells = tuple(replace(CELLS[0], load=load) for load in loads)
    rows = tuple(replace(RUN.summary.comparisons[0], load=load, role="secondary") for load in judged)
    assert equal_load(replace(RUN.summary, cells=cells, comparisons=rows)) == equal


def without_load(load):
    return with_summary(cells=tuple(cell for cell in CELLS if cell.load != load))


@pytest.mark.parametrize(
    ("run", "title"),
    [
        (RUN, "p95 at the same offered load: 0.297 ms with FastAPI on uvicorn to 0.518 ms with FastAPI with def on uvicorn"),
        (
            with_cell("headline", "fastapi-def", "busy-40", carried=False),
            "p95 at the same offered load: 0.297 ms with FastAPI on uvicorn to 0.463 ms with Flask on gunicorn gthread",
        ),
        (without_load("busy-40"), "p95 with 1 user: 0.202 ms with FastAPI on uvicorn to 0.357 ms with FastAPI with def on uvicorn"),
        (
            with_summary(cells=tuple(replace(cell, carried=cell.load != "busy-40") for cell in CELLS)),
            "p95 at the same offered load: not measured",
        ),
    ],
)
def test_the_title_has_the_shortest_and_the_longest_p95_of_those_that_kept_up(run, title):
    assert chart_of("latency", run)[0].title == title


def test_stacks_that_did_not_keep_up_are_named_and_unanswered_requests_leave_no_mark(tmp_path):
    run = read_run(VARIANTS["overloaded"](tmp_path / "run"))
    sheet, axes = chart_of("latency", run)
    texts = texts_on(sheet)
    assert "p95 unanswered, core 40 % busy, did not keep up" in texts
    assert "p95 0.518 ms, core 96 % busy, did not keep up" in texts
    assert len(values_on(axes)) == 2 * len(SHOWN) - 1
    assert "did not keep up" not in words_on(chart_of("latency")[0])


@pytest.mark.parametrize("name", ["smoke", "empty"])
def test_a_run_without_latency_alone_or_at_one_rate_has_no_such_chart(name, tmp_path):
    assert draw(section, read_run(VARIANTS[name](tmp_path / "run"))) == {}


def test_the_figures_of_all_other_loads_than_that_of_the_answer_are_folded_below_with_what_the_columns_mean():
    table = table_of(section, "All figures: 12 launches")
    assert {text.partition(", ")[2] for text in column(table, "load")} == {"1 user", "equal rate, baseline 40 % busy"}
    assert table_of(section, "What the columns of these tables mean")
    saturated = with_summary(cells=tuple(cell for cell in CELLS if cell.load == "closed-16"), capacity=())
    assert section(saturated).is_empty


# --- by offered load ------------------------------------------------------------------------------------------------


def with_shares(*shares, **changes):
    """Return the miniature run with loads at these shares, at which one stack of the others was not measured; `changes` are of one cell."""
    cells = []
    for share in shares:
        for stack in (*CURVED, "flask-gthread-twin"):
            own = replace(cell_of("headline", stack, "busy-40"), load=f"busy-{share}", offered_rps=45.5 * share)
            own = replace(own, p95_ms=own.p95_ms * share)
            cells.append(replace(own, **changes) if (stack, share) == ("flask-granian", shares[-1]) else own)
    cells.append(cell_of("headline", "fastapi-def", "busy-40"))
    return with_summary(cells=tuple(cells))


def lines_on(axes):
    """Return each line of a chart as its points."""
    lines = [line for line in axes.lines if line.get_marker() == "None" and line.get_linestyle() != "None"]
    return [list(zip(map(float, line.get_xdata()), map(float, line.get_ydata()), strict=True)) for line in lines]


@pytest.mark.parametrize(("count", "is_drawn"), [(LEAST_LOADS - 1, False), (LEAST_LOADS, True)])
def test_two_loads_are_no_curve(count, is_drawn):
    assert ("latency-by-load" in draw(section, with_shares(*(20, 40, 60)[:count]))) == is_drawn


def test_the_curve_has_the_stacks_that_were_measured_at_every_load_by_ascending_rate():
    run = with_shares(60, 20, 40)
    sheet, axes = chart_of("latency-by-load", run)
    cells = {(cell.stack, cell.load): cell for cell in run.summary.cells}
    assert lines_on(axes) == [[(45.5 * share, cells[stack, f"busy-{share}"].p95_ms) for share in (20, 40, 60)] for stack in CURVED]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["910\n(20 %)", "1,820\n(40 %)", "2,730\n(60 %)"]
    assert texts_on(sheet)[-5:-1] == [RUN.stacks[stack]["label"] for stack in CURVED]
    assert CROSS not in words_on(sheet)


@pytest.mark.parametrize("fields", [{"p95_ms": None}, {"carried": False}])
def test_a_stack_that_did_not_keep_up_or_has_no_p95_is_a_cross_and_no_end_of_what_the_title_says(fields):
    run = with_shares(20, 40, 60, **fields)
    sheet, axes = chart_of("latency-by-load", run)
    own = {cell.stack: cell.p95_ms for cell in run.summary.cells if cell.load == "busy-60"}
    worst = max(cell.p95_ms for cell in run.summary.cells if cell.p95_ms)
    assert marks_on(axes, "X") == [(2730.0, own["flask-granian"] or worst)]
    assert CROSS in words_on(sheet)
    assert sheet.title == "p95 by offered load: 5.95 to 9.26 ms at 910 requests per second, 17.8 to 27.8 ms at 2,730 requests per second"
    alone = replace(run, summary=replace(run.summary, cells=tuple(cell for cell in run.summary.cells if cell.stack == "flask-granian")))
    assert chart_of("latency-by-load", alone)[0].title == "p95 by offered load: 6.31 ms at 910 requests per second"


# --- capacity -------------------------------------------------------------------------------------------------------


def test_capacity_is_drawn_over_the_p99_of_the_launches_with_the_limit():
    sheet, axes = chart_of("capacity")
    assert lines_on(axes)[: len(CAPACITY)] == [[(point.offered_rps, point.p99_ms) for point in row.points] for row in CAPACITY]
    assert "p99, median of the launches; dashed: 10 ms" in texts_on(sheet)
    assert [LIMIT_MS, LIMIT_MS] in [list(line.get_ydata()) for line in axes.lines]
    assert marks_on(axes, "X") == []
    assert CROSS not in words_on(sheet)


def test_a_capacity_is_a_mark_with_its_interval_below_the_limit_unless_it_is_a_bound():
    former = replace(FIRST, bound="below")  # in older runs it has an interval all the same
    for rows in (CAPACITY, (former, *CAPACITY[1:])):
        _, axes = chart_of("capacity", with_summary(capacity=rows))
        reached = [row for row in rows if not row.bound]
        assert [x for x, y in marks_on(axes, "o", "D") if y == LIMIT_MS] == [row.capacity_rps for row in reached]
        spans = [tuple(map(float, line.get_xdata())) for line in axes.lines if line.get_linewidth() == 2.2]
        assert spans == [row.capacity.ends for row in reached]
    assert [row.bound for row in CAPACITY] == ["", "", "above", ""]


def test_capacities_stand_one_below_the_other():
    _, axes = chart_of("capacity")
    marks = [line for line in axes.lines if list(line.get_ydata()) == [LIMIT_MS] and line.get_marker() in ("o", "D")]
    heights = [line.get_transform().transform((1.0, LIMIT_MS))[1] for line in marks]
    limit = axes.transData.transform((1.0, LIMIT_MS))[1]
    assert limit > heights[0] > heights[1] > heights[2]


def test_p99_that_half_of_the_launches_have_not_is_a_cross_at_the_longest():
    gone = replace(FIRST, points=(*FIRST.points[:-1], replace(FIRST.points[-1], p99_ms=None, highest_ms=None)))
    run = with_summary(capacity=(gone, *CAPACITY[1:]))
    sheet, axes = chart_of("capacity", run)
    longest = max(point.p99_ms for row in CAPACITY[1:] for point in row.points)
    assert marks_on(axes, "X") == [(FIRST.points[-1].offered_rps, longest)]
    assert CROSS in words_on(sheet)
    assert column(table_of(section, "p99 of the response time", run), "median, ms")[4] == "unanswered"


@pytest.mark.parametrize(("unfinished", "is_cross"), [(10, False), (11, True)])
def test_p99_of_a_load_of_which_more_than_one_per_cent_failed_is_a_cross_at_the_rate_of_the_launches(unfinished, is_cross):
    run = with_cell("capacity", "flask-gthread", TOP, samples=1000 - unfinished, unfinished=unfinished)
    _, axes = chart_of("capacity", run)
    point = FIRST.points[-1]
    assert marks_on(axes, "X") == [(point.offered_rps, point.p99_ms)] * is_cross


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "4,830 with Flask on gunicorn gthread"),
        ({"bound": "above"}, "above 4,830 with Flask on gunicorn gthread"),
        ({"bound": "below"}, "below 4,830 with Flask on gunicorn gthread"),
    ],
)
def test_a_capacity_outside_the_rates_offered_is_called_a_bound(fields, words):
    assert capacity_words(replace(FIRST, **fields), RUN) == words


@pytest.mark.parametrize(
    ("unknown", "title"),
    [
        (0, "Requests per second with p99 within 10 ms: 4,830 with Flask on gunicorn gthread, above 9,990 with Flask on granian"),
        (1, "Requests per second with p99 within 10 ms: 7,000 with FastAPI on granian, above 9,990 with Flask on granian"),
        (4, "p99 by offered load"),
    ],
)
def test_the_title_has_the_lowest_and_the_highest_capacity_that_is_known(unknown, title):
    rows = tuple(replace(row, capacity=None) if place < unknown else row for place, row in enumerate(CAPACITY))
    assert chart_of("capacity", with_summary(capacity=rows))[0].title == title


def test_the_table_of_capacities_gives_a_bound_no_level():
    table = table_of(section, "Capacity: the highest offered rate within the limit of 10 ms on p99")
    assert table.columns == ("stack", "requests per second", "level", "rates offered", "launches")
    assert table.rows[1:3] == (
        ("FastAPI on uvicorn", "9,264 (9,205 to 9,331)", "96.1 %", "5,030 to 11,200", "8"),
        ("Flask on granian", "above 9,990", "-", "4,490 to 10,100", "8"),
    )


def test_the_table_of_offered_rates_has_the_p99_of_every_rate_over_the_launches():
    table = table_of(section, "p99 of the response time by offered rate, over 8 launches")
    assert len(table.rows) == sum(len(row.points) for row in CAPACITY)
    assert table.rows[0] == ("Flask on gunicorn gthread", "2,540", "1.04", "0.965", "1.21", "8")


def test_a_run_without_capacity_has_no_chart_of_it_but_all_figures():
    run = with_summary(capacity=())
    assert "capacity" not in draw(section, run)
    assert len(table_of(section, "All figures by offered rate", run).rows) == len(CAPACITY) * len(FIRST.points)


@pytest.mark.parametrize(("count", "is_drawn"), [(2, False), (3, True)])
def test_capacity_needs_three_rates_of_ones_own(count, is_drawn):
    loads = (HALF, "own-70", TOP)[:count]
    cells = tuple(cell for cell in CELLS if cell.part != "capacity" or cell.load in loads)
    assert ("capacity" in draw(section, with_summary(cells=cells))) == is_drawn


def test_the_cells_of_a_line_are_those_of_the_part_with_the_most_values_without_second_copies():
    floor = replace(RUN.summary.noise_floor[0], contender="flask-granian")
    cells = widest_cells(replace(RUN.summary, noise_floor=(floor,)), lambda cell: parse_load(cell.load).users)
    assert {cell.part for cell in cells} == {"sweep"}
    assert {cell.stack for cell in cells} == {"flask-gthread", "fastapi-uvicorn", "fastapi-granian"}
