"""Which cells of a run carry its answer and are drawn; the tables have all of them."""

from collections.abc import Sequence

from bench.records import Cell, Comparison, Summary
from bench.records.loads import parse_load

HEADLINE_LOAD, UNLOADED = "closed-16", "closed-1"
MAX_OPEN_LOADS = 4


def twins_of(summary: Summary) -> set[str]:
    """Return the stacks that are second copies of others."""
    return {row.contender for row in summary.noise_floor}


def first_part(summary: Summary) -> list[Cell]:
    """Return the cells of the part that has the answer: the first one."""
    return [cell for cell in summary.cells if cell.part == summary.cells[0].part]


def cell_of(summary: Summary, row: Comparison, stack: str) -> Cell | None:
    """Return the cell of one of the two stacks of a comparison; None where there is none."""
    key = (row.part, stack, row.scenario, row.load)
    return next((cell for cell in summary.cells if (cell.part, cell.stack, cell.scenario, cell.load) == key), None)


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


def compared_cells(summary: Summary) -> list[Cell]:
    """Return the cells of the answer, and those of stacks that other parts measured under its load, each stack once.

    Other engines are left out: they are no way to serve, but another model.
    """
    headline = headline_cells(summary)
    keys = {(cell.scenario, cell.load) for cell in headline}
    found = {(cell.stack, cell.scenario): cell for cell in headline}
    for cell in summary.cells:
        if (cell.scenario, cell.load) in keys and "@" not in cell.stack:
            found.setdefault((cell.stack, cell.scenario), cell)
    return list(found.values())


def latency_loads(summary: Summary, cells: Sequence[Cell]) -> list[str]:
    """Return the loads to draw: one user, that of the answer, and the open loops, a few of them."""
    rates = dict.fromkeys(cell.load for cell in cells if parse_load(cell.load).is_open)
    return list(dict.fromkeys([UNLOADED, headline_load(summary), *list(rates)[:MAX_OPEN_LOADS]]))
