"""What a set-up costs to run: CPU seconds as measured, money from a price that the reader may set, start-up and memory: tables only.

Money follows from CPU time alone: core hours times the price of one, divided by the share of its time for which a paid core works. It is no
measurement, so its price stands beside it.
"""

from collections.abc import Mapping, Sequence

from bench.records import Cell
from bench.records.names import Stacks, stack_label
from bench.records.numbers import NO_FIGURE, format_interval, format_number, format_percent, under_words
from bench.records.price import Price
from bench.show.finished import FinishedRun
from bench.show.section import Section, make_block
from bench.show.words.selection import equal_load, first_part, headline_cells, twins_of
from bench.show.words.tables import Column, Table, make_table, numbers, resource_table

NOTE = (
    "Cost is calculated: CPU hours x price per core hour / utilisation; --core-hour-price and --utilisation take yours. At low load a "
    "request costs more: a server that sleeps has to be woken."
)


def section(run: FinishedRun) -> Section:
    """Return CPU seconds, money, start-up and memory."""
    twins = twins_of(run.summary)
    stacks = {cell.stack for cell in first_part(run.summary)} - twins
    needs = [row for row in run.summary.resources if row.stack in stacks]
    others = [row for row in run.summary.resources if row.stack not in stacks | twins]
    saturated = {cell.stack: cell for cell in headline_cells(run.summary)}
    blocks = make_block(
        None,
        cost_table(_cells(run), saturated, run.price, run.stacks),
        folded=(
            resource_table("Start-up, alone on the machine, and memory (PSS divides shared pages): medians", needs, run.stacks),
            resource_table("The same of the other stacks", others, run.stacks),
        ),
    )
    return Section("cost", "What does a million predictions cost?", "CPU, money, start-up, memory", (), blocks, NOTE if blocks else "")


def _cells(run: FinishedRun) -> list[Cell]:
    """Return the cells of the first part at the equal load, else under the load of the answer, whose CPU time is known."""
    twins = twins_of(run.summary)
    cells = [cell for cell in first_part(run.summary) if cell.stack not in twins and cell.cpu_us_per_request is not None]
    load, answer = equal_load(run.summary), headline_cells(run.summary)
    shown = [cell for cell in cells if cell.load == load] or [cell for cell in cells if cell in answer]
    return [cell for cell in shown if cell.scenario == shown[0].scenario]


def cost_table(cells: Sequence[Cell], saturated: Mapping[str, Cell], price: Price, stacks: Stacks) -> Table:
    """Return CPU seconds and money per million answers, of cells with a CPU time of their own; beside them the seconds at saturation."""
    known = [cell for cell in cells if cell.cpu_us_per_request is not None]
    where = under_words(known[0].load) if known else ""
    return make_table(
        f"Per million predictions, {where}; {price.currency} at {price.per_core_hour:g} per core hour",
        [
            Column("stack", [stack_label(cell.stack, stacks) for cell in known]),
            numbers("CPU seconds", [format_interval(cell.cpu) for cell in known]),
            numbers(
                "CPU seconds at saturation",
                [format_interval(saturated[cell.stack].cpu) if cell.stack in saturated else NO_FIGURE for cell in known],
                any(saturated.get(cell.stack) not in (None, cell) for cell in known),
            ),
            *(
                numbers(
                    f"cost, cores {format_percent(share)} used",
                    [format_number(price.per_million(cell.cpu_us_per_request or 0, share)) for cell in known],
                )
                for share in price.utilisations
            ),
        ],
    )
