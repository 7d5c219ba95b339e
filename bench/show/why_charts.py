"""The charts of why: break-even, where the time goes, what else one could change. Same rules as `charts`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.records import BreakEven, Comparison, Summary
from bench.show.break_even_chart import NoiseFloor, draw_break_even
from bench.show.canvas import Paper, Sheet
from bench.show.charts import aa_row
from bench.show.ladder_chart import bars_of, draw_ladder
from bench.show.looks import look_of
from bench.show.numbers import (
    count_words,
    format_interval,
    format_level,
    format_load,
    format_number,
    format_percent,
    format_ratio,
    level_words,
)
from bench.show.row_chart import Row, draw_ratios, rows_height, whisker
from bench.show.sentences import Stacks, scope_words, stack_label, state_words
from bench.show.why_words import pair_words

MAX_PAIRS = 4


def break_even_sheet(summary: Summary, stacks: Stacks, paper: Paper) -> Sheet | None:
    """Draw throughput ratios against the time of a prediction, at most `MAX_PAIRS` pairs; None where there is none."""
    if not summary.break_even:
        return None
    # Title, marks and curve speak of what is drawn; the table has the others, too.
    rows = [replace(row, points=tuple(point for point in row.points if point.is_drawn)) for row in summary.break_even[:MAX_PAIRS]]
    margin = next((row.margin for row in summary.comparisons if row.metric == "throughput_rps"), 0.0)
    levels = " / ".join(dict.fromkeys(words for row in rows for point in row.points if (words := level_words(point.interval)))) or "no"
    subtitle = (
        f"Points: measured, whiskers the {levels} interval over {count_words(rows[0].launches, 'launch')}. Dashed, shaded: the curve "
        f"through them with its interval. Hatched: within ±{format_percent(margin)}, too small to matter. "
        f"{rows[0].scenario}, {format_load(rows[0].load)}."
    )
    if any(point.off_curve for row in rows for point in row.points):
        subtitle += " *: off the curve, see the text."
    pairs = list(zip(rows, _pair_names(rows, stacks, paper), strict=True))
    floor = _floor_beside(rows[0], summary, stacks)
    return draw_break_even(state_words(summary) + _break_even_title(rows, stacks), subtitle, pairs, floor, margin, paper)


def _floor_beside(row: BreakEven, summary: Summary, stacks: Stacks) -> NoiseFloor | None:
    """Return the A/A that was measured beside a pair, at the engine that both copies have."""
    aa = _part_floor(row.part, row.load, summary)
    if not aa:
        return None
    engine = stacks.get(aa.baseline, {}).get("engine", "")
    measured = any(point.engine == engine for point in row.points)
    return NoiseFloor(f"A/A: {stack_label(aa.baseline, stacks)} again", engine, aa) if measured else None


def _part_floor(part: str, load: str, summary: Summary) -> Comparison | None:
    rows = (row for row in summary.noise_floor if (row.part, row.load, row.metric) == (part, load, "throughput_rps"))
    return next((row for row in rows if row.ratio), None)


def _pair_names(rows: Sequence[BreakEven], stacks: Stacks, paper: Paper) -> list[str]:
    """Return how the key calls each pair: on narrow paper, where its stacks have no room, by what it stands for alone."""
    scopes = [scope_words((row.contender, row.baseline), stacks) for row in rows]
    return [
        scope if paper.is_narrow and scope and scopes.count(scope) == 1 else pair_words(row, stacks)
        for row, scope in zip(rows, scopes, strict=True)
    ]


def _break_even_title(rows: Sequence[BreakEven], stacks: Stacks) -> str:
    row = rows[0]
    slowest = row.points[-1]
    bare = row.points[0]
    names = f"{stack_label(row.contender, stacks)} / {stack_label(row.baseline, stacks)}"
    return (
        f"{names}: {format_interval(bare.interval)} times the requests per second with engine {bare.engine}, "
        f"{format_interval(slowest.interval)} with {slowest.engine}"
    )


def ladder_sheet(summary: Summary, stacks: Stacks, paper: Paper) -> Sheet | None:
    """Draw where the CPU time of a request goes, stack by stack; None where no stack has its steps."""
    if not bars_of(summary.ladder, {}):
        return None
    first = summary.ladder[0]
    bars = bars_of(summary.ladder, {name: stack_label(name, stacks) for name in {row.stack for row in summary.ladder}})
    subtitle = (
        f"{first.scenario}, the same {format_number(first.offered_rps)} req/s for all. Server: the same server with an application that "
        "does nothing; framework and validation: what the application without a model adds; model: what the model adds. With each name: "
        "the total with its interval."
    )
    totals = sorted((bar for bar in bars), key=lambda bar: bar.steps["total"].cpu_us or 0)
    ends = [bar.steps["total"] for bar in (totals[0], totals[-1])]
    texts = [f"{format_interval(row.cpu)} us ({stack_label(row.stack, stacks)})" for row in ends]
    title = f"CPU time of one request: {' to '.join(dict.fromkeys(texts))}"
    return draw_ladder(state_words(summary) + title, subtitle, bars, paper)


def changes_sheet(summary: Summary, changes: Sequence[Sequence[str]], stacks: Stacks, paper: Paper) -> Sheet | None:
    """Draw what each single change is worth in throughput, start by start, the largest first; None where none was measured.

    `changes` are the plan's [what, contender, baseline].
    """
    words = {(contender, baseline): what for what, contender, baseline in changes}
    measured = sorted((row for row in summary.changes if row.ratio), key=lambda row: -(row.ratio or 0))
    if not measured:
        return None
    start = measured[0].baseline
    load = f"{measured[0].scenario}, {format_load(measured[0].load)}"
    floor = _part_floor(measured[0].part, measured[0].load, summary)
    rows = []
    for name in dict.fromkeys(row.baseline for row in measured):
        rows += [Row(load, "requests per second: more is better", f"start: {stack_label(name, stacks)}")]
        rows += [_change_row(row, words, stacks) for row in measured if row.baseline == name]
    rows += [aa_row(floor, stacks)] if floor else []
    best = measured[0]
    what = words.get((best.contender, best.baseline), best.contender)
    title = f"The largest single change from {stack_label(start, stacks)}: {what}, {format_ratio(best)} times the requests per second"
    subtitle = (
        "Each row is one change from the start above it, measured by itself: factors need not multiply. Whisker: the interval, its level "
        "beside it; pale dots: single launches. Explored, not judged."
    )
    sheet = Sheet(state_words(summary) + title, subtitle, rows_height(rows, paper), paper)
    draw_ratios(sheet, rows, "requests per second / those of the start, log scale")
    return sheet


def _change_row(row: Comparison, words: Mapping[tuple[str, str], str], stacks: Stacks) -> Row:
    look = look_of(row.contender, stacks)
    return Row(
        left=words.get((row.contender, row.baseline), row.contender),
        right=format_ratio(row),
        note=f"{stack_label(row.contender, stacks)}, {count_words(row.launches, 'launch')}",
        note_right=format_level(row) or "no interval",
        value=row.ratio,
        **whisker(row.interval),
        dots=row.launch_ratios,
        marker=look.marker,
        colour=look.colour,
    )
