"""Panels of lines over one x axis, below each other: latency by offered load, throughput and latency by users.

Takes series of points, gives a sheet. A point may have an interval; what failed is a cross, never a gap. Names stand in a key, so
that lines that end together need no room beside the axes; lines stand a little aside of each other, so that each whisker is seen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import offset_copy

from bench.show.drawing import sheet as paper
from bench.show.drawing.sheet import MARGIN, NOTE_PT, TEXT, WIDTH, Key, Sheet

_LEFT, _HEAD, _HEIGHT, _FOOT = 0.78, 0.28, 2.2, 0.6
_APART_PT = 3


@dataclass(frozen=True)
class Point:
    """One point; `failed` means that it counts for less than it seems, since requests got no answer."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    failed: bool = False


@dataclass(frozen=True)
class Line:
    """One series under its name.

    `reach` is the x up to which it keeps within the panel's limit, with the ends of its interval.
    """

    name: str
    points: Sequence[Point]
    colour: str
    marker: str
    style: Any = "solid"
    reach: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Scale:
    """An axis: its name with unit; log, linear from 0, or from the lowest value; `ticks` where only these make sense, `names` for them."""

    label: str
    log: bool = False
    from_zero: bool = True
    ticks: tuple[float, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Panel:
    """Lines over x, with a dashed horizontal line at `limit`, which the heading names."""

    heading: str
    lines: Sequence[Line]
    y: Scale
    limit: float | None = None


def draw_lines(title: str, subtitle: str, x: Scale, panels: Sequence[Panel], fine_print: str) -> Sheet:
    """Return the chart: a key of all lines, then the panels, which share the x axis."""
    named: dict[str, Line] = {}
    for panel in panels:
        for line in panel.lines:
            named.setdefault(line.name, line)
    keys = [Key(line.name, line.colour, line.marker, line.style) for line in named.values()]
    key_height = paper.key_height(keys)
    sheet = Sheet(title, subtitle, key_height + len(panels) * (_HEAD + _HEIGHT + _FOOT), fine_print)
    paper.draw_key(sheet, keys)
    xs = [point.x for panel in panels for line in panel.lines for point in line.points]
    top = key_height
    for panel in panels:
        sheet.text(MARGIN, sheet.body_top + top, panel.heading, size=NOTE_PT, weight="bold")
        axes = sheet.axes(_LEFT, top + _HEAD, WIDTH - _LEFT - MARGIN - 0.2, _HEIGHT)
        ys = [value for line in panel.lines for point in line.points for value in (point.y, point.low, point.high) if value]
        _scale(axes, "x", x, xs)
        _scale(axes, "y", panel.y, [*ys, *([panel.limit] if panel.limit else [])])
        axes.grid(visible=True, zorder=0)
        for number, line in enumerate(panel.lines):
            _draw_line(axes, line, _APART_PT * (number - (len(panel.lines) - 1) / 2))
        if panel.limit is not None:
            _draw_reaches(axes, panel.lines, panel.limit)
            axes.axhline(panel.limit, color=TEXT, linewidth=1, linestyle=(0, (3, 2)), zorder=2)
        top += _HEAD + _HEIGHT + _FOOT
    return sheet


def _draw_line(axes: Axes, line: Line, aside_pt: float) -> None:
    points = sorted(line.points, key=lambda point: point.x)
    aside = offset_copy(axes.transData, axes.get_figure(root=True), aside_pt, 0, units="points")
    look: Any = {"color": line.colour, "transform": aside}
    axes.plot([point.x for point in points], [point.y for point in points], linestyle=line.style, linewidth=1.6, zorder=3, **look)
    ends = [(point.x, point.low, point.high) for point in points if point.low and point.high]
    if ends:
        axes.vlines(*zip(*ends, strict=True), linewidth=2.2, zorder=3, **look)
    answered, failed = ([point for point in points if point.failed == is_failed] for is_failed in (False, True))
    axes.plot([p.x for p in answered], [p.y for p in answered], line.marker, markersize=5, zorder=4, clip_on=False, **look)
    crosses: Any = {**look, "color": paper.FAILED}
    axes.plot([p.x for p in failed], [p.y for p in failed], "X", markersize=8, zorder=5, **crosses)


def _draw_reaches(axes: Axes, lines: Sequence[Line], limit: float) -> None:
    """Draw how far lines reach as whiskers below the limit, one below the other."""
    reaches = [(line, line.reach) for line in lines if line.reach]
    for place, (line, (x, low, high)) in enumerate(reaches, start=1):
        below = offset_copy(axes.transData, axes.get_figure(root=True), 0, -5 * place, units="points")
        axes.plot([low, high], [limit, limit], color=line.colour, linewidth=2.2, transform=below, zorder=4)
        axes.plot(x, limit, line.marker, color=line.colour, markersize=7, markeredgecolor=TEXT, transform=below, zorder=5)


def _scale(axes: Axes, name: str, scale: Scale, values: Sequence[float]) -> None:
    axis = axes.xaxis if name == "x" else axes.yaxis
    set_scale, set_limits = (axes.set_xscale, axes.set_xlim) if name == "x" else (axes.set_yscale, axes.set_ylim)
    axis.set_label_text(scale.label)
    highest, lowest = max(values, default=1.0), min(values, default=1.0)
    if scale.log:
        set_scale("log")
        ticks = list(scale.ticks) or paper.log_ticks(lowest, highest, long=paper.LONG_RANGE)
        set_limits(min(lowest / 1.15, ticks[0]), max(highest * 1.15, ticks[-1]))
    else:
        lowest_shown = 0.0 if scale.from_zero else lowest - 0.06 * ((highest - lowest) or highest)
        ticks = list(scale.ticks) or _even_ticks(lowest_shown, highest)
        set_limits(lowest_shown, max(highest + 0.06 * (highest - lowest_shown), ticks[-1] if scale.ticks else 0))
        ticks = [tick for tick in ticks if tick >= lowest_shown]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    names = dict(zip(ticks, scale.names, strict=False))
    axis.set_major_formatter(FuncFormatter(lambda value, _: names.get(value, f"{value:,g}")))


def _even_ticks(lowest: float, highest: float) -> list[float]:
    """Return about five round ticks of a range."""
    size = highest - lowest
    power = 10.0 ** math.floor(math.log10(size / 4))
    step = next(power * digit for digit in (1, 2, 2.5, 5, 10) if power * digit >= size / 5)
    return [number * step for number in range(math.ceil(lowest / step), int((highest + 0.06 * size) / step) + 1)]
