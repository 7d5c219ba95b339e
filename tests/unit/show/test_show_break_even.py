"""Break-even: what the chart shows and leaves out, from when on a pair is near, and what its tables and sentences say at their borders."""

from dataclasses import replace

import pytest
from marks import column, marks_on, plots_on, table_of, whiskers_on
from report_pages import RUN
from sheets import draw, mini_sheets, texts_on, with_summary, words_on

from bench.records import NEAR, Interval, Threshold
from bench.show.topics.break_even import section
from bench.show.words.models import model_words, off_words, pair_name, threshold_words

STACKS = RUN.stacks
DEPLOYED, ALONE, SAME = RUN.summary.break_even
DIAMOND, TRIANGLE = "D", "^"


def draw_chart(*rows):
    """Return the sheet of these pairs, and its axes."""
    sheet = draw(section, with_summary(break_even=rows))["break-even"]
    [axes] = plots_on(sheet)
    return sheet, axes


def mini_chart():
    sheet = mini_sheets(section)["break-even"]
    [axes] = plots_on(sheet)
    return sheet, axes


def with_ratios(row, *ratios):
    """Return a pair whose models have these ratios, all of them drawn."""
    ends = {"ci_low": None, "ci_high": None, "level": None}
    return replace(
        row, points=tuple(replace(point, ratio=ratio, is_drawn=True, **ends) for point, ratio in zip(row.points, ratios, strict=False))
    )


def with_near(row, **fields):
    """Return a pair whose threshold of the chart and the answer has these fields."""
    return replace(row, thresholds=tuple(replace(one, **fields) if one.within == NEAR else one for one in row.thresholds))


def words_at(axes):
    """Return what is written within the axes with the place that it belongs to."""
    return [(text.get_text(), *text.xy) for text in axes.texts]


# --- the chart ------------------------------------------------------------------------------------------------------


def test_the_chart_has_the_pair_as_deployed_and_the_frameworks_on_one_server():
    sheet, axes = mini_chart()
    assert texts_on(sheet)[-2:] == ["as usually deployed", "same server"]
    for row, marker in ((DEPLOYED, DIAMOND), (SAME, TRIANGLE)):
        drawn = [point for point in row.points if point.is_drawn]
        assert [ratio for _, ratio in marks_on(axes, marker)] == [point.ratio for point in drawn]
        assert [model_ms for model_ms, _ in marks_on(axes, marker)][1:] == [point.model_ms for point in drawn][1:]


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ((ALONE,), ["the server alone"]),
        ((ALONE, SAME), ["same server"]),
        ((DEPLOYED, ALONE, SAME), ["as usually deployed", "same server"]),
        ((replace(SAME, contender="x"), DEPLOYED, SAME), ["x / Flask on granian", "as usually deployed"]),
    ],
)
def test_the_server_alone_is_drawn_where_there_is_no_other_pair_and_a_third_pair_never(rows, names):
    sheet = draw_chart(*rows)[0]
    known = {pair_name(row, STACKS) for row in (DEPLOYED, ALONE, SAME, *rows)}
    assert [text for text in texts_on(sheet) if text in known] == names


def test_a_run_without_a_pair_has_nothing_to_say():
    assert section(with_summary(break_even=())).is_empty


def test_no_model_has_a_slot_of_its_own_left_of_a_break():
    _, axes = mini_chart()
    slot = marks_on(axes, DIAMOND)[0][0]
    breaks = [float(line.get_xdata()[0]) for line in axes.lines if line.get_color() == "#57606A"]
    assert slot < breaks[0] < DEPLOYED.points[1].model_ms
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "0.01", "0.1", "1", "10"]
    assert axes.get_xticks()[0] == slot


