"""The break-even chart: throughput ratio against the time a prediction takes, for every pair that was measured with several engines.

x is log; an engine that computes nothing has no place on it and stands in a slot of its own, left of a break. y is log, so that
twice and half weigh the same. Measured ratios are points, the curve through them is dashed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import offset_copy

from bench.records import NO_MODEL, BreakEven, BreakEvenPoint, Comparison
from bench.show import canvas
from bench.show.canvas import AA_GREY, MARGIN, MUTED, NOTE_PT, SLACK, TEXT, Key, Paper, Sheet
from bench.show.row_chart import ratio_ticks

_MARKERS = ("D", "^", "s", "o")
_COLOUR = canvas.FRAMEWORK_COLOURS["FastAPI"]
_LEFT, _RIGHT, _HEIGHT, _LABEL_PT = 0.72, 0.3, 3.4, 0.46
_LEVEL = 11 / canvas.POINTS_PER_INCH
_TICK_DISTANCE = 0.04
# Pairs at one engine stand this far apart, so that one whisker does not hide another.
_APART_PT = 5


@dataclass(frozen=True)
class _Axis:
    """The log axis of x: where the axes lie on it, in ms; the slot is the place for no model, left of the axis proper."""

    slot_ms: float
    start_ms: float
    left_ms: float
    right_ms: float
    width: float

    def inches(self, model_ms: float) -> float:
        """Return how far right of the left edge a time lies."""
        return self.width * math.log(model_ms / self.left_ms) / math.log(self.right_ms / self.left_ms)

    def place_of(self, point: BreakEvenPoint) -> float:
        """Return the time at which a point is drawn."""
        return self.slot_ms if point.engine == NO_MODEL else point.model_ms


@dataclass(frozen=True)
class NoiseFloor:
    """A/A beside the pairs: the ratio of two copies of one stack, at the engine of both."""

    name: str
    engine: str
    row: Comparison


def draw_break_even(
    title: str, subtitle: str, pairs: Sequence[tuple[BreakEven, str]], floor: NoiseFloor | None, margin: float, paper: Paper
) -> Sheet:
    """Return the chart of pairs, each with its name, and of A/A; `margin` is the band of ratios too small to matter."""
    points = [point for row, _ in pairs for point in row.points]
    axis = _make_axis(points, paper.width - _LEFT - MARGIN - _RIGHT)
    levels = _engine_levels(points, axis)
    keys = [Key(name, _COLOUR, _MARKERS[number % len(_MARKERS)], hollow=number % 2 == 1) for number, (_, name) in enumerate(pairs)]
    keys += [Key(floor.name, AA_GREY, "D", hollow=True)] if floor else []
    key_height = canvas.key_height(keys, paper) + 0.1
    label = canvas.wrap("time of one prediction, ms, log scale; above: engines measured", NOTE_PT, axis.width)
    foot = 0.5 + _LEVEL * (max(level for level, _ in levels.values()) + 1) + 0.25 + (len(label) - 1) * NOTE_PT * canvas.LINE
    sheet = Sheet(title, subtitle, key_height + _HEIGHT + foot, paper)
    canvas.draw_key(sheet, keys)
    axes = sheet.axes(_LEFT, key_height, axis.width, _HEIGHT)
    _scale_x(axes, axis, levels, "\n".join(label))
    engines: dict[str, list[BreakEvenPoint]] = {}
    for point in points:
        engines.setdefault(point.engine, []).append(point)
    ends = _engine_ends(engines, floor)
    _scale_y(axes, ends.values(), margin)
    for number, (row, _) in enumerate(pairs):
        _draw_pair(axes, axis, row, number, _APART_PT * (number - (len(pairs) - 1) / 2))
    if floor and floor.row.ratio:
        x = axis.place_of(engines[floor.engine][0])
        if floor.row.ends:
            axes.vlines(x, *floor.row.ends, color=AA_GREY, linewidth=2.2, zorder=3)
        axes.plot(x, floor.row.ratio, "D", color=AA_GREY, markerfacecolor="white", markersize=5, zorder=4)
    _label_points(axes, axis, engines, ends)
    return sheet


def _make_axis(points: Sequence[BreakEvenPoint], width: float) -> _Axis:
    times = [point.model_ms for point in points if point.engine != NO_MODEL] or [1.0]
    start_ms = min(times) / 1.8
    slot_ms = start_ms / 3
    return _Axis(slot_ms, start_ms, slot_ms / 2, max(times) * 1.8, width)


def _engine_ends(engines: Mapping[str, Sequence[BreakEvenPoint]], floor: NoiseFloor | None) -> dict[str, tuple[float, float]]:
    """Return for each engine the lowest and the highest ratio that something drawn there reaches."""
    ends = {}
    for engine, points in engines.items():
        rows: list[BreakEvenPoint | Comparison] = [*points, *([floor.row] if floor and floor.engine == engine else [])]
        reached = [ratio for row in rows for ratio in (row.ratio, *(row.ends or ())) if ratio]
        ends[engine] = (min(reached), max(reached))
    return ends


def _engine_levels(points: Sequence[BreakEvenPoint], axis: _Axis) -> dict[str, tuple[int, float]]:
    """Return for each engine in which line below the axis its name stands, and at which time: the first line where it has room."""
    off = {point.engine for point in points if point.off_curve}
    times: dict[str, float] = {}
    for point in points:
        times.setdefault(f"{point.engine}{' *' if point.engine in off else ''}", axis.place_of(point))
    ends: list[float] = []
    levels = {}
    for engine, model_ms in sorted(times.items(), key=lambda item: item[1]):
        half = canvas.text_width(engine, NOTE_PT) * SLACK / 2
        left, right = axis.inches(model_ms) - half - 0.06, axis.inches(model_ms) + half
        level = next((number for number, end in enumerate(ends) if left > end), len(ends))
        ends[level : level + 1] = [right]
        levels[engine] = (level, model_ms)
    return levels


def _scale_x(axes: Axes, axis: _Axis, levels: Mapping[str, tuple[int, float]], label: str) -> None:
    """Set the log axis, with a slot for no model left of a break, and the engines' names below it."""
    axes.set_xscale("log")
    axes.set_xlim(axis.left_ms, axis.right_ms)
    decades = [10.0**power for power in range(-6, 5) if axis.start_ms <= 10.0**power <= axis.right_ms]
    axes.xaxis.set_major_locator(FixedLocator([axis.slot_ms, *decades]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: "no model" if math.isclose(value, axis.slot_ms) else f"{value:g}"))
    axes.axvline(axis.start_ms / 1.3, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    depth = max(level for level, _ in levels.values()) + 1
    axes.set_xlabel(label, labelpad=4 + 11 * depth)
    for engine, (level, model_ms) in levels.items():
        axes.annotate(
            engine,
            (model_ms, 0),
            (0, -18 - 11 * level),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=NOTE_PT,
            color=TEXT,
        )
        axes.plot([model_ms], [0], "|", color=TEXT, markersize=9, transform=axes.get_xaxis_transform(), clip_on=False)


def _scale_y(axes: Axes, ends: Iterable[tuple[float, float]], margin: float) -> None:
    lows, highs = zip(*ends, (0.9, 1.1), strict=True)
    low, high = math.log(min(lows)), math.log(max(highs))
    pad = 0.14 * (high - low)
    axes.set_yscale("log", base=2)
    axes.set_ylim(math.exp(low - pad), math.exp(high + pad))
    axes.yaxis.set_major_locator(FixedLocator(ratio_ticks(*axes.get_ylim(), _TICK_DISTANCE)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.set_ylabel("contender / baseline, requests per second")
    axes.axhspan(1 / (1 + margin), 1 + margin, facecolor=canvas.BAND, hatch="/////", edgecolor=AA_GREY, linewidth=0, zorder=0)
    axes.axhline(1, color=canvas.AXIS, linewidth=1, zorder=1)
    axes.grid(visible=True, zorder=0)


def _draw_pair(axes: Axes, axis: _Axis, row: BreakEven, number: int, aside_pt: float) -> None:
    curve = [point for point in row.curve if point.model_ms >= axis.start_ms]
    times = [point.model_ms for point in curve]
    axes.plot(times, [point.ratio for point in curve], color=_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)), zorder=2)
    ends = [point.interval.ends for point in curve if point.interval.ends]
    if len(ends) == len(curve):
        axes.fill_between(times, [low for low, _ in ends], [high for _, high in ends], color=_COLOUR, alpha=0.16, linewidth=0, zorder=1)
    aside = offset_copy(axes.transData, axes.get_figure(root=True), aside_pt, 0, units="points")
    for point in row.points:
        x = axis.place_of(point)
        if point.ends:
            axes.vlines(x, *point.ends, color=_COLOUR, linewidth=2.2, zorder=3, transform=aside)
        if point.model.ends and point.model.low and point.engine != NO_MODEL:
            axes.hlines(point.ratio, *point.model.ends, color=_COLOUR, linewidth=2.2, zorder=3, transform=aside)
        marker, face = _MARKERS[number % len(_MARKERS)], _COLOUR if number % 2 == 0 else "white"
        axes.plot(x, point.ratio, marker, color=_COLOUR, markerfacecolor=face, markersize=7, zorder=4, transform=aside)


def _label_points(
    axes: Axes, axis: _Axis, engines: Mapping[str, Sequence[BreakEvenPoint]], ends: Mapping[str, tuple[float, float]]
) -> None:
    """Write at each engine the highest ratio above all that is drawn there and the lowest below it, as far as there is room."""
    taken: list[tuple[float, float]] = []
    bottom, top = (math.log(limit) for limit in axes.get_ylim())

    def height(ratio: float) -> float:
        return _HEIGHT * (math.log(ratio) - bottom) / (top - bottom)

    marks = [(axis.inches(axis.place_of(points[0])), *(height(end) for end in ends[engine])) for engine, points in engines.items()]
    for engine, points in engines.items():
        by_ratio = sorted(points, key=lambda point: point.ratio)
        labels = [(by_ratio[-1], True), (by_ratio[0], False)] if len(points) > 1 else [(points[0], points[0].ratio >= 1)]
        for point, up in labels:
            end = ends[engine][up]
            x, y = axis.inches(axis.place_of(point)), height(end) + (0.14 if up else -0.14)
            is_on_label = any(abs(x - other) < _LABEL_PT and abs(y - place) < 2 * _LEVEL for other, place in taken)
            is_on_mark = any(abs(x - other) < _LABEL_PT / 2 and low - 0.1 < y < high + 0.1 for other, low, high in marks)
            if is_on_label or is_on_mark:
                continue
            taken.append((x, y))
            axes.annotate(
                f"{point.ratio:.2f}x{' *' if point.off_curve else ''}",
                (axis.place_of(point), end),
                (0, 6 if up else -6),
                textcoords="offset points",
                ha="center",
                va="bottom" if up else "top",
                fontsize=NOTE_PT,
                color=TEXT,
            )
