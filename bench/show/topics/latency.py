"""Latency: of one user alone and at the same offered load, by load, and up to which rate a limit on p99 holds."""

from collections.abc import Callable, Sequence

from bench.records import Capacity, Cell
from bench.records.loads import parse_load
from bench.records.names import stack_label
from bench.records.numbers import (
    NO_FIGURE,
    count_words,
    format_interval,
    format_load,
    format_number,
    format_percent,
    level_words,
    split_prose,
    under_words,
)
from bench.show.drawing.lines import Line, Panel, Point, Scale, draw_lines
from bench.show.drawing.looks import look_of, looks_of
from bench.show.drawing.rows import Row, draw_amounts, rows_height
from bench.show.drawing.sheet import Sheet
from bench.show.finished import FinishedRun
from bench.show.section import Picture, Section, make_block
from bench.show.words.selection import UNLOADED, equal_load, first_part, headline_cells, own_load_cells, twins_of
from bench.show.words.tables import Column, Table, cell_legend, cell_table, has_failed, make_table, numbers, percentile_words
from bench.show.words.verdicts import state_words

LATENCY_READING = (
    "Mark: p95, the time within which 95 % of the answers came. Line: from the median to p99. At the same offered load requests are sent "
    "at fixed random times, answered or not, and time counts from the scheduled start."
)
CURVE_READING = (
    "The same requests per second for every stack. In brackets: how busy that keeps the core of the baseline. Where a line rises steeply, "
    "requests queue."
)
CAPACITY_READING = (
    "A server is overloaded where its line rises steeply. Its capacity is the rate at which p99 reaches the dashed limit; it is lower than "
    "its throughput at saturation, where answers come late."
)
LEAST_LOADS = 3
CROSS = " Cross: more than 1 % of the requests got no answer, or the stack did not keep up."


def section(run: FinishedRun) -> Section:
    """Return latency in three pictures, as far as the run has them, and all cells behind them."""
    first, headline = first_part(run.summary), headline_cells(run.summary)
    others = [cell for cell in first if not headline or cell.load != headline[0].load]
    tables = (cell_table("All figures", others, run.stacks), cell_legend()) if others else ()
    shown = _shown_cells(run)
    picture = Picture("latency", draw_latency(shown, run), LATENCY_READING) if any(cell.p95_ms for cell in shown) else None
    curve = _curve_cells(run)
    by_load = Picture("latency-by-load", draw_curve(curve, run), CURVE_READING) if curve else None
    offered = own_load_cells(run.summary)
    rows = [row for row in run.summary.capacity if offered and (row.part, row.scenario) == (offered[0].part, offered[0].scenario)]
    limit = Picture("capacity", draw_capacity(rows, offered, run), CAPACITY_READING) if rows else None
    by_rate = (cell_table("All figures by offered rate", offered, run.stacks),) if offered else ()
    blocks = (
        *make_block(picture, folded=tables),
        *make_block(by_load),
        *make_block(limit, folded=(capacity_table(run), offered_table(rows, run), *by_rate)),
    )
    return Section("latency", "How fast is one answer?", "latency alone, at equal load, and the highest load that keeps it", (), blocks)


def _shown_cells(run: FinishedRun) -> list[Cell]:
    """Return the cells of one user and of the equal load, of the first scenario, without second copies."""
    twins, first = twins_of(run.summary), first_part(run.summary)
    loads = [UNLOADED, equal_load(run.summary)]
    own = [cell for cell in first if cell.load in loads and cell.stack not in twins and cell.scenario == first[0].scenario]
    return sorted(own, key=lambda cell: loads.index(cell.load))


def draw_latency(cells: Sequence[Cell], run: FinishedRun) -> Sheet:
    """Return the chart: p95 of each stack by load, with a line from p50 to p99."""
    rows: list[Row] = []
    for load in dict.fromkeys(cell.load for cell in cells):
        own = [cell for cell in cells if cell.load == load]
        rows += [Row(_load_heading(own), ""), *(_latency_row(cell, run) for cell in own)]
    last = [cell for cell in cells if cell.load == cells[-1].load and cell.p95_ms is not None and cell.carried]
    ranked = sorted(last, key=lambda cell: cell.p95_ms or 0)
    texts = [f"{format_number(cell.p95_ms)} ms with {stack_label(cell.stack, run.stacks)}" for cell in (*ranked[:1], *ranked[1:][-1:])]
    where = "at the same offered load" if parse_load(cells[-1].load).is_open else under_words(cells[-1].load)
    title = f"p95 {where}: {' to '.join(texts) or 'not measured'}"
    subtitle = f"Latency in ms, left is better. {cells[0].scenario}. Line: median to p99; mark: p95; all requests of all starts together."
    sheet = Sheet(state_words(run.summary) + title, subtitle, rows_height(rows), run.fine_print)
    draw_amounts(sheet, rows, "ms, less is better")
    return sheet


