"""Charts: nothing cut, nothing overlapping, the same bytes again, and no need for a display or a home."""

import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from matplotlib.text import Text
from run_variants import MINI_RUN, VARIANTS, make_run

from bench.records import Quantile
from bench.records.folder import RunFolder
from bench.show import canvas
from bench.show.canvas import NARROW, WIDE, Page
from bench.show.charts import copies_words, ratios_sheet, throughput_sheet
from bench.show.cost_chart import cost_cells
from bench.show.figures import format_number
from bench.show.finished import read_run
from bench.show.latency_chart import spread
from bench.show.report import SHEETS, draw_charts, write_report
from bench.show.selection import headline_load
from bench.show.why_charts import break_even_sheet

RUN = read_run(RunFolder.open(MINI_RUN))
FINE_PRINT = "CPython 3.11.7, flask 3.1.2; some CPU, 1 server core; commit abc; 2026-11-25T09:00:00Z; run r"
DRAW = """
import sys
from pathlib import Path
from bench.records.folder import RunFolder
from bench.show.report import write_report

write_report(RunFolder.open(Path(sys.argv[1])))
"""


@pytest.fixture(params=VARIANTS, scope="module")
def run(request, tmp_path_factory):
    return VARIANTS[request.param](tmp_path_factory.mktemp("run") / request.param)


def draw_sheets(folder, width=WIDE):
    """Return every chart that a run has, by name, in one of its widths."""
    finished, page = read_run(folder), Page(FINE_PRINT, width)
    with canvas.drawing():
        drawn = {name: draw(finished, page) for name, draw in SHEETS.items()}
    return {name: sheet for name, sheet in drawn.items() if sheet}


def texts_of(sheet):
    return [text.get_text() for text in sheet.figure.texts]


def words_of(sheet):
    return " ".join(texts_of(sheet))


@pytest.fixture(scope="module")
def drawn(run):
    """Return every chart of a variant by its width; a test may look at them, and change none."""
    return {width: draw_sheets(run, width) for width in (WIDE, NARROW)}


@pytest.fixture(scope="module")
def sheets():
    """Return every chart of the miniature run at the desk's width; a test may look at them, and change none."""
    return draw_sheets(RunFolder.open(MINI_RUN))


@pytest.fixture(scope="module")
def mini_charts():
    return draw_charts(read_run(RunFolder.open(MINI_RUN)))


def read_words(svg):
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    return " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))


def text_boxes(sheet):
    sheet.figure.canvas.draw()
    texts = list(sheet.figure.texts)
    for axes in sheet.figure.axes:
        texts += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    visible = [text for text in texts if text.get_text().strip() and text.get_visible()]
    return [(text.get_text(), Text.get_window_extent(text)) for text in visible]


def test_the_miniature_run_has_every_chart(sheets):
    assert list(sheets) == list(SHEETS)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_no_text_is_cut_and_no_two_texts_overlap(drawn, width):
    found = {}
    for name, sheet in drawn[width].items():
        with canvas.drawing():
            boxes = text_boxes(sheet)
        right, top = sheet.figure.get_size_inches() * sheet.figure.dpi
        cut = [text for text, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > right or box.y1 > top]
        overlaps = [
            (first, second)
            for (first, one), (second, other) in itertools.combinations(boxes, 2)
            if min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
        ]
        if cut or overlaps:
            found[name] = (cut, overlaps)
    assert found == {}


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_picture_is_as_wide_as_the_column_and_carries_its_fine_print(drawn, width):
    for sheet in drawn[width].values():
        assert sheet.figure.get_figwidth() == width
        assert FINE_PRINT in words_of(sheet)


def test_the_narrow_form_of_a_chart_says_what_the_wide_one_says(drawn):
    wide, narrow = ([(name, sheet.title) for name, sheet in drawn[width].items()] for width in (WIDE, NARROW))
    assert narrow == wide


