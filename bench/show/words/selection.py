"""Which cells of a run carry its answer and are drawn; the tables have all of them."""

from collections.abc import Callable

from bench.records import Cell, Summary
from bench.records.loads import parse_load

HEADLINE_LOAD, UNLOADED = "closed-16", "closed-1"
LEAST_POINTS = 3
# The part by numbers of worker processes.
WORKERS_PART = "workers"


def twins_of(summary: Summary) -> set[str]:
    """Return the stacks that are second copies of others."""
    return {row.contender for row in summary.noise_floor}


def first_part(summary: Summary) -> list[Cell]:
    """Return the cells of the part that has the answer: the first one."""
    return [cell for cell in summary.cells if cell.part == summary.cells[0].part]


def headline_load(summary: Summary) -> str:
    """Return the load of the answer: 16 users, else that of the run's first cell."""
    loads = [cell.load for cell in first_part(summary)]
    return HEADLINE_LOAD if HEADLINE_LOAD in loads or not loads else loads[0]


def headline_cells(summary: Summary) -> list[Cell]:
    """Return the cells of the answer: those of the first part under the load of the answer."""
    load = headline_load(summary)
    return [cell for cell in first_part(summary) if cell.load == load]


def equal_load(summary: Summary) -> str | None:
    """Return the load at which all stacks of the first part are offered the same rate: the one with a verdict, else the first one."""
    judged = [row.load for row in summary.comparisons if row.role != "exploratory"]
    loads = map(parse_load, (*judged, *(cell.load for cell in first_part(summary))))
    return next((load.name for load in loads if load.is_open and not load.is_own), None)


def own_load_cells(summary: Summary) -> list[Cell]:
    """Return the cells under shares of each stack's own throughput, of the part with the most of these."""
    return widest_cells(summary, lambda cell: cell.offered_rps if parse_load(cell.load).is_own else None)


def widest_cells(summary: Summary, x: Callable[[Cell], float | None]) -> list[Cell]:
    """Return the cells, without second copies, of the part with the most values of x for one stack; none where they are too few to draw."""
    counts: dict[str, dict[str, set[float]]] = {}
    for cell in summary.cells:
        value = x(cell)
        if value is not None:
            counts.setdefault(cell.part, {}).setdefault(cell.stack, set()).add(value)
    widths = {part: max(len(values) for values in stacks.values()) for part, stacks in counts.items()}
    best = max(widths, key=lambda part: widths[part], default=None)
    if best is None or widths[best] < LEAST_POINTS:
        return []
    twins = twins_of(summary)
    return [cell for cell in summary.cells if cell.part == best and x(cell) is not None and cell.stack not in twins]
