"""The charts of ratios, throughput, break-even and cost: the rows they show, the shapes of their verdicts, two copies of one stack."""

from dataclasses import replace

import pytest
from report_pages import RUN
from run_variants import VARIANTS
from sheets import draw, mini_sheet, texts_on, with_summary, words_on

from bench.show.canvas import NARROW, WIDE
from bench.show.cost_chart import cost_cells
from bench.show.finished import read_run
from bench.show.selection import headline_load

SUMMARY = RUN.summary


def drawn_values(sheet):
    """Return the places along x of every line in the first axes of a sheet."""
    return [list(line.get_xdata()) for line in sheet.figure.axes[0].lines]


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
    row = replace(SUMMARY.comparisons[0], verdict=verdict)
    (axes,) = draw("ratios", with_summary(comparisons=(row,), noise_floor=())).figure.axes
    dots = [line for line in axes.lines if list(line.get_xdata()) == [row.ratio]]
    assert [(dot.get_marker(), dot.get_markerfacecolor()) for dot in dots] == [(marker, face)]
    whiskers = [lines for lines in axes.collections if lines.get_linewidth() == [2.2]]
    assert [lines.get_linestyle()[0][1] is not None for lines in whiskers] == [verdict == "undecided"]


def test_the_noise_floor_is_in_the_ratios_chart_with_the_figures_of_the_summary():
    sheet, floor = mini_sheet("ratios"), SUMMARY.noise_floor[0]
    assert [floor.ratio] in drawn_values(sheet)
    assert list(floor.launch_ratios) in drawn_values(sheet)
    texts = texts_on(sheet)
    assert "A/A: Flask on gunicorn gthread again" in texts
    assert "1.003 (0.992 to 1.014), 95.3 %" in texts
    assert "hatched: within ±2 %, too small to matter" in texts
    assert "hatched: within ±10 %, too small to matter" in texts


@pytest.mark.parametrize(
    ("ratio", "low", "high", "far"),
    [
        (1.0, 0.98, 1.04, 1.04),
        (0.99, 0.96, 1.01, 1 / 0.96),
        (1.03, 1.021, 1.04, 1.04),
        (1.0, 0.981, 1.019, None),
        (1.03, None, None, None),
    ],
)
@pytest.mark.parametrize("chart", ["ratios", "answer"])
def test_the_far_end_of_aa_is_drawn_on_both_sides_where_it_is_wider_than_the_margin(chart, ratio, low, high, far):
    row = replace(SUMMARY.comparisons[0], margin=0.02)
    floors = tuple(replace(floor, ratio=ratio, ci_low=low, ci_high=high) for floor in SUMMARY.noise_floor)
    (axes,) = draw(chart, with_summary(comparisons=(row,), noise_floor=floors)).figure.axes
    dashed = [lines for lines in axes.collections if lines.get_linestyle()[0][1] is not None]
    places = sorted(round(float(segment[0][0]), 4) for lines in dashed for segment in lines.get_segments())
    assert places == ([] if far is None else [round(1 / far, 4), round(far, 4)])


def test_the_ratios_chart_says_what_the_dashed_lines_are_only_where_it_has_them():
    (row,) = SUMMARY.comparisons[:1]
    for high, is_said in ((1.019, False), (1.04, True)):
        floors = tuple(replace(floor, ratio=1.0, ci_low=0.99, ci_high=high) for floor in SUMMARY.noise_floor)
        words = words_on(draw("ratios", with_summary(comparisons=(row,), noise_floor=floors)))
        assert ("Dashed lines beside the band: the far end of A/A" in words) == is_said, high


@pytest.mark.parametrize("chart", ["ratios", "answer"])
def test_both_far_ends_of_aa_lie_on_the_axis_however_wide_they_are(chart):
    row = replace(SUMMARY.comparisons[0], ratio=1.0, ci_low=0.98, ci_high=1.02, launch_ratios=(1.0,))
    floors = tuple(replace(floor, ratio=0.9, ci_low=0.7, ci_high=1.1, launch_ratios=(0.9,)) for floor in SUMMARY.noise_floor)
    (axes,) = draw(chart, with_summary(comparisons=(row,), noise_floor=floors)).figure.axes
    low, high = axes.get_xlim()
    assert low < 0.7
    assert high > 1 / 0.7