RATIOS_TITLE = (
    "Requests per second: FastAPI on uvicorn 2.008 (1.990 to 2.026) times Flask on gunicorn gthread; "
    "FastAPI on granian 0.9020 (0.8925 to 0.9116) times Flask on granian"
)
TITLES = {
    "answer": RATIOS_TITLE,
    "cost": "A million answers take 109 s (FastAPI on uvicorn) to 220 s (Flask on gunicorn gthread) of CPU time",
    "ratios": RATIOS_TITLE,
    "break-even": (
        "FastAPI on uvicorn / Flask on gunicorn gthread: 2.096 (2.086 to 2.113) times the requests per second with engine constant, "
        "1.0684 (1.0630 to 1.0813) with spin-10ms"
    ),
    "ladder": (
        "CPU time of one request: 108.8 (107.5 to 110.1) us (FastAPI on uvicorn) to 219.6 (217.0 to 222.3) us (Flask on gunicorn gthread)"
    ),
    "changes": (
        "The largest single change from The article's Flask on gunicorn gthread: engine: NumPy for pandas and scikit-learn, "
        "13.12 (12.93 to 13.31) times the requests per second"
    ),
    "latency": "With 1 user the median answer took 0.163 ms (FastAPI on uvicorn) to 0.283 ms (FastAPI with def on uvicorn)",
    "equal-load": (
        "At equal rate, 60 % of saturation the p95 response time was 0.301 ms (FastAPI on uvicorn) to 0.526 ms "
        "(FastAPI with def on uvicorn)"
    ),
    "offered": (
        "Flask on gunicorn gthread keeps p99 within 10 ms up to 4,807 (4,789 to 4,819) req/s; "
        "FastAPI on uvicorn keeps p99 within 10 ms up to 9,344 (9,273 to 9,382) req/s"
    ),
    "throughput": (
        "Requests per second, predict-1: 5,050 (4,994 to 5,111) with Flask on gunicorn gthread to 10,140 (10,030 to 10,260) "
        "with FastAPI on uvicorn"
    ),
    "sweep": "More users than needed only wait: the highest throughput is 10,330 (10,170 to 10,490) req/s, FastAPI on uvicorn",
    "enrich": (
        "With a wait of 100 ms, requests per second: 637.5 (627.9 to 647.6) (FastAPI on uvicorn, async client), "
        "318.7 (313.9 to 323.8) (Flask, 32 threads, on gunicorn gthread), "
        "9.96 (9.81 to 10.12) (FastAPI on uvicorn, blocking client in async def)"
    ),
    "aa": "Two copies of the same code: 0 of 6 intervals exclude 1",
    "drift": "Over the run single slices ranged from 0.97 to 1.03 of their stack's median",
}


def test_every_title_says_something_and_a_bad_run_says_it_first(sheets, tmp_path):
    assert {name: sheet.title for name, sheet in sheets.items()} == TITLES
    for name, words in (("partial", "Partial run. "), ("invalid", "Not valid, for diagnosis only. ")):
        bad = draw_sheets(VARIANTS[name](tmp_path / name))
        assert {chart: sheet.title for chart, sheet in bad.items()} == {chart: words + title for chart, title in TITLES.items()}
    smoke = draw_sheets(VARIANTS["smoke"](tmp_path / "smoke"))
    assert "2.01 times Flask on gunicorn gthread (no interval)" in smoke["ratios"].title


@pytest.mark.parametrize(
    ("verdict", "marker", "face"),
    [
        ("better", "^", "#BE5200"),
        ("worse", "v", "#BE5200"),
        ("equivalent", "s", "#BE5200"),
        ("undecided", "o", "white"),
        ("withheld", "|", "#6E7781"),
    ],
)
def test_verdicts_differ_by_shape(verdict, marker, face):
    summary = RunFolder.open(MINI_RUN).read_summary()
    summary = replace(summary, comparisons=(replace(summary.comparisons[0], verdict=verdict),), noise_floor=())
    with canvas.drawing():
        (axes,) = ratios_sheet(summary, RunFolder.open(MINI_RUN).read_manifest()["stacks"], Page("")).figure.axes
    dots = [line for line in axes.lines if list(line.get_xdata()) == [summary.comparisons[0].ratio]]
    assert [(dot.get_marker(), dot.get_markerfacecolor()) for dot in dots] == [(marker, face)]
    whiskers = [lines for lines in axes.collections if lines.get_linewidth() == [2.2]]
    assert [lines.get_linestyle()[0][1] is not None for lines in whiskers] == [verdict == "undecided"]


