"""A chart of rows on one axis: each row has its texts above and a dot with its whisker below, at the full width of the sheet.

Names of any length fit, since no row has to share its line with a picture; two texts share a line where both fit. Takes rows, draws on a
sheet.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.records import Interval
from bench.show.drawing import sheet as paper
from bench.show.drawing.sheet import AA_GREY, GRID, INNER, MARGIN, MUTED, NOTE_PT, TEXT_PT, Sheet

# The roundest first: they get their place first.
RATIO_TICKS = (1, 2, 0.5, 4, 0.25, 8, 0.125, 1.5, 3, 0.7, 0.8, 1.25, 0.9, 1.1, 16, 32, 64, 0.95, 1.05, 0.98, 1.02, 0.99, 1.01)
TICK_DISTANCE = 0.13
# Amounts that are further apart than this stand on a log axis.
MAX_LINEAR = 15
AXIS_HEIGHT = 0.55
_HALF_BAND = 0.11


@dataclass(frozen=True)
class Row:
    """One row. Without a marker it is a heading; `note` and `note_right` make a second line of text.

    `dots` are the launches; `margin` draws the band of ratios too small to matter, `noise_floor` the far end of A/A where
    that is wider than the band.
    """

    left: str
    right: str
    note: str = ""
    note_right: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    dots: tuple[float, ...] = ()
    marker: str = ""
    colour: str = MUTED
    hollow: bool = False
    dashed: bool = False
    size: float = 6.0
    margin: float = 0.0
    noise_floor: float = 1.0

    @property
    def noise_floor_is_wider(self) -> bool:
        """Whether two copies of the baseline differed by more than the margin."""
        return self.margin > 0 and abs(math.log(self.noise_floor)) > math.log1p(self.margin)

    def values(self) -> list[float]:
        """Return every figure that has to lie on the axis."""
        figures = (self.value, self.low, self.high, *self.dots)
        band = (1 + self.margin, 1 / (1 + self.margin)) if self.margin else ()
        far_ends = (self.noise_floor, 1 / self.noise_floor) if self.noise_floor_is_wider else ()
        return [figure for figure in (*figures, *band, *far_ends) if figure is not None]


def whisker(interval: Interval | None) -> dict[str, Any]:
    """Return the ends of an interval as fields of a `Row`."""
    return {"low": interval and interval.low, "high": interval and interval.high}


def draw_amounts(sheet: Sheet, rows: Sequence[Row], unit: str, top: float = 0.0) -> None:
    """Draw rows on a linear axis from 0, on a log axis where the largest would leave nothing of the smallest; `top` as in `Sheet.axes`."""
    values = [value for row in rows for value in row.values()]
    highest = max(values, default=0.0) or 1.0
    if min(values, default=0.0) > 0 and highest / min(values) > MAX_LINEAR:
        axes = _draw_rows(sheet, rows, (1, 2), top)
        axes.set_xscale("log")
        low, high = min(values) / 1.2, highest * 1.2
        axes.set_xlim(low, high)
        axes.set_xlabel(f"{unit}, log scale")
        ticks = paper.log_ticks(low, high, long=paper.LONG_RANGE)
        axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        return
    axes = _draw_rows(sheet, rows, (0, highest * 1.04), top)
    axes.set_xlabel(unit)
    whole = highest > 10  # noqa: PLR2004 - its ticks are whole numbers
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if whole else f"{value:g}"))


def draw_ratios(sheet: Sheet, rows: Sequence[Row], label: str) -> None:
    """Draw rows on a log axis around 1, on which twice and half weigh the same."""
    values = [value for row in rows for value in row.values() if value > 0] or [1.0]
    low, high = math.log(min(*values, 0.9)), math.log(max(*values, 1.1))
    pad = 0.04 * (high - low)
    limits = math.exp(low - pad), math.exp(high + pad)
    axes = _draw_rows(sheet, rows, limits)
    axes.set_xscale("log", base=2)
    axes.set_xlim(*limits)
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(FixedLocator(ratio_ticks(*limits, TICK_DISTANCE)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))


def ratio_ticks(low: float, high: float, distance: float) -> list[float]:
    """Return round ratios of a log axis from low to high, ascending, apart by at least this share of its length."""
    ticks: list[float] = []
    for tick in RATIO_TICKS:
        if low <= tick <= high and all(abs(math.log(tick / other)) > distance * math.log(high / low) for other in ticks):
            ticks.append(tick)
    return sorted(ticks)


def rows_height(rows: Sequence[Row]) -> float:
    """Return the height in inches of the body that rows and their axis need."""
    return sum(map(_row_height, rows)) + AXIS_HEIGHT + 0.05


def _draw_rows(sheet: Sheet, rows: Sequence[Row], limits: tuple[float, float], begin: float = 0.0) -> Axes:
    """Draw texts and pictures of all rows; y is inches from `begin`, which counts from the top of the body."""
    height = rows_height(rows) - AXIS_HEIGHT
    axes = sheet.axes(MARGIN + 0.12, begin, INNER - 0.24, height)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(*limits)
    top = 0.0
    for row in rows:
        _write_texts(sheet, row, sheet.body_top + begin + top)
        if row.marker:
            y = top + _text_height(row) + 0.13
            axes.axhline(y, color=GRID, linewidth=0.7, zorder=0)
            _draw_row(axes, row, y)
        top += _row_height(row)
    return axes


@dataclass(frozen=True)
class _Line:
    """One line of a row's texts; `right` stands at the right edge."""

    left: str
    right: str
    size: float
    colour: str
    right_colour: str
    bold: bool = False