def test_the_ratios_of_latency_under_an_open_loop_are_of_response_times():
    texts = texts_on(mini_sheet("ratios"))
    assert "p95 response time: less is better" in texts
    assert not [text for text in texts if "service time" in text]


def test_the_ratios_chart_leaves_exploratory_rows_of_other_parts_to_the_tables():
    row = next(row for row in SUMMARY.comparisons if row.role == "primary")
    other = replace(row, part="explored", role="exploratory", verdict="not judged", reason="exploratory", ratio=3.0)
    sheet = draw("ratios", with_summary(comparisons=(*SUMMARY.comparisons, other)))
    assert [3.0] not in drawn_values(sheet)
    assert "61 comparisons more in comparisons.csv." in words_on(sheet)


def test_the_throughput_chart_has_the_cells_of_the_answer_and_no_other_part():
    sheet = mini_sheet("throughput")
    assert len([values for values in drawn_values(sheet) if len(values) == 1]) == 7
    assert not [text for text in texts_on(sheet) if "Nothing on" in text or "constant" in text]


def test_unfinished_and_unsent_requests_are_counted_beside_the_throughput():
    cells = tuple(replace(cell, errors=1, unfinished=2, not_sent=3) for cell in SUMMARY.cells[:1])
    assert "5,050 (4,994 to 5,111), 1 error, 2 unfinished, 3 not sent" in texts_on(draw("throughput", with_summary(cells=cells)))


def test_a_row_without_figure_is_named_and_has_no_dot(tmp_path):
    run = read_run(VARIANTS["nulls"](tmp_path / "run"))
    ratios, throughput = draw("ratios", run), draw("throughput", run)
    assert "no figure" in texts_on(ratios)
    assert "no correct answer, 40 errors" in texts_on(throughput)
    assert not [line for sheet in (ratios, throughput) for line in sheet.figure.axes[0].lines if line.get_marker() in {"D", "p"}]


def test_a_run_of_one_open_loop_has_titles_of_what_it_compares(tmp_path):
    run = read_run(VARIANTS["open"](tmp_path / "run"))
    first = "CPU time per request: FastAPI on uvicorn 0.4953 (0.4920 to 0.4986) times Flask on gunicorn gthread; "
    assert draw("ratios", run).title.startswith(first)
    assert "Correct answers per second at equal rate, baseline 40 % busy;" in words_on(draw("throughput", run))
    assert draw("equal-load", run).title.startswith("At equal rate, baseline 40 % busy the p95 response time was ")


def test_the_load_of_the_answer(tmp_path):
    names = ("whole", "user", "empty", "open")
    loads = {name: headline_load(VARIANTS[name](tmp_path / name).read_summary()) for name in names}
    assert loads == {"whole": "closed-16", "user": "closed-4", "empty": "closed-16", "open": "busy-40"}


# --- break-even, changes and cost -----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("chart", ["break-even", "changes"])
def test_two_copies_measured_beside_the_engines_are_in_the_charts_of_that_part(chart, width):
    floor = replace(SUMMARY.noise_floor[0], part="explored", ratio=1.013, ci_low=0.99, ci_high=1.04)
    sheet = draw(chart, with_summary(noise_floor=(floor,)), width)
    points = [value for axes in sheet.figure.axes for line in axes.lines for value in (*line.get_xdata(), *line.get_ydata())]
    assert 1.013 in points
    assert "A/A: Flask on gunicorn gthread again" in texts_on(sheet)


