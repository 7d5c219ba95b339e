"""What break-even, ladder and single changes say, at their borders and where a figure is missing."""

from dataclasses import replace

import pytest
from report_pages import RUN

from bench.records import Interval, Threshold
from bench.show.why_words import (
    CAUSE,
    NAMED_THRESHOLD,
    break_even_line,
    break_even_table,
    change_table,
    ladder_table,
    model_lines,
    off_line,
    pair_words,
    server_timing_table,
    threshold_table,
    threshold_words,
)

SUMMARY, STACKS, CHANGES = RUN.summary, RUN.stacks, RUN.changes
DEPLOYED, SERVER, SAME = SUMMARY.break_even
OFF = (
    "beside the model a request takes 0.046 (-0.007 to 0.099) ms on FastAPI on uvicorn, where the curve has 0.0905, and "
    "0.829 (0.727 to 0.913) ms on Flask on gunicorn gthread, where it has 0.191"
)
NEAR = Threshold(NAMED_THRESHOLD, Interval(1.3, 1.1, 1.5, 0.9609), is_measured=True)


def with_threshold(row, **fields):
    """Return a row whose named threshold has these fields."""
    return replace(row, thresholds=tuple(replace(one, **fields) if one.within == NAMED_THRESHOLD else one for one in row.thresholds))


def column(table, heading):
    return [row[table.columns.index(heading)] for row in table.rows]


# --- break-even -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        (NEAR, "within 10 % of 1 from 1.30 ms of model time on (1.10 to 1.50 ms, 96.1 %)"),
        (replace(NEAR, ci_low=None, ci_high=None, level=None), "within 10 % of 1 from 1.30 ms of model time on"),
        (replace(NEAR, within=0.02), "within 2 % of 1 from 1.30 ms of model time on (1.10 to 1.50 ms, 96.1 %)"),
        (replace(NEAR, model_ms=0.0, ci_low=0.0, ci_high=0.0), "within 10 % of 1 whatever the model takes"),
        (replace(NEAR, model_ms=0.0, ci_low=None, ci_high=None), "within 10 % of 1 whatever the model takes"),
        (
            replace(NEAR, model_ms=0.0, ci_low=0.0, ci_high=0.2),
            "within 10 % of 1 from 0.20 ms of model time on at the latest (96.1 %)",
        ),
        (replace(NEAR, model_ms=40.0, is_measured=False), "not within 10 % of 1 up to the slowest model measured, 10.0 ms"),
    ],
)
def test_a_threshold_is_never_read_beyond_the_slowest_model_measured(threshold, words):
    assert threshold_words(DEPLOYED, threshold) == words


def test_a_pair_is_called_by_what_it_stands_for_and_its_stacks():
    assert pair_words(DEPLOYED, STACKS) == "as usually deployed: FastAPI on uvicorn / Flask on gunicorn gthread"
    assert pair_words(SERVER, STACKS) == "the server alone: Flask on granian / Flask on gunicorn gthread"
    assert pair_words(SAME, STACKS) == "same server: FastAPI on granian / Flask on granian"
    assert pair_words(replace(DEPLOYED, contender="mine"), STACKS) == "mine / Flask on gunicorn gthread"


def test_break_even_is_one_sentence_from_no_model_to_near_one():
    assert break_even_line(DEPLOYED, STACKS) == (
        "Break-even, as usually deployed: FastAPI on uvicorn / Flask on gunicorn gthread: 2.106 (2.095 to 2.115) times the requests per "
        "second if the model took no time; within 10 % of 1 from 0.9100 ms of model time on (0.9007 to 0.9180 ms, 96.9 %) (6 launches)."
    )
    never = with_threshold(DEPLOYED, model_ms=12.0, is_measured=False)
    assert break_even_line(never, STACKS).endswith("; not within 10 % of 1 up to the slowest model measured, 10.0 ms (6 launches).")


@pytest.mark.parametrize(
    ("model_ms", "nearest"),
    [
        (0.0, "engine constant, 0.000210 ms, 2.110 (2.077 to 2.123) times."),
        (0.5, "engine numpy, 0.00429 ms, 2.054 (2.027 to 2.065) times."),
        (0.6, "engine spin-1ms, 1.01 ms, 1.095 (1.086 to 1.116) times."),
        (9.0, f"engine spin-10ms, 10.0 ms, 1.0774 (1.0657 to 1.0852) times. It lies off the curve: {OFF}."),
    ],
)
def test_an_answer_names_the_nearest_engine_that_was_measured_and_whether_it_lies_off_the_curve(model_ms, nearest):
    lines = model_lines(DEPLOYED, model_ms, Interval(1.5, 1.4, 1.6, 0.96875), STACKS)
    assert lines == [
        (
            f"{pair_words(DEPLOYED, STACKS)}: 1.50 (1.40 to 1.60) times the requests per second with a model of {model_ms:g} ms, 96.9 %, "
            "6 launches, predict-1, 16 users."
        ),
        f"  Measured nearest: {nearest}",
        "  The ratio is within 10 % of 1 from 0.9100 ms of model time on (0.9007 to 0.9180 ms, 96.9 %).",
    ]


