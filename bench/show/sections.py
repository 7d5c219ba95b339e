"""The report, section by section in the order in which a reader asks: text, charts and tables, the same for the page and for Markdown."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.records import Comparison, find_floor
from bench.records.loads import parse_load
from bench.show.charts import copies_words
from bench.show.code_words import code_notes, code_table, feature_table
from bench.show.cost import cost_table
from bench.show.cost_chart import cost_cells
from bench.show.finished import FinishedRun
from bench.show.five_lines import trust_lines
from bench.show.load_charts import enrich_cells, offered_cells, offered_rows, sweep_cells
from bench.show.numbers import NO_FIGURE, format_interval, format_number, format_percent, level_words
from bench.show.selection import first_part, headline_cells, twins_of
from bench.show.sentences import stack_label
from bench.show.tables import (
    Column,
    Table,
    cell_table,
    comparison_table,
    make_table,
    noise_floor_table,
    numbers,
    probe_table,
    resource_table,
)
from bench.show.trust import other_conditions, plain_text, trust_tables
from bench.show.why_words import (
    break_even_line,
    break_even_table,
    change_table,
    ladder_table,
    off_line,
    server_timing_table,
    threshold_table,
)

HOW_TO_READ: Mapping[str, str] = {
    "ratios": (
        "Right of 1x the contender has more than the baseline, left of it less. A whisker inside the hatched band is a difference too "
        "small to matter; one that crosses an edge of the band leaves that open. Where a stack has a second copy, the baseline of a ratio "
        "is the mean of both copies, so the A/A rows share data with the ratios."
    ),
    "break-even": (
        "Find the time that one prediction of your model takes on the x axis. Where a line has come inside the hatched band, the framework "
        "no longer moves throughput by more than that. Do not read on beyond the slowest engine that was measured. Pairs measured with "
        "one engine stand side by side: the higher ratio is written above them, the lower below."
    ),
    "ladder": (
        "Differences of stacks that serve the same requests at one equal rate; each has its interval in the table. The kernel's work for "
        "the loopback connection is part of the server's step. A step within its noise may come out below zero: then it has no bar."
    ),
    "changes": (
        "What a user of the article's application would get from one change at a time. Compare the lengths: where another change buys more "
        "than the framework, begin there."
    ),
    "latency": (
        "A point says within how many milliseconds that share of the answers came; a line ends where its samples no longer support a "
        "percentile. At saturation the median only restates users / throughput: for what one user waits, read the panel with 1 user."
    ),
    "equal-load": (
        "At the same offered load requests come when they are due, whether earlier ones have been answered or not: each stack has the same "
        "work, and one that is late makes its requests wait."
    ),
    "offered": (
        "Follow a line to the right until it turns up: there the stack no longer keeps up with what is offered. Where its p99 crosses the "
        "dashed line is its capacity under that limit; it is less than its throughput at saturation, where answers come late."
    ),
    "sweep": (
        "Left of the ring more users bring more answers per second, right of it only longer waits. Latency there is users / throughput, "
        "whatever the framework."
    ),
    "throughput": "Each dot is a stack's throughput over all launches, its whisker the interval; hollow dots are second copies of a stack.",
    "enrich": (
        "At no delay a request costs the framework and its client of the other service. With a longer one, what counts is how many "
        "requests can wait at the same time: threads in Flask and in FastAPI's def, as many as come in async def with an async client. A "
        "blocking call inside async def lets nobody else be served."
    ),
    "cost": (
        "Compare the lengths within a strip. CPU time per request falls as load rises, since a server that sleeps has to be woken: what a "
        "core can carry at most follows from the seconds at saturation, in the table, not from those at this load."
    ),
    "aa": "What these rows differ by is noise: the same code runs in both. A difference has to be larger to be believed.",
    "drift": "A flat cloud is a quiet machine; steps that both stacks take together are the machine's, not theirs.",
}
SERVER_TIMING = (
    "Server-Timing is wall time: medians of single requests to a server that is idle otherwise, whose caches are colder than under load. "
    "The ladder gives CPU time under load."
)
CELLS = (
    "Percentiles are of all settled requests of all launches together: of the service time in closed loops (users that wait for their "
    "answers), of the response time where a rate is offered (from when a request was due; one that was never answered counts as "
    "longer than any other). 'too few' stands where there are too few samples for a percentile, 'unanswered' where it falls among "
    "requests without an answer. Where a rate is offered, throughput is what was offered; 'achieved of due' says which share of it was "
    "answered in time. CPU us is CPU time of the server's processes per request, with the kernel's share of it; 'busy' is that time over "
    "wall time x the server's cores."
)
RESOURCES = (
    "Seconds are from the start of a stack's process, alone on the machine. Memory is that of its processes, at rest after such a "
    "start, and after the last load of a launch: RSS counts shared pages in every process that has them, PSS shares them out among "
    "all processes of the machine, after load those of other stacks too."
)
MONEY = (
    "CPU seconds are of the server's processes, at the same offered load for all. Money is no measurement: core hours times the price of "
    "one, divided by the share of its time for which a paid core works; draw the report again with --core-hour-price and --utilisation "
    "for your own."
)
AA = (
    "A/A is the ratio of two copies of a baseline, in the metric and under the load of its row. Equal: its interval lies within {equal} "
    "of 1, or within the margin if that is more. Unequal: it excludes 1, and is off by more than {tolerance}. Coarse: neither. Whichever "
    "it is, better and worse must clear its far end; equivalent needs one that is narrow and not unequal."
)
NOT_MEASURED = (
    "Not measured: more than one machine or core per server, TLS, HTTP/2, real networks, databases, requests larger than those of the "
    "scenarios, memory over days. Kernel work for a loopback connection is charged to whoever sends."
)


@dataclass(frozen=True)
class Block:
    """A chart with how to read it, and the tables below; `folded` tables are opened by the reader, and have no place in Markdown."""

    chart: str = ""
    how_to_read: str = ""
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Section:
    """One section: sentences, blocks, what to know about them, and a text to fold, such as a diff."""

    name: str
    heading: str
    lines: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    note: str = ""
    folded_text: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it would say nothing."""
        return not self.lines and not any(block.chart or block.tables or block.folded for block in self.blocks)


