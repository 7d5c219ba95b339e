"""The charts of trust: every A/A ratio with its launches, and how fast the stacks were over the run. Same rules as `charts`."""

from statistics import median

from bench.records import find_floor
from bench.show.canvas import Paper, Sheet
from bench.show.charts import aa_row
from bench.show.finished import FinishedRun
from bench.show.lines_chart import Line, Panel, Point, Scale, draw_lines
from bench.show.looks import look_of
from bench.show.numbers import count_words, format_load, format_percent
from bench.show.row_chart import TICK_DISTANCE, Row, draw_ratios, ratio_ticks, rows_height
from bench.show.selection import headline_load
from bench.show.sentences import metric_words, stack_label, state_words

MAX_ROWS = 8
LEAST_SLICES = 4


def aa_sheet(run: FinishedRun, paper: Paper) -> Sheet | None:
    """Draw what two copies of one stack differed by, one dot per launch: the rows that verdicts rest on, and all of throughput."""
    judged = [find_floor(row, run.summary.noise_floor) for row in run.summary.comparisons if row.role != "exploratory"]
    others = [row for row in run.summary.noise_floor if row.metric == "throughput_rps" or not any(judged)]
    floors = [row for row in dict.fromkeys([*judged, *others]) if row and row.ratio is not None][:MAX_ROWS]
    if not floors:
        return None
    rows: list[Row] = []
    for words in dict.fromkeys(metric_words(row) for row in floors):
        members = [row for row in floors if metric_words(row) == words]
        rows.append(Row(f"A/A: {words}", f"hatched: within ±{format_percent(members[0].margin)}"))
        rows += [aa_row(row, run.stacks) for row in members]
    outside = [row for row in floors if row.ends and not row.ends[0] <= 1 <= row.ends[1]]
    title = f"Two copies of the same code: {len(outside)} of {count_words(len(floors), 'interval')} exclude 1"
    subtitle = (
        "Second copy / first. Each dot is one launch, the hollow diamond the estimate over all, the whisker its interval. Of 20 intervals "
        "at 95 % one may exclude 1 by chance."
    )
    sheet = Sheet(state_words(run.summary) + title, subtitle, rows_height(rows, paper), paper)
    draw_ratios(sheet, rows, "second copy / first, log scale")
    return sheet


def drift_sheet(run: FinishedRun, paper: Paper) -> Sheet | None:
    """Draw the throughput of every slice of the first pair over the run, as a share of its stack's median."""
    load = headline_load(run.summary)
    first = next(iter(run.summary.comparisons), None)
    if first is None:
        return None
    slices = [record for record in run.slices if record.load == load and record.part == first.part and not record.warm_up]
    start_ns = min((record.start_ns for record in run.slices), default=0)
    lines = []
    for name in (first.baseline, first.contender):
        own = [record for record in slices if record.stack == name and record.scenario == first.scenario and record.throughput_rps]
        if len(own) < LEAST_SLICES:
            return None
        middle = median(record.throughput_rps or 0 for record in own)
        points = [Point((record.start_ns - start_ns) / 60e9, (record.throughput_rps or 0) / middle) for record in own]
        look = look_of(name, run.stacks)
        lines.append(Line(stack_label(name, run.stacks), points, look.colour, look.marker, ""))
    values = [point.y for line in lines for point in line.points]
    title = f"Over the run single slices ranged from {min(values):.2f} to {max(values):.2f} of their stack's median"
    subtitle = (
        "Throughput of every slice of the first comparison over its stack's median. Drift of the machine moves both stacks alike, so their "
        "ratio within a launch is what counts."
    )
    ticks = tuple(ratio_ticks(min(*values, 0.9), max(*values, 1.1), TICK_DISTANCE))
    y = Scale("slice / median of its stack, log scale", log=True, ticks=ticks, names=tuple(f"{tick:g}x" for tick in ticks))
    panel = Panel(f"{first.scenario}, {format_load(load)}", lines, y)
    return draw_lines(state_words(run.summary) + title, subtitle, Scale("minutes since the first load"), [panel], paper)