def test_models_are_named_below_the_axis_as_readers_call_them_each_once():
    _, axes = mini_chart()
    assert [words for words, _, y in words_at(axes) if y == 0] == ["no model", "linear model", "1 ms", "forest", "10 ms"]
    assert {engine: model_words(engine) for engine in ("constant", "numpy", "sklearn", "spin-0.3ms", "spin-fast", "mine")} == {
        "constant": "no model",
        "numpy": "linear model",
        "sklearn": "scikit-learn",
        "spin-0.3ms": "0.3 ms",
        "spin-fast": "spin-fast",
        "mine": "mine",
    }


def test_an_engine_whose_ratio_is_too_uncertain_has_no_point_and_no_place_in_what_the_chart_says():
    forest, slowest = DEPLOYED.points[-2:]
    assert [(point.engine, point.is_drawn) for point in (forest, slowest)] == [("forest", False), ("spin-10ms", True)]
    row = replace(DEPLOYED, points=(*DEPLOYED.points[:3], replace(slowest, is_drawn=False)))
    sheet, axes = draw_chart(row)
    assert slowest.ratio not in [ratio for _, ratio in marks_on(axes, DIAMOND)]
    assert "10 ms" not in [words for words, *_ in words_at(axes)]
    assert "9.99" not in sheet.title


@pytest.mark.parametrize(
    ("ratios", "title"),
    [
        ((2.0, 1.8, 1.3, 1.2, 1.1), "The slower the model, the less the choice matters: 2.00 times with no model, 1.30 times at 1.01 ms, "),
        (
            (0.5, 0.6, 0.7, 0.8, 0.9),
            "The slower the model, the less the choice matters: 0.500 times with no model, 0.700 times at 1.01 ms, ",
        ),
        ((1.1, 1.2, 1.3, 1.4, 1.5), "Throughput by the time of a model: 1.10 times with no model, 1.30 times at 1.01 ms, 1.50 times at "),
        (
            (1.4, 1.2, 1.1, 1.2, 0.95),
            "The slower the model, the less the choice matters: 1.40 times with no model, 1.10 times at 1.01 ms, ",
        ),
        ((1.1, 1.2), "Throughput by the time of a model: 1.10 times with no model, 1.20 times at 0.00430 ms"),
    ],
)
def test_the_title_says_that_the_choice_matters_less_and_less_only_where_the_ratios_that_it_names_say_so(ratios, title):
    assert draw_chart(with_ratios(DEPLOYED, *ratios))[0].title.startswith(title)


def test_whiskers_have_the_intervals_of_the_ratio_and_of_the_time_that_a_prediction_takes():
    _, axes = mini_chart()
    whiskers = [tuple(sorted(ends)) for ends in whiskers_on(axes)]
    point = DEPLOYED.points[2]
    assert ((point.model_ms, point.ends[0]), (point.model_ms, point.ends[1])) in whiskers
    assert ((point.model.low, point.ratio), (point.model.high, point.ratio)) in whiskers


def test_whiskers_are_named_by_their_level_and_starts_and_said_to_be_missing_where_they_are():
    assert "Whisker: the 96.1 % interval over 8 starts of all servers." in words_on(mini_chart()[0])
    bare = replace(with_ratios(DEPLOYED, 2.0, 1.5), launches=1)
    assert "answers more. No interval: 1 start of all servers. Dashed" in words_on(draw_chart(bare)[0])


def test_marks_of_two_pairs_at_one_model_stand_aside_of_each_other():
    _, axes = draw_chart(DEPLOYED, replace(DEPLOYED, contender="mine"))
    one, other = (next(line for line in axes.lines if line.get_marker() == marker) for marker in (DIAMOND, TRIANGLE))
    places = [line.get_transform().transform((1.0, 1.0))[0] for line in (one, other)]
    assert places[1] - places[0] >= 4  # pixels: half a mark


def test_the_curve_has_a_band_only_where_all_of_it_has_an_interval():
    bare = replace(DEPLOYED, curve=(*DEPLOYED.curve[:-1], replace(DEPLOYED.curve[-1], ci_low=None, ci_high=None)))
    bands = [len([lines for lines in draw_chart(row)[1].collections if lines.get_alpha() == 0.16]) for row in (DEPLOYED, bare)]
    assert bands == [1, 0]


