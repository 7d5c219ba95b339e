"""The chart beside the answer: the rows that the five lines speak of, and the noise floor, small enough to stand next to the text."""

from dataclasses import replace

from bench.records import HIGHER_IS_BETTER, Comparison, Summary, find_floor
from bench.records.loads import parse_load
from bench.show.canvas import Paper, Sheet
from bench.show.charts import aa_row, ratio_row
from bench.show.finished import FinishedRun
from bench.show.numbers import format_load, format_percent
from bench.show.row_chart import Row, draw_ratios, rows_height
from bench.show.sentences import Stacks, metric_words, ratios_words, scope_words, state_words

MAX_ROWS = 5


def answer_sheet(run: FinishedRun, paper: Paper) -> Sheet | None:
    """Draw the judged comparisons, primary first, and A/A of the first one; None where nothing is compared."""
    shown = _selection(run.summary)
    if not shown:
        return None
    floors = [find_floor(row, run.summary.noise_floor) for row in shown]
    rows = [_row(row, floor, run.stacks) for row, floor in zip(shown, floors, strict=True)]
    if floors[0]:
        rows.append(replace(aa_row(floors[0], run.stacks), note=f"{metric_words(floors[0])}, {format_load(floors[0].load)}"))
    margins = ", ".join(dict.fromkeys(format_percent(row.margin) for row in shown))
    subtitle = f"Contender / baseline. Hatched: too small to matter, within ±{margins}."
    if any(row.noise_floor_is_wider for row in rows):
        subtitle += " Dashed: the far end of A/A; better and worse must clear it."
    sheet = Sheet(state_words(run.summary) + ratios_words(run.summary, run.stacks), subtitle, rows_height(rows, paper), paper)
    draw_ratios(sheet, rows, "contender / baseline, log scale")
    return sheet


def _selection(summary: Summary) -> list[Comparison]:
    judged = [row for row in summary.comparisons if row.role != "exploratory"]
    rows = judged or [row for row in summary.comparisons if row.metric == "throughput_rps"] or list(summary.comparisons)
    return sorted(rows, key=lambda row: (row.role != "primary", row.metric not in HIGHER_IS_BETTER))[:MAX_ROWS]


def _row(row: Comparison, floor: Comparison | None, stacks: Stacks) -> Row:
    scope = scope_words((row.contender, row.baseline), stacks)
    more = "more is better" if row.metric in HIGHER_IS_BETTER else "less is better"
    words = metric_words(row)
    return replace(
        ratio_row(row, floor, stacks),
        note=", ".join(filter(None, (scope, "equal load" if parse_load(row.load).is_open else format_load(row.load)))),
        left=f"{words}: {more}",
    )
