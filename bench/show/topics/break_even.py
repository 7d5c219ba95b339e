"""Break-even: from which model time on the choice hardly matters, for every pair that was measured with several models."""

from collections.abc import Sequence

from bench.records import NEAR, BreakEven, BreakEvenPoint, Interval
from bench.records.names import Stacks
from bench.records.numbers import (
    NO_FIGURE,
    format_interval,
    format_number,
    format_percent,
    level_words,
    prose,
)
from bench.show.drawing.break_even import draw_break_even
from bench.show.finished import FinishedRun
from bench.show.section import Picture, Section, make_block
from bench.show.words.models import model_words, pair_name, threshold_words
from bench.show.words.tables import Column, Table, make_table, numbers

# The thresholds that the table has; the others are in summary.json.
SHOWN = (0.2, NEAR, 0.05)
HOW_TO_READ = (
    "Find the time that one prediction of your model takes on the x axis. Where the line lies in the hatched band, the choice moves "
    "throughput by less than 10 %. Do not read on beyond the slowest model that was measured."
)


def section(run: FinishedRun) -> Section:
    """Return from which model time on the choice hardly matters, as a chart, thresholds and all measured points."""
    rows = run.summary.break_even
    note = "For a model of yours: python -m bench answer --model-ms X" if rows else ""
    picture = Picture("break-even", draw_break_even(run), HOW_TO_READ) if rows else None
    blocks = make_block(
        picture, threshold_table(rows, run.stacks), folded=(*(point_table(row, run.stacks) for row in rows), fit_table(rows, run.stacks))
    )
    return Section("break-even", "How slow must a model be until it no longer matters?", "for a model of X ms", (), blocks, note)


def threshold_table(rows: Sequence[BreakEven], stacks: Stacks) -> Table:
    """Return from which model time on each pair is how near, in ms, and the named one as a multiple of the contender's own time."""
    shares = [(place, found.within) for place, found in enumerate(rows[0].thresholds) if found.within in SHOWN] if rows else []
    named = [row.near for row in rows]
    return make_table(
        "From which model time on the two differ by less than that",
        [
            Column("pair", [pair_name(row, stacks) for row in rows]),
            *(
                numbers(f"less than {format_percent(share)}", [threshold_words(row, row.thresholds[place]) for row in rows])
                for place, share in shares
            ),
            numbers(
                f"{format_percent(NEAR)}, as a multiple of the contender's own time",
                [prose(threshold.multiple) if threshold.multiple else NO_FIGURE for threshold in named],
                any(threshold.multiple for threshold in named),
            ),
            numbers("launches", [str(row.launches) for row in rows]),
        ],
    )


def fit_table(rows: Sequence[BreakEven], stacks: Stacks) -> Table:
    """Return what each stack of a pair takes beside a model of t ms, by the fit of all points."""
    return make_table(
        "Time of a request beside a model of t ms, by the fit of all points",
        [
            Column("pair", [pair_name(row, stacks) for row in rows]),
            Column("contender", [_fit(row.contender_overhead_ms, row.contender_slope) for row in rows]),
            Column("baseline", [_fit(row.baseline_overhead_ms, row.baseline_slope) for row in rows]),
        ],
    )


def point_table(row: BreakEven, stacks: Stacks) -> Table:
    """Return one line per model of a pair: measured ratio, curve, and what each stack takes beside the model."""
    points = row.points
    return make_table(
        f"All points, {pair_name(row, stacks)}",
        [
            Column("model", [model_words(point.engine) for point in points]),
            numbers("one prediction, ms", [format_interval(point.model) for point in points]),
            numbers("measured ratio", [format_interval(point.interval) for point in points]),
            numbers("level", [level_words(point.interval) or NO_FIGURE for point in points]),
            numbers("by the fit", [format_number(point.curve_ratio) for point in points]),
            Column("fit", [_fit_words(point) for point in points], shown=any(point.off_curve or not point.is_drawn for point in points)),
            numbers("beside the model, contender, ms", [format_interval(point.contender_overhead_ms) for point in points]),
            numbers("baseline, ms", [format_interval(point.baseline_overhead_ms) for point in points]),
        ],
    )


def _fit(overhead: Interval, slope: Interval | None) -> str:
    return f"{format_interval(overhead)} ms{f' + {format_interval(slope)} t' if slope else ''}"


def _fit_words(point: BreakEvenPoint) -> str:
    if not point.is_drawn:
        return "not drawn: too uncertain"
    return "off the curve" if point.off_curve else "on the curve"
