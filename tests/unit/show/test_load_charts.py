"""The charts of load: which cells they show, where a figure is missing, and what the threads of a stack allow."""

from dataclasses import replace

import pytest
from report_pages import RUN
from run_variants import VARIANTS
from sheets import draw, mini_sheet, with_summary, words_on

from bench.show import canvas
from bench.show.canvas import MUTED, TEXT, Paper
from bench.show.finished import read_run
from bench.show.lines_chart import Line, Panel, Point, Scale, draw_lines
from bench.show.load_charts import (
    LAUNCHES,
    capacity_words,
    delay_ms,
    enrich_cells,
    offered_cells,
    sweep_cells,
    thread_count,
    users_of,
)

LIMIT_MS = 10.0
CROSS = "Cross: more than 1 % of the requests got no answer"


def change_cell(part, stack, load, **fields):
    """Return the miniature run in which one cell has other figures."""
    key = (part, stack, load)
    cells = tuple(replace(cell, **fields) if (cell.part, cell.stack, cell.load) == key else cell for cell in RUN.summary.cells)
    assert cells != RUN.summary.cells
    return with_summary(cells=cells)


def panels_of(chart, run=RUN):
    """Return the axes of a chart without those of its key, and all that is written on its sheet."""
    sheet = mini_sheet(chart) if run is RUN else draw(chart, run)
    return [axes for axes in sheet.figure.axes if axes.get_xlabel()], words_on(sheet)


def points_of(axes, marker):
    """Return every point that is drawn with this marker."""
    lines = [line for line in axes.lines if line.get_marker() == marker]
    return [(float(x), float(y)) for line in lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def whiskers_of(axes):
    return [segment for lines in axes.collections for segment in lines.get_segments()]


# --- which cells ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "part", "count"), [(offered_cells, "capacity", 4 * 5), (sweep_cells, "sweep", 4 * 5), (enrich_cells, "enrich", 4 * 4)]
)
def test_a_chart_shows_the_cells_of_the_part_that_varies_most_what_it_is_about(cells, part, count):
    shown = cells(RUN)
    assert {cell.part for cell in shown} == {part}
    assert len(shown) == count


@pytest.mark.parametrize("chart", ["offered", "sweep", "enrich"])
@pytest.mark.parametrize("name", ["smoke", "empty", "open"])
def test_a_run_that_does_not_vary_it_has_no_such_chart(chart, name, tmp_path):
    assert draw(chart, read_run(VARIANTS[name](tmp_path / "run"))) is None


@pytest.mark.parametrize(("count", "drawn"), [(2, False), (3, True)])
def test_two_points_are_no_line(count, drawn):
    loads = [f"closed-{4**power}" for power in range(count)]
    cells = tuple(cell for cell in RUN.summary.cells if cell.part == "sweep" and cell.load in loads)
    assert bool(draw("sweep", with_summary(cells=cells))) == drawn


def test_second_copies_are_left_out():
    floor = replace(RUN.summary.noise_floor[0], contender="flask-granian")
    stacks = {cell.stack for cell in sweep_cells(with_summary(noise_floor=(floor,)))}
    assert stacks == {"flask-gthread", "fastapi-uvicorn", "fastapi-granian"}


@pytest.mark.parametrize(("load", "users"), [("closed-1", 1), ("closed-128", 128), ("busy-40", None), ("own-80", None)])
def test_only_a_closed_loop_has_users(load, users):
    assert users_of(replace(RUN.summary.cells[0], load=load)) == users


@pytest.mark.parametrize(("scenario", "delay"), [("enrich-0ms", 0), ("enrich-100ms", 100), ("predict-1", None)])
def test_only_a_request_that_waits_has_a_delay(scenario, delay):
    assert delay_ms(replace(RUN.summary.cells[0], scenario=scenario)) == delay


# --- what is drawn --------------------------------------------------------------------------------------------------


def test_every_figure_of_the_cells_is_a_point_with_the_interval_that_it_has():
    (throughput, p99), _ = panels_of("sweep")
    cells = sweep_cells(RUN)
    for axes, metric in ((throughput, "throughput_rps"), (p99, "p99_ms")):
        drawn = {*points_of(axes, "o"), *points_of(axes, "D")}
        assert {(users_of(cell), getattr(cell, metric)) for cell in cells} <= drawn
    ends = {cell.throughput.ends for cell in cells}
    assert {(float(low[1]), float(high[1])) for low, high in whiskers_of(throughput)} == ends
    assert whiskers_of(p99) == []


def test_the_limit_on_p99_is_a_line_with_its_name_and_p50_has_none():
    (p50, p99), _ = panels_of("offered")
    assert [text.get_text() for text in p99.texts] == ["limit: 10 ms"]
    assert any(list(line.get_ydata()) == [LIMIT_MS, LIMIT_MS] for line in p99.lines)
    assert list(p50.texts) == []


