"""Requests that wait: for another service, as rows by its delay; and health checks while a slow model is asked."""

from collections.abc import Sequence

from bench.records import Cell, Probe
from bench.records.loads import parse_load
from bench.records.names import base_label, stack_label
from bench.records.numbers import NO_FIGURE, count_words, format_load, format_number, format_percent, split_prose
from bench.show.drawing.rows import Row, draw_amounts, rows_height
from bench.show.drawing.sheet import Sheet
from bench.show.drawing.throughput import throughput_row
from bench.show.finished import FinishedRun
from bench.show.section import Picture, Section, make_block
from bench.show.words.models import model_words
from bench.show.words.tables import Column, Table, cell_table, make_table, numbers
from bench.show.words.verdicts import state_words

HOW_TO_READ = (
    "Throughput depends on how many requests can wait at once: the number of threads in Flask and in FastAPI's def, as many as come in "
    "async def with an async client. A blocking call in async def stops every other request."
)


def section(run: FinishedRun) -> Section:
    """Return what waiting costs: throughput beside another service, and late health checks."""
    cells = [cell for cell in run.summary.cells if cell.delay_ms is not None]
    waits = [cell for cell in cells if cell.delay_ms]
    picture = Picture("waiting", draw_waiting(waits, run), HOW_TO_READ) if any(cell.throughput_rps for cell in waits) else None
    tables = (cell_table("All figures by delay of the other service", cells, run.stacks),) if cells else ()
    blocks = (*make_block(picture, folded=tables), *make_block(None, probe_table(run.summary.probes, run)))
    return Section("waiting", "What if requests wait for a database or a slow model?", "async, threads, health checks", (), blocks)


def draw_waiting(cells: Sequence[Cell], run: FinishedRun) -> Sheet:
    """Return the chart: for each delay the throughput of each stack, the highest first."""
    delays = sorted({delay for cell in cells if (delay := cell.delay_ms)}, reverse=True)
    rows: list[Row] = []
    for delay in delays:
        own = sorted((cell for cell in cells if cell.delay_ms == delay), key=lambda cell: -(cell.throughput_rps or 0))
        rows += [Row(f"The other service answers after {delay} ms", ""), *(throughput_row(cell, run) for cell in own)]
    longest = [cell for cell in cells if cell.delay_ms == delays[0] and cell.throughput_rps]
    longest.sort(key=lambda cell: -(cell.throughput_rps or 0))
    named = list(dict.fromkeys([*longest[:2], *longest[-1:]]))
    texts = [f"{stack_label(cell.stack, run.stacks)} {split_prose(cell.throughput)[0]}" for cell in named]
    users = parse_load(cells[0].load).users
    with_users = f", {count_words(users, 'user')}" if users else ""
    subtitle = (
        f"Requests per second{with_users}: right is better. Each "
        "request first asks another service, a small program beside the load generator that answers after a fixed delay."
    )
    title = f"With a wait of {delays[0]} ms, requests per second: {'; '.join(texts) or 'no correct answer'}"
    sheet = Sheet(state_words(run.summary) + title, subtitle, rows_height(rows), run.fine_print)
    draw_amounts(sheet, rows, "requests per second")
    return sheet


def probe_table(rows: Sequence[Probe], run: FinishedRun) -> Table:
    """Return one line per stack: what became of health checks while it was busy with a slow model."""
    engine = run.stacks.get(rows[0].stack, {}).get("engine", "") if rows else ""
    late = f"later than {rows[0].late_ms / 1e3:g} s" if rows else ""
    beside = f", {format_load(rows[0].probe_load)}, while {format_load(rows[0].load)} ask a model of {model_words(engine)}" if rows else ""
    return make_table(
        f"Health checks (GET /livez){beside}",
        [
            Column("stack", [base_label(row.stack, run.stacks) for row in rows]),
            numbers(late, [NO_FIGURE if row.late_ratio is None else format_percent(row.late_ratio) for row in rows]),
            numbers("p50 ms", [format_number(row.p50_ms) for row in rows]),
            numbers("p95 ms", [format_number(row.p95_ms) for row in rows]),
            numbers("slowest, ms", [format_number(row.max_ms) for row in rows]),
            numbers("checks", [f"{row.probes:,}" for row in rows]),
            numbers("launches", [str(row.launches) for row in rows]),
        ],
    )