def test_of_two_ratios_at_an_engine_the_higher_stands_above_all_whiskers_and_the_lower_below():
    usual, same = SUMMARY.break_even[:2]
    above = replace(usual.points[1], ratio=1.2, ci_low=0.9, ci_high=1.4)
    below = replace(same.points[1], ratio=1.1, ci_low=0.8, ci_high=1.8)
    aa = replace(SUMMARY.noise_floor[0], part=usual.part, ratio=1.0, ci_low=0.7, ci_high=2.1)
    pairs = (replace(usual, points=(above,)), replace(same, points=(below,)))
    for floors, ends in (((), (0.8, 1.8)), ((aa,), (0.7, 2.1))):
        sheet = draw("break-even", with_summary(break_even=pairs, noise_floor=floors))
        (axes,) = (axes for axes in sheet.figure.axes if axes.get_yscale() == "log")
        labels = {text.get_text(): text.xy[1] for text in axes.texts if text.get_text().endswith("x")}
        assert labels == {"1.10x": ends[0], "1.20x": ends[1]}
        assert axes.get_ylim()[0] < ends[0] < ends[1] < axes.get_ylim()[1]


def with_points(run=RUN, **drawn):
    """Return a run in which engines of the first pair are drawn, or not, as given."""
    first, *others = run.summary.break_even
    points = tuple(replace(point, is_drawn=drawn.get(point.engine.replace("-", "_"), point.is_drawn)) for point in first.points)
    return with_summary(run, break_even=(replace(first, points=points), *others))


def points_at(sheet, ratio):
    (axes,) = (axes for axes in sheet.figure.axes if axes.get_yscale() == "log")
    return [line for line in axes.lines if [float(value) for value in line.get_ydata()] == [ratio]]


def test_an_engine_whose_ratio_is_too_uncertain_has_no_point_and_no_place_in_what_the_chart_says():
    usual = SUMMARY.break_even[0]
    forest, slowest = usual.points[-2:]
    assert [(point.engine, point.is_drawn) for point in (forest, slowest)] == [("forest", False), ("spin-10ms", True)]
    sheet = mini_sheet("break-even")
    assert points_at(sheet, slowest.ratio)
    assert not points_at(sheet, forest.ratio)
    run = with_points(spin_1ms=False, spin_10ms=False)
    sheet = draw("break-even", with_summary(run, break_even=run.summary.break_even[:1]))
    named = {text.get_text() for axes in sheet.figure.axes for text in axes.texts}
    assert {engine for engine in named if not engine.endswith("x")} == {"constant", "numpy"}
    assert sheet.title.endswith(" with numpy")
    assert "off the curve" in words_on(mini_sheet("break-even"))
    assert "off the curve" not in words_on(sheet)


def test_two_copies_at_an_engine_that_is_not_drawn_are_left_out():
    floor = replace(SUMMARY.noise_floor[0], part="explored", ratio=1.013, ci_low=0.99, ci_high=1.04)
    for is_drawn in (True, False):
        sheet = draw("break-even", with_summary(with_points(numpy=is_drawn), noise_floor=(floor,)))
        assert bool(points_at(sheet, 1.013)) == is_drawn
        assert ("A/A: Flask on gunicorn gthread again" in texts_on(sheet)) == is_drawn


def test_single_changes_are_drawn_start_by_start_the_largest_first():
    texts = texts_on(mini_sheet("changes"))
    starts = [text for text in texts if text.startswith("start: ")]
    assert starts == ["start: The article's Flask on gunicorn gthread", "start: FastAPI on uvicorn", "start: Flask on gunicorn gthread"]
    whats = [what for what, _, _ in RUN.changes]
    ratios = {row.contender: row.ratio for row in SUMMARY.changes}
    for start, baseline in zip(starts, ("article-gthread", "fastapi-uvicorn", "flask-gthread"), strict=True):
        own = texts[texts.index(start) :]
        end = next((place for place, text in enumerate(own[1:], 1) if text.startswith("start: ")), len(own))
        wanted = sorted((change for change in RUN.changes if change[2] == baseline), key=lambda change: -ratios[change[1]])
        assert [text for text in own[:end] if text in whats] == [what for what, _, _ in wanted]


def test_the_cost_chart_shows_the_equal_load_that_the_verdict_is_given_under():
    lighter = [replace(cell, load="busy-20", cpu_us_per_request=1.0) for cell in SUMMARY.cells if cell.load == "busy-40"]
    run = with_summary(cells=(*lighter, *SUMMARY.cells))
    judged = {row.load for row in SUMMARY.comparisons if row.role != "exploratory" and row.load.startswith("busy")}
    assert {cell.load for cell in cost_cells(run)} == judged == {"busy-40"}
