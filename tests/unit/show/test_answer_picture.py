"""The picture beside the answer: which ratios it has, what their shapes say, and the A/A that each must clear."""

from dataclasses import replace

import pytest
from marks import values_on
from report_pages import RUN
from run_variants import VARIANTS
from sheets import texts_on, with_summary, words_on

from bench.show.drawing.sheet import drawing
from bench.show.finished import read_run
from bench.show.topics.answer import answer_picture

THROUGHPUT = [row for row in RUN.summary.comparisons if row.metric == "throughput_rps" and row.role != "exploratory"]
FIRST, ALONE, SAME = THROUGHPUT
FLOOR = RUN.summary.noise_floor[0]


def draw_answer(run=RUN, **fields):
    """Return the picture's sheet, and its axes."""
    with drawing():
        sheet = answer_picture(with_summary(run, **fields)).sheet
    [axes] = sheet.figure.axes
    return sheet, axes


@pytest.mark.parametrize(
    ("verdict", "marker", "face", "is_dashed"),
    [
        ("better", "^", "#BE5200", False),
        ("worse", "v", "#BE5200", False),
        ("equivalent", "s", "#BE5200", False),
        ("undecided", "o", "white", True),
        ("withheld", "|", "#6E7781", False),
        ("not judged", "o", "#6E7781", False),
    ],
)
def test_verdicts_differ_by_shape_and_what_is_not_judged_is_grey(verdict, marker, face, is_dashed):
    _, axes = draw_answer(comparisons=(replace(FIRST, verdict=verdict),), noise_floor=())
    [dot] = [line for line in axes.lines if list(line.get_xdata()) == [FIRST.ratio]]
    assert (dot.get_marker(), dot.get_markerfacecolor()) == (marker, face)
    [whisker] = [lines for lines in axes.collections if lines.get_linewidth() == [2.2]]
    assert (whisker.get_linestyle()[0][1] is not None) == is_dashed


def test_judged_ratios_stand_in_the_order_of_the_answer_with_the_aa_of_each_baseline_below_its_last_row():
    sheet, _ = draw_answer(comparisons=tuple(reversed(RUN.summary.comparisons)))
    texts = texts_on(sheet)
    names = ("As usually deployed", "The server alone", "Same server", "A/A: the same code twice")
    rows = [(text, *texts[place + 1 : place + 3]) for place, text in enumerate(texts) if text in names]
    assert rows == [
        ("As usually deployed", "2.01 (1.99 to 2.03), ▲ better", "FastAPI on uvicorn / Flask on gunicorn gthread"),
        ("The server alone", "1.80 (1.78 to 1.81), ▲ better", "Flask on granian / Flask on gunicorn gthread"),
        ("A/A: the same code twice", "1.00 (0.99 to 1.01)", "Flask on gunicorn gthread"),
        ("Same server", "0.902 (0.894 to 0.910), ▼ worse", "FastAPI on granian / Flask on granian"),
        ("A/A: the same code twice", "0.998 (0.990 to 1.006)", "Flask on granian"),
    ]


def test_every_ratio_and_every_aa_has_a_dot_and_one_for_each_launch():
    _, axes = draw_answer()
    drawn = values_on(axes)
    for row in (*THROUGHPUT, FLOOR):
        assert (row.ratio,) in drawn, row.contender
        assert row.launch_ratios in drawn, row.contender


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        (
            (FIRST, ALONE, SAME),
            "Requests per second: 2.01 times as usually deployed, 1.80 times by the server alone, 0.902 times on the same server",
        ),
        ((replace(FIRST, contender="mine", baseline="yours"),), "Requests per second: 2.01 times mine against yours"),
        ((replace(FIRST, interval=None), SAME), "Requests per second: 0.902 times on the same server"),
        ((replace(FIRST, interval=None),), "No ratio was measured"),
    ],
)
def test_the_title_has_the_ratios_and_what_each_pair_stands_for(rows, title):
    assert draw_answer(comparisons=rows)[0].title == title


def test_without_a_judged_row_of_throughput_the_first_three_of_throughput_are_drawn():
    other = {"role": "exploratory", "verdict": "not judged", "reason": "exploratory", "metric": "throughput_rps"}
    rows = tuple(replace(FIRST, contender=f"stack-{number}", **other) for number in range(4))
    latency = replace(FIRST, contender="late", **{**other, "metric": "p95_ms"})
    sheet, _ = draw_answer(comparisons=(latency, *rows), noise_floor=())
    assert [text.partition(" /")[0] for text in texts_on(sheet) if " / " in text] == ["stack-0", "stack-1", "stack-2"]
    sheet, _ = draw_answer(comparisons=(*rows, SAME), noise_floor=())
    assert not [text for text in texts_on(sheet) if text.startswith("stack-")]


@pytest.mark.parametrize("name", ["empty", "open"])
def test_a_run_that_compares_no_throughput_has_no_such_picture(name, tmp_path):
    assert answer_picture(read_run(VARIANTS[name](tmp_path / "run"))) is None


def test_a_row_without_figure_is_named_with_its_verdict_and_has_no_dot():
    row = replace(FIRST, interval=None, launch_ratios=(), verdict="withheld", reason="the run is not valid")
    sheet, axes = draw_answer(comparisons=(row,), noise_floor=(replace(FLOOR, interval=None, launch_ratios=()),))
    texts = texts_on(sheet)
    assert texts[texts.index("As usually deployed") + 1] == "▬ withheld"
    assert texts[texts.index("A/A: the same code twice") + 1] == "no figure"
    assert not [values for values in values_on(axes) if values]


@pytest.mark.parametrize(
    ("low", "high", "far"),
    [
        (0.98, 1.04, 1.04),
        (0.96, 1.01, 1 / 0.96),
        (1.021, 1.04, 1.04),
        (0.981, 1.019, None),
        (None, None, None),
    ],
)
def test_the_far_end_of_aa_is_drawn_on_both_sides_and_explained_where_it_is_wider_than_the_margin(low, high, far):
    sheet, axes = draw_answer(comparisons=(replace(FIRST, margin=0.02),), noise_floor=(replace(FLOOR, ci_low=low, ci_high=high),))
    dashed = [lines for lines in axes.collections if lines.get_linestyle()[0][1] is not None]
    places = sorted(round(float(segment[0][0]), 4) for lines in dashed for segment in lines.get_segments())
    assert places == ([] if far is None else [round(1 / far, 4), round(far, 4)])
    assert ("Dashed: the far end of A/A" in words_on(sheet)) == bool(far)


def test_both_far_ends_of_aa_lie_on_the_axis_however_wide_they_are():
    row = replace(FIRST, ratio=1.0, ci_low=0.98, ci_high=1.02, launch_ratios=(1.0,))
    _, axes = draw_answer(comparisons=(row,), noise_floor=(replace(FLOOR, ratio=0.9, ci_low=0.7, ci_high=1.1, launch_ratios=(0.9,)),))
    low, high = axes.get_xlim()
    assert low < 0.7
    assert high > 1 / 0.7


def test_the_band_of_ratios_too_small_to_matter_is_as_wide_as_the_margin_and_explained():
    rows = (replace(FIRST, margin=0.02), replace(ALONE, margin=0.05))
    sheet, axes = draw_answer(comparisons=rows, noise_floor=())
    bands = [band.get_paths()[0].get_extents() for band in axes.collections if band.get_hatch()]
    assert [(band.x0, band.x1) for band in bands] == [pytest.approx((1 / 1.02, 1.02)), pytest.approx((1 / 1.05, 1.05))]
    assert "Hatched: within ±2 %, 5 %" in words_on(sheet)
