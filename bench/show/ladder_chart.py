"""Where the CPU time of a request goes: one stacked bar per stack, server, framework with validation, and model, on one axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from bench.records import LadderRow, Step
from bench.show import canvas
from bench.show.canvas import MARGIN, MUTED, NOTE_PT, TEXT, TEXT_PT, Key, Paper, Sheet
from bench.show.numbers import format_interval
from bench.show.why_words import STEP_WORDS

_COLOURS: Mapping[Step, str] = {"server": canvas.SERVER_COLOUR, "framework": canvas.OTHER_COLOUR, "model": canvas.MODEL_COLOUR}
_ROW, _BAR, _FOOT, _RIGHT = 0.82, 0.24, 0.6, 0.2
_LINE = TEXT_PT * canvas.LINE
# Below a bar stand the figures of its steps: in the text's colour, which no step's colour leaves readable in both themes.
_BELOW = 0.24
# A step of at least this share of the longest bar has room for its figure.
_ROOM = 0.09


@dataclass(frozen=True)
class Bar:
    """The steps of one stack under its name."""

    name: str
    steps: Mapping[Step, LadderRow]


def bars_of(ladder: Sequence[LadderRow], names: Mapping[str, str]) -> list[Bar]:
    """Return a bar per stack whose total is known, in the order of the run."""
    steps: dict[str, dict[Step, LadderRow]] = {}
    for row in ladder:
        steps.setdefault(row.stack, {})[row.step] = row
    return [Bar(names.get(stack, stack), own) for stack, own in steps.items() if "total" in own and own["total"].cpu_us]


def draw_ladder(title: str, subtitle: str, bars: Sequence[Bar], paper: Paper) -> Sheet:
    """Return the chart; a step below zero is not drawn, its figure stands in the table."""
    keys = [Key(STEP_WORDS[step], colour) for step, colour in _COLOURS.items()]
    key_height = canvas.key_height(keys, paper)
    row_height = _ROW + _LINE * paper.is_narrow
    height = row_height * len(bars)
    sheet = Sheet(title, subtitle, key_height + height + _FOOT, paper)
    canvas.draw_key(sheet, keys)
    axes = sheet.axes(MARGIN + 0.02, key_height, paper.inner - _RIGHT, height)
    longest = max((sum(max(row.cpu_us or 0, 0) for step, row in bar.steps.items() if step != "total") for bar in bars), default=1.0)
    axes.set(xlim=(0, longest * 1.02 or 1), ylim=(height, 0), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x", zorder=0)
    axes.set_xlabel("CPU time of one request, us; less is better")
    for number, bar in enumerate(bars):
        top = number * row_height
        _write_texts(sheet, bar, key_height + top)
        _draw_bar(axes, bar, top + row_height - _BAR - _BELOW, longest)
    return sheet


def _write_texts(sheet: Sheet, bar: Bar, top: float) -> None:
    """Write a bar's name and its total, beside each other where there is room."""
    paper, total = sheet.paper, bar.steps["total"]
    words = f"{format_interval(total.cpu)} us"
    room = paper.inner if paper.is_narrow else paper.inner - canvas.text_width(words, NOTE_PT) * canvas.SLACK - 0.15
    sheet.text(MARGIN, sheet.body_top + top + 0.06, canvas.shorten(bar.name, TEXT_PT, room), size=TEXT_PT)
    if paper.is_narrow:
        sheet.text(MARGIN, sheet.body_top + top + 0.06 + _LINE, words, size=NOTE_PT, color=MUTED)
    else:
        sheet.text(paper.width - MARGIN, sheet.body_top + top + 0.08, words, size=NOTE_PT, color=MUTED, ha="right")


def _draw_bar(axes: Axes, bar: Bar, top: float, longest: float) -> None:
    begin = 0.0
    for step, colour in _COLOURS.items():
        width = bar.steps[step].cpu_us if step in bar.steps else None
        if width is None or width <= 0:
            continue
        axes.barh(top + _BAR / 2, width, _BAR, begin, color=colour, edgecolor="white", linewidth=1.5, zorder=2)
        if width / longest > _ROOM:
            axes.text(begin + width / 2, top + _BAR + 0.02, f"{width:.0f}", ha="center", va="top", fontsize=NOTE_PT, color=TEXT)
        begin += width