def _load_heading(cells: Sequence[Cell]) -> str:
    load = cells[0].load
    if not parse_load(load).is_open:
        return f"{format_load(load)}, alone on the server" if load == UNLOADED else format_load(load)
    rates = sorted(cell.offered_rps for cell in cells if cell.offered_rps is not None)
    return f"{' to '.join(dict.fromkeys(map(format_number, rates[:1] + rates[-1:])))} requests per second for all ({format_load(load)})"


def _latency_row(cell: Cell, run: FinishedRun) -> Row:
    look = look_of(cell.stack, run.stacks)
    busy = f", core {format_percent(cell.busy_share)} busy" if cell.busy_share is not None else ""
    lost = "" if cell.carried else ", did not keep up"
    words = percentile_words(cell, cell.p95_ms, 0.95)
    return Row(
        left=stack_label(cell.stack, run.stacks),
        right=f"p95 {words}{' ms' if cell.p95_ms is not None else ''}{busy}{lost}",
        value=cell.p95_ms,
        low=cell.p50_ms,
        high=cell.p99_ms if cell.p99_ms is not None else cell.p95_ms,
        marker=look.marker,
        colour=look.colour,
    )


def _curve_cells(run: FinishedRun) -> list[Cell]:
    """Return the cells of the loads by busy share, where these are enough for a curve."""
    twins, first = twins_of(run.summary), first_part(run.summary)
    cells = [cell for cell in first if parse_load(cell.load).is_busy and cell.stack not in twins]
    loads = {load: {cell.stack for cell in cells if cell.load == load} for load in dict.fromkeys(cell.load for cell in cells)}
    everywhere = set.intersection(*loads.values()) if loads else set()
    return [cell for cell in cells if cell.stack in everywhere] if len(loads) >= LEAST_LOADS else []


def draw_curve(cells: Sequence[Cell], run: FinishedRun) -> Sheet:
    """Return the chart of p95 by offered load, on one scale for all."""
    rates = {cell.load: cell.offered_rps or 0.0 for cell in cells}
    by_rate = sorted(rates, key=lambda load: rates[load])
    names = tuple(f"{rates[load]:,.0f}\n({parse_load(load).percent:g} %)" for load in by_rate)
    x = Scale(
        "requests per second for all (baseline's core busy)", from_zero=False, ticks=tuple(rates[load] for load in by_rate), names=names
    )
    lines = _lines(cells, lambda cell: rates[cell.load], run)
    panel = Panel("p95 of the response time", lines, Scale("ms, log scale", log=True))
    ends = [[cell for cell in cells if cell.load == load and cell.p95_ms and cell.carried] for load in (by_rate[0], by_rate[-1])]
    texts = []
    for own in filter(None, ends):
        ranked = sorted(own, key=lambda cell: cell.p95_ms or 0)
        both = dict.fromkeys(format_number(cell.p95_ms) for cell in (ranked[0], ranked[-1]))
        texts.append(f"{' to '.join(both)} ms at {rates[own[0].load]:,.0f} requests per second")
    title = f"p95 by offered load: {', '.join(texts)}" if texts else "p95 by offered load"
    crossed = any(point.failed for line in lines for point in line.points)
    subtitle = f"Response time: from the scheduled start of a request. Less is better. {cells[0].scenario}.{CROSS if crossed else ''}"
    return draw_lines(state_words(run.summary) + title, subtitle, x, [panel], run.fine_print)


def _lines(cells: Sequence[Cell], x: Callable[[Cell], float], run: FinishedRun) -> list[Line]:
    """Return a line of p95 per stack; where a stack did not keep up stands a cross."""
    worst = max((cell.p95_ms for cell in cells if cell.p95_ms is not None), default=1.0)
    lines = []
    for name, look in looks_of((cell.stack for cell in cells), run.stacks).items():
        own = [cell for cell in cells if cell.stack == name]
        points = [Point(x(cell), cell.p95_ms or worst, failed=cell.p95_ms is None or not cell.carried) for cell in own]
        lines.append(Line(stack_label(name, run.stacks), points, look.colour, look.marker, look.style))
    return lines