def _lines(row: Row) -> list[_Line]:
    heading = not row.marker
    size, right_colour = (NOTE_PT, MUTED) if heading else (TEXT_PT, paper.TEXT)
    pairs = [(row.left, row.right, size, paper.TEXT, right_colour), (row.note, row.note_right, NOTE_PT, MUTED, MUTED)]
    lines: list[_Line] = []
    for left, right, left_size, colour, other in pairs:
        lefts = [_Line(text, "", left_size, colour, other, heading) for text in paper.wrap(left, left_size, INNER, bold=heading)]
        rights = [_Line("", text, NOTE_PT, other, other) for text in paper.wrap(right, NOTE_PT, INNER)]
        if len(lefts) == len(rights) == 1 and _width(left, left_size, bold=heading) + _width(right, NOTE_PT) + 0.15 < INNER:
            lefts, rights = [replace(lefts[0], right=rights[0].right)], []
        lines += [*lefts, *(replace(line, left=line.right, right="") for line in rights)]
    return lines


def _width(text: str, size: float, *, bold: bool = False) -> float:
    return paper.text_width(text, size, bold=bold) * paper.SLACK


def _text_height(row: Row) -> float:
    return sum(line.size for line in _lines(row)) * paper.LINE + (0.0 if row.marker else 0.14)


def _row_height(row: Row) -> float:
    """Return the inches from the top of this row to the top of the next."""
    return _text_height(row) + (0.36 if row.marker else 0.02)


def _write_texts(sheet: Sheet, row: Row, top: float) -> None:
    top += 0.0 if row.marker else 0.14
    for line in _lines(row):
        sheet.text(MARGIN, top, line.left, size=line.size, weight="bold" if line.bold else "normal", color=line.colour)
        drop = (line.size - NOTE_PT) / 2 / paper.POINTS_PER_INCH
        sheet.text(MARGIN + INNER, top + drop, line.right, size=NOTE_PT, color=line.right_colour, ha="right")
        top += line.size * paper.LINE


def _draw_row(axes: Axes, row: Row, y: float) -> None:
    ends = (y - _HALF_BAND, y + _HALF_BAND)
    if row.margin:
        edges = (1 / (1 + row.margin), 1 + row.margin)
        axes.fill_betweenx(ends, *edges, facecolor=paper.BAND, hatch="/////", edgecolor=AA_GREY, linewidth=0, zorder=1)
        axes.vlines(1, *ends, color=paper.AXIS, linewidth=1, zorder=1)
        if row.noise_floor_is_wider:
            axes.vlines([row.noise_floor, 1 / row.noise_floor], *ends, color=paper.TEXT, linewidth=1, linestyle=(0, (3, 2)), zorder=1)
    axes.plot(row.dots, [y] * len(row.dots), "o", color=row.colour, markersize=4, alpha=0.28, markeredgewidth=0, zorder=2)
    if row.low is not None and row.high is not None:
        style = (0, (2.2, 1.4)) if row.dashed else "solid"
        axes.hlines(y, row.low, row.high, color=row.colour, linewidth=2.2, linestyle=style, zorder=3)
    if row.value is not None:
        look: Any = {"markersize": row.size, "color": row.colour, "markerfacecolor": "white" if row.hollow else row.colour}
        axes.plot(row.value, y, row.marker, markeredgewidth=1.5, clip_on=False, zorder=4, **look)
