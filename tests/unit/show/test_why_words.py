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
    "beside the model a request takes 0.109 (0.060 to 0.181) ms on FastAPI on uvicorn, where the fit has 0.115, and "
    "0.906 (0.832 to 0.970) ms on Flask on gunicorn gthread, where it has 0.731"
)
BOTH_OFF = (
    "beside the model a request takes 0.0931 (0.0872 to 0.0979) and 0.109 (0.060 to 0.181) ms on FastAPI on uvicorn, where the fit has "
    "0.0932 and 0.115, and 0.2230 (0.2152 to 0.2309) and 0.906 (0.832 to 0.970) ms on Flask on gunicorn gthread, where it has 0.245 and "
    "0.731"
)
TIMES = Interval(14.3, 12.1, 16.5, 0.9609)
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
        (replace(NEAR, model_ms=40.0, is_measured=False), "not within 10 % of 1 up to the slowest model measured, 9.99 ms"),
        (
            replace(NEAR, multiple=TIMES),
            "within 10 % of 1 from 1.30 ms of model time on (1.10 to 1.50 ms, 96.1 %), 14.3 times what the contender itself takes",
        ),
        (
            replace(NEAR, ci_high=None),
            "within 10 % of 1 from 1.30 ms of model time on (1.10 to more than 9.99 ms, 96.1 %)",
        ),
        (
            replace(NEAR, model_ms=0.0, ci_low=0.0, ci_high=None),
            "within 10 % of 1 whatever the model takes, by its interval perhaps not even at 9.99 ms (96.1 %)",
        ),
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
        "Break-even, as usually deployed: FastAPI on uvicorn / Flask on gunicorn gthread: 2.106 (2.084 to 2.124) times the requests per "
        "second if the model took no time; within 10 % of 1 from 1.44 ms of model time on (1.29 to 1.63 ms, 96.1 %), 15.9 times what the "
        "contender itself takes (8 launches)."
    )
    never = with_threshold(DEPLOYED, model_ms=12.0, is_measured=False)
    assert break_even_line(never, STACKS).endswith("; not within 10 % of 1 up to the slowest model measured, 9.99 ms (8 launches).")


@pytest.mark.parametrize(
    ("model_ms", "nearest"),
    [
        (0.0, "engine constant, 0.000210 ms, 2.103 (2.081 to 2.121) times."),
        (0.5, "engine numpy, 0.00430 ms, 2.050 (2.033 to 2.067) times."),
        (6.0, "engine forest, 6.22 ms, 1.02 (0.72 to 1.19) times."),
        (9.0, f"engine spin-10ms, 9.99 ms, 1.0778 (1.0714 to 1.0845) times. It lies off the curve: {OFF}."),
    ],
)
def test_an_answer_names_the_nearest_engine_that_was_measured_and_whether_it_lies_off_the_curve(model_ms, nearest):
    lines = model_lines(DEPLOYED, model_ms, Interval(1.5, 1.4, 1.6, 0.96875), STACKS)
    assert lines == [
        (
            f"{pair_words(DEPLOYED, STACKS)}: 1.50 (1.40 to 1.60) times the requests per second with a model of {model_ms:g} ms, 96.9 %, "
            "8 launches, predict-1, 16 users."
        ),
        f"  Measured nearest: {nearest}",
        (
            "  The ratio is within 10 % of 1 from 1.44 ms of model time on (1.29 to 1.63 ms, 96.1 %), 15.9 times what the contender itself "
            "takes."
        ),
    ]


def test_an_answer_without_an_interval_says_so():
    [line, *_] = model_lines(DEPLOYED, 1.0, Interval(1.5, None, None, None), STACKS)
    assert "1.50 times the requests per second with a model of 1 ms, no interval, 8 launches" in line


def test_the_table_of_engines_has_a_line_per_engine_and_marks_what_lies_off_the_curve():
    table = break_even_table(DEPLOYED, STACKS)
    assert column(table, "engine") == ["constant", "numpy", "spin-1ms", "forest", "spin-10ms"]
    assert column(table, "fit") == ["on the curve", "on the curve", "off the curve", "not drawn: too uncertain", "off the curve"]
    assert column(table, "measured ratio")[:2] == ["2.103 (2.081 to 2.121)", "2.050 (2.033 to 2.067)"]
    assert column(table, "fit of all") == ["2.09", "2.05", "1.14", "1.07", "1.06"]
    assert column(table, "of the baseline, ms")[-1] == "0.906 (0.832 to 0.970)"
    assert "fit" not in break_even_table(SAME, STACKS).columns


def test_points_off_the_curve_are_explained_by_what_each_stack_takes_beside_the_model():
    assert off_line(DEPLOYED, STACKS) == f"Off the curve, as usually deployed: spin-1ms, spin-10ms; {BOTH_OFF}."
    assert off_line(SAME, STACKS) == ""


def test_a_cause_is_named_only_where_a_slow_model_costs_more_than_the_fit_has_for_every_engine_off_it():
    slowest = DEPLOYED.points[-1]
    alone = replace(DEPLOYED, points=(*(replace(point, off_curve=False) for point in DEPLOYED.points[:-1]), slowest))
    assert off_line(alone, STACKS) == f"Off the curve, as usually deployed: spin-10ms; {OFF}.{CAUSE}"
    as_fitted = replace(
        slowest, contender_overhead_ms=Interval(0.11, None, None, None), baseline_overhead_ms=Interval(0.7, None, None, None)
    )
    assert off_line(replace(alone, points=(as_fitted,)), STACKS).endswith("where it has 0.731.")


