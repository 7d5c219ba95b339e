"""Where the CPU time of a request goes: one stacked bar per stack, server, framework with validation, and model, on one axis."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from bench.records import LadderRow, Step
from bench.records.names import stack_label
from bench.records.numbers import NO_FIGURE, format_interval, format_number, level_words, prose, split_interval, split_prose
from bench.show.drawing import sheet as paper
from bench.show.drawing.sheet import INNER, MARGIN, MUTED, NOTE_PT, TEXT, TEXT_PT, Key, Sheet
from bench.show.finished import FinishedRun
from bench.show.section import Picture, Section, make_block
from bench.show.words.tables import Column, Table, make_table, numbers
from bench.show.words.verdicts import state_words

STEP_WORDS: Mapping[Step, str] = {"server": "server", "framework": "framework and validation", "model": "model", "total": "total"}
HOW_TO_READ = (
    "The steps are differences between set-ups that serve the same requests at one equal rate: the same server with nothing in it, with "
    "the application but no model, and with the model. A hatched step is not "
    "resolved: it may be zero, or the stack itself reports another figure for it."
)
_COLOURS: Mapping[Step, str] = {"server": paper.SERVER_COLOUR, "framework": paper.OTHER_COLOUR, "model": paper.MODEL_COLOUR}
_ROW, _BAR, _FOOT, _RIGHT = 0.86, 0.24, 0.6, 0.2
# Below a bar stand the figures of its steps: in the text's colour, which no step's colour leaves readable in both themes.
_BELOW = 0.24
# A step of at least this share of the longest bar has room for its figure.
_ROOM = 0.12


def section(run: FinishedRun) -> Section:
    """Return where the CPU time of a request goes."""
    rows = run.summary.ladder
    bars = _bars(rows)
    picture = Picture("ladder", draw_ladder(bars, run), HOW_TO_READ) if bars else None
    blocks = make_block(picture, folded=(ladder_table(run), server_timing_table(run)))
    heading = "Where does the time of a request go?"
    return Section("ladder", heading, "server, framework, validation, model", (), blocks)


def _bars(rows: Sequence[LadderRow]) -> list[dict[Step, LadderRow]]:
    """Return the steps of each stack whose total is known, the shortest first."""
    steps: dict[str, dict[Step, LadderRow]] = {}
    for row in rows:
        steps.setdefault(row.stack, {})[row.step] = row
    known = [own for own in steps.values() if "total" in own and own["total"].cpu_us]
    return sorted(known, key=lambda own: own["total"].cpu_us or 0)


def draw_ladder(bars: Sequence[Mapping[Step, LadderRow]], run: FinishedRun) -> Sheet:
    """Return the chart; a step below zero is not drawn, its figure stands in the table."""
    keys = [Key(STEP_WORDS[step], colour) for step, colour in _COLOURS.items()]
    key_height, height = paper.key_height(keys), _ROW * len(bars)
    ends = [bars[0]["total"], bars[-1]["total"]]
    texts = [f"{split_prose(row.cpu)[0]} us with {stack_label(row.stack, run.stacks)}" for row in ends]
    subtitle = (
        f"CPU time of the server per request, us, less is better. {ends[0].scenario}, {format_number(ends[0].offered_rps)} requests per "
        "second for all. With each name: the total and its interval."
    )
    title = f"CPU time of a request: {' to '.join(dict.fromkeys(texts))}"
    sheet = Sheet(state_words(run.summary) + title, subtitle, key_height + height + _FOOT, run.fine_print)
    paper.draw_key(sheet, keys)
    axes = sheet.axes(MARGIN + 0.02, key_height, INNER - _RIGHT, height)
    longest = max(sum(max(row.cpu_us or 0, 0) for step, row in bar.items() if step != "total") for bar in bars)
    axes.set(xlim=(0, longest * 1.02 or 1), ylim=(height, 0), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x", zorder=0)
    axes.set_xlabel("CPU time of one request, us; less is better")
    for number, bar in enumerate(bars):
        total, top = bar["total"], number * _ROW
        text_top = sheet.body_top + key_height + top + 0.06
        sheet.text(MARGIN, text_top, paper.shorten(stack_label(total.stack, run.stacks), TEXT_PT, INNER - 1.5), size=TEXT_PT)
        sheet.text(MARGIN + INNER, text_top + 0.02, f"{prose(total.cpu)} us", size=NOTE_PT, color=MUTED, ha="right")
        _draw_bar(axes, bar, top + _ROW - _BAR - _BELOW, longest)
    return sheet


def _draw_bar(axes: Axes, bar: Mapping[Step, LadderRow], top: float, longest: float) -> None:
    begin = 0.0
    for step, colour in _COLOURS.items():
        width = bar[step].cpu_us if step in bar else None
        if width is None or width <= 0:
            continue
        resolved = bar[step].is_resolved and not bar[step].contradicted
        look: Any = {"color": colour, "edgecolor": "white"} if resolved else {"color": "white", "edgecolor": colour, "hatch": "////"}
        axes.barh(top + _BAR / 2, width, _BAR, begin, linewidth=1.5 if resolved else 0.8, zorder=2, **look)
        if width / longest > _ROOM:
            axes.text(begin + width / 2, top + _BAR + 0.02, f"{width:.0f}", ha="center", va="top", fontsize=NOTE_PT, color=TEXT)
        begin += width


def ladder_table(run: FinishedRun) -> Table:
    """Return one line per step of each stack: CPU us with interval."""
    rows = run.summary.ladder
    return make_table(
        "CPU time of one request, by differences of stacks at one equal rate",
        [
            Column("stack", [stack_label(row.stack, run.stacks) for row in rows]),
            Column("step", [STEP_WORDS[row.step] for row in rows]),
            numbers(
                "CPU us", [format_interval(row.cpu) if row.is_resolved else f"not resolved: {split_interval(row.cpu)[1]}" for row in rows]
            ),
            numbers("level", [level_words(row.cpu) or NO_FIGURE for row in rows]),
            numbers("offered req/s", [format_number(row.offered_rps) for row in rows]),
            numbers("launches", [str(row.launches) for row in rows]),
        ],
    )


def server_timing_table(run: FinishedRun) -> Table:
    """Return, for each stack that was asked, its own account of the model's part beside the ladder's."""
    steps = {row.stack: row for row in run.summary.ladder if row.step == "model"}
    rows = [row for row in run.summary.server_timing if row.stack in steps]
    of_ladder = [steps[row.stack] for row in rows]
    return make_table(
        "The model's step beside the stack's own report (Server-Timing: wall time of single requests, idle server)",
        [
            Column("stack", [stack_label(row.stack, run.stacks) for row in rows]),
            numbers("preprocessing, us", [format_number(row.preprocess_us) for row in rows]),
            numbers("prediction, us", [format_number(row.predict_us) for row in rows]),
            numbers("by the ladder, CPU us", [format_interval(row.cpu) for row in of_ladder]),
            numbers("level", [level_words(row.cpu) or NO_FIGURE for row in of_ladder]),
            numbers("requests", [f"{row.requests:,}" for row in rows]),
            Column("do they agree", ["no: outside the interval" if row.contradicted else "yes" for row in of_ladder]),
        ],
    )
