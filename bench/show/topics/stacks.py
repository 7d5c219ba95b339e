"""Other ways to serve side by side, within one part of the run, and more users."""

from collections.abc import Sequence

from bench.records import AS_DEPLOYED, Cell
from bench.records.loads import parse_load
from bench.records.names import stack_label
from bench.records.numbers import count_words, format_load, format_percent, level_words, split_prose
from bench.records.record import ends_of
from bench.show.drawing.lines import Line, Panel, Point, Scale, draw_lines
from bench.show.drawing.looks import looks_of
from bench.show.drawing.rows import Row, draw_amounts, rows_height
from bench.show.drawing.sheet import Sheet
from bench.show.drawing.throughput import throughput_row
from bench.show.finished import FinishedRun
from bench.show.section import Picture, Section, make_block
from bench.show.words.selection import WORKERS_PART, first_part, headline_load, own_load_cells, twins_of, widest_cells
from bench.show.words.tables import cell_table, has_failed
from bench.show.words.verdicts import state_words

MAX_ROWS = 14
TUNED = "-raw"
STACKS_READING = "All rows are of one part of the run: rows of different parts were not measured in the same minutes and are not compared."
SWEEP_READING = "Where the upper line stops rising, more users only wait longer: the lower line rises with them."
CROSS = " Cross: more than 1 % of the requests got no answer."


def section(run: FinishedRun) -> Section:
    """Return throughput of the part with the most ways to serve, and by the number of users."""
    cells = _side_by_side(run)
    picture = Picture("stacks", draw_stacks(cells, run), STACKS_READING) if any(cell.throughput_rps for cell in cells) else None
    swept = widest_cells(run.summary, _users)
    sweep = Picture("users", draw_sweep(swept, run), SWEEP_READING) if any(cell.throughput_rps for cell in swept) else None
    table = (cell_table("All figures", cells, run.stacks),) if cells else ()
    by_users = (cell_table("All figures by users", swept, run.stacks),) if swept else ()
    shown = {id(cell) for cell in (*cells, *swept, *first_part(run.summary), *own_load_cells(run.summary))}
    parts: dict[str, list[Cell]] = {}
    for cell in run.summary.cells:
        if id(cell) not in shown and cell.delay_ms is None and cell.part != WORKERS_PART:
            parts.setdefault(cell.part, []).append(cell)
    others = tuple(cell_table(f"More figures of part {part}", own, run.stacks) for part, own in parts.items())
    blocks = (*make_block(picture, folded=table), *make_block(sweep, folded=by_users), *make_block(None, folded=others))
    return Section("stacks", "How many requests per second?", "other servers and settings, more users", (), blocks)


def _side_by_side(run: FinishedRun) -> list[Cell]:
    """Return the cells under the load of the answer of the part with the most stacks, without second copies, engines, single changes."""
    load = headline_load(run.summary)
    left_out = twins_of(run.summary) | {row.contender for row in run.summary.changes if row.baseline in AS_DEPLOYED}
    parts: dict[tuple[str, str], list[Cell]] = {}
    for cell in run.summary.cells:
        if cell.load == load and cell.stack not in left_out and "@" not in cell.stack:
            parts.setdefault((cell.part, cell.scenario), []).append(cell)
    return max(parts.values(), key=len, default=[])


def draw_stacks(cells: Sequence[Cell], run: FinishedRun) -> Sheet:
    """Return the chart: the baseline first, the others by throughput; tuned applications apart, since they promise less."""
    baseline = next((row.baseline for row in run.summary.comparisons), "")
    ordered = sorted(cells, key=lambda cell: (cell.stack != baseline, -(cell.throughput_rps or 0)))
    plain = [cell for cell in ordered if not cell.stack.endswith(TUNED)][:MAX_ROWS]
    tuned = [cell for cell in ordered if cell.stack.endswith(TUNED)]
    rows = [throughput_row(cell, run) for cell in plain]
    rows += (
        [Row("Tuned: the body is parsed in one step, answers are bytes", ""), *(throughput_row(cell, run) for cell in tuned)]
        if tuned
        else []
    )
    known = [cell for cell in plain if cell.throughput_rps]
    best = max(known, key=lambda cell: cell.throughput_rps or 0) if known else None
    what = "Requests per second, answered of what was offered" if parse_load(cells[0].load).is_open else "Most requests per second"
    title = f"{what}: {split_prose(best.throughput)[0]} with {stack_label(best.stack, run.stacks)}" if best else "No throughput"
    levels = " / ".join(dict.fromkeys(words for cell in cells if (words := level_words(cell.throughput))))
    line = f" Line: the {levels} interval over {count_words(cells[0].launches, 'start')}." if levels else ""
    hidden = len(ordered) - len(plain) - len(tuned)
    more = f" {hidden} more in the table." if hidden else ""
    subtitle = f"Right is better. {cells[0].scenario}, {format_load(cells[0].load)}, one serving process on the same core each.{line}{more}"
    sheet = Sheet(state_words(run.summary) + title, subtitle, rows_height(rows), run.fine_print)
    draw_amounts(sheet, rows, "requests per second")
    return sheet


def _users(cell: Cell) -> float | None:
    users = parse_load(cell.load).users
    return float(users) if users and cell.delay_ms is None else None


def draw_sweep(cells: Sequence[Cell], run: FinishedRun) -> Sheet:
    """Return the chart: throughput and p99 by users."""
    ticks = tuple(sorted({users for cell in cells if (users := _users(cell))}))
    throughput, p99 = [], []
    worst = max((cell.p99_ms for cell in cells if cell.p99_ms is not None), default=1.0)
    for name, look in looks_of((cell.stack for cell in cells), run.stacks).items():
        own = [(users, cell) for cell in cells if cell.stack == name and (users := _users(cell))]
        rates = [
            Point(users, cell.throughput_rps or 0.0, low, high, cell.throughput_rps is None or has_failed(cell))
            for users, cell in own
            for low, high in [ends_of(cell.throughput) or (None, None)]
        ]
        waits = [Point(users, cell.p99_ms or worst, failed=cell.p99_ms is None or has_failed(cell)) for users, cell in own]
        label = stack_label(name, run.stacks)
        throughput.append(Line(label, rates, look.colour, look.marker, look.style))
        p99.append(Line(label, waits, look.colour, look.marker, look.style))
    panels = [
        Panel("requests per second: more is better", throughput, Scale("req/s")),
        Panel("p99 of the service time: less is better", p99, Scale("ms, log scale", log=True)),
    ]
    knees = [row for row in run.summary.knees if row.part == cells[0].part]
    counts = sorted(row.users for row in knees)
    reached = " to ".join(dict.fromkeys(map(str, counts[:1] + counts[-1:])))
    title = f"Throughput stops growing at {reached} users" if counts else "Throughput and p99 by users"
    share = f" Stops growing: {format_percent(knees[0].share)} of a stack's highest throughput is reached." if knees else ""
    crossed = any(point.failed for line in (*throughput, *p99) for point in line.points)
    subtitle = f"{cells[0].scenario}. Each user waits for an answer before asking again.{share}{CROSS if crossed else ''}"
    x = Scale("users, log scale", log=True, ticks=ticks, names=tuple(f"{count:g}" for count in ticks))
    return draw_lines(state_words(run.summary) + title, subtitle, x, panels, run.fine_print)
