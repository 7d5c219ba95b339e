"""What else one could change: one row per single change, each against its own start."""

from collections.abc import Mapping, Sequence

from bench.records import Comparison
from bench.records.names import Stacks, stack_label
from bench.records.numbers import NO_FIGURE, count_words, format_level, format_load, format_ratio, prose, split_prose
from bench.show.drawing.looks import look_of
from bench.show.drawing.rows import Row, draw_ratios, rows_height, whisker
from bench.show.drawing.sheet import Sheet
from bench.show.finished import FinishedRun
from bench.show.section import Picture, Section, make_block
from bench.show.words.tables import Column, Table, make_table, numbers
from bench.show.words.verdicts import state_words

HOW_TO_READ = (
    "Each row is one change from the start named above it, measured by itself; factors need not multiply. Begin with the longest row. "
    "These rows are explored, not judged."
)


def section(run: FinishedRun) -> Section:
    """Return what each single change is worth in throughput, the largest first."""
    words = {(contender, baseline): what for what, contender, baseline in run.changes}
    rows = sorted(run.summary.changes, key=lambda row: -(row.ratio or 0))
    measured = [row for row in rows if row.ratio]
    picture = Picture("changes", draw_changes(measured, words, run), HOW_TO_READ) if measured else None
    blocks = make_block(picture, folded=(change_table(rows, words, run.stacks),))
    return Section("changes", "What should I change first?", "what replacing pandas, or the server, would gain", (), blocks)


def draw_changes(measured: Sequence[Comparison], words: Mapping[tuple[str, str], str], run: FinishedRun) -> Sheet:
    """Return the chart, start by start."""
    rows = []
    for name in dict.fromkeys(row.baseline for row in measured):
        rows += [Row(f"From: {stack_label(name, run.stacks)}", "")]
        rows += [_row(row, words, run.stacks) for row in measured if row.baseline == name]
    best = measured[0]
    title = f"{_what(best, words)}: {split_prose(best.interval)[0]} times the requests per second"
    others = [row for row in measured[1:] if row.baseline == best.baseline]
    title += f"; no other change gives more than {split_prose(others[0].interval)[0]}" if others else ""
    line = f"Line: the {format_level(best)} interval. " if best.ends else ""
    subtitle = (
        f"Requests per second, as a ratio to those of the start: right is better. {best.scenario}, {format_load(best.load)}. {line}Pale "
        f"dots: {count_words(best.launches, 'start')} of all servers."
    )
    sheet = Sheet(state_words(run.summary) + title, subtitle, rows_height(rows), run.fine_print)
    draw_ratios(sheet, rows, "ratio of requests per second, log scale")
    return sheet


def _what(row: Comparison, words: Mapping[tuple[str, str], str]) -> str:
    what = words.get((row.contender, row.baseline), row.contender)
    return f"{what[0].upper()}{what[1:]}" if what else row.contender


def _row(row: Comparison, words: Mapping[tuple[str, str], str], stacks: Stacks) -> Row:
    look = look_of(row.contender, stacks)
    return Row(
        left=_what(row, words),
        right=prose(row.interval),
        value=row.ratio,
        **whisker(row.interval),
        dots=row.launch_ratios,
        marker=look.marker,
        colour=look.colour,
        margin=row.margin,
    )


def change_table(rows: Sequence[Comparison], words: Mapping[tuple[str, str], str], stacks: Stacks) -> Table:
    """Return one line per single change."""
    return make_table(
        "Single changes, each from its start, in requests per second",
        [
            Column("what is changed", [_what(row, words) for row in rows]),
            Column("stack", [stack_label(row.contender, stacks) for row in rows]),
            Column("start", [stack_label(row.baseline, stacks) for row in rows]),
            numbers("ratio", [format_ratio(row) for row in rows]),
            numbers("level", [format_level(row) or NO_FIGURE for row in rows]),
            Column("load", [f"{row.scenario}, {format_load(row.load)}" for row in rows]),
            numbers("launches", [str(row.launches) for row in rows]),
        ],
    )
