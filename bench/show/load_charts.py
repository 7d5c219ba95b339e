"""The charts of load: latency against the offered rate, throughput and latency against users, waiting for another service.

Same rules as `charts`. What a run has not measured has no chart: each function returns None then.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from bench.records import HIGHER_IS_BETTER, Capacity, Cell, Metric
from bench.records.loads import parse_load
from bench.records.record import ends_of
from bench.show import canvas
from bench.show.canvas import Paper, Sheet
from bench.show.finished import FinishedRun
from bench.show.lines_chart import Line, Panel, Point, Scale, draw_lines
from bench.show.looks import LINE_STYLES, looks_of
from bench.show.numbers import count_words, format_interval, format_percent, level_words, throughput_words
from bench.show.selection import twins_of
from bench.show.sentences import Stacks, stack_label, state_words

LEAST_POINTS = 3
FAILED_SHARE = 0.01
LAUNCHES = (
    " p99: the median of the launches, since one that the machine disturbed would hide the others among all requests. Whisker below the "
    "limit: up to which rate a stack keeps within it, estimated over launches."
)
PERCENTILES: tuple[Metric, Metric] = ("p50_ms", "p99_ms")
_DELAY = re.compile(r"enrich-(\d+)ms")


def offered_cells(run: FinishedRun) -> list[Cell]:
    """Return the cells of the part in which stacks were offered the most different rates."""
    return _widest(run, lambda cell: cell.offered_rps if parse_load(cell.load).is_open else None)


def sweep_cells(run: FinishedRun) -> list[Cell]:
    """Return the cells of the part in which stacks had the most different numbers of users."""
    return _widest(run, users_of)


def enrich_cells(run: FinishedRun) -> list[Cell]:
    """Return the cells whose requests wait for another service, of all parts."""
    return [cell for cell in run.summary.cells if delay_ms(cell) is not None]


def users_of(cell: Cell) -> float | None:
    """Return the users of a closed loop."""
    users = parse_load(cell.load).users
    return float(users) if users else None


def delay_ms(cell: Cell) -> float | None:
    """Return the delay of the other service in the cell's scenario."""
    match = _DELAY.fullmatch(cell.scenario)
    return float(match[1]) if match else None


def offered_sheet(run: FinishedRun, paper: Paper) -> Sheet | None:
    """Draw p50 and p99 of the response time against the rate offered, each stack up to what it carries, with the limit on p99."""
    cells = offered_cells(run)
    if not cells:
        return None
    limit = run.summary.capacity[0].limit_p99_ms if run.summary.capacity else None
    ms = Scale("ms, log scale", log=True)
    p50, p99 = (_lines(cells, lambda cell: cell.offered_rps, metric, run.stacks) for metric in PERCENTILES)
    launches = _launch_lines(offered_rows(run), cells, run.stacks)
    panels = [
        Panel("p50 of the response time", p50, ms),
        Panel("p99 of the response time", launches or p99, ms, limit, f"limit: {limit or 0:g} ms"),
    ]
    subtitle = (
        f"{cells[0].scenario}, requests come when they are due, whatever is answered. Response time: from when a request was due. "
        f"Lower is better, further right is more.{LAUNCHES if launches else ''}{_cross_words(panels)}"
    )
    title = "; ".join(capacity_words(row, run.stacks) for row in _ends(run.summary.capacity)) or "Latency against the offered rate"
    return draw_lines(state_words(run.summary) + title, subtitle, Scale("offered requests per second"), panels, paper)


def offered_rows(run: FinishedRun) -> list[Capacity]:
    """Return the capacities of the stacks of the chart."""
    cells = offered_cells(run)
    shown = {(cell.part, cell.stack, cell.scenario) for cell in cells if cell.scenario == cells[0].scenario}
    return [row for row in run.summary.capacity if (row.part, row.stack, row.scenario) in shown]


def capacity_words(row: Capacity, stacks: Stacks) -> str:
    """Return up to which rate a stack keeps its p99 within the limit."""
    figure = format_interval(row.capacity)
    reach = {"": "up to", "above": "up to more than", "below": "only below"}[row.bound]
    return f"{stack_label(row.stack, stacks)} keeps p99 within {row.limit_p99_ms:g} ms {reach} {figure} req/s"


