"""The charts of the answer: ratios against their baselines, throughput of the stacks, latency by percentile.

Takes the summary, the quantiles and the names of the stacks; gives pictures as SVG and PNG. Every figure drawn is a figure of
the records. A title says what was found, in words made from the data; shapes carry the verdicts, colours the frameworks.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

from bench.records import HIGHER_IS_BETTER, METRICS, Cell, Comparison, Metric, Quantile, Role, Summary, Verdict, far_end, find_floor
from bench.records.loads import parse_load
from bench.show.canvas import AA_GREY, Paper, Sheet
from bench.show.latency_chart import LoadPanel, draw_latency, lines_from_quantiles
from bench.show.looks import look_of
from bench.show.numbers import (
    count_words,
    failure_words,
    format_level,
    format_load,
    format_number,
    format_percent,
    format_ratio,
    level_words,
    throughput_words,
    time_words,
    under_words,
)
from bench.show.row_chart import Row, draw_amounts, draw_ratios, rows_height, whisker
from bench.show.selection import (
    HEADLINE_LOAD,
    UNLOADED,
    cell_of,
    compared_cells,
    equal_load,
    first_part,
    headline_cells,
    headline_load,
    latency_loads,
    twins_of,
)
from bench.show.sentences import (
    Stacks,
    metric_words,
    ratios_words,
    row_labels,
    stack_label,
    state_words,
    verdict_mark,
    verdict_words,
)

# A picture of more rows is no longer read; the table has all of them.
MAX_RATIO_ROWS = 8
TUNED = "-raw"
_LATENCY_AXES = "Lower is better. n: settled requests of all launches."
_ROLE_ORDER: Mapping[Role, int] = {"primary": 0, "secondary": 1, "exploratory": 2}
_MARKERS: Mapping[Verdict, str] = {
    "better": "^",
    "worse": "v",
    "equivalent": "s",
    "undecided": "o",
    "withheld": "|",
    "not judged": "o",
}


def throughput_sheet(summary: Summary, stacks: Stacks, paper: Paper) -> Sheet:
    """Draw the throughput of all stacks under the load of the answer, scenario by scenario.

    The first baseline and its twin stand on top, the others by throughput; tuned applications stand apart, since they promise less.
    """
    load, cells = headline_load(summary), compared_cells(summary)
    twins = twins_of(summary)
    rows: list[Row] = []
    for scenario in dict.fromkeys(cell.scenario for cell in cells):
        members = [cell for cell in cells if cell.scenario == scenario]
        rows.append(Row(f"{scenario}, {format_load(load)}", "requests per second"))
        ordered = _pinned(members, summary)
        tuned = [cell for cell in ordered if cell.stack.endswith(TUNED)]
        rows += [_throughput_row(cell, stacks, twin=cell.stack in twins) for cell in ordered if cell not in tuned]
        rows += [Row("tuned: the body is parsed in one step, answers are bytes", "")] if tuned else []
        rows += [_throughput_row(cell, stacks, twin=False) for cell in tuned]
    counts = sorted({cell.launches for cell in cells}) or [0]
    launches = count_words(counts[0], "launch") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} launches"
    levels = " / ".join(dict.fromkeys(words for cell in cells if (words := level_words(cell.throughput))))
    whisker = f" Whisker: the {levels} interval over {launches}." if levels else f" No interval: {launches}."
    subtitle = f"Correct answers per second {under_words(load)}; higher is better. One serving process on the same cores each.{whisker}"
    title = _throughput_title([cell for cell in cells if cell.stack not in twins], stacks)
    sheet = Sheet(state_words(summary) + title, subtitle, rows_height(rows, paper), paper)
    draw_amounts(sheet, rows, "requests per second, higher is better")
    return sheet


def ratios_sheet(summary: Summary, stacks: Stacks, paper: Paper) -> Sheet:
    """Draw the judged comparisons and the exploratory ones of throughput, by metric, with the A/A rows they are judged by."""
    shown = _ratio_selection(summary.comparisons)
    rows: list[Row] = []
    for words, group in groupby(shown, key=metric_words):
        members = list(group)
        more = "more" if members[0].metric in HIGHER_IS_BETTER else "less"
        band = f"hatched: within ±{format_percent(members[0].margin)}, too small to matter"
        rows.append(Row(f"{words}: {more} is better", band))
        floors = {row: find_floor(row, summary.noise_floor) for row in members}
        rows += [ratio_row(row, floor, stacks) for row, floor in floors.items()]
        judged = [row for row in members if row.role != "exploratory"] or members
        rows += [aa_row(floor, stacks) for floor in dict.fromkeys(floors[row] for row in judged) if floor]
    subtitle = (
        "Contender / baseline. Whisker: the interval, its level beside it; pale dots: single launches. Triangle: better or worse; "
        "square: equivalent; hollow, dashed: undecided; bar: withheld; small, grey: not judged; hollow, grey diamond: A/A."
    )
    if any(row.noise_floor_is_wider for row in rows):
        subtitle += " Dashed lines beside the band: the far end of A/A, where it is wider; better and worse must clear it."
    left_out = len(summary.comparisons) - len(shown)
    if left_out:
        subtitle += f" {count_words(left_out, 'comparison')} more in comparisons.csv."
    sheet = Sheet(state_words(summary) + ratios_words(summary, stacks), subtitle, rows_height(rows, paper), paper)
    draw_ratios(sheet, rows, "contender / baseline, log scale")
    return sheet


def latency_sheet(summary: Summary, quantiles: Sequence[Quantile], stacks: Stacks, paper: Paper) -> Sheet | None:
    """Draw service times with one user and under the load of the answer; None where only rates were offered.

    Takes the first scenario of the first part; second copies are left out.
    """
    cells = _latency_cells(summary)
    if cells and all(parse_load(cell.load).is_open for cell in cells):
        return None
    panels, top = _latency_panels(cells, [load for load in latency_loads(summary, cells) if not parse_load(load).is_open], quantiles)
    subtitle = f"Service time: from sending a request to the last byte of its answer. {_LATENCY_AXES}"
    return draw_latency(state_words(summary) + _latency_title(top, "p50_ms", stacks), subtitle, panels, stacks, paper)


def equal_load_sheet(summary: Summary, quantiles: Sequence[Quantile], stacks: Stacks, paper: Paper) -> Sheet | None:
    """Draw response times at the rates that were offered; None where none were."""
    cells = _latency_cells(summary)
    loads = [load for load in latency_loads(summary, cells) if parse_load(load).is_open]
    panels, top = _latency_panels(cells, sorted(loads, key=lambda load: load != equal_load(summary)), quantiles)
    if not panels:
        return None
    sentences = [f"Response time: from when a request was due, so that waiting to be sent is in it. {_LATENCY_AXES}"]
    for load in loads:
        lost = [stack_label(cell.stack, stacks) for cell in cells if cell.load == load and not cell.carried]
        sentences += [f"Did not carry the load {under_words(load)}: {', '.join(lost)}."] if lost else []
    return draw_latency(state_words(summary) + _latency_title(top, "p95_ms", stacks), " ".join(sentences), panels, stacks, paper)


def copies_words(summary: Summary, stacks: Stacks) -> str:
    """Return the widest gap of p99 between two copies of one stack at equal offered load; empty where there is none."""
    gaps: list[tuple[float, Cell, Cell]] = []
    for row in summary.noise_floor:
        twin, one = (cell_of(summary, row, name) for name in (row.contender, row.baseline))
        if parse_load(row.load).is_open and twin and one and one.part == summary.cells[0].part and twin.p99_ms and one.p99_ms:
            gaps.append((max(twin.p99_ms, one.p99_ms) / min(twin.p99_ms, one.p99_ms), one, twin))
    if not gaps:
        return ""
    _, one, twin = max(gaps, key=lambda gap: gap[0])
    return (
        f"Two copies of the same code have tails of their own: p99 of {stack_label(one.stack, stacks)} {under_words(one.load)} is "
        f"{format_number(one.p99_ms)} ms, of its second copy {format_number(twin.p99_ms)} ms, the widest such gap here."
    )


def _latency_cells(summary: Summary) -> list[Cell]:
    twins = twins_of(summary)
    first = next(iter(headline_cells(summary)), None)
    return [cell for cell in first_part(summary) if first and cell.scenario == first.scenario and cell.stack not in twins]


def _latency_panels(cells: Sequence[Cell], loads: Sequence[str], quantiles: Sequence[Quantile]) -> tuple[list[LoadPanel], list[Cell]]:
    """Return a panel per load that has quantiles, and the cells of the first one."""
    panels: list[LoadPanel] = []
    top: list[Cell] = []
    for load in loads:
        members = [cell for cell in cells if cell.load == load]
        keys = {(cell.part, cell.stack, cell.scenario, cell.load) for cell in members}
        time = "response" if parse_load(load).is_open else "service"
        points = [point for point in quantiles if (point.part, point.stack, point.scenario, point.load) in keys and point.time == time]
        lines = lines_from_quantiles(points)
        if lines:
            panels.append(LoadPanel(_panel_heading(members), lines))
            top = top or members
    return panels, top


def _throughput_title(cells: Sequence[Cell], stacks: Stacks) -> str:
    ranked = sorted((cell for cell in cells if cell.scenario == cells[0].scenario), key=lambda cell: cell.throughput_rps or 0)
    ends = [cell for cell in ranked if cell.throughput_rps is not None]
    if not ends:
        return "No throughput was measured"
    texts = [f"{throughput_words(cell)} with {stack_label(cell.stack, stacks)}" for cell in (ends[0], ends[-1])]
    return f"Requests per second, {ends[0].scenario}: {' to '.join(dict.fromkeys(texts))}"


def _throughput_row(cell: Cell, stacks: Stacks, *, twin: bool) -> Row:
    look = look_of(cell.stack, stacks)
    right = throughput_words(cell) if cell.throughput_rps is not None else "no correct answer"
    return Row(
        left=f"{stack_label(cell.stack, stacks)}{' (A/A)' if twin else ''}",
        right=", ".join(filter(None, (right, failure_words(cell)))),
        value=cell.throughput_rps,
        **whisker(cell.throughput),
        marker=look.marker,
        colour=look.colour,
        hollow=twin,
    )


def _pinned(cells: Sequence[Cell], summary: Summary) -> list[Cell]:
    baseline = next((row.baseline for row in summary.comparisons), "")
    twins = {row.contender for row in summary.noise_floor if row.baseline == baseline}
    return sorted(cells, key=lambda cell: (cell.stack != baseline, cell.stack not in twins, -(cell.throughput_rps or 0)))


def _ratio_selection(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the rows to draw, by metric and then by role: all that are judged, and the throughput of the first part."""
    telling = [row for row in comparisons if row.role != "exploratory" or (row.metric, row.part) == ("throughput_rps", comparisons[0].part)]
    shown = sorted(telling or comparisons, key=lambda row: _ROLE_ORDER[row.role])[:MAX_RATIO_ROWS]
    return sorted(shown, key=lambda row: (METRICS.index(row.metric), parse_load(row.load).is_open))


