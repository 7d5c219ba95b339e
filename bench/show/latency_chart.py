"""The latency of the stacks by percentile: one panel per load, one line per stack, as far out as its samples reach.

Takes the quantiles of a run and the names of its stacks; gives a sheet. x is 1 / (1 - p) on a log scale, which spreads the tail.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.records import Quantile
from bench.show import canvas
from bench.show.canvas import MARGIN, NOTE_PT, Key, Paper, Sheet
from bench.show.looks import Look, looks_of
from bench.show.sentences import Stacks, stack_label

# More lines than this cannot be told apart; all of them are in distributions.csv.
MAX_LINES = 8
_PERCENTILES: Mapping[int, str] = {2: "50 %", 10: "90 %", 100: "99 %", 1000: "99.9 %", 10_000: "99.99 %", 100_000: "99.999 %"}
_LEFT, _WIDTH, _GAP = 0.62, 4.0, 0.34
_HEAD, _FOOT = 0.24, 0.6


@dataclass(frozen=True)
class LoadPanel:
    """The lines of one load: a list of quantiles per stack, in the order of the run."""

    heading: str
    lines: Sequence[Sequence[Quantile]]

    @property
    def height(self) -> float:
        """Inches of its axes: the names of all lines have to fit beside them."""
        return max(1.9, _GAP * len(self.lines) + 0.1)


@dataclass(frozen=True)
class _End:
    x: float
    y: float
    name: str
    samples: int
    colour: str


def lines_from_quantiles(quantiles: Sequence[Quantile]) -> list[list[Quantile]]:
    """Return a line per stack, at most `MAX_LINES`; a percentile of 100 or a latency of 0 has no place on the axes."""
    drawn = [point for point in quantiles if point.quantile < 1 and point.latency_ms > 0]
    order = list(dict.fromkeys(point.stack for point in drawn))
    drawn.sort(key=lambda point: (order.index(point.stack), point.quantile))
    return [list(line) for _, line in groupby(drawn, key=lambda point: point.stack)][:MAX_LINES]


def draw_latency(title: str, subtitle: str, panels: Sequence[LoadPanel], stacks: Stacks, paper: Paper) -> Sheet:
    """Return the chart, one panel above the other; names stand beside the lines, or in a key above where there is no room."""
    looks = looks_of((line[0].stack for panel in panels for line in panel.lines), stacks)
    keys = [Key(stack_label(name, stacks), look.colour, look.marker, look.style) for name, look in looks.items()] * paper.is_narrow
    key_height = canvas.key_height(keys, paper)
    headings = [canvas.wrap(panel.heading, NOTE_PT, paper.inner, bold=True) for panel in panels]
    heads = [_HEAD + (len(lines) - 1) * NOTE_PT * canvas.LINE for lines in headings]
    height = key_height + sum(head + panel.height + _FOOT for head, panel in zip(heads, panels, strict=True))
    sheet = Sheet(title, subtitle, height, paper)
    canvas.draw_key(sheet, keys)
    top = key_height
    width = paper.width - _LEFT - MARGIN - 0.3 if paper.is_narrow else _WIDTH
    for panel, lines, head in zip(panels, headings, heads, strict=True):
        for number, line in enumerate(lines):
            sheet.text(MARGIN, sheet.body_top + top + number * NOTE_PT * canvas.LINE, line, size=NOTE_PT, weight="bold")
        axes = sheet.axes(_LEFT, top + head, width, panel.height)
        _scale_axes(axes, [point for line in panel.lines for point in line])
        ends = _draw_lines(axes, panel.lines, looks, stacks)
        if not paper.is_narrow:
            _label_ends(axes, panel.height, ends, paper.width - MARGIN - _LEFT - _WIDTH - 0.3)
        top += head + panel.height + _FOOT
    return sheet


def _draw_lines(axes: Axes, lines: Sequence[Sequence[Quantile]], looks: Mapping[str, Look], stacks: Stacks) -> list[_End]:
    ends = []
    for line in lines:
        last = line[-1]
        look = looks[last.stack]
        xs = [1 / (1 - point.quantile) for point in line]
        axes.plot(xs, [point.latency_ms for point in line], color=look.colour, linestyle=look.style, linewidth=1.8)
        axes.plot(xs[-1], last.latency_ms, look.marker, color=look.colour, markersize=5, clip_on=False)
        ends.append(_End(xs[-1], last.latency_ms, stack_label(last.stack, stacks), last.samples, look.colour))
    return ends


def _scale_axes(axes: Axes, points: Sequence[Quantile]) -> None:
    """Set log scales that begin and end at ticks, so that even a narrow range has two."""
    lowest, highest = min(point.latency_ms for point in points), max(point.latency_ms for point in points)
    ticks = canvas.log_ticks(lowest, highest)
    furthest = 1.15 / (1 - max(point.quantile for point in points))
    axes.set(xscale="log", yscale="log", xlim=(1, max(furthest, 2.2)), ylim=(ticks[0], ticks[-1]))
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in _PERCENTILES if tick <= furthest]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _PERCENTILES.get(round(value), "")))
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel("percentile p, log scale of 1 / (1 - p)")
    axes.set_ylabel("ms, log scale")
    axes.grid(visible=True)


def _label_ends(axes: Axes, height: float, ends: Sequence[_End], room: float) -> None:
    """Name each line at the right, in the order of their ends, moved apart where names would overlap."""
    low, high = axes.get_ylim()
    ordered = sorted(ends, key=lambda end: end.y)
    wanted = [math.log(end.y / low) / math.log(high / low) for end in ordered]
    for end, place in zip(ordered, spread(wanted, _GAP / height), strict=True):
        axes.annotate(
            f"{canvas.shorten(end.name, NOTE_PT, room)}\nn {end.samples:,}",
            (end.x, end.y),
            (1.07, place),
            textcoords="axes fraction",
            va="center",
            fontsize=NOTE_PT,
            color=end.colour,
            arrowprops={"arrowstyle": "-", "color": end.colour, "linewidth": 0.6, "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 4},
        )


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Return ascending places of 0 to 1, at least `gap` apart, near the wanted ones (ascending too)."""
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + gap if places else gap / 2))
    ceiling = 1 - gap / 2
    for number in reversed(range(len(places))):
        places[number] = min(places[number], ceiling)
        ceiling = places[number] - gap
    return places