def draw_capacity(rows: Sequence[Capacity], cells: Sequence[Cell], run: FinishedRun) -> Sheet:
    """Return the chart: the p99 of launches by offered rate, with the limit and how far each stack keeps it."""
    failed = {(cell.stack, cell.load) for cell in cells if has_failed(cell)}
    worst = max((point.p99_ms for row in rows for point in row.points if point.p99_ms), default=1.0)
    lines = []
    for row, look in zip(rows, looks_of((row.stack for row in rows), run.stacks).values(), strict=True):
        points = [
            Point(point.offered_rps, point.p99_ms or worst, failed=point.p99_ms is None or (row.stack, point.load) in failed)
            for point in row.points
        ]
        known = row.capacity if not row.bound else None
        reach = (known.estimate, *known.ends) if known and known.ends else None
        lines.append(Line(stack_label(row.stack, run.stacks), points, look.colour, look.marker, look.style, reach))
    limit = rows[0].limit_p99_ms
    panel = Panel(f"p99, median of the launches; dashed: {limit:g} ms", lines, Scale("ms, log scale", log=True), limit)
    ranked = sorted((row for row in rows if row.capacity_rps), key=lambda row: row.capacity_rps or 0)
    texts = [capacity_words(row, run) for row in (*ranked[:1], *ranked[1:][-1:])]
    title = f"Requests per second with p99 within {limit:g} ms: {', '.join(texts)}" if texts else "p99 by offered load"
    crossed = any(point.failed for line in lines for point in line.points)
    subtitle = (
        f"Offered to each stack: shares of its own throughput in that launch. Further right is better. {rows[0].scenario}. Below the "
        f"limit: capacity with its interval.{CROSS if crossed else ''}"
    )
    x = Scale("offered requests per second", from_zero=False)
    return draw_lines(state_words(run.summary) + title, subtitle, x, [panel], run.fine_print)


def capacity_words(row: Capacity, run: FinishedRun) -> str:
    """Return up to which rate a stack keeps the limit: `2,560 with Flask on granian`."""
    figure = f"{row.bound} {split_prose(row.capacity)[0]}".strip()
    return f"{figure} with {stack_label(row.stack, run.stacks)}"


def capacity_table(run: FinishedRun) -> Table:
    """Return one line per stack: the highest offered rate within the limit."""
    rows = run.summary.capacity
    limit = f" of {rows[0].limit_p99_ms:g} ms" if rows else ""
    return make_table(
        f"Capacity: the highest offered rate within the limit{limit} on p99",
        [
            Column("stack", [stack_label(row.stack, run.stacks) for row in rows]),
            numbers("requests per second", [f"{row.bound} {format_interval(row.capacity)}".strip() for row in rows]),
            numbers("level", [level_words(row.capacity) or NO_FIGURE for row in rows]),
            numbers("rates offered", [f"{format_number(row.lowest_rps)} to {format_number(row.highest_rps)}" for row in rows]),
            numbers("launches", [str(row.launches) for row in rows]),
        ],
    )


def offered_table(rows: Sequence[Capacity], run: FinishedRun) -> Table:
    """Return one line per stack and rate: p99 over launches."""
    points = [(row, point) for row in rows for point in row.points]
    return make_table(
        f"p99 of the response time by offered rate, over {count_words(rows[0].launches, 'launch') if rows else 'launches'}",
        [
            Column("stack", [stack_label(row.stack, run.stacks) for row, _ in points]),
            numbers("offered req/s", [format_number(point.offered_rps) for _, point in points]),
            numbers("median, ms", [_p99_words(point.p99_ms) for _, point in points]),
            numbers("lowest, ms", [_p99_words(point.lowest_ms) for _, point in points]),
            numbers("highest, ms", [_p99_words(point.highest_ms) for _, point in points]),
            numbers("launches", [str(point.launches) for _, point in points]),
        ],
    )


def _p99_words(value_ms: float | None) -> str:
    return "unanswered" if value_ms is None else format_number(value_ms)