def test_ratios_that_hardly_matter_lie_in_the_hatched_band():
    _, axes = mini_chart()
    [band] = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches if patch.get_hatch()]
    assert (band.y0, band.y1) == pytest.approx((1 / (1 + NEAR), 1 + NEAR))
    assert "Hatched: less than 10 % apart." in words_on(mini_chart()[0])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ["below 10 % from\n1.4 ms"]),
        ({"ci_low": None, "ci_high": None}, ["below 10 % from\n1.44 ms"]),
        ({"is_measured": False}, []),
        ({"model_ms": 0.0, "ci_low": 0.0, "ci_high": 0.0}, []),
    ],
)
def test_from_when_on_the_first_pair_is_near_is_drawn_where_it_was_measured(fields, words):
    row = with_near(DEPLOYED, **fields)
    _, axes = draw_chart(row)
    near = next(one for one in row.thresholds if one.within == NEAR)
    assert [text for text, *_ in words_at(axes) if "below" in text] == words
    assert [list(line.get_xdata()) for line in axes.lines].count([near.model_ms] * 2) == len(words)


def test_of_two_ratios_at_a_model_the_higher_stands_above_all_whiskers_and_the_lower_below():
    above = replace(DEPLOYED.points[1], ratio=1.2, ci_low=0.9, ci_high=1.4)
    below = replace(SAME.points[1], ratio=1.1, ci_low=0.8, ci_high=1.8)
    _, axes = draw_chart(replace(DEPLOYED, points=(above,)), replace(SAME, points=(below,)))
    labels = {words: y for words, _, y in words_at(axes) if words in ("1.10", "1.20")}
    assert labels == {"1.10": 0.8, "1.20": 1.8}
    bottom, top = axes.get_ylim()
    assert bottom < labels["1.10"]
    assert top > labels["1.20"]


@pytest.mark.parametrize(("ratio", "is_above"), [(1.3, True), (0.7, False)])
def test_a_ratio_alone_stands_on_the_side_away_from_one(ratio, is_above):
    _, axes = draw_chart(replace(DEPLOYED, points=(replace(DEPLOYED.points[1], ratio=ratio, ci_low=0.6, ci_high=1.4),)))
    assert [y for words, _, y in words_at(axes) if words == f"{ratio:.2f}"] == [1.4 if is_above else 0.6]


@pytest.mark.parametrize("ends", [(None, None), (1.25, 2.5)])
@pytest.mark.parametrize(("times", "labels"), [(1.2, 1), (9.0, 2)])
def test_a_ratio_that_would_stand_on_another_one_or_on_its_whisker_is_left_to_the_table(ends, times, labels):
    one = replace(DEPLOYED.points[1], ratio=1.3, ci_low=ends[0], ci_high=ends[1])
    other = replace(one, engine="mine", model_ms=times * one.model_ms, ci_low=None, ci_high=None)
    _, axes = draw_chart(replace(DEPLOYED, points=(one, other)))
    assert [words for words, *_ in words_at(axes)].count("1.30") == labels


# --- what is said ---------------------------------------------------------------------------------------------------


def test_a_pair_is_called_by_what_it_stands_for_else_by_its_stacks():
    assert [pair_name(row, STACKS) for row in (DEPLOYED, ALONE, SAME)] == ["as usually deployed", "the server alone", "same server"]
    assert pair_name(replace(DEPLOYED, contender="mine"), STACKS) == "mine / Flask on gunicorn gthread"