def test_the_noise_floor_is_in_the_ratios_chart_with_the_figures_of_the_summary(sheets):
    summary, sheet = RunFolder.open(MINI_RUN).read_summary(), sheets["ratios"]
    floor = summary.noise_floor[0]
    drawn = [list(line.get_xdata()) for line in sheet.figure.axes[0].lines]
    assert [floor.ratio] in drawn
    assert list(floor.launch_ratios) in drawn
    texts = texts_of(sheet)
    assert "A/A: Flask on gunicorn gthread again" in texts
    assert "1.0030 (0.9934 to 1.0126), 95.3 %" in texts
    assert "hatched: within ±2 %, too small to matter" in texts
    assert "hatched: within ±10 %, too small to matter" in texts


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("chart", ["break-even", "changes"])
def test_two_copies_measured_beside_the_engines_are_in_the_charts_of_that_part(chart, width):
    run = read_run(RunFolder.open(MINI_RUN))
    floor = replace(run.summary.noise_floor[0], part="break-even", ratio=1.013, ci_low=0.99, ci_high=1.04)
    with canvas.drawing():
        sheet = SHEETS[chart](replace(run, summary=replace(run.summary, noise_floor=(floor,))), Page(FINE_PRINT, width))
    points = [value for axes in sheet.figure.axes for line in axes.lines for value in (*line.get_xdata(), *line.get_ydata())]
    assert 1.013 in points
    assert "A/A: Flask on gunicorn gthread again" in texts_of(sheet)


def test_of_two_ratios_at_an_engine_the_higher_stands_above_all_whiskers_and_the_lower_below():
    run = read_run(RunFolder.open(MINI_RUN))
    usual, same = run.summary.break_even[:2]
    above = replace(usual.points[1], ratio=1.2, ci_low=0.9, ci_high=1.4)
    below = replace(same.points[1], ratio=1.1, ci_low=0.8, ci_high=1.8)
    aa = replace(run.summary.noise_floor[0], part=usual.part, ratio=1.0, ci_low=0.7, ci_high=2.1)
    pairs = (replace(usual, points=(above,)), replace(same, points=(below,)))
    for floors, ends in (((), (0.8, 1.8)), ((aa,), (0.7, 2.1))):
        summary = replace(run.summary, break_even=pairs, noise_floor=floors)
        with canvas.drawing():
            sheet = break_even_sheet(summary, run.manifest["stacks"], Page(FINE_PRINT))
        (axes,) = (axes for axes in sheet.figure.axes if axes.get_yscale() == "log")
        labels = {text.get_text(): text.xy[1] for text in axes.texts if text.get_text().endswith("x")}
        assert labels == {"1.10x": ends[0], "1.20x": ends[1]}
        assert axes.get_ylim()[0] < ends[0] < ends[1] < axes.get_ylim()[1]


def test_a_noise_floor_wider_than_the_margin_is_drawn_as_a_line():
    folder = RunFolder.open(MINI_RUN)
    summary = folder.read_summary()
    wide = tuple(replace(row, ratio=1.04) for row in summary.noise_floor)
    rows = replace(summary, comparisons=summary.comparisons[:1], noise_floor=wide)
    with canvas.drawing():
        sheet = ratios_sheet(rows, folder.read_manifest()["stacks"], Page(""))
    (axes,) = sheet.figure.axes
    assert "Dashed lines beside the band: A/A" in words_of(sheet)
    places = {round(float(segment[0][0]), 4) for lines in axes.collections for segment in getattr(lines, "get_segments", list)()}
    assert {1.04, round(1 / 1.04, 4)} <= places