def test_without_a_capacity_there_is_no_limit():
    (_, p99), words = panels_of("offered", with_summary(capacity=()))
    assert list(p99.texts) == []
    assert words.startswith("Latency against the offered rate predict-1")


def test_a_ring_is_drawn_at_the_knee_of_each_stack_on_its_throughput_alone():
    (throughput, p99), words = panels_of("sweep")
    rings = [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in throughput.lines if line.get_markersize() == 12]
    assert rings == [(float(row.users), row.throughput_rps) for row in RUN.summary.knees]
    assert not [line for line in p99.lines if line.get_markersize() == 12]
    assert "Ring: the fewest users that reach 90 % of a stack's highest throughput" in words
    assert "Ring" not in panels_of("sweep", with_summary(knees=()))[1]


def test_the_users_that_were_measured_are_the_ticks():
    (throughput, _), _ = panels_of("sweep")
    assert [text.get_text() for text in throughput.get_xticklabels()] == ["1", "4", "16", "64", "128"]


@pytest.mark.parametrize("chart", ["sweep", "enrich"])
def test_whiskers_are_named_with_their_level_and_launches(chart):
    assert "Whisker: the 96.9 % interval over 6 launches." in panels_of(chart)[1]


# --- what is missing ------------------------------------------------------------------------------------------------


def test_a_whole_run_has_no_cross_and_no_word_of_one():
    for chart in ("offered", "sweep", "enrich"):
        panels, words = panels_of(chart)
        assert [points_of(axes, "X") for axes in panels] == [[]] * len(panels)
        assert CROSS not in words


def test_a_latency_that_is_missing_is_a_cross_at_the_longest_one():
    run = change_cell("capacity", "fastapi-granian", "own-110", p99_ms=None)
    run = replace(run, summary=replace(run.summary, capacity=()))
    (p50, p99), words = panels_of("offered", run)
    [cell] = [cell for cell in offered_cells(run) if cell.p99_ms is None]
    assert points_of(p99, "X") == [(cell.offered_rps, max(other.p99_ms or 0 for other in offered_cells(run)))]
    assert points_of(p50, "X") == []
    assert CROSS in words


def test_p99_is_that_of_the_launches_where_it_is_known_and_a_cross_where_half_of_them_have_none():
    first, *others = RUN.summary.capacity
    gone = replace(first, points=(*first.points[:-1], replace(first.points[-1], p99_ms=None, highest_ms=None)))
    (_, p99), words = panels_of("offered", with_summary(capacity=(gone, *others)))
    known = {(point.offered_rps, point.p99_ms) for row in (gone, *others) for point in row.points if point.p99_ms}
    assert known <= {*points_of(p99, "o"), *points_of(p99, "D")}
    assert points_of(p99, "X") == [(first.points[-1].offered_rps, max(p99_ms for _, p99_ms in known))]
    assert LAUNCHES in words
    assert CROSS in words


def test_p99_of_a_load_under_which_requests_had_no_answer_is_a_cross_at_the_rate_of_the_launches():
    point = RUN.summary.capacity[0].points[-1]
    run = change_cell("capacity", "flask-gthread", point.load, unfinished=10_000, offered_rps=2 * point.offered_rps)
    (_, p99), _ = panels_of("offered", run)
    assert points_of(p99, "X") == [(point.offered_rps, point.p99_ms)]


def test_a_capacity_is_a_mark_with_its_interval_below_the_limit_unless_it_is_a_bound():
    first, *others = RUN.summary.capacity
    former = replace(first, bound="below")  # in older runs it has an interval all the same
    for rows in ((first, *others), (former, *others)):
        (_, p99), _ = panels_of("offered", with_summary(capacity=rows))
        marks = [float(line.get_xdata()[0]) for line in p99.lines if len(line.get_xdata()) == 1]
        assert marks == [row.capacity_rps for row in rows if not row.bound]
    assert [row.bound for row in others] == ["", "above", ""]


def test_a_guide_is_drawn_but_stretches_no_axis():
    measured = Line("measured", [Point(0.0, 40.0), Point(1.0, 60.0)], TEXT, "o")
    guide = Line("ceiling", [Point(0.0, 9000.0), Point(1.0, 30.0)], MUTED, ".", is_guide=True)
    with canvas.drawing():
        sheet = draw_lines("", "", Scale("x"), [Panel("", [measured, guide], Scale("y", log=True))], Paper(""))
    [axes] = [axes for axes in sheet.figure.axes if axes.get_xlabel()]
    assert next(tuple(line.get_ydata()) for line in axes.lines if line.get_color() == MUTED) == (9000.0, 30.0)
    assert axes.get_ylim() == (20.0, 100.0)


def test_what_threads_allow_is_a_guide():
    (axes,), _ = panels_of("enrich")
    ceilings = [line for line in axes.lines if line.get_color() == MUTED]
    assert ceilings
    assert all(line.get_clip_on() for line in ceilings)


