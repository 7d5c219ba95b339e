"""The chart of break-even: throughput ratio against the time of one prediction, measured points and the curve through them.

x is log; no model has no place on it and stands in a slot of its own, left of a break. y is log, so that twice and half weigh the same.
Measured ratios are points, the curve through them is dashed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import offset_copy

from bench.records import NEAR, NO_MODEL, SERVER_ALONE, BreakEven, BreakEvenPoint
from bench.records.numbers import (
    count_words,
    format_load,
    format_number,
    format_percent,
    level_words,
    split_prose,
)
from bench.show.drawing import sheet as paper
from bench.show.drawing.rows import ratio_ticks
from bench.show.drawing.sheet import AA_GREY, MARGIN, MUTED, NOTE_PT, SLACK, TEXT, WIDTH, Key, Sheet
from bench.show.finished import FinishedRun
from bench.show.words.models import model_words, pair_name
from bench.show.words.verdicts import state_words

MAX_PAIRS = 2
_MARKERS = ("D", "^", "s", "o")
_COLOURS = (paper.FRAMEWORK_COLOURS["FastAPI"], paper.OTHER_COLOUR, paper.MODEL_COLOUR, paper.FRAMEWORK_COLOURS["Flask"])
_LEFT, _RIGHT, _HEIGHT, _LABEL_PT = 0.72, 0.12, 2.9, 0.5
_LEVEL = 12 / paper.POINTS_PER_INCH
_TICK_DISTANCE = 0.05
# Pairs at one model stand this far apart, so that one whisker does not hide another.
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


def draw_break_even(run: FinishedRun) -> Sheet:
    """Return the chart of the pair as deployed and of the frameworks on one server, else of the first pairs that there are."""
    # Marks and curve speak of what is drawn; the table has the others, too.
    others = [row for row in run.summary.break_even if (row.contender, row.baseline) != SERVER_ALONE]
    shown = (others or run.summary.break_even)[:MAX_PAIRS]
    rows = [replace(row, points=tuple(point for point in row.points if point.is_drawn)) for row in shown]
    points = [point for row in rows for point in row.points]
    axis = _make_axis(points, WIDTH - _LEFT - MARGIN - _RIGHT)
    levels = _model_levels(points, axis)
    keys = [Key(pair_name(row, run.stacks), colour, marker) for row, colour, marker in zip(rows, _COLOURS, _MARKERS, strict=False)]
    key_height = paper.key_height(keys) + 0.1
    foot = 0.5 + _LEVEL * (max(level for level, _ in levels.values()) + 1) + 0.25
    sheet = Sheet(state_words(run.summary) + _title(rows[0]), _subtitle(rows), key_height + _HEIGHT + foot, run.fine_print)
    paper.draw_key(sheet, keys)
    axes = sheet.axes(_LEFT, key_height, axis.width, _HEIGHT)
    _scale_x(axes, axis, levels)
    models: dict[str, list[BreakEvenPoint]] = {}
    for point in points:
        models.setdefault(point.engine, []).append(point)
    ends = _model_ends(models)
    _scale_y(axes, ends.values())
    for number, row in enumerate(rows):
        _draw_pair(axes, axis, row, number, _APART_PT * (number - (len(rows) - 1) / 2))
    _draw_threshold(axes, axis, rows[0])
    _label_points(axes, axis, models, ends)
    return sheet


def _title(row: BreakEven) -> str:
    """Return the ratios of no model, of one in the middle, and of the slowest: less and less, where that is so."""
    few = [row.points[place] for place in sorted({0, len(row.points) // 2, len(row.points) - 1})]
    texts = [f"{split_prose(point.interval)[0]} times at {format_number(point.model_ms)} ms" for point in few]
    texts[0] = f"{split_prose(few[0].interval)[0]} times with {model_words(few[0].engine)}"
    far = [abs(math.log(point.ratio)) for point in few]
    lead = "The slower the model, the less the choice matters" if far == sorted(far, reverse=True) else "Throughput by the time of a model"
    return f"{lead}: {', '.join(texts)}"


def _subtitle(rows: Sequence[BreakEven]) -> str:
    levels = " / ".join(dict.fromkeys(words for row in rows for point in row.points if (words := level_words(point.interval))))
    whisker = f"Whisker: the {levels} interval over" if levels else "No interval:"
    return (
        f"Requests per second, as a ratio: above 1x the first named stack answers more. {whisker} "
        f"{count_words(rows[0].launches, 'start')} of all servers. Dashed: a curve through the points. Hatched: less than "
        f"{format_percent(NEAR)} apart. {rows[0].scenario}, {format_load(rows[0].load)}."
    )


def _make_axis(points: Sequence[BreakEvenPoint], width: float) -> _Axis:
    times = [point.model_ms for point in points if point.engine != NO_MODEL] or [1.0]
    start_ms = min(times) / 1.8
    slot_ms = start_ms / 3
    return _Axis(slot_ms, start_ms, slot_ms / 2, max(times) * 1.8, width)


def _model_ends(models: Mapping[str, Sequence[BreakEvenPoint]]) -> dict[str, tuple[float, float]]:
    """Return for each model the lowest and the highest ratio that something drawn there reaches."""
    ends = {}
    for engine, points in models.items():
        reached = [ratio for point in points for ratio in (point.ratio, *(point.ends or ())) if ratio]
        ends[engine] = (min(reached), max(reached))
    return ends


def _model_levels(points: Sequence[BreakEvenPoint], axis: _Axis) -> dict[str, tuple[int, float]]:
    """Return for each model in which line below the axis its name stands, and at which time: the first line where it has room."""
    times: dict[str, float] = {}
    for point in points:
        times.setdefault(model_words(point.engine), axis.place_of(point))
    ends: list[float] = []
    levels = {}
    for engine, model_ms in sorted(times.items(), key=lambda item: item[1]):
        half = paper.text_width(engine, NOTE_PT) * SLACK / 2
        left, right = axis.inches(model_ms) - half - 0.06, axis.inches(model_ms) + half
        level = next((number for number, end in enumerate(ends) if left > end), len(ends))
        ends[level : level + 1] = [right]
        levels[engine] = (level, model_ms)
    return levels


def _scale_x(axes: Axes, axis: _Axis, levels: Mapping[str, tuple[int, float]]) -> None:
    """Set the log axis, with a slot for no model left of a break, and the models' names below it."""
    axes.set_xscale("log")
    axes.set_xlim(axis.left_ms, axis.right_ms)
    decades = [10.0**power for power in range(-6, 5) if axis.start_ms <= 10.0**power <= axis.right_ms]
    axes.xaxis.set_major_locator(FixedLocator([axis.slot_ms, *decades]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: "0" if math.isclose(value, axis.slot_ms) else f"{value:g}"))
    axes.axvline(axis.start_ms / 1.3, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    depth = max(level for level, _ in levels.values()) + 1
    axes.set_xlabel("time of one prediction, ms, log scale", labelpad=4 + 12 * depth)
    for engine, (level, model_ms) in levels.items():
        axes.annotate(
            engine,
            (model_ms, 0),
            (0, -18 - 12 * level),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=NOTE_PT,
            color=TEXT,
        )
        axes.plot([model_ms], [0], "|", color=TEXT, markersize=9, transform=axes.get_xaxis_transform(), clip_on=False)


def _scale_y(axes: Axes, ends: Iterable[tuple[float, float]]) -> None:
    lows, highs = zip(*ends, (1 / (1 + NEAR), 1 + NEAR), strict=True)
    low, high = math.log(min(lows)), math.log(max(highs))
    pad = 0.14 * (high - low)
    axes.set_yscale("log", base=2)
    axes.set_ylim(math.exp(low - pad), math.exp(high + pad))
    axes.yaxis.set_major_locator(FixedLocator(ratio_ticks(*axes.get_ylim(), _TICK_DISTANCE)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.set_ylabel("ratio of requests per second")
    axes.axhspan(1 / (1 + NEAR), 1 + NEAR, facecolor=paper.BAND, hatch="/////", edgecolor=AA_GREY, linewidth=0, zorder=0)
    axes.axhline(1, color=paper.AXIS, linewidth=1, zorder=1)
    axes.grid(visible=True, zorder=0)


def _draw_pair(axes: Axes, axis: _Axis, row: BreakEven, number: int, aside_pt: float) -> None:
    colour, marker = _COLOURS[number], _MARKERS[number]
    curve = [point for point in row.curve if point.model_ms >= axis.start_ms]
    times = [point.model_ms for point in curve]
    axes.plot(times, [point.ratio for point in curve], color=colour, linewidth=1.2, linestyle=(0, (4, 2)), zorder=2)
    ends = [point.interval.ends for point in curve if point.interval.ends]
    if len(ends) == len(curve):
        axes.fill_between(times, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.16, linewidth=0, zorder=1)
    aside = offset_copy(axes.transData, axes.get_figure(root=True), aside_pt, 0, units="points")
    for point in row.points:
        x = axis.place_of(point)
        if point.ends:
            axes.vlines(x, *point.ends, color=colour, linewidth=2.2, zorder=3, transform=aside)
        if point.model.ends and point.model.low and point.engine != NO_MODEL:
            axes.hlines(point.ratio, *point.model.ends, color=colour, linewidth=2.2, zorder=3, transform=aside)
        axes.plot(x, point.ratio, marker, color=colour, markersize=6, zorder=4, transform=aside)


def _draw_threshold(axes: Axes, axis: _Axis, row: BreakEven) -> None:
    """Draw from where on the first pair is near, where that was measured."""
    threshold = row.near
    if not threshold.is_measured or threshold.model_ms <= axis.start_ms:
        return
    axes.axvline(threshold.model_ms, color=TEXT, linewidth=1, linestyle=(0, (3, 2)), zorder=2)
    axes.annotate(
        f"below {format_percent(NEAR)} from\n{split_prose(threshold.model)[0]} ms",
        (threshold.model_ms, 1),
        (-4, -4),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=NOTE_PT,
        color=TEXT,
    )


def _label_points(axes: Axes, axis: _Axis, models: Mapping[str, Sequence[BreakEvenPoint]], ends: Mapping[str, tuple[float, float]]) -> None:
    """Write at each model the highest ratio above all that is drawn there and the lowest below it, as far as there is room."""
    taken: list[tuple[float, float]] = []
    bottom, top = (math.log(limit) for limit in axes.get_ylim())

    def height(ratio: float) -> float:
        return _HEIGHT * (math.log(ratio) - bottom) / (top - bottom)

    marks = [(axis.inches(axis.place_of(points[0])), *(height(end) for end in ends[engine])) for engine, points in models.items()]
    for engine, points in models.items():
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
                f"{point.ratio:.2f}",
                (axis.place_of(point), end),
                (0, 6 if up else -6),
                textcoords="offset points",
                ha="center",
                va="bottom" if up else "top",
                fontsize=NOTE_PT,
                color=TEXT,
            )
