"""The picture beside the answer: the judged ratios of throughput, each with the A/A of its baseline. Right is better in every row."""

from collections.abc import Mapping, Sequence

from bench.records import AS_DEPLOYED, SAME_SERVER, SERVER_ALONE, Comparison, Verdict, far_end, find_floor
from bench.records.names import row_labels, stack_label
from bench.records.numbers import format_load, format_percent, prose, split_prose
from bench.show.drawing.looks import look_of
from bench.show.drawing.rows import Row, draw_ratios, rows_height, whisker
from bench.show.drawing.sheet import AA_GREY, Sheet
from bench.show.finished import FinishedRun
from bench.show.section import Picture
from bench.show.words.verdicts import scope_words, state_words, verdict_mark, verdict_words

MAX_ROWS = 3
HOW_TO_READ = (
    "Right of 1x the first named answered more requests per second. Pale dots: single starts of all servers; line: the interval over them. "
    "A/A: the same code against itself; smaller differences are noise."
)
_ORDER = (AS_DEPLOYED, SERVER_ALONE, SAME_SERVER)
_MARKERS: Mapping[Verdict, str] = {"better": "^", "worse": "v", "equivalent": "s", "undecided": "o", "withheld": "|", "not judged": "o"}


def answer_picture(run: FinishedRun) -> Picture | None:
    """Draw the judged rows of throughput, else the first ones that there are; None where nothing is compared."""
    shown = _selection(run.summary.comparisons)
    if not shown:
        return None
    rows: list[Row] = []
    drawn: list[Comparison] = []
    for place, row in enumerate(shown):
        floor = find_floor(row, run.summary.noise_floor)
        rows.append(_ratio_row(row, floor, run))
        is_last = all(find_floor(later, run.summary.noise_floor) != floor for later in shown[place + 1 :])
        if floor and floor not in drawn and is_last:
            drawn.append(floor)
            rows.append(_aa_row(floor, run))
    margins = ", ".join(dict.fromkeys(format_percent(row.margin) for row in shown))
    subtitle = (
        f"Requests per second, as a ratio: right is better. {shown[0].scenario}, {format_load(shown[0].load)}. Hatched: within ±{margins}, "
        "too small to matter."
    )
    if any(row.noise_floor_is_wider for row in rows):
        subtitle += " Dashed: the far end of A/A, which better and worse must clear."
    sheet = Sheet(state_words(run.summary) + _title(shown, run), subtitle, rows_height(rows), run.fine_print)
    draw_ratios(sheet, rows, "ratio of requests per second, log scale")
    return Picture("answer", sheet, HOW_TO_READ)


def _selection(comparisons: Sequence[Comparison]) -> list[Comparison]:
    throughput = [row for row in comparisons if row.metric == "throughput_rps"]
    judged = [row for row in throughput if row.role != "exploratory"]
    places = {pair: place for place, pair in enumerate(_ORDER)}
    return sorted(judged or throughput, key=lambda row: places.get((row.contender, row.baseline), len(places)))[:MAX_ROWS]


def _title(shown: Sequence[Comparison], run: FinishedRun) -> str:
    texts = []
    for row in shown:
        ratio, scope = split_prose(row.interval)[0], scope_words((row.contender, row.baseline), run.stacks)
        names = "{} against {}".format(*row_labels(row, run.stacks))
        texts += [f"{ratio} times {_PLACES.get(scope, names)}"] if row.ratio is not None else []
    return f"Requests per second: {', '.join(texts)}" if texts else "No ratio was measured"


_PLACES: Mapping[str, str] = {
    "as usually deployed": "as usually deployed",
    "the server alone": "by the server alone",
    "same server": "on the same server",
}


def _ratio_row(row: Comparison, floor: Comparison | None, run: FinishedRun) -> Row:
    judged = row.verdict not in ("not judged", "withheld")
    names = " / ".join(row_labels(row, run.stacks))
    scope = scope_words((row.contender, row.baseline), run.stacks)
    verdict = f"{verdict_mark(row.verdict)} {verdict_words(row).partition(' (')[0]}".strip()
    figure = f"{prose(row.interval)}, {verdict}" if row.ratio is not None else verdict
    return Row(
        left=f"{scope[0].upper()}{scope[1:]}" if scope else names,
        right=figure,
        note=names if scope else "",
        value=row.ratio,
        **whisker(row.interval),
        dots=row.launch_ratios,
        marker=_MARKERS[row.verdict],
        colour=look_of(row.contender, run.stacks).colour if judged else AA_GREY,
        hollow=row.verdict == "undecided",
        dashed=row.verdict == "undecided",
        size={"not judged": 4.0, "withheld": 11.0}.get(row.verdict, 7.0),
        margin=row.margin,
        noise_floor=1 + far_end(*floor.ends) if floor and floor.ends else 1.0,
    )


def _aa_row(row: Comparison, run: FinishedRun) -> Row:
    return Row(
        left="A/A: the same code twice",
        right=prose(row.interval) if row.ratio is not None else "no figure",
        note=stack_label(row.baseline, run.stacks),
        value=row.ratio,
        **whisker(row.interval),
        dots=row.launch_ratios,
        marker="D",
        colour=AA_GREY,
        hollow=True,
        size=5.0,
        margin=row.margin,
    )
