"""The ticks of log axes: round, enough of them to read a scale by, and apart."""

import itertools

import pytest

from bench.show import canvas
from bench.show.canvas import NARROW, WIDE, Paper, Sheet, log_ticks
from bench.show.row_chart import MAX_LINEAR, Row, draw_amounts, ratio_ticks, rows_height


def test_ratio_ticks_are_round_within_the_axis_and_apart():
    ranges = [(0.9, 1.1), (0.5, 2.2), (0.97, 1.05), (0.8, 14.0), (0.01, 100.0)]
    for (low, high), distance in itertools.product(ranges, [0.04, 0.08, 0.16]):
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


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_a_log_axis_of_amounts_has_ticks_to_read_a_scale_by(width):
    for low, ratio in itertools.product([0.003, 1.0, 240.0, 999.0], [MAX_LINEAR * 1.01, 33.0, 200.0, 2000.0]):
        rows = [Row("row", "right", value=value, marker="o") for value in (low, low * ratio)]
        with canvas.drawing():
            paper = Paper("fine print", width)
            sheet = Sheet("title", "subtitle", rows_height(rows, paper), paper)
            draw_amounts(sheet, rows, "req/s")
            axes = sheet.figure.axes[0]
        begin, end = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if begin <= tick <= end]
        assert len(ticks) >= 2, (low, ratio)
