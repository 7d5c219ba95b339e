"""The tables of a run's figures as text, for all outputs alike: comparisons, A/A, cells, resources.

Takes records, gives `Table`s; what stands in them is written as in the sentences and the charts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.records import Cell, Comparison, Resources
from bench.records.names import Stacks, row_labels, stack_label
from bench.records.numbers import (
    NO_FIGURE,
    count_words,
    format_level,
    format_load,
    format_megabytes,
    format_number,
    format_percent,
    format_ratio,
    level_words,
    throughput_words,
    time_words,
)
from bench.show.words.verdicts import metric_words, quotient_if_off, verdict_mark, verdict_words

OFF_MARK = "*"
FAILED_SHARE = 0.01
# What a reader of a table of cells has to know, by column.
CELL_LEGEND = (
    ("p50 to max", "of all settled requests of all launches; with users of the service time, from sending to the last byte"),
    (
        "p50 to max, rate offered",
        "of the response time, from the scheduled start of a request; one never answered counts as longer than any other",
    ),
    ("too few", "too few samples for that percentile"),
    ("answered in time", "where a rate is offered: which share of it was answered in time"),
    ("CPU us (kernel)", "CPU time of the server's processes per request, with the kernel's share"),
    ("busy", "CPU time over wall time x the server's cores"),
)


@dataclass(frozen=True)
class Table:
    """Rows of text under a caption. `numbers` are the columns, by position, that stand at the right."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading and a text per row. A column that is not `shown` would tell nothing."""

    heading: str
    texts: Sequence[str]
    is_number: bool = False
    shown: bool = True


def numbers(heading: str, texts: Sequence[str], shown: bool = True) -> Column:  # noqa: FBT001, FBT002 - as the field of `Column`
    """Return a column whose texts stand at the right."""
    return Column(heading, texts, is_number=True, shown=shown)


def make_table(caption: str, columns: Iterable[Column]) -> Table:
    """Return the table of the columns that are shown."""
    shown = [column for column in columns if column.shown]
    rows = tuple(zip(*(column.texts for column in shown), strict=True))
    right = frozenset(place for place, column in enumerate(shown) if column.is_number)
    return Table(caption, tuple(column.heading for column in shown), rows, right)


def comparison_table(caption: str, rows: Sequence[Comparison], stacks: Stacks) -> Table:
    """Return one line per comparison, with verdict or reason; where all are exploratory, the caption is to say so."""
    verdicts = [f"{verdict_mark(row.verdict)} {verdict_words(row)}".strip() for row in rows]
    is_judged = any(row.role != "exploratory" for row in rows)
    if any(map(quotient_if_off, rows)):
        caption += f". {OFF_MARK}: both sides by themselves do not divide to the ratio, which is of single launches"
    return make_table(
        caption,
        [
            Column("contender / baseline", [" / ".join(row_labels(row, stacks)) for row in rows]),
            Column("verdict", verdicts, shown=set(verdicts) != {"exploratory"}),
            *_ratio_columns(rows, has_margin=is_judged),
            numbers("A/A", [_aa_words(row) for row in rows], any(row.aa_low is not None for row in rows)),
            Column("role", [row.role for row in rows], shown=is_judged),
        ],
    )


def _aa_words(row: Comparison) -> str:
    """Return what two copies of a row's baseline differed by: `equal, 0.991 to 1.004`."""
    if row.aa_low is None or row.aa_high is None:
        return NO_FIGURE
    return f"{row.aa_state}, {row.aa_low:.3f} to {row.aa_high:.3f}"


def noise_floor_table(caption: str, rows: Sequence[Comparison], stacks: Stacks) -> Table:
    """Return one line per A/A row: what two copies of the same code differ by."""
    return make_table(
        caption,
        [
            Column("second copy / first", [stack_label(row.baseline, stacks) for row in rows]),
            Column("A/A", [row.aa_state for row in rows], shown=any(row.aa_state != "not judged" for row in rows)),
            *_ratio_columns(rows),
        ],
    )


