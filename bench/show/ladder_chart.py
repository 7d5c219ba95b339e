"""Where the CPU time of a request goes: one stacked bar per stack, server, framework with validation, and model, on one axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.records import LadderRow, Step
from bench.show import canvas
from bench.show.canvas import MARGIN, MUTED, NOTE_PT, TEXT_PT, Sheet
from bench.show.figures import format_interval
from bench.show.why_words import STEP_WORDS

_COLOURS: Mapping[Step, str] = {"server": "#7C8894", "framework": "#6A2C86", "model": "#1F7A55"}
_ROW, _BAR, _KEY, _FOOT = 0.72, 0.24, 0.3, 0.6
_RIGHT = 0.5


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


def draw_ladder(title: str, subtitle: str, bars: Sequence[Bar], fine_print: str) -> Sheet:
    """Return the chart; a step below zero is not drawn, its figure stands in the table."""
    sheet = Sheet(title, subtitle, _KEY + _ROW * len(bars) + _FOOT, fine_print)
    left = MARGIN
    for step, colour in _COLOURS.items():
        patch = sheet.axes(left, 0.03, 0.14, 0.14)
        patch.set(xticks=[], yticks=[], facecolor=colour)
        for spine in patch.spines.values():
            spine.set_visible(False)
        sheet.text(left + 0.2, sheet.body_top, STEP_WORDS[step], size=NOTE_PT)
        left += 0.45 + canvas.text_width(STEP_WORDS[step], NOTE_PT) * canvas.SLACK
    height = _ROW * len(bars)
    axes = sheet.axes(MARGIN + 0.02, _KEY, canvas.WIDTH - 2 * MARGIN - _RIGHT, height)
    longest = max((sum(max(row.cpu_us or 0, 0) for step, row in bar.steps.items() if step != "total") for bar in bars), default=1.0)
    axes.set(xlim=(0, longest * 1.02 or 1), ylim=(height, 0), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x", zorder=0)
    axes.set_xlabel("CPU time of one request, us; less is better")
    for number, bar in enumerate(bars):
        top = number * _ROW
        total = bar.steps["total"]
        sheet.text(MARGIN, sheet.body_top + _KEY + top + 0.06, bar.name, size=TEXT_PT)
        words = f"{format_interval(total.cpu_us, total.ci_low, total.ci_high)} us"
        sheet.text(canvas.WIDTH - MARGIN, sheet.body_top + _KEY + top + 0.08, words, size=NOTE_PT, color=MUTED, ha="right")
        begin = 0.0
        for step, colour in _COLOURS.items():
            width = bar.steps[step].cpu_us if step in bar.steps else None
            if width is None or width <= 0:
                continue
            y = top + 0.26 + _BAR / 2
            axes.barh(y, width, _BAR, begin, color=colour, edgecolor="white", linewidth=1.5, zorder=2)
            text = f"{width:.0f}"
            if width / longest > 0.05:  # noqa: PLR2004 - room for two figures
                axes.text(begin + width / 2, y, text, ha="center", va="center", fontsize=NOTE_PT, color="white", zorder=3)
            begin += width
    return sheet