def latency_of(folder, chart="latency"):
    sheet = draw_sheets(folder)[chart]
    return sheet, texts_of(sheet)


def test_a_line_ends_at_its_last_percentile_with_its_samples_written():
    sheet, headings = latency_of(RunFolder.open(MINI_RUN))
    unloaded, saturated = sheet.figure.axes
    equal, offered_headings = latency_of(RunFolder.open(MINI_RUN), "equal-load")
    (offered,) = equal.figure.axes
    labels = [text.get_text() for text in unloaded.texts]
    assert "FastAPI with def on uvicorn\nn 11,879" in labels
    last = {round(float(line.get_xdata()[-1])) for line in unloaded.lines}
    assert last == {100, 1000}  # one cell supports no more than p99
    assert [len(axes.texts) for axes in (unloaded, saturated, offered)] == [5, 5, 5]
    assert not [label for label in labels if "second copy" in label]
    assert [heading for heading in [*headings, *offered_headings] if heading.startswith("predict-1 at") or ": service" in heading] == [
        "predict-1, 1 user, alone on the server: service time",
        "predict-1, 16 users, at saturation: service time",
        "predict-1 at the same offered load, 3,030 req/s: response time",
    ]
    assert saturated.get_yscale() == unloaded.get_xscale() == "log"


def test_closed_loops_show_service_times_and_an_open_loop_response_times_of_the_first_part():
    folder = RunFolder.open(MINI_RUN)
    points = folder.read_rows("distributions.csv", Quantile)

    def curve(part, load, time):
        own = [point for point in points if (point.part, point.stack, point.load, point.time) == (part, "flask-gthread", load, time)]
        return tuple(point.latency_ms for point in own)

    (closed, words), (equal, equal_words) = latency_of(folder), latency_of(folder, "equal-load")
    drawn, offered = ({tuple(map(float, line.get_ydata())) for axes in one.figure.axes for line in axes.lines} for one in (closed, equal))
    assert {curve("headline", load, "service") for load in ("closed-1", "closed-16")} <= drawn
    assert curve("headline", "open-60", "response") in offered - drawn
    assert curve("headline", "open-60", "service") not in offered
    assert "Service time: from sending a request" in " ".join(words)
    assert "Response time: from when a request was due" in " ".join(equal_words)


@pytest.mark.parametrize(("name", "charts"), [("smoke", {"latency"}), ("open", {"equal-load"}), ("user", {"latency"})])
def test_a_run_has_a_latency_chart_only_of_the_kind_of_load_that_it_measured(name, charts, tmp_path):
    assert set(draw_sheets(VARIANTS[name](tmp_path / name))) & {"latency", "equal-load"} == charts


def test_a_stack_that_cannot_carry_the_offered_load_is_named_and_one_that_leaves_requests_unanswered_has_a_shorter_line(tmp_path):
    sheet, texts = latency_of(VARIANTS["overloaded"](tmp_path / "run"), "equal-load")
    assert "Could not carry the offered load: FastAPI with def on uvicorn." in " ".join(texts)
    lines = [line for line in sheet.figure.axes[0].lines if len(line.get_xdata()) > 1]
    assert sorted(round(float(line.get_xdata()[-1])) for line in lines) == [10, 1000, 1000, 1000]


def test_the_load_of_the_verdict_stands_first_and_gives_the_title(tmp_path):
    def change(summary):
        lighter = [replace(cell, load="open-30", offered_rps=1500.0) for cell in summary.cells if cell.load == "open-60"]
        return replace(summary, cells=(*lighter, *summary.cells))

    folder = make_run(tmp_path / "run", change)
    points = [point for point in RunFolder.open(MINI_RUN).read_rows("distributions.csv", Quantile) if point.load == "open-60"]
    folder.write_rows("distributions.csv", [*(replace(point, load="open-30") for point in points), *points], Quantile)
    sheet, texts = latency_of(folder, "equal-load")
    assert sheet.title.startswith("At equal rate, 60 % of saturation the p95 response time was ")
    assert [text for text in texts if text.startswith("predict-1 at")] == [
        "predict-1 at the same offered load, 3,030 req/s: response time",
        "predict-1 at the same offered load, 1,500 req/s: response time",
    ]