def cell_table(caption: str, cells: Sequence[Cell], stacks: Stacks) -> Table:
    """Return one line per cell; load, level and launches stand above where they are the same for all."""
    one_load, one_level, one_count = (
        len({what(cell) for cell in cells}) == 1
        for what in (cell_load, lambda cell: level_words(cell.throughput), lambda cell: cell.launches)
    )
    level = f" ({level_words(cells[0].throughput)})" if one_level and level_words(cells[0].throughput) else ""
    above = [cell_load(cells[0]), f"{time_words(cells[0].load)}s"] if one_load else []
    above += [count_words(cells[0].launches, "launch")] if one_count else []
    return make_table(
        ": ".join([caption, *filter(None, ["; ".join(above)])]),
        [
            Column("stack", [stack_label(cell.stack, stacks) for cell in cells]),
            Column("load", [f"{cell.scenario}, {format_load(cell.load)}" for cell in cells], shown=not one_load),
            numbers(
                "offered req/s",
                [format_number(cell.offered_rps) for cell in cells],
                not one_load and any(cell.offered_rps for cell in cells),
            ),
            numbers(f"requests per second{level}", [throughput_words(cell) for cell in cells]),
            numbers("level", [level_words(cell.throughput) or NO_FIGURE for cell in cells], not one_level),
            numbers("answered in time", [_share_words(cell.achieved_ratio) for cell in cells], any(cell.achieved_ratio for cell in cells)),
            numbers("p50 ms", [percentile_words(cell, cell.p50_ms, 0.5) for cell in cells]),
            numbers("p95 ms", [percentile_words(cell, cell.p95_ms, 0.95) for cell in cells]),
            numbers("p99 ms", [percentile_words(cell, cell.p99_ms, 0.99) for cell in cells]),
            numbers("p99.9 ms", [percentile_words(cell, cell.p999_ms, 0.999) for cell in cells], any(cell.p999_ms for cell in cells)),
            numbers("max ms", [percentile_words(cell, cell.max_ms, 1) for cell in cells]),
            numbers("CPU us (kernel)", [_cpu_words(cell) for cell in cells]),
            numbers("busy", [_share_words(cell.busy_share) for cell in cells], any(cell.busy_share for cell in cells)),
            numbers("samples", [f"{cell.samples:,}" for cell in cells]),
            *failure_columns(cells),
            numbers("launches", [str(cell.launches) for cell in cells], not one_count),
        ],
    )


def cell_legend() -> Table:
    """Return what the columns of a table of cells mean."""
    return Table("What the columns of these tables mean", ("column", "meaning"), CELL_LEGEND)


def resource_table(caption: str, rows: Sequence[Resources], stacks: Stacks) -> Table:
    """Return one line per stack: from start to ready and to the first answer, and memory."""
    started, loaded = any(row.starts for row in rows), any(row.launches for row in rows)
    return make_table(
        caption,
        [
            Column("stack", [stack_label(row.stack, stacks) for row in rows]),
            numbers("ready after, s", [format_number(row.ready_s) for row in rows], started),
            numbers("first answer after, s", [format_number(row.first_prediction_s) for row in rows], started),
            numbers("starts", [str(row.starts) for row in rows], started),
            numbers("RSS (PSS) at rest, MB", [_memory_words(row.rest_rss_bytes, row.rest_pss_bytes) for row in rows], started),
            numbers("RSS (PSS) after load, MB", [_memory_words(row.loaded_rss_bytes, row.loaded_pss_bytes) for row in rows], loaded),
            numbers("launches", [str(row.launches) for row in rows], loaded),
        ],
    )