def test_a_throughput_that_is_missing_is_a_cross_at_the_lowest_one():
    run = change_cell("sweep", "flask-gthread", "closed-64", throughput_rps=None, throughput_ci_low=None)
    (throughput, p99), words = panels_of("sweep", run)
    assert points_of(throughput, "X") == [(64.0, min(cell.throughput_rps for cell in sweep_cells(run) if cell.throughput_rps))]
    assert points_of(p99, "X") == []
    assert CROSS in words


@pytest.mark.parametrize(("failures", "crosses"), [(10, 0), (11, 1)])
def test_a_figure_of_a_cell_with_more_than_one_per_cent_of_failures_is_a_cross_in_its_place(failures, crosses):
    run = change_cell("sweep", "flask-gthread", "closed-64", samples=1000 - failures, unfinished=failures)
    (throughput, _), _ = panels_of("sweep", run)
    [cell] = [cell for cell in sweep_cells(run) if cell.failures]
    assert points_of(throughput, "X") == [(64.0, cell.throughput_rps)] * crosses
    assert ((64.0, cell.throughput_rps) in points_of(throughput, "o")) == (not crosses)


def test_a_run_without_any_answer_says_so(tmp_path):
    _, words = panels_of("sweep", read_run(VARIANTS["nulls"](tmp_path / "run")))
    assert words.startswith("No throughput was measured predict-1")
    assert "No interval: 0 launches." in words


# --- waiting on another service -------------------------------------------------------------------------------------


def test_what_threads_allow_is_a_dashed_ceiling_per_number_of_threads():
    (axes,), words = panels_of("enrich")
    curves = {tuple(map(float, line.get_ydata())): line.get_linestyle() for line in axes.lines if line.get_color() == canvas.MUTED}
    ceilings = [tuple(threads / delay * 1e3 for delay in (5, 20, 100)) for threads in (8, 32)]
    assert [ceiling for ceiling in ceilings if ceiling not in curves] == []
    assert "ceiling: 8 threads / delay" in words
    assert "ceiling: 32 threads / delay" in words
    assert "-" not in {curves[ceiling] for ceiling in ceilings}
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "5", "20", "100"]


def test_a_stack_whose_command_names_no_threads_has_no_ceiling():
    assert {stack: thread_count(RUN, stack) for stack in ("flask-enrich-8", "flask-enrich-32", "fastapi-enrich", "unknown")} == {
        "flask-enrich-8": 8,
        "flask-enrich-32": 32,
        "fastapi-enrich": None,
        "unknown": None,
    }


@pytest.mark.parametrize("command", [["serve", "--threads"], ["serve", "--threads", "many"], [], ["--threads=8"]])
def test_a_number_of_threads_that_cannot_be_read_is_none(command):
    plan = {**RUN.plan, "stacks": {"mine": {"command": command}}}
    assert thread_count(replace(RUN, manifest={**RUN.manifest, "plan": plan}), "mine") is None


def test_the_title_names_the_best_of_each_framework_and_the_slowest_under_the_longest_wait():
    _, words = panels_of("enrich")
    assert words.startswith(
        "With a wait of 100 ms, requests per second: 637.5 (627.9 to 647.6) (FastAPI on uvicorn, async client), "
        "318.7 (313.9 to 323.8) (Flask, 32 threads, on gunicorn gthread), "
        "9.96 (9.81 to 10.12) (FastAPI on uvicorn, blocking client in async def) 64 users. Each request first asks another service"
    )
    assert "Not measured at" not in words


def test_a_stack_without_a_figure_at_the_longest_wait_is_named():
    cells = tuple(cell for cell in RUN.summary.cells if (cell.stack, cell.scenario) != ("fastapi-enrich-trap", "enrich-100ms"))
    _, words = panels_of("enrich", replace(RUN, summary=replace(RUN.summary, cells=cells)))
    assert "Not measured at 100 ms: FastAPI on uvicorn, blocking client in async def." in words
    assert "9.96" not in words


# --- capacity -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "figure"),
    [
        ("", "up to 4,830 (4,769 to 4,881) req/s"),
        ("above", "up to more than 4,830 (4,769 to 4,881) req/s"),
        ("below", "only below 4,830 (4,769 to 4,881) req/s"),
    ],
)
def test_a_capacity_outside_the_rates_offered_is_called_a_bound(bound, figure):
    words = capacity_words(replace(RUN.summary.capacity[0], bound=bound), RUN.stacks)
    assert words.startswith(f"Flask on gunicorn gthread keeps p99 within 10 ms {figure}")


def test_a_capacity_that_is_not_known_is_not_in_the_title():
    rows = tuple(replace(row, capacity_rps=None if row.stack == "flask-gthread" else row.capacity_rps) for row in RUN.summary.capacity)
    _, words = panels_of("offered", with_summary(capacity=rows))
    assert words.startswith(
        "FastAPI on granian keeps p99 within 10 ms up to 7,010 (6,870 to 7,070) req/s; "
        "Flask on granian keeps p99 within 10 ms up to more than 9,990 req/s "
    )
