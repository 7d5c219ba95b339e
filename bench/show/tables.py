"""The tables of a run as text, for all outputs alike: comparisons, cells, A/A, gates, warnings, conditions, environment.

Takes records and the manifest, gives `Table`s; what stands in them is written as in the sentences and the charts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.records import Cell, Comparison
from bench.run_folder import Summary
from bench.show.figures import (
    NO_FIGURE,
    format_level,
    format_load,
    format_number,
    format_percent,
    format_ratio,
    level_words,
    throughput_words,
)
from bench.show.sentences import METRIC_WORDS, Stacks, row_labels, stack_label, verdict_mark, verdict_words

_CELL_COLUMNS = (
    "stack",
    "load",
    "requests per second",
    "level",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "max ms",
    "CPU us",
    "samples",
    "errors",
    "launches",
)
_RATIO_COLUMNS = ("ratio", "level", "metric", "load", "launches", "margin")
TERMINAL_COLUMNS = ("stack", "load", "req/s", "p50 ms", "p99 ms", "CPU us", "errors")


@dataclass(frozen=True)
class Table:
    """Rows of text under a caption. `numbers` are the columns, by position, that stand at the right."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()


def comparison_table(caption: str, rows: Sequence[Comparison], stacks: Stacks) -> Table:
    """Return one line per comparison, with verdict or reason."""
    columns = ("contender / baseline", "verdict", *_RATIO_COLUMNS, "role")
    lines = tuple(
        (" / ".join(row_labels(row, stacks)), f"{verdict_mark(row.verdict)} {verdict_words(row)}".strip(), *_ratio_texts(row), row.role)
        for row in rows
    )
    return Table(caption, columns, lines, frozenset({2, 3, 6, 7}))


def noise_floor_table(caption: str, rows: Sequence[Comparison], stacks: Stacks) -> Table:
    """Return one line per A/A row: what two copies of the same code differ by."""
    lines = tuple((stack_label(row.baseline, stacks), *_ratio_texts(row)) for row in rows)
    return Table(caption, ("second copy / first", *_RATIO_COLUMNS), lines, frozenset({1, 2, 5, 6}))


def cell_table(caption: str, cells: Sequence[Cell], stacks: Stacks) -> Table:
    """Return one line per cell."""
    lines = tuple(
        (
            stack_label(cell.stack, stacks),
            cell_load(cell),
            throughput_words(cell),
            level_words(cell.throughput_level) or NO_FIGURE,
            *(percentile_words(cell, figure) for figure in (cell.p50_ms, cell.p95_ms, cell.p99_ms, cell.max_ms)),
            format_number(cell.cpu_us_per_request),
            f"{cell.samples:,}",
            f"{cell.errors:,}",
            str(cell.launches),
        )
        for cell in cells
    )
    return Table(caption, _CELL_COLUMNS, lines, frozenset(range(2, len(_CELL_COLUMNS))))


def terminal_table(cells: Sequence[Cell]) -> list[str]:
    """Return cells as lines of aligned text, stacks by name; the load is a column where it is not the same for all."""
    lines = [TERMINAL_COLUMNS]
    lines += [
        (
            cell.stack,
            cell_load(cell),
            throughput_words(cell),
            percentile_words(cell, cell.p50_ms),
            percentile_words(cell, cell.p99_ms),
            format_number(cell.cpu_us_per_request),
            f"{cell.errors:,}",
        )
        for cell in cells
    ]
    one_load = len({cell_load(cell) for cell in cells}) == 1
    texts = [line[:1] + line[2:] if one_load else line for line in lines]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    names = 1 if one_load else 2
    aligned = []
    for line in texts:
        columns = enumerate(zip(line, widths, strict=True))
        aligned.append("  ".join(text.ljust(width) if column < names else text.rjust(width) for column, (text, width) in columns))
    return [f"{cell_load(cells[0])}:", *aligned] if one_load else aligned


def run_tables(summary: Summary, manifest: Mapping[str, Any]) -> list[Table]:
    """Return what shows how far to trust a run: warnings, gates, plan, conditions of each stack, environment."""
    stacks: Stacks = manifest["stacks"]
    warnings = [(warning.code, warning.text, warning.next_step) for warning in summary.validity.warnings]
    gates = [(str(gate.launch), gate.gate, f"{gate.value:.3g}", f"{gate.limit:.3g}", gate.action) for gate in summary.validity.gates]
    keys = list(dict.fromkeys(key for row in manifest["conditions"].values() for key in row))
    conditions = [
        (stack_label(name, stacks), stacks.get(name, {}).get("engine", ""), *(plain_text(row.get(key)) for key in keys))
        for name, row in manifest["conditions"].items()
    ]
    parts = [
        tuple(plain_text(part.get(key)) for key in ("name", "stacks", "scenarios", "loads", "blocks")) for part in manifest["plan"]["parts"]
    ]
    environment = [(_heading(key), plain_text(value)) for key, value in summary.environment.items()]
    tables = [
        Table("Warnings, each with its next step", ("code", "warning", "next step"), tuple(warnings)),
        Table(
            "Gates: conditions that did not hold", ("launch", "gate", "value", "limit", "done about it"), tuple(gates), frozenset({2, 3})
        ),
        Table("Plan", ("part", "stacks", "scenarios", "loads", "blocks per launch"), tuple(parts), frozenset({4})),
        Table(
            "Conditions of each stack, read back from the live servers",
            ("stack", "engine", *(_heading(key) for key in keys)),
            tuple(conditions),
        ),
        Table("Environment", ("what", "value"), tuple(environment)),
    ]
    return [table for table in tables if table.rows]


def cell_load(cell: Cell) -> str:
    """Return scenario and load of a cell, with the rate that was offered where there was one."""
    offered = f", {format_number(cell.offered_rps)} req/s" if cell.offered_rps is not None else ""
    return f"{cell.scenario}, {format_load(cell.load)}{offered}"


def percentile_words(cell: Cell, figure: float | None) -> str:
    """Return a percentile, or why there is none."""
    return ("too few" if cell.samples else "none") if figure is None else format_number(figure)


def plain_text(value: object) -> str:
    """Return a value of the manifest as a reader would write it."""
    if value is None or value in ("", [], {}):
        return NO_FIGURE
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain_text(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.12g}" if isinstance(value, int | float) else str(value)


def _heading(key: str) -> str:
    """Return a key of the manifest as a heading: `start_s` as `start, s`."""
    name, _, unit = key.rpartition("_")
    return f"{name.replace('_', ' ')}, {unit}" if unit in ("s", "bytes") else key.replace("_", " ")


def _ratio_texts(row: Comparison) -> tuple[str, ...]:
    level = format_level(row) or NO_FIGURE
    load = f"{row.scenario}, {format_load(row.load)}"
    return (format_ratio(row), level, METRIC_WORDS[row.metric], load, str(row.launches), format_percent(row.margin))
