"""The break-even chart: throughput ratio against the time a prediction takes, for every pair that was measured with several engines.

x is log; an engine that computes nothing has no place on it and stands in a slot of its own, left of a break. y is log, so that
twice and half weigh the same. Measured ratios are points, the curve of the model "it only adds its time" is dashed.
"""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.records import BreakEven, BreakEvenPoint
from bench.show import canvas
from bench.show.canvas import AA_GREY, MARGIN, MUTED, NOTE_PT, TEXT, Sheet
from bench.show.row_chart import RATIO_TICKS

NO_MODEL = "constant"
_MARKERS = ("D", "^", "s", "o")
_LEFT, _WIDTH, _HEIGHT = 0.62, 5.15, 3.5
_FOOT, _KEY = 1.0, 0.24
_TICK_DISTANCE = 0.05
_LABEL_DISTANCE = 0.1


def draw_break_even(title: str, subtitle: str, pairs: Sequence[tuple[BreakEven, str]], margin: float, fine_print: str) -> Sheet:
    """Return the chart of pairs, each with its name; `margin` is the band of ratios too small to matter."""
    sheet = Sheet(title, subtitle, _KEY * len(pairs) + _HEIGHT + _FOOT, fine_print)
    axes = sheet.axes(_LEFT, _KEY * len(pairs), canvas.WIDTH - _LEFT - MARGIN - 0.3, _HEIGHT)
    points = [point for row, _ in pairs for point in row.points]
    slot_ms, start_ms = _scale_x(axes, points)
    _scale_y(axes, pairs, margin)
    for number, (row, name) in enumerate(pairs):
        marker = _MARKERS[number % len(_MARKERS)]
        top = sheet.body_top + _KEY * number
        key = sheet.axes(MARGIN, _KEY * number, 0.2, _KEY - 0.06)
        key.axis("off")
        key.plot(0.5, 0.5, marker, color=_COLOUR, markersize=7, markerfacecolor=_face(number))
        sheet.text(MARGIN + 0.26, top, name, size=NOTE_PT)
        _draw_pair(axes, row, number, slot_ms, start_ms)
    _name_engines(axes, points, slot_ms)
    return sheet


_COLOUR = canvas.FRAMEWORK_COLOURS["FastAPI"]


def _face(number: int) -> str:
    return _COLOUR if number % 2 == 0 else "white"


def _scale_x(axes: Axes, points: Sequence[BreakEvenPoint]) -> tuple[float, float]:
    """Set the log axis; return the place of the slot for no model, and where the axis proper begins."""
    times = [point.model_ms for point in points if point.engine != NO_MODEL] or [1.0]
    start_ms = min(times) / 1.8
    slot_ms = start_ms / 2.5
    axes.set_xscale("log")
    axes.set_xlim(slot_ms / 1.6, max(times) * 1.8)
    decades = [10.0**power for power in range(-6, 5) if start_ms <= 10.0**power <= max(times) * 1.8]
    axes.xaxis.set_major_locator(FixedLocator([slot_ms, *decades]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: "no\nmodel" if math.isclose(value, slot_ms) else f"{value:g}"))
    axes.set_xlabel("time of one prediction, ms, log scale; below the axis: the engines that were measured", labelpad=28)
    axes.axvline(start_ms / 1.3, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    return slot_ms, start_ms


def _scale_y(axes: Axes, pairs: Sequence[tuple[BreakEven, str]], margin: float) -> None:
    ends = [end for row, _ in pairs for point in row.points for end in (point.ratio, point.ci_low, point.ci_high) if end]
    low, high = math.log(min(*ends, 0.9)), math.log(max(*ends, 1.1))
    pad = 0.12 * (high - low)
    axes.set_yscale("log", base=2)
    axes.set_ylim(math.exp(low - pad), math.exp(high + pad))
    ticks: list[float] = []
    for tick in RATIO_TICKS:
        apart = all(abs(math.log(tick / other)) > _TICK_DISTANCE * (high - low) for other in ticks)
        if math.exp(low - pad) <= tick <= math.exp(high + pad) and apart:
            ticks.append(tick)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.set_ylabel("contender / baseline, requests per second")
    axes.axhspan(1 / (1 + margin), 1 + margin, facecolor=canvas.BAND, hatch="/////", edgecolor=AA_GREY, linewidth=0, zorder=0)
    axes.axhline(1, color=canvas.AXIS, linewidth=1, zorder=1)
    axes.grid(visible=True, zorder=0)


def _draw_pair(axes: Axes, row: BreakEven, number: int, slot_ms: float, start_ms: float) -> None:
    curve = [point for point in row.curve if point.model_ms >= start_ms]
    times = [point.model_ms for point in curve]
    axes.plot(times, [point.ratio for point in curve], color=_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)), zorder=2)
    if all(point.ci_low is not None and point.ci_high is not None for point in curve):
        lows, highs = [point.ci_low or 0 for point in curve], [point.ci_high or 0 for point in curve]
        axes.fill_between(times, lows, highs, color=_COLOUR, alpha=0.16, linewidth=0, zorder=1)
    placed: list[float] = []
    for point in row.points:
        x = slot_ms if point.engine == NO_MODEL else point.model_ms
        if point.ci_low is not None and point.ci_high is not None:
            axes.vlines(x, point.ci_low, point.ci_high, color=_COLOUR, linewidth=2.2, zorder=3)
        if point.model_ms_low and point.model_ms_high and point.engine != NO_MODEL:
            axes.hlines(point.ratio, point.model_ms_low, point.model_ms_high, color=_COLOUR, linewidth=2.2, zorder=3)
        marker = _MARKERS[number % len(_MARKERS)]
        axes.plot(x, point.ratio, marker, color=_COLOUR, markerfacecolor=_face(number), markersize=7, zorder=4)
        place = math.log10(x)
        if all(abs(place - other) > _LABEL_DISTANCE * 4 for other in placed):
            up = point.ratio >= 1
            text = f"{point.ratio:.2f}x{' *' if point.off_curve else ''}"
            offset = (0, 12 if up else -12)
            axes.annotate(
                text,
                (x, point.ratio),
                offset,
                textcoords="offset points",
                ha="center",
                va="bottom" if up else "top",
                fontsize=NOTE_PT,
                color=TEXT,
            )
            placed.append(place)


def _name_engines(axes: Axes, points: Sequence[BreakEvenPoint], slot_ms: float) -> None:
    """Write each engine's name below the axis, in two rows so that neighbours do not collide."""
    times: dict[str, float] = {}
    for point in points:
        times.setdefault(point.engine, slot_ms if point.engine == NO_MODEL else point.model_ms)
    last = [-math.inf, -math.inf]
    for engine, model_ms in sorted(times.items(), key=lambda item: item[1]):
        place = math.log10(model_ms)
        level = 0 if place - last[0] > 4.5 * _LABEL_DISTANCE else 1
        last[level] = place
        axes.annotate(
            engine,
            (model_ms, 0),
            (0, -30 - 11 * level),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=NOTE_PT,
            color=MUTED,
        )
        axes.plot([model_ms], [0], "|", color=MUTED, markersize=9, transform=axes.get_xaxis_transform(), clip_on=False)