def make_sections(run: FinishedRun, charts: Collection[str]) -> list[Section]:
    """Return the sections that have something to say; `charts` are those that were drawn."""
    makers = (_break_even, _ladder, _changes, _latency, _stacks, _enrich, _cost, _complexity, _comparisons, _trust)
    return [section for make in makers if not (section := make(run, charts)).is_empty]


def _block(charts: Collection[str], chart: str, *tables: Table, folded: Sequence[Table] = ()) -> Block:
    """Return a block without what was not drawn, and without tables that have no row."""
    drawn = chart if chart in charts else ""
    how_to_read = HOW_TO_READ[chart] if drawn else ""
    return Block(drawn, how_to_read, tuple(table for table in tables if table.rows), tuple(table for table in folded if table.rows))


def _break_even(run: FinishedRun, charts: Collection[str]) -> Section:
    rows = run.summary.break_even
    lines = (*(break_even_line(row, run.stacks) for row in rows), *filter(None, (off_line(row, run.stacks) for row in rows)))
    block = _block(charts, "break-even", *(break_even_table(row, run.stacks) for row in rows), threshold_table(rows, run.stacks))
    note = "For a model of yours: python -m bench answer --model-ms X" if rows else ""
    return Section("break-even", "Break-even: from which model on it no longer matters", lines, (block,), note)


def _ladder(run: FinishedRun, charts: Collection[str]) -> Section:
    check = server_timing_table(run.summary, run.stacks)
    block = _block(charts, "ladder", ladder_table(run.summary.ladder, run.stacks), check)
    return Section("ladder", "Where the time goes", blocks=(block,), note=SERVER_TIMING if check.rows else "")


def _changes(run: FinishedRun, charts: Collection[str]) -> Section:
    block = _block(charts, "changes", change_table(run.summary.changes, run.changes, run.stacks))
    return Section("changes", "What else would you change?", blocks=(block,))


def _latency(run: FinishedRun, charts: Collection[str]) -> Section:
    first, headline = first_part(run.summary), headline_cells(run.summary)
    loads = [load for load in dict.fromkeys(cell.load for cell in first) if not headline or load != headline[0].load]
    closed, opened = (
        [
            cell_table("Cells", [cell for cell in first if cell.load == load], run.stacks)
            for load in loads
            if parse_load(load).is_open == is_opened
        ]
        for is_opened in (False, True)
    )
    latency, equal = _block(charts, "latency", *closed), _block(charts, "equal-load", *opened)
    if equal.chart:
        equal = replace(equal, how_to_read=f"{equal.how_to_read} {copies_words(run.summary, run.stacks)}".strip())
    cells = offered_cells(run)
    by_rate = [_offered_table(run), *([cell_table("Cells by offered rate", cells, run.stacks)] if cells else [])]
    offered = _block(charts, "offered", _capacity_table(run), folded=by_rate)
    return Section("latency", "Latency, alone and at equal offered load", blocks=(latency, equal, offered), note=CELLS)


def _stacks(run: FinishedRun, charts: Collection[str]) -> Section:
    headline = headline_cells(run.summary)
    first, swept = first_part(run.summary), sweep_cells(run)
    shown = {id(cell) for cell in (*first, *swept, *offered_cells(run), *enrich_cells(run))}
    parts = dict.fromkeys(cell.part for cell in run.summary.cells if id(cell) not in shown)
    others = [cell_table(f"Cells of part {part}", [cell for cell in run.summary.cells if cell.part == part], run.stacks) for part in parts]
    blocks = (
        _block(charts, "throughput", *([cell_table("Cells of the answer", headline, run.stacks)] if headline else []), folded=others),
        _block(charts, "sweep", folded=[cell_table("Cells by users", swept, run.stacks)] if swept else []),
    )
    return Section("throughput", "Stacks side by side, and more users", blocks=blocks)