def ratio_row(row: Comparison, floor: Comparison | None, stacks: Stacks) -> Row:
    """Return the row of a comparison, with the A/A row that it is judged by."""
    judged = row.verdict not in ("not judged", "withheld")
    role = "" if row.role == "exploratory" else f"{row.role}, "
    return Row(
        left=" / ".join(row_labels(row, stacks)),
        right=f"{verdict_mark(row.verdict)} {verdict_words(row).partition(' (')[0]}".strip(),
        note=f"{role}{row.scenario}, {format_load(row.load)}, {count_words(row.launches, 'launch')}",
        note_right=_ratio_words(row),
        value=row.ratio,
        **whisker(row.interval),
        dots=row.launch_ratios,
        marker=_MARKERS[row.verdict],
        colour=look_of(row.contender, stacks).colour if judged else AA_GREY,
        hollow=row.verdict == "undecided",
        dashed=row.verdict == "undecided",
        size={"not judged": 4.0, "withheld": 11.0}.get(row.verdict, 7.0),
        margin=row.margin,
        noise_floor=1 + far_end(*floor.ends) if floor and floor.ends else 1.0,
    )


def aa_row(row: Comparison, stacks: Stacks) -> Row:
    """Return the row of a second copy against the first."""
    return Row(
        left=f"A/A: {stack_label(row.baseline, stacks)} again",
        right="same code",
        note_right=_ratio_words(row),
        note=f"{row.scenario}, {format_load(row.load)}, {count_words(row.launches, 'launch')}",
        value=row.ratio,
        **whisker(row.interval),
        dots=row.launch_ratios,
        marker="D",
        colour=AA_GREY,
        hollow=True,
        size=5.0,
        margin=row.margin,
    )