def test_an_answer_without_an_interval_says_so():
    [line, *_] = model_lines(DEPLOYED, 1.0, Interval(1.5, None, None, None), STACKS)
    assert "1.50 times the requests per second with a model of 1 ms, no interval, 6 launches" in line


def test_the_table_of_engines_has_a_line_per_engine_and_marks_what_lies_off_the_curve():
    table = break_even_table(DEPLOYED, STACKS)
    assert column(table, "engine") == ["constant", "numpy", "spin-1ms", "spin-10ms"]
    assert column(table, "fit") == ["on the curve", "on the curve", "on the curve", "off the curve"]
    assert column(table, "measured ratio")[:2] == ["2.110 (2.077 to 2.123)", "2.054 (2.027 to 2.065)"]
    assert column(table, "of the baseline, ms")[-1] == "0.829 (0.727 to 0.913)"
    assert "fit" not in break_even_table(SAME, STACKS).columns


def test_points_off_the_curve_are_explained_by_what_each_stack_takes_beside_the_model():
    assert off_line(DEPLOYED, STACKS) == f"Off the curve, as usually deployed: spin-10ms; {OFF}.{CAUSE}"
    assert off_line(SAME, STACKS) == ""


def test_no_cause_is_named_where_a_slow_model_costs_less_than_the_curve_has():
    less = Interval(0.01, 0.009, 0.011, 0.96875)
    points = tuple(replace(point, contender_overhead_ms=less, baseline_overhead_ms=less) for point in DEPLOYED.points)
    assert off_line(replace(DEPLOYED, points=points), STACKS).endswith("where it has 0.191.")


def test_the_table_of_thresholds_says_always_only_where_the_interval_agrees():
    shown = [threshold_table([with_threshold(SAME, model_ms=0.0, ci_low=0.0, ci_high=high)], STACKS) for high in (0.0, 0.4)]
    assert [column(table, "within 10 %") for table in shown] == [["always"], ["0.00 (0.00 to 0.40)"]]


def test_the_table_of_thresholds_says_not_reached_and_gives_times():
    table = threshold_table([with_threshold(DEPLOYED, model_ms=40.0, is_measured=False), SAME], STACKS)
    assert column(table, "within 10 %") == ["not reached", "0.0118 (0.0000 to 0.0162)"]
    assert column(table, "within 20 %") == ["0.4097 (0.4052 to 0.4138)", "always"]
    assert threshold_table([], STACKS).rows == ()


# --- where the time goes --------------------------------------------------------------------------------------------


def test_the_ladder_has_every_step_of_every_stack_with_its_interval_and_no_part_of_the_kernel():
    table = ladder_table(SUMMARY.ladder, STACKS)
    assert table.columns == ("stack", "step", "CPU us", "level", "offered req/s", "launches")
    assert column(table, "step") == ["server", "framework and validation", "model", "total"] * 4
    assert column(table, "CPU us")[:4] == ["150.6 (148.0 to 153.3)", "62.1 (59.5 to 64.7)", "6.9 (4.3 to 9.5)", "219.6 (217.0 to 222.3)"]
    assert set(column(table, "launches")) == {"8"}


def test_a_step_below_zero_keeps_its_figure_in_the_table():
    row = replace(SUMMARY.ladder[2], cpu_us=-1.2, ci_low=-2.5, ci_high=0.1)
    assert column(ladder_table([row], STACKS), "CPU us") == ["-1.2 (-2.5 to 0.1)"]


def test_what_stacks_say_of_themselves_stands_beside_the_model_step_of_the_ladder():
    table = server_timing_table(SUMMARY, STACKS)
    assert table.rows[0] == ("Flask on gunicorn gthread", "3.10", "4.40", "6.9 (4.3 to 9.5)", "96.1 %", "1,000")
    without = replace(SUMMARY, ladder=tuple(row for row in SUMMARY.ladder if row.stack != "flask-gthread"))
    assert column(server_timing_table(without, STACKS), "stack") == ["FastAPI on uvicorn"]


# --- single changes -------------------------------------------------------------------------------------------------


def test_a_single_change_is_called_as_in_the_plan_else_by_its_stack():
    table = change_table(SUMMARY.changes, CHANGES[1:], STACKS)
    assert column(table, "what is changed") == ["flask-gthread", *(what for what, _, _ in CHANGES[1:])]
    assert column(table, "ratio")[0] == "13.12 (12.93 to 13.31)"
    assert set(column(table, "start")) == {"The article's Flask on gunicorn gthread"}


def test_a_change_without_a_figure_has_none_in_the_table():
    row = replace(SUMMARY.changes[0], ratio=None, ci_low=None, ci_high=None, level=None, launches=0)
    table = change_table([row], CHANGES, STACKS)
    assert (column(table, "ratio"), column(table, "level"), column(table, "launches")) == (["-"], ["-"], ["0"])