THRESHOLD = Threshold(NEAR, Interval(1.3, 1.1, 1.5, 0.9609), is_measured=True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "1.3 ms (1.1 to 1.5)"),
        ({"ci_low": None, "ci_high": None, "level": None}, "1.30 ms"),
        ({"ci_high": None}, "1.30 ms (1.10 to more than 9.99)"),
        ({"model_ms": 40.0, "is_measured": False}, "not by 9.99 ms"),
        ({"model_ms": 0.0, "ci_low": 0.0, "ci_high": 0.0}, "any model"),
        ({"model_ms": 0.0, "ci_low": None, "ci_high": None}, "any model"),
        ({"model_ms": 0.0, "ci_low": 0.0, "ci_high": 0.2}, "any model, or from 0.200 ms"),
        ({"model_ms": 0.0, "ci_low": 0.0, "ci_high": None}, "any model; by its interval perhaps not even at 9.99 ms"),
    ],
)
def test_a_threshold_is_never_read_beyond_the_slowest_model_measured(fields, words):
    assert threshold_words(DEPLOYED, replace(THRESHOLD, **fields)) == words


def test_the_table_of_thresholds_has_every_pair_and_the_multiple_where_one_is_known():
    caption, multiple = "From which model time on", "10 %, as a multiple of the contender's own time"
    table = table_of(section, caption)
    assert table.columns == ("pair", *(f"less than {share} %" for share in (20, 10, 5)), multiple, "launches")
    assert table.rows[1] == ("the server alone", "0.41 ms (0.37 to 0.45)", "1.3 ms (1.0 to 1.7)", "not by 9.99 ms", "12 (10 to 16)", "8")
    without = with_near(SAME, multiple=None)
    assert column(table_of(section, caption, with_summary(break_even=(DEPLOYED, without))), multiple) == ["16 (14 to 18)", "-"]
    assert multiple not in table_of(section, caption, with_summary(break_even=(without,))).columns


def test_the_table_of_points_has_a_line_per_model_and_marks_what_lies_off_the_curve():
    table = table_of(section, "All points, as usually deployed")
    assert column(table, "model") == ["no model", "linear model", "1 ms", "forest", "10 ms"]
    assert column(table, "fit") == ["on the curve", "on the curve", "off the curve", "not drawn: too uncertain", "off the curve"]
    assert table.rows[-1] == (
        *("10 ms", "9.990 (9.975 to 10.014)", "1.0778 (1.0714 to 1.0845)", "96.1 %", "1.06", "off the curve"),
        *("0.109 (0.060 to 0.181)", "0.906 (0.832 to 0.970)"),
    )
    assert "fit" not in table_of(section, "All points, same server").columns


def test_the_fit_of_both_stacks_has_a_table_with_the_slopes_that_are_known():
    bare = replace(SAME, contender_slope=None)
    assert table_of(section, "Time of a request beside a model of t ms", with_summary(break_even=(DEPLOYED, bare))).rows == (
        (
            *("as usually deployed", "0.09070 (0.09025 to 0.09122) ms + 0.0024 (0.0006 to 0.0042) t"),
            "0.1904 (0.1894 to 0.1916) ms + 0.0541 (0.0492 to 0.0581) t",
        ),
        ("same server", "0.11479 (0.11426 to 0.11532) ms", "0.10285 (0.10264 to 0.10311) ms + -0.0010 (-0.0046 to 0.0017) t"),
    )


@pytest.mark.parametrize(
    ("slopes", "contender", "baseline"), [({}, "0.115", "0.731"), ({"contender_slope": None, "baseline_slope": None}, "0.0907", "0.190")]
)
def test_what_a_request_takes_beside_a_model_stands_against_the_fit_which_without_slope_is_the_overhead_alone(slopes, contender, baseline):
    row = replace(DEPLOYED, **slopes)
    assert off_words(row, row.points[4], {}) == (
        f"Beside the model a request takes 0.11 (0.06 to 0.18) ms on fastapi-uvicorn (by the fit {contender}) "
        f"and 0.91 (0.83 to 0.97) ms on flask-gthread (by the fit {baseline})."
    )
