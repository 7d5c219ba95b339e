"""What a stack costs to run, as three strips: CPU seconds per million answers, time to the first answer, memory. Same rules as `charts`."""

from collections.abc import Sequence

from bench.records import Cell, Interval, Resources
from bench.show.canvas import Paper, Sheet
from bench.show.finished import FinishedRun
from bench.show.looks import look_of
from bench.show.numbers import count_words, format_interval, format_megabytes, format_number, level_words, under_words
from bench.show.row_chart import Row, draw_amounts, rows_height, whisker
from bench.show.selection import equal_load, first_part, headline_cells, twins_of
from bench.show.sentences import Stacks, stack_label, state_words


def cost_cells(run: FinishedRun) -> list[Cell]:
    """Return the cells whose CPU time counts: those of the first part at equal offered load, else under the load of the answer."""
    twins = twins_of(run.summary)
    cells = [cell for cell in first_part(run.summary) if cell.stack not in twins and cell.cpu_us_per_request is not None]
    load, answer = equal_load(run.summary), headline_cells(run.summary)
    shown = [cell for cell in cells if cell.load == load] or [cell for cell in cells if cell in answer]
    return [cell for cell in shown if cell.scenario == shown[0].scenario]


def cost_sheet(run: FinishedRun, paper: Paper) -> Sheet | None:
    """Draw CPU seconds, start-up and memory of the stacks of the first part; None where their CPU time is not known."""
    cells = cost_cells(run)
    if not cells:
        return None
    needs = {row.stack: row for row in run.summary.resources}
    known = [needs[cell.stack] for cell in cells if cell.stack in needs]
    strips = [
        (f"CPU seconds per million answers, {under_words(cells[0].load)}", _cpu_rows(cells, run.stacks), "seconds, less is better"),
        ("Start of the process to its first answer", _start_rows(known, run.stacks), "seconds, less is better"),
        ("Memory at rest (RSS)", _memory_rows(known, run.stacks), "MB, less is better"),
    ]
    drawn = [([Row(heading, ""), *rows], unit) for heading, rows, unit in strips if rows]
    level = level_words(cells[0].cpu)
    whisker = f"whisker, the {level} interval" if level else "no interval"
    subtitle = (
        f"Whole process trees on one core. CPU: {whisker} over {count_words(cells[0].launches, 'launch')}; the same number is the CPU time "
        "of one request in microseconds."
    )
    if known:
        subtitle += " Start-up and memory are medians of starts alone on the machine."
    ranked = sorted(cells, key=lambda cell: cell.cpu_us_per_request or 0)
    ends = [f"{format_number(cell.cpu_us_per_request)} s ({stack_label(cell.stack, run.stacks)})" for cell in (ranked[0], ranked[-1])]
    title = f"A million answers take {' to '.join(dict.fromkeys(ends))} of CPU time"
    sheet = Sheet(state_words(run.summary) + title, subtitle, sum(rows_height(rows, paper) for rows, _ in drawn), paper)
    top = 0.0
    for rows, unit in drawn:
        draw_amounts(sheet, rows, unit, top)
        top += rows_height(rows, paper)
    return sheet


def _cpu_rows(cells: Sequence[Cell], stacks: Stacks) -> list[Row]:
    return [
        _row(
            cell.stack,
            stacks,
            cell.cpu_us_per_request,
            format_interval(cell.cpu),
            cell.cpu,
        )
        for cell in cells
    ]


def _start_rows(needs: Sequence[Resources], stacks: Stacks) -> list[Row]:
    return [
        _row(row.stack, stacks, row.first_prediction_s, f"{format_number(row.first_prediction_s)}, {row.starts} starts")
        for row in needs
        if row.first_prediction_s is not None
    ]


def _memory_rows(needs: Sequence[Resources], stacks: Stacks) -> list[Row]:
    return [
        _row(row.stack, stacks, row.rest_rss_bytes / 1e6, format_megabytes(row.rest_rss_bytes))
        for row in needs
        if row.rest_rss_bytes is not None
    ]


def _row(stack: str, stacks: Stacks, value: float | None, words: str, interval: Interval | None = None) -> Row:
    look = look_of(stack, stacks)
    return Row(
        stack_label(stack, stacks),
        words,
        value=value,
        **whisker(interval),
        marker=look.marker,
        colour=look.colour,
    )
