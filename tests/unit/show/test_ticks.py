"""The ticks of axes: round, enough of them to read a scale by, and apart."""

import itertools

import pytest

from bench.show.drawing.lines import Line, Panel, Point, Scale, draw_lines
from bench.show.drawing.rows import MAX_LINEAR, TICK_DISTANCE, Row, draw_amounts, draw_ratios, ratio_ticks, rows_height
from bench.show.drawing.sheet import Sheet, drawing, log_ticks


def ticks_within(axis):
    begin, end = axis.get_view_interval()
    return [float(tick) for tick in axis.get_majorticklocs() if begin <= tick <= end]


def draw_rows(draw, values):
    """Return the axes on which a function has drawn these values as rows."""
    rows = [Row("row", "right", value=value, marker="o") for value in values]
    with drawing():
        sheet = Sheet("title", "subtitle", rows_height(rows), "fine print")
        draw(sheet, rows, "req/s")
    return sheet.figure.axes[0]


def test_ratio_ticks_are_round_within_the_axis_and_apart():
    ranges = [(0.9, 1.1), (0.5, 2.2), (0.97, 1.05), (0.8, 14.0), (0.01, 100.0)]
    for (low, high), distance in itertools.product(ranges, [0.04, TICK_DISTANCE, 0.16]):
        ticks, case = ratio_ticks(low, high, distance), (low, high, distance)
        assert 1 in ticks, case
        assert all(low <= tick <= high for tick in ticks), case
        assert all(second / first > (high / low) ** distance for first, second in itertools.pairwise(ticks)), case


def test_log_ticks_enclose_the_range_with_none_to_spare():
    ranges = [(3.0, 3.0), (0.9, 1.1), (1.0, 10.0), (240.0, 8100.0), (0.001, 5000.0)]
    for (low, high), long in itertools.product(ranges, [20, float("inf")]):
        ticks, case = log_ticks(low, high, long=long), (low, high, long)
        assert len(ticks) >= 2, case
        assert ticks[0] <= low < ticks[1], case
        assert ticks[-2] <= high < ticks[-1], case


def test_log_ticks_are_1_2_and_5_and_1_alone_over_a_long_range():
    assert log_ticks(0.3, 60) == [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
    assert log_ticks(0.3, 60, long=100) == [0.1, 1, 10, 100]


def test_an_axis_of_amounts_has_ticks_to_read_a_scale_by_and_is_log_where_the_smallest_would_vanish():
    for low, ratio in itertools.product([0.003, 1.0, 240.0, 999.0], [1.0, MAX_LINEAR * 0.99, MAX_LINEAR * 1.01, 33.0, 200.0, 2000.0]):
        axes, case = draw_rows(draw_amounts, [low, low * ratio]), (low, ratio)
        assert axes.get_xscale() == ("log" if ratio > MAX_LINEAR else "linear"), case
        assert len(ticks_within(axes.xaxis)) >= 2, case


def test_an_axis_of_ratios_has_1_and_another_tick():
    for values in ([1.0], [0.99, 1.01], [2.01], [0.3], [13.1, 1.05]):
        ticks = ticks_within(draw_rows(draw_ratios, values).xaxis)
        assert 1 in ticks, values
        assert len(ticks) >= 2, values


@pytest.mark.parametrize(("low", "high"), [(0.98, 1.03), (1820.0, 1820.0), (1820.0, 3640.0), (0.2, 0.9), (240.0, 8100.0)])
def test_a_linear_axis_has_a_few_round_ticks_wherever_it_begins(low, high):
    line = Line("a line", [Point(low, 1.0), Point(high, 2.0)], "#00517F", "o")
    panels = [Panel("heading", [line], Scale("ms"))]
    for from_zero in (True, False):
        with drawing():
            sheet = draw_lines("title", "subtitle", Scale("req/s", from_zero=from_zero), panels, "fine print")
        ticks = ticks_within(sheet.figure.axes[-1].xaxis)
        assert 2 <= len(ticks) <= 8, from_zero
        step = ticks[1] - ticks[0]
        assert float(f"{step:.2g}") == pytest.approx(step), from_zero
        assert [tick / step for tick in ticks] == pytest.approx([round(tick / step) for tick in ticks]), from_zero