def test_the_widest_gap_between_two_copies_in_the_tail_is_told():
    summary = RUN.summary
    floor = next(row for row in summary.noise_floor if row.load == "open-60")
    key = (floor.part, floor.contender, floor.load)
    cells = tuple(replace(cell, p99_ms=61.1) if (cell.part, cell.stack, cell.load) == key else cell for cell in summary.cells)
    words = copies_words(replace(summary, cells=cells), RUN.stacks)
    one = next(cell for cell in cells if (cell.part, cell.stack, cell.load) == (floor.part, floor.baseline, floor.load))
    assert words.endswith(f"is {format_number(one.p99_ms)} ms, of its second copy 61.1 ms, the widest such gap here.")
    assert copies_words(replace(summary, noise_floor=()), RUN.stacks) == ""


def test_a_rate_of_ones_own_is_no_equal_load(tmp_path):
    def change(summary):
        cells = tuple(replace(cell, load="own-80", offered_rps=0.8 * cell.throughput_rps) for cell in summary.cells[:7])
        return replace(summary, cells=cells, comparisons=())

    folder = make_run(tmp_path / "run", change)
    folder.write_rows(
        "distributions.csv", [Quantile("headline", "flask-gthread", "predict-1", "own-80", "response", 0.5, 1.0, 900)], Quantile
    )
    _, texts = latency_of(folder, "equal-load")
    assert "predict-1, 80 % of its own saturation: response time" in texts


def test_the_cost_chart_shows_the_equal_load_that_the_verdict_is_given_under(tmp_path):
    def change(summary):
        lighter = [replace(cell, load="open-30", cpu_us_per_request=1.0) for cell in summary.cells if cell.load == "open-60"]
        return replace(summary, cells=(*lighter, *summary.cells))

    run = read_run(make_run(tmp_path / "run", change))
    judged = {row.load for row in run.summary.comparisons if row.role != "exploratory" and row.load.startswith("open")}
    assert {cell.load for cell in cost_cells(run)} == judged == {"open-60"}


def test_the_throughput_chart_has_the_cells_of_the_answer_and_no_other_part(sheets):
    (axes,) = sheets["throughput"].figure.axes
    texts = texts_of(sheets["throughput"])
    assert len([line for line in axes.lines if len(line.get_xdata()) == 1]) == 7
    assert not [text for text in texts if "Nothing on" in text or "constant" in text]


def test_the_ratios_of_latency_under_an_open_loop_are_of_response_times(sheets):
    texts = texts_of(sheets["ratios"])
    assert "p95 response time: less is better" in texts
    assert not [text for text in texts if "service time" in text]


def test_the_ratios_chart_leaves_exploratory_rows_of_other_parts_to_the_tables():
    folder = RunFolder.open(MINI_RUN)
    summary = folder.read_summary()
    row = next(row for row in summary.comparisons if row.role == "primary")
    other = replace(row, part="break-even", role="exploratory", verdict="not judged", reason="exploratory", ratio=3.0)
    with canvas.drawing():
        sheet = ratios_sheet(replace(summary, comparisons=(*summary.comparisons, other)), folder.read_manifest()["stacks"], Page(""))
    assert [3.0] not in [list(line.get_xdata()) for line in sheet.figure.axes[0].lines]
    assert "43 comparisons more in comparisons.csv." in words_of(sheet)


def test_a_run_of_one_open_loop_has_titles_of_what_it_compares(tmp_path):
    drawn = draw_sheets(VARIANTS["open"](tmp_path / "run"))
    first = "CPU time per request: FastAPI on uvicorn 0.4953 (0.4916 to 0.4990) times Flask on gunicorn gthread; "
    assert drawn["ratios"].title.startswith(first)
    assert "Correct answers per second at equal rate, 60 % of saturation;" in words_of(drawn["throughput"])
    assert drawn["equal-load"].title.startswith("At equal rate, 60 % of saturation the p95 response time was ")