def _ratio_words(row: Comparison) -> str:
    return f"{format_ratio(row)}, {format_level(row) or 'no interval'}" if row.ratio is not None else "no figure"


def _panel_heading(cells: Sequence[Cell]) -> str:
    scenario, load = cells[0].scenario, cells[0].load
    offered = {format_number(cell.offered_rps) for cell in cells if cell.offered_rps is not None}
    if parse_load(load).is_open and len(offered) == 1:
        where = f" at the same offered load, {offered.pop()} req/s"
    else:
        where = f", {format_load(load)}{ {UNLOADED: ', alone on the server', HEADLINE_LOAD: ', at saturation'}.get(load, '') }"
    return f"{scenario}{where}: {time_words(load)}"


def _latency_title(cells: Sequence[Cell], metric: Metric, stacks: Stacks) -> str:
    ranked = sorted((cell for cell in cells if cell.carried and getattr(cell, metric) is not None), key=lambda cell: getattr(cell, metric))
    if not ranked:
        return "No latency was measured"
    texts = [f"{format_number(getattr(cell, metric))} ms ({stack_label(cell.stack, stacks)})" for cell in (ranked[0], ranked[-1])]
    under = under_words(ranked[0].load)
    what = "the median answer took" if metric == "p50_ms" else f"the {metric.removesuffix('_ms')} {time_words(ranked[0].load)} was"
    return f"{under[0].upper()}{under[1:]} {what} {' to '.join(dict.fromkeys(texts))}"