def terminal_table(cells: Sequence[Cell]) -> list[str]:
    """Return cells as lines of aligned text, stacks by name; the load is a column where it is not the same for all."""
    one_load = len({cell_load(cell) for cell in cells}) == 1
    table = make_table(
        f"{cell_load(cells[0])}:",
        [
            Column("stack", [cell.stack for cell in cells]),
            Column("load", [cell_load(cell) for cell in cells], shown=not one_load),
            numbers("req/s", [throughput_words(cell) for cell in cells]),
            numbers("p50 ms", [percentile_words(cell, cell.p50_ms, 0.5) for cell in cells]),
            numbers("p99 ms", [percentile_words(cell, cell.p99_ms, 0.99) for cell in cells]),
            numbers("CPU us", [format_number(cell.cpu_us_per_request) for cell in cells]),
            *failure_columns(cells),
        ],
    )
    lines = [table.columns, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [
        "  ".join(
            text.rjust(width) if place in table.numbers else text.ljust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return [table.caption, *aligned] if one_load else aligned


def failure_columns(cells: Sequence[Cell]) -> list[Column]:
    """Return the counts of requests without a correct answer; errors always, the other kinds where there are any."""
    return [
        numbers("errors", [f"{cell.errors:,}" for cell in cells]),
        numbers("unfinished", [f"{cell.unfinished:,}" for cell in cells], any(cell.unfinished for cell in cells)),
        numbers("not sent", [f"{cell.not_sent:,}" for cell in cells], any(cell.not_sent for cell in cells)),
    ]


def cell_load(cell: Cell) -> str:
    """Return scenario and load of a cell, with the rate that was offered where the load does not name it."""
    load = format_load(cell.load)
    offered = f", {format_number(cell.offered_rps)} req/s" if cell.offered_rps is not None and "req/s" not in load else ""
    return f"{cell.scenario}, {load}{offered}"


def has_failed(cell: Cell) -> bool:
    """Return whether so many requests of a cell had no correct answer that its figures say less than they seem to."""
    return cell.failures > FAILED_SHARE * (cell.samples + cell.failures)


def percentile_words(cell: Cell, figure: float | None, quantile: float) -> str:
    """Return a percentile, or why there is none: no sample, too few, or it falls among requests that were never answered."""
    if figure is not None:
        return format_number(figure)
    lost = cell.unfinished + cell.not_sent
    if lost > (1 - quantile) * (cell.samples + lost):
        return "unanswered"
    return "too few" if cell.samples else "none"


def _ratio_columns(rows: Sequence[Comparison], *, has_margin: bool = True) -> list[Column]:
    both = [row.contender_value is not None and row.baseline_value is not None for row in rows]
    return [
        numbers("ratio", [format_ratio(row) for row in rows]),
        numbers("of contender, baseline", [_sides_words(row) for row in rows], any(both)),
        Column("part", [row.part for row in rows], shown=len({row.part for row in rows}) > 1),
        numbers("level", [format_level(row) or NO_FIGURE for row in rows]),
        Column("metric", [metric_words(row) for row in rows]),
        Column("load", [f"{row.scenario}, {format_load(row.load)}" for row in rows]),
        numbers("launches", [str(row.launches) for row in rows]),
        numbers("margin", [format_percent(row.margin) for row in rows], shown=has_margin),
    ]


def _cpu_words(cell: Cell) -> str:
    kernel = f" ({format_percent(cell.kernel_ratio)})" if cell.kernel_ratio is not None else ""
    return f"{format_number(cell.cpu_us_per_request)}{kernel}"


def _sides_words(row: Comparison) -> str:
    """Return both sides of a ratio, as `4,500 / 2,570 req/s`."""
    if row.contender_value is None or row.baseline_value is None:
        return NO_FIGURE
    unit = {"throughput_rps": "req/s", "cpu_us_per_request": "us"}.get(row.metric, "ms")
    sides = f"{format_number(row.contender_value)} / {format_number(row.baseline_value)} {unit}"
    return f"{sides} {OFF_MARK}" if quotient_if_off(row) else sides


def _share_words(share: float | None) -> str:
    return f"{100 * share:.1f} %" if share is not None else NO_FIGURE


def _memory_words(rss_bytes: int | None, pss_bytes: int | None) -> str:
    return f"{format_megabytes(rss_bytes)} ({format_megabytes(pss_bytes)})" if rss_bytes is not None else NO_FIGURE