def sweep_sheet(run: FinishedRun, paper: Paper) -> Sheet | None:
    """Draw throughput and p99 against the number of users, with the knee of each stack."""
    cells = sweep_cells(run)
    if not cells:
        return None
    knees = {row.stack: float(row.users) for row in run.summary.knees if row.part == cells[0].part}
    ticks = tuple(sorted({users for cell in cells if (users := users_of(cell))}))
    names = tuple(f"{users:g}" for users in ticks)
    panels = [
        Panel(
            "throughput, requests per second",
            _lines(cells, users_of, "throughput_rps", run.stacks, knees),
            Scale("req/s, higher is better"),
        ),
        Panel("p99 of the service time", _lines(cells, users_of, "p99_ms", run.stacks), Scale("ms, log scale", log=True)),
    ]
    subtitle = f"{cells[0].scenario}, each user waits for its answer before asking again. {_whisker_words(cells)}{_cross_words(panels)}"
    if knees:
        share = format_percent(run.summary.knees[0].share)
        subtitle += (
            f" Ring: the fewest users that reach {share} of a stack's highest throughput; from there on more users only wait longer."
        )
    highest = max(cells, key=lambda cell: cell.throughput_rps or 0)
    most = format_interval(highest.throughput)
    title = f"More users than needed only wait: the highest throughput is {most} req/s, {stack_label(highest.stack, run.stacks)}"
    if highest.throughput_rps is None:
        title = "No throughput was measured"
    return draw_lines(
        state_words(run.summary) + title, subtitle, Scale("users, log scale", log=True, ticks=ticks, names=names), panels, paper
    )


def enrich_sheet(run: FinishedRun, paper: Paper) -> Sheet | None:
    """Draw throughput against the delay of the service that each request waits for, with what the threads of a stack allow."""
    cells = enrich_cells(run)
    if not cells:
        return None
    delays = sorted({delay for cell in cells if (delay := delay_ms(cell)) is not None})
    places = {delay: float(place) for place, delay in enumerate(delays)}
    lines = _lines(cells, lambda cell: places.get(delay_ms(cell) or 0.0), "throughput_rps", run.stacks)
    threads = sorted({count for cell in cells if (count := thread_count(run, cell.stack))})
    for count, style in zip(threads, LINE_STYLES[1:], strict=False):
        points = [Point(places[delay], count / delay * 1e3) for delay in delays if delay]
        lines.append(Line(f"ceiling: {count} threads / delay", points, canvas.MUTED, ".", style, is_guide=True))
    x = Scale("delay of the other service, ms", ticks=tuple(places.values()), names=tuple(f"{delay:g}" for delay in delays))
    panel = Panel("throughput, requests per second", lines, Scale("req/s, log scale", log=True))
    users = users_of(cells[0])
    subtitle = (
        f"{f'{users:g} users. ' if users else ''}Each request first asks another service for the passenger's record; the service answers "
        "after a fixed delay and is a small program beside the load generator. A thread that waits serves nobody else, so threads / delay "
        f"is a ceiling. Higher is better. {_whisker_words(cells)}{_cross_words([panel])}"
    )
    measured = {cell.stack for cell in cells if delay_ms(cell) == delays[-1]}
    others = dict.fromkeys(stack_label(cell.stack, run.stacks) for cell in cells if cell.stack not in measured)
    if others:
        subtitle += f" Not measured at {delays[-1]:g} ms: {', '.join(others)}."
    told = _telling([cell for cell in cells if delay_ms(cell) == delays[-1] and cell.throughput_rps], run.stacks)
    texts = [f"{throughput_words(cell)} ({stack_label(cell.stack, run.stacks)})" for cell in told]
    title = f"With a wait of {delays[-1]:g} ms, requests per second: {', '.join(texts)}" if texts else "Waiting on another service"
    return draw_lines(state_words(run.summary) + title, subtitle, x, [panel], paper)


def _telling(cells: Sequence[Cell], stacks: Stacks) -> list[Cell]:
    """Return the cells that a title names: the highest throughput of each framework, and the lowest of all; the highest first."""
    ranked = sorted(cells, key=lambda cell: cell.throughput_rps or 0, reverse=True)
    best: dict[str, Cell] = {}
    for cell in ranked:
        best.setdefault(stacks.get(cell.stack, {}).get("framework", ""), cell)
    named = [*best.values(), *ranked[-1:]]
    return [cell for cell in ranked if cell in named]