def test_unfinished_and_unsent_requests_are_counted_beside_the_throughput():
    folder = RunFolder.open(MINI_RUN)
    summary = folder.read_summary()
    cells = tuple(replace(cell, errors=1, unfinished=2, not_sent=3) for cell in summary.cells[:1])
    with canvas.drawing():
        sheet = throughput_sheet(replace(summary, cells=cells), folder.read_manifest()["stacks"], Page(""))
    assert "5,050 (4,994 to 5,111), 1 error, 2 unfinished, 3 not sent" in texts_of(sheet)


def test_a_row_without_figure_is_named_and_has_no_dot(tmp_path):
    drawn = draw_sheets(VARIANTS["nulls"](tmp_path / "run"))
    ratios, throughput = drawn["ratios"], drawn["throughput"]
    assert "no figure" in texts_of(ratios)
    assert "no correct answer, 40 errors" in texts_of(throughput)
    assert not [line for sheet in (ratios, throughput) for line in sheet.figure.axes[0].lines if line.get_marker() in {"D", "p"}]


def test_the_load_of_the_answer(tmp_path):
    assert headline_load(RunFolder.open(MINI_RUN).read_summary()) == "closed-16"
    assert headline_load(VARIANTS["user"](tmp_path / "user").read_summary()) == "closed-4"
    assert headline_load(VARIANTS["empty"](tmp_path / "empty").read_summary()) == "closed-16"
    assert headline_load(VARIANTS["open"](tmp_path / "open").read_summary()) == "open-60"


def test_the_same_run_gives_the_same_bytes(mini_charts):
    assert draw_charts(read_run(RunFolder.open(MINI_RUN))) == mini_charts


def test_an_svg_keeps_its_text_and_names_no_date_and_no_stranger(mini_charts):
    assert list(mini_charts) == list(SHEETS)
    for chart in mini_charts.values():
        for svg in (chart.svg, chart.narrow_svg):
            assert "Flask on gunicorn gthread" in read_words(svg) or chart.name == "enrich"
            assert not re.search(rb"<dc:date>|href=\"https?:|url\(['\"]?https?:", svg)
        assert chart.png.startswith(b"\x89PNG")


def test_a_label_with_dollars_is_no_formula(tmp_path):
    folder = VARIANTS["user"](tmp_path / "run")
    write_report(folder)
    for name in ("ratios", "throughput", "latency"):
        assert 'Mine <b>|$x_1$ "&amp;' in read_words((folder.path / "charts" / f"{name}.svg").read_bytes())


def test_the_two_frameworks_stay_apart_in_grey_print():
    """Relative luminance as in WCAG 2: contrast to each other and to the paper."""

    def luminance(colour):
        values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    flask, fastapi = (luminance(canvas.FRAMEWORK_COLOURS[name]) + 0.05 for name in ("Flask", "FastAPI"))
    assert fastapi / flask > 1.5
    assert min(1.05 / flask, 1.05 / fastapi) > 4.5
    assert len({*canvas.FRAMEWORK_MARKERS.values(), canvas.OTHER_MARKER}) == 3


@pytest.mark.parametrize(("wanted", "gap"), [([0.5, 0.5, 0.51], 0.2), ([0.0, 0.0], 0.3), ([0.9, 0.95, 1.0], 0.25), ([], 0.1), ([0.4], 1.0)])
def test_names_are_moved_apart_and_stay_inside(wanted, gap):
    places = spread(wanted, gap)
    assert all(second - first >= gap - 1e-9 for first, second in itertools.pairwise(places))
    assert all(gap / 2 - 1e-9 <= place <= 1 - gap / 2 + 1e-9 for place in places)


def test_charts_need_no_display_and_no_home_and_make_no_noise(tmp_path):
    folder = VARIANTS["user"](tmp_path / "run")
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment = {**kept, "HOME": "/dev/null/none", "MPLBACKEND": "TkAgg", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", DRAW, folder.path], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.glob("matplotlib-*"))  # its cache is removed again