def test_the_fit_of_a_run_that_knows_no_slope_is_the_overhead_alone():
    bare = replace(DEPLOYED, contender_slope=None, baseline_slope=None)
    assert off_line(bare, STACKS).endswith(f"where it has 0.190 and 0.190.{CAUSE}")


def test_the_table_of_thresholds_says_always_only_where_the_interval_agrees():
    rows = [with_threshold(SAME, model_ms=0.0, ci_low=0.0, ci_high=high, multiple=None) for high in (0.0, 0.4, None)]
    shown = [column(threshold_table([row], STACKS), "within 10 %") for row in rows]
    assert shown == [["always"], ["0.00 (0.00 to 0.40)"], ["0 (0 to more than 9.99)"]]


def test_the_table_of_thresholds_gives_times_with_multiples_and_says_up_to_where_there_is_none():
    table = threshold_table([DEPLOYED, SAME], STACKS)
    assert column(table, "within 20 %") == ["0.480 (0.456 to 0.499), x 5.29", "always"]
    assert column(table, "within 5 %") == ["not by 9.99", "0.166 (0.112 to 0.240), x 1.44"]
    assert threshold_table([], STACKS).rows == ()


def test_the_table_of_thresholds_has_the_slopes_of_the_fit_where_they_are_known():
    table = threshold_table([DEPLOYED, SAME], STACKS)
    assert column(table, "slope of the contender") == ["0.0024 (0.0006 to 0.0042)", "0.0057 (0.0045 to 0.0080)"]
    assert column(table, "of the baseline") == ["0.0541 (0.0492 to 0.0581)", "-0.0010 (-0.0046 to 0.0017)"]
    bare = replace(DEPLOYED, contender_slope=None, baseline_slope=None)
    assert "slope of the contender" not in threshold_table([bare], STACKS).columns


# --- where the time goes --------------------------------------------------------------------------------------------


def test_the_ladder_has_every_step_of_every_stack_with_its_interval_and_no_part_of_the_kernel():
    table = ladder_table(SUMMARY.ladder, STACKS)
    assert table.columns == ("stack", "step", "CPU us", "level", "offered req/s", "launches")
    assert column(table, "step") == ["server", "framework and validation", "model", "total"] * 4
    assert column(table, "CPU us")[:4] == ["150.6 (148.0 to 153.3)", "62.1 (59.5 to 64.7)", "6.9 (4.3 to 9.5)", "219.6 (217.0 to 222.3)"]
    assert set(column(table, "launches")) == {"8"}


@pytest.mark.parametrize(
    ("ends", "figure"),
    [
        ((-2.5, 0.1), "not resolved: -2.5 to 0.1"),
        ((-2.5, 0.0), "not resolved: -2.5 to 0.0"),
        ((-2.5, -0.1), "-1.2 (-2.5 to -0.1)"),
        ((None, None), "-1.20"),
    ],
)
def test_a_step_that_cannot_be_told_from_none_is_not_resolved_and_one_below_zero_keeps_its_figure(ends, figure):
    row = replace(SUMMARY.ladder[2], cpu_us=-1.2, ci_low=ends[0], ci_high=ends[1])
    assert column(ladder_table([row], STACKS), "CPU us") == [figure]


def test_what_stacks_say_of_themselves_stands_beside_the_model_step_of_the_ladder():
    table = server_timing_table(SUMMARY, STACKS)
    assert table.rows[0] == ("Flask on gunicorn gthread", "3.10", "4.40", "6.9 (4.3 to 9.5)", "96.1 %", "1,000", "yes")
    without = replace(SUMMARY, ladder=tuple(row for row in SUMMARY.ladder if row.stack != "flask-gthread"))
    assert column(server_timing_table(without, STACKS), "stack") == ["FastAPI on uvicorn"]


def test_what_a_stack_says_of_itself_against_the_ladder_is_called_so():
    ladder = tuple(replace(row, contradicted=(row.stack, row.step) == ("flask-gthread", "model")) for row in SUMMARY.ladder)
    table = server_timing_table(replace(SUMMARY, ladder=ladder), STACKS)
    assert column(table, "do they agree") == ["no: outside the interval", "yes"]


# --- single changes -------------------------------------------------------------------------------------------------


def test_a_single_change_is_called_as_in_the_plan_else_by_its_stack():
    table = change_table(SUMMARY.changes, CHANGES[1:], STACKS)
    assert column(table, "what is changed") == ["flask-gthread", *(what for what, _, _ in CHANGES[1:])]
    assert column(table, "ratio")[0] == "13.12 (12.93 to 13.31)"
    starts = ["The article's Flask on gunicorn gthread"] * 4 + ["Flask on gunicorn gthread", "FastAPI on uvicorn"]
    assert column(table, "start") == starts


def test_a_change_without_a_figure_has_none_in_the_table():
    row = replace(SUMMARY.changes[0], ratio=None, ci_low=None, ci_high=None, level=None, launches=0)
    table = change_table([row], CHANGES, STACKS)
    assert (column(table, "ratio"), column(table, "level"), column(table, "launches")) == (["-"], ["-"], ["0"])