def thread_count(run: FinishedRun, stack: str) -> int | None:
    """Return the threads that a stack's command asks for, None where it names none."""
    words = list(run.plan.get("stacks", {}).get(stack, {}).get("command", ()))
    place = words.index("--threads") + 1 if "--threads" in words else len(words)
    return int(words[place]) if place < len(words) and words[place].isdigit() else None


def _widest(run: FinishedRun, x: Callable[[Cell], float | None]) -> list[Cell]:
    """Return the cells of the part with the most values of x for one stack and scenario family, if these are enough to draw."""
    counts: dict[str, dict[str, set[float]]] = {}
    for cell in run.summary.cells:
        value = x(cell)
        if value is not None:
            counts.setdefault(cell.part, {}).setdefault(cell.stack, set()).add(value)
    widths = {part: max(len(values) for values in stacks.values()) for part, stacks in counts.items()}
    best = max(widths, key=lambda part: widths[part], default=None)
    if best is None or widths[best] < LEAST_POINTS:
        return []
    twins = twins_of(run.summary)
    return [cell for cell in run.summary.cells if cell.part == best and x(cell) is not None and cell.stack not in twins]


def _lines(
    cells: Sequence[Cell],
    x: Callable[[Cell], float | None],
    metric: Metric,
    stacks: Stacks,
    marks: Mapping[str, float] | None = None,
) -> list[Line]:
    """Return a line per stack; a figure that is missing is a cross at the worse end of what was measured."""
    values = [value for cell in cells if (value := getattr(cell, metric))]
    worst = (min if metric in HIGHER_IS_BETTER else max)(values, default=1.0)
    lines = []
    for name, look in looks_of((cell.stack for cell in cells), stacks).items():
        points = [point for cell in cells if cell.stack == name and (point := _point(cell, x(cell), metric, worst))]
        lines.append(Line(stack_label(name, stacks), points, look.colour, look.marker, look.style, (marks or {}).get(name)))
    return lines


def _launch_lines(rows: Sequence[Capacity], cells: Sequence[Cell], stacks: Stacks) -> list[Line]:
    """Return a line per stack: the p99 of its launches by offered rate; one among requests without an answer is a cross at the top."""
    failed = {(cell.stack, cell.load) for cell in cells if _has_failed(cell)}
    worst = max((point.p99_ms for row in rows for point in row.points if point.p99_ms), default=1.0)
    lines = []
    for row, look in zip(rows, looks_of((row.stack for row in rows), stacks).values(), strict=True):
        points = [
            Point(point.offered_rps, point.p99_ms or worst, failed=point.p99_ms is None or (row.stack, point.load) in failed)
            for point in row.points
        ]
        known = row.capacity if not row.bound else None
        reach = (known.estimate, *known.ends) if known and known.ends else None
        lines.append(Line(stack_label(row.stack, stacks), points, look.colour, look.marker, look.style, reach=reach))
    return lines


def _point(cell: Cell, x: float | None, metric: Metric, worst: float) -> Point | None:
    if x is None:
        return None
    value: float | None = getattr(cell, metric)
    if value is None:
        return Point(x, worst, failed=True)
    low, high = (ends_of(cell.throughput) if metric == "throughput_rps" else None) or (None, None)
    return Point(x, value, low, high, failed=_has_failed(cell))


def _has_failed(cell: Cell) -> bool:
    return cell.failures > FAILED_SHARE * (cell.samples + cell.failures)


def _cross_words(panels: Sequence[Panel]) -> str:
    """Return what a cross is, where there is one."""
    crosses = any(point.failed for panel in panels for line in panel.lines for point in line.points)
    return f" Cross: more than {format_percent(FAILED_SHARE)} of the requests got no answer, or there is no figure." if crosses else ""


def _ends(rows: Sequence[Capacity]) -> list[Capacity]:
    ranked = sorted((row for row in rows if row.capacity_rps), key=lambda row: row.capacity_rps or 0)
    return [ranked[0], ranked[-1]] if len(ranked) > 1 else ranked


def _whisker_words(cells: Sequence[Cell]) -> str:
    """Return what the whiskers are, with their levels."""
    launches = count_words(max(cell.launches for cell in cells), "launch")
    levels = " / ".join(dict.fromkeys(level_words(cell.throughput) for cell in cells if cell.throughput and cell.throughput.ends))
    return f"Whisker: the {levels} interval over {launches}." if levels else f"No interval: {launches}."
