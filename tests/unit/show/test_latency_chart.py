"""The charts of latency by percentile: which times they show, where a line ends, who is left out, names that stay apart."""

import itertools
from dataclasses import replace

import pytest
from report_pages import RUN
from run_variants import VARIANTS
from sheets import draw, mini_sheet, texts_on, with_summary, words_on

from bench.records import Quantile
from bench.show.charts import copies_words
from bench.show.finished import read_run
from bench.show.latency_chart import spread
from bench.show.numbers import format_number


def test_a_line_ends_at_its_last_percentile_with_its_samples_written():
    closed, equal = mini_sheet("latency"), mini_sheet("equal-load")
    unloaded, saturated = closed.figure.axes
    (offered,) = equal.figure.axes
    labels = [text.get_text() for text in unloaded.texts]
    assert "FastAPI with def on uvicorn\nn 13,010" in labels
    last = {round(float(line.get_xdata()[-1])) for line in unloaded.lines}
    assert last == {100, 1000}  # one cell supports no more than p99
    assert [len(axes.texts) for axes in (unloaded, saturated, offered)] == [5, 5, 5]
    assert not [label for label in labels if "second copy" in label]
    headings = [*texts_on(closed), *texts_on(equal)]
    assert [heading for heading in headings if heading.startswith("predict-1 at") or ": service" in heading] == [
        "predict-1, 1 user, alone on the server: service time",
        "predict-1, 16 users, at saturation: service time",
        "predict-1 at the same offered load, 1,820 req/s: response time",
    ]
    assert saturated.get_yscale() == unloaded.get_xscale() == "log"


def test_closed_loops_show_service_times_and_an_open_loop_response_times_of_the_first_part():
    def curve(part, load, time):
        own = [point for point in RUN.quantiles if (point.part, point.stack, point.load, point.time) == (part, "flask-gthread", load, time)]
        return tuple(point.latency_ms for point in own)

    closed, equal = mini_sheet("latency"), mini_sheet("equal-load")
    drawn, offered = ({tuple(map(float, line.get_ydata())) for axes in one.figure.axes for line in axes.lines} for one in (closed, equal))
    assert {curve("headline", load, "service") for load in ("closed-1", "closed-16")} <= drawn
    assert curve("headline", "busy-40", "response") in offered - drawn
    assert curve("headline", "busy-40", "service") not in offered
    assert "Service time: from sending a request" in words_on(closed)
    assert "Response time: from when a request was due" in words_on(equal)


@pytest.mark.parametrize(("name", "charts"), [("smoke", {"latency"}), ("open", {"equal-load"}), ("user", {"latency"})])
def test_a_run_has_a_latency_chart_only_of_the_kind_of_load_that_it_measured(name, charts, tmp_path):
    run = read_run(VARIANTS[name](tmp_path / "run"))
    assert {chart for chart in ("latency", "equal-load") if draw(chart, run)} == charts


def test_stacks_that_did_not_carry_the_load_are_named_and_are_no_end_of_what_the_title_says(tmp_path):
    sheet = draw("equal-load", read_run(VARIANTS["overloaded"](tmp_path / "run")))
    lost = "Did not carry the load at equal rate, baseline 40 % busy: Flask on gunicorn gthread, FastAPI with def on uvicorn."
    assert lost in words_on(sheet)
    assert sheet.title.endswith(" the p95 response time was 0.297 ms (FastAPI on uvicorn) to 0.355 ms (FastAPI on granian)")
    assert "Did not carry" not in words_on(mini_sheet("equal-load"))


def test_a_stack_that_leaves_requests_unanswered_has_a_shorter_line(tmp_path):
    sheet = draw("equal-load", read_run(VARIANTS["overloaded"](tmp_path / "run")))
    lines = [line for line in sheet.figure.axes[0].lines if len(line.get_xdata()) > 1]
    assert sorted(round(float(line.get_xdata()[-1])) for line in lines) == [4, 1000, 1000, 1000, 1000]


def test_four_loads_at_equal_rates_have_a_panel_each_and_a_fifth_has_none():
    shares = (20, 40, 60, 70, 80)
    members = [cell for cell in RUN.summary.cells if (cell.part, cell.load) == ("headline", "busy-40")]
    points = [point for point in RUN.quantiles if (point.part, point.load) == ("headline", "busy-40")]
    cells = tuple(replace(cell, load=f"busy-{share}", offered_rps=45.5 * share) for share in shares for cell in members)
    run = replace(RUN, quantiles=[replace(point, load=f"busy-{share}") for share in shares for point in points])
    texts = texts_on(draw("equal-load", with_summary(run, cells=cells)))
    rates = [text.partition(" load, ")[2].partition(" req/s")[0] for text in texts if text.startswith("predict-1 at")]
    assert rates == ["1,820", "910", "2,730", "3,180"]


def test_the_load_of_the_verdict_stands_first_and_gives_the_title():
    lighter = [replace(cell, load="busy-20", offered_rps=910.0) for cell in RUN.summary.cells if cell.load == "busy-40"]
    points = [point for point in RUN.quantiles if point.load == "busy-40"]
    run = replace(RUN, quantiles=[*(replace(point, load="busy-20") for point in points), *points])
    sheet = draw("equal-load", with_summary(run, cells=(*lighter, *RUN.summary.cells)))
    assert sheet.title.startswith("At equal rate, baseline 40 % busy the p95 response time was ")
    assert [text for text in texts_on(sheet) if text.startswith("predict-1 at")] == [
        "predict-1 at the same offered load, 1,820 req/s: response time",
        "predict-1 at the same offered load, 910 req/s: response time",
    ]


def test_a_rate_of_ones_own_is_no_equal_load():
    cells = tuple(replace(cell, load="own-80", offered_rps=0.8 * cell.throughput_rps) for cell in RUN.summary.cells[:7])
    run = replace(RUN, quantiles=[Quantile("headline", "flask-gthread", "predict-1", "own-80", "response", 0.5, 1.0, 900)])
    texts = texts_on(draw("equal-load", with_summary(run, cells=cells, comparisons=())))
    assert "predict-1, 80 % of its own saturation: response time" in texts


def test_the_widest_gap_between_two_copies_in_the_tail_is_told():
    summary = RUN.summary
    floor = next(row for row in summary.noise_floor if row.load == "busy-40")
    key = (floor.part, floor.contender, floor.load)
    cells = tuple(replace(cell, p99_ms=61.1) if (cell.part, cell.stack, cell.load) == key else cell for cell in summary.cells)
    words = copies_words(replace(summary, cells=cells), RUN.stacks)
    one = next(cell for cell in cells if (cell.part, cell.stack, cell.load) == (floor.part, floor.baseline, floor.load))
    assert words.endswith(f"is {format_number(one.p99_ms)} ms, of its second copy 61.1 ms, the widest such gap here.")
    assert copies_words(replace(summary, noise_floor=()), RUN.stacks) == ""


@pytest.mark.parametrize(("wanted", "gap"), [([0.5, 0.5, 0.51], 0.2), ([0.0, 0.0], 0.3), ([0.9, 0.95, 1.0], 0.25), ([], 0.1), ([0.4], 1.0)])
def test_names_are_moved_apart_and_stay_inside(wanted, gap):
    places = spread(wanted, gap)
    assert all(second - first >= gap - 1e-9 for first, second in itertools.pairwise(places))
    assert all(gap / 2 - 1e-9 <= place <= 1 - gap / 2 + 1e-9 for place in places)
