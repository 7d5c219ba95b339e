"""More worker processes: does a server grow with its cores, and does the ratio of the frameworks hold?"""

from collections.abc import Sequence

from bench.records import Cell, Comparison
from bench.records.names import stack_label
from bench.records.numbers import NO_FIGURE, format_load, format_ratio, split_prose
from bench.records.record import ends_of
from bench.show.drawing.lines import Line, Panel, Point, Scale, draw_lines
from bench.show.drawing.looks import looks_of
from bench.show.drawing.sheet import Sheet
from bench.show.finished import FinishedRun
from bench.show.section import Picture, Section, make_block
from bench.show.words.selection import WORKERS_PART, twins_of
from bench.show.words.tables import Column, Table, cell_table, has_failed, make_table, numbers
from bench.show.words.verdicts import state_words

HOW_TO_READ = "Each worker process has a core of its own. A server that grows with them has a straight upper line, which begins at zero."
ON_ONE_CORE = (
    "All worker processes shared one core. So this shows what more processes cost, not what more cores bring: a line that stays level has "
    "lost nothing."
)


def section(run: FinishedRun) -> Section:
    """Return throughput and ratios by the number of worker processes."""
    heading, answers = "Does the ratio hold with more worker processes?", "workers, more cores"
    cells = [cell for cell in run.summary.cells if cell.part == WORKERS_PART and cell.stack not in twins_of(run.summary)]
    if not cells:
        return Section("workers", heading, answers)
    picture = Picture("workers", draw_workers(cells, run), ON_ONE_CORE if _share_core(cells, run) else HOW_TO_READ)
    lines = (ON_ONE_CORE,) if _share_core(cells, run) else ()
    figures = cell_table("All figures by workers", cells, run.stacks)
    return Section("workers", heading, answers, lines, make_block(picture, ratio_table(run), folded=(figures,)))


def workers_of(stack: str, run: FinishedRun) -> int:
    """Return how many worker processes a stack has."""
    return int(run.plan["stacks"].get(stack, {}).get("workers", 1))


def base_of(stack: str) -> str:
    """Return the stack of which this one has another number of workers."""
    base, _, count = stack.rpartition("@")
    return base if base and count.isdecimal() else stack


def _share_core(cells: Sequence[Cell], run: FinishedRun) -> bool:
    """Whether a stack with several workers had fewer cores than these."""
    conditions = run.manifest["conditions"]
    return any(len(conditions.get(cell.stack, {}).get("cores", ())) < workers_of(cell.stack, run) for cell in cells)


def _rows(run: FinishedRun) -> list[Comparison]:
    """Return the ratios of throughput of the part, by pair and then by workers."""
    rows = [row for row in run.summary.comparisons if row.part == WORKERS_PART and row.metric == "throughput_rps"]
    pairs = list(dict.fromkeys((base_of(row.contender), base_of(row.baseline)) for row in rows))
    return sorted(rows, key=lambda row: (pairs.index((base_of(row.contender), base_of(row.baseline))), workers_of(row.contender, run)))


def ratio_table(run: FinishedRun) -> Table:
    """Return one line per pair and number of workers: the ratio of throughput, of CPU time and of p99."""
    rows = _rows(run)
    others: dict[tuple[str, str, str], Comparison] = {
        (row.contender, row.baseline, row.metric): row
        for row in run.summary.comparisons
        if row.part == WORKERS_PART and row.metric != "throughput_rps"
    }

    def ratios(metric: str) -> list[str]:
        found = [others.get((row.contender, row.baseline, metric)) for row in rows]
        return [format_ratio(row) if row else NO_FIGURE for row in found]

    load = f", {rows[0].scenario}, {format_load(rows[0].load)}" if rows else ""
    return make_table(
        f"Contender / baseline by worker processes{load}",
        [
            Column("contender / baseline", [f"{_label(row.contender, run)} / {_label(row.baseline, run)}" for row in rows]),
            numbers("workers each", [str(workers_of(row.contender, run)) for row in rows]),
            numbers("requests per second", [format_ratio(row) for row in rows]),
            numbers("CPU time per request", ratios("cpu_us_per_request")),
            numbers("p99", ratios("p99_ms")),
            numbers("launches", [str(row.launches) for row in rows]),
        ],
    )


def _label(stack: str, run: FinishedRun) -> str:
    return stack_label(base_of(stack), run.stacks)


def draw_workers(cells: Sequence[Cell], run: FinishedRun) -> Sheet:
    """Return the chart: throughput and p99 by the number of worker processes."""
    counts = sorted({workers_of(cell.stack, run) for cell in cells})
    worst = max((cell.p99_ms for cell in cells if cell.p99_ms is not None), default=1.0)
    throughput, p99 = [], []
    for base, look in looks_of(dict.fromkeys(base_of(cell.stack) for cell in cells), run.stacks).items():
        own = sorted((workers_of(cell.stack, run), place) for place, cell in enumerate(cells) if base_of(cell.stack) == base)
        rates, waits = [], []
        for count, place in own:
            cell = cells[place]
            low, high = ends_of(cell.throughput) or (None, None)
            rates.append(Point(count, cell.throughput_rps or 0.0, low, high, cell.throughput_rps is None or has_failed(cell)))
            waits.append(Point(count, cell.p99_ms or worst, failed=cell.p99_ms is None or has_failed(cell)))
        throughput.append(Line(_label(base, run), rates, look.colour, look.marker, look.style))
        p99.append(Line(_label(base, run), waits, look.colour, look.marker, look.style))
    panels = [
        Panel("requests per second: more is better", throughput, Scale("req/s")),
        Panel("p99 of the service time: less is better", p99, Scale("ms, log scale", log=True)),
    ]
    x = Scale("worker processes", ticks=tuple(map(float, counts)), names=tuple(map(str, counts)))
    subtitle = f"{cells[0].scenario}, {format_load(cells[0].load)}. {ON_ONE_CORE if _share_core(cells, run) else HOW_TO_READ}"
    return draw_lines(state_words(run.summary) + _title(run), subtitle, x, panels, run.fine_print)


def _title(run: FinishedRun) -> str:
    """Return what the first pair's ratio is with the fewest and with the most workers."""
    rows = _rows(run)
    first = [row for row in rows if base_of(row.contender) == base_of(rows[0].contender)]
    known = [row for row in first if row.interval]
    if len(known) < 2:  # noqa: PLR2004 - the fewest and the most
        return "Requests per second and p99 by worker processes"
    fewest, most = (f"{split_prose(row.interval)[0]} times with {workers_of(row.contender, run)}" for row in (known[0], known[-1]))
    both = f"{_label(known[0].contender, run)} against {_label(known[0].baseline, run)}"
    return f"{both}: {fewest} worker each, {most}"