def _enrich(run: FinishedRun, charts: Collection[str]) -> Section:
    cells = enrich_cells(run)
    tables = [cell_table("Cells by delay of the other service", cells, run.stacks)] if cells else []
    probes = probe_table(run.summary.probes, run.stacks)
    return Section("enrich", "Waiting on others", blocks=(_block(charts, "enrich", *tables), _block(charts, "", probes)))


def _cost(run: FinishedRun, charts: Collection[str]) -> Section:
    twins = twins_of(run.summary)
    stacks = {cell.stack for cell in first_part(run.summary)} - twins
    needs = [row for row in run.summary.resources if row.stack in stacks]
    others = [row for row in run.summary.resources if row.stack not in stacks | twins]
    block = _block(
        charts,
        "cost",
        cost_table(cost_cells(run), {cell.stack: cell for cell in headline_cells(run.summary)}, run.price, run.stacks),
        resource_table("Start-up and memory: medians", needs, run.stacks),
        folded=[resource_table("Start-up and memory of the other stacks: medians", others, run.stacks)],
    )
    return Section("cost", "What it costs to run", blocks=(block,), note=f"{MONEY} {RESOURCES}" if needs else MONEY)


def _complexity(run: FinishedRun, charts: Collection[str]) -> Section:
    rows = run.summary.complexity
    block = _block(charts, "", code_table(rows, run.summary.resources, run.stacks), feature_table(run.summary.features, run.stacks))
    return Section("complexity", "Development complexity", blocks=(block,), note=code_notes(rows) if rows else "", folded_text=run.diff)


def _comparisons(run: FinishedRun, charts: Collection[str]) -> Section:
    judged, others = _by_role(run.summary.comparisons)
    tables = (
        comparison_table("Primary and secondary comparisons", judged, run.stacks),
        comparison_table("Exploratory comparisons, without verdict", others, run.stacks),
    )
    block = _block(charts, "ratios", tables[0], folded=tables[1:]) if judged else _block(charts, "ratios", tables[1])
    return Section("comparisons", "Every comparison against the noise", blocks=(block,))


def _trust(run: FinishedRun, charts: Collection[str]) -> Section:
    judged, _ = _by_role(run.summary.comparisons)
    floors = dict.fromkeys(filter(None, (find_floor(row, run.summary.noise_floor) for row in judged)))
    blocks = (
        _block(
            charts,
            "aa",
            noise_floor_table("A/A: two copies of one stack", list(floors), run.stacks),
            folded=[noise_floor_table("A/A: all rows", run.summary.noise_floor, run.stacks)],
        ),
        _block(charts, "drift", _facts_table(run), *trust_tables(run.summary, run.manifest), folded=other_conditions(run.manifest)),
    )
    rules = run.plan["rules"]
    aa = AA.format(tolerance=format_percent(rules["aa_tolerance"]), equal=format_percent(rules["aa_equal"]))
    lines = (*trust_lines(run.summary, run.stacks), aa, NOT_MEASURED)
    return Section("trust", "How far to trust this", lines, blocks)


def _by_role(rows: Sequence[Comparison]) -> tuple[list[Comparison], list[Comparison]]:
    judged = [row for row in rows if row.role != "exploratory"]
    return judged, [row for row in rows if row.role == "exploratory"]


def _capacity_table(run: FinishedRun) -> Table:
    rows = run.summary.capacity
    limit = f" of {rows[0].limit_p99_ms:g} ms" if rows else ""
    figures = [format_interval(row.capacity) for row in rows]
    return make_table(
        f"Capacity: the highest offered rate within the limit{limit} on p99",
        [
            Column("stack", [stack_label(row.stack, run.stacks) for row in rows]),
            numbers(
                "requests per second",
                [f"{row.bound} {figure}".strip() for row, figure in zip(rows, figures, strict=True)],
            ),
            numbers("level", [level_words(row.capacity) or NO_FIGURE for row in rows]),
            numbers(
                "rates offered",
                [f"{format_number(row.lowest_rps)} to {format_number(row.highest_rps)}" for row in rows],
            ),
            numbers("launches", [str(row.launches) for row in rows]),
        ],
    )


def _offered_table(run: FinishedRun) -> Table:
    points = [(row, point) for row in offered_rows(run) for point in row.points]
    return make_table(
        "p99 of the response time by offered rate, over launches",
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


def _facts_table(run: FinishedRun) -> Table:
    manifest, plan = run.manifest, run.plan
    lags_ms = [cell.send_lag_p99_ms for cell in run.summary.cells if cell.send_lag_p99_ms is not None]
    facts = {
        "Command": plain_text(manifest.get("command")),
        "Started, UTC": plain_text(manifest.get("created_utc")),
        "Ended, UTC": plain_text(manifest.get("finished_utc")),
        "Seed": str(plan.get("seed")),
        "Plan, SHA-256": plain_text(manifest.get("plan_sha256")),
        "Version of the bench": plain_text(manifest.get("tool_version")),
        **({"Unequal stacks": "allowed, see the conditions"} if plan.get("allow_unequal") else {}),
        **({"Send lag of the open loops": f"p99 of the worst cell {format_number(max(lags_ms))} ms"} if lags_ms else {}),
    }
    return Table("The run", ("what", "value"), tuple(facts.items()))
