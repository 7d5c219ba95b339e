"""What the break-even rows, the ladder and single changes say, in sentences and tables; for the form see `sentences`."""

from collections.abc import Mapping, Sequence

from bench.records import BreakEven, BreakEvenPoint, Comparison, Interval, LadderRow, Step, Summary, Threshold
from bench.show.numbers import (
    NO_FIGURE,
    count_words,
    format_interval,
    format_level,
    format_load,
    format_number,
    format_percent,
    format_ratio,
    level_words,
    split_interval,
)
from bench.show.sentences import Stacks, scope_words, stack_label
from bench.show.tables import Column, Table, make_table, numbers

# Below this distance from 1 the switch no longer moves much: the threshold that the answer names.
NAMED_THRESHOLD = 0.1
CAUSE = " A slow model can cost more than its own time: it leaves cold caches behind, and threads wait while it holds the interpreter."
STEP_WORDS: Mapping[Step, str] = {"server": "server", "framework": "framework and validation", "model": "model", "total": "total"}


def pair_words(row: BreakEven, stacks: Stacks) -> str:
    """Return `as usually deployed: FastAPI on uvicorn / Flask on gunicorn gthread`."""
    scope = scope_words((row.contender, row.baseline), stacks)
    names = f"{stack_label(row.contender, stacks)} / {stack_label(row.baseline, stacks)}"
    return f"{scope}: {names}" if scope else names


def short_pair(row: BreakEven, stacks: Stacks) -> str:
    """Return `as usually deployed`; the names of a pair that stands for nothing."""
    return scope_words((row.contender, row.baseline), stacks) or pair_words(row, stacks)


def break_even_line(row: BreakEven, stacks: Stacks) -> str:
    """Return from which model time on the pair's ratio is near 1, as a sentence."""
    threshold = next(found for found in row.thresholds if found.within == NAMED_THRESHOLD)
    bare = row.curve[0]
    claim = f"{format_interval(bare.interval)} times the requests per second if the model took no time"
    return f"Break-even, {pair_words(row, stacks)}: {claim}; {threshold_words(row, threshold)} ({count_words(row.launches, 'launch')})."


def threshold_words(row: BreakEven, threshold: Threshold) -> str:
    """Return `within 10 % of 1 from 1.3 ms of model time on (1.1 to 1.5)`, or that it always is, or for no model measured."""
    near = f"within {format_percent(threshold.within)} of 1"
    if threshold.model_ms and not threshold.is_measured:
        return f"not {near} up to the slowest model measured, {format_number(row.longest_ms)} ms"
    point, bounds = split_interval(threshold.model)
    level = level_words(threshold.model)
    if threshold.model_ms:
        return f"{near} from {point} ms of model time on{f' ({bounds} ms, {level})' if bounds else ''}"
    latest = f"from {bounds.rpartition(' ')[2]} ms of model time on at the latest ({level})"
    return f"{near} {latest if threshold.model.high else 'whatever the model takes'}"


def off_line(row: BreakEven, stacks: Stacks) -> str:
    """Return why points lie off the curve: which stack's own time did not stay what it was; empty where none does."""
    points = [point for point in row.points if point.off_curve]
    if not points:
        return ""
    engines = ", ".join(point.engine for point in points)
    return f"Off the curve, {short_pair(row, stacks)}: {engines}; {off_words(row, points, stacks)}.{_cause(row, points)}"


def off_words(row: BreakEven, points: Sequence[BreakEvenPoint], stacks: Stacks) -> str:
    """Return what a request takes beside the model with some engines, and what the curve takes it to be, for both stacks."""
    of_contender = " and ".join(format_interval(point.contender_overhead_ms) for point in points)
    of_baseline = " and ".join(format_interval(point.baseline_overhead_ms) for point in points)
    return (
        f"beside the model a request takes {of_contender} ms on {stack_label(row.contender, stacks)}, where the curve has "
        f"{format_number(row.contender_overhead_ms.estimate)}, and {of_baseline} ms on {stack_label(row.baseline, stacks)}, where it has "
        f"{format_number(row.baseline_overhead_ms.estimate)}"
    )


def _cause(row: BreakEven, points: Sequence[BreakEvenPoint]) -> str:
    grown = [
        point.contender_overhead_ms.estimate > row.contender_overhead_ms.estimate
        or point.baseline_overhead_ms.estimate > row.baseline_overhead_ms.estimate
        for point in points
    ]
    return CAUSE if all(grown) else ""


def model_lines(row: BreakEven, model_ms: float, ratio: Interval, stacks: Stacks) -> list[str]:
    """Return what the curve says for a model of `model_ms`, and the nearest engine that was measured."""
    words = format_interval(ratio)
    level = f", {level_words(ratio)}" if ratio.low is not None else ", no interval"
    claim = f"{words} times the requests per second with a model of {model_ms:g} ms{level}, {count_words(row.launches, 'launch')}"
    lines = [f"{pair_words(row, stacks)}: {claim}, {row.scenario}, {format_load(row.load)}."]
    nearest = min(row.points, key=lambda point: abs(point.model_ms - model_ms))
    off = f" It lies off the curve: {off_words(row, [nearest], stacks)}." if nearest.off_curve else ""
    measured = format_interval(nearest.interval)
    lines.append(f"  Measured nearest: engine {nearest.engine}, {format_number(nearest.model_ms)} ms, {measured} times.{off}")
    named = next(found for found in row.thresholds if found.within == NAMED_THRESHOLD)
    lines.append(f"  The ratio is {threshold_words(row, named)}.")
    return lines


def break_even_table(row: BreakEven, stacks: Stacks) -> Table:
    """Return one line per engine of a pair: measured ratio, curve, and what each stack takes beside the model."""
    points = row.points
    return make_table(
        f"Throughput ratio by the time of one prediction, {short_pair(row, stacks)}",
        [
            Column("engine", [point.engine for point in points]),
            numbers("one prediction, ms", [format_interval(point.model) for point in points]),
            numbers("measured ratio", [format_interval(point.interval) for point in points]),
            numbers("level", [level_words(point.interval) or NO_FIGURE for point in points]),
            numbers("curve", [format_number(point.curve_ratio) for point in points]),
            Column(
                "fit",
                ["off the curve" if point.off_curve else "on the curve" for point in points],
                shown=any(point.off_curve for point in points),
            ),
            numbers("overhead of the contender, ms", [format_interval(point.contender_overhead_ms) for point in points]),
            numbers("of the baseline, ms", [format_interval(point.baseline_overhead_ms) for point in points]),
        ],
    )


def threshold_table(rows: Sequence[BreakEven], stacks: Stacks) -> Table:
    """Return from which model time on each pair is how near to 1, with the overheads that the curve comes from."""
    within = [threshold.within for threshold in rows[0].thresholds] if rows else []
    return make_table(
        "From how many ms of model time on the ratio is near 1",
        [
            Column("pair", [short_pair(row, stacks) for row in rows]),
            *(
                numbers(f"within {format_percent(share)}", [_threshold_cell(row.thresholds[place]) for row in rows])
                for place, share in enumerate(within)
            ),
            numbers("overhead of the contender, ms", [format_interval(row.contender_overhead_ms) for row in rows]),
            numbers("of the baseline, ms", [format_interval(row.baseline_overhead_ms) for row in rows]),
            numbers("launches", [str(row.launches) for row in rows]),
        ],
    )


def ladder_table(ladder: Sequence[LadderRow], stacks: Stacks) -> Table:
    """Return one line per step of each stack: CPU us with interval."""
    return make_table(
        "CPU time of one request, by differences of stacks at one equal rate",
        [
            Column("stack", [stack_label(row.stack, stacks) for row in ladder]),
            Column("step", [STEP_WORDS[row.step] for row in ladder]),
            numbers("CPU us", [format_interval(row.cpu) for row in ladder]),
            numbers("level", [level_words(row.cpu) or NO_FIGURE for row in ladder]),
            numbers("offered req/s", [format_number(row.offered_rps) for row in ladder]),
            numbers("launches", [str(row.launches) for row in ladder]),
        ],
    )


def server_timing_table(summary: Summary, stacks: Stacks) -> Table:
    """Return, for each stack that was asked, its own account of the model's part beside the ladder's."""
    steps = {row.stack: row for row in summary.ladder if row.step == "model"}
    rows = [row for row in summary.server_timing if row.stack in steps]
    of_ladder = [steps[row.stack] for row in rows]
    return make_table(
        "The model's step beside what the stack itself reports of it (Server-Timing)",
        [
            Column("stack", [stack_label(row.stack, stacks) for row in rows]),
            numbers("preprocessing, us", [format_number(row.preprocess_us) for row in rows]),
            numbers("prediction, us", [format_number(row.predict_us) for row in rows]),
            numbers("by the ladder, CPU us", [format_interval(row.cpu) for row in of_ladder]),
            numbers("level", [level_words(row.cpu) or NO_FIGURE for row in of_ladder]),
            numbers("requests", [f"{row.requests:,}" for row in rows]),
        ],
    )


def change_table(rows: Sequence[Comparison], changes: Sequence[Sequence[str]], stacks: Stacks) -> Table:
    """Return one line per single change; `changes` are the plan's [what, contender, baseline]."""
    words = {(contender, baseline): what for what, contender, baseline in changes}
    return make_table(
        "Single changes from one start, in requests per second",
        [
            Column("what is changed", [words.get((row.contender, row.baseline), row.contender) for row in rows]),
            Column("stack", [stack_label(row.contender, stacks) for row in rows]),
            Column("start", [stack_label(row.baseline, stacks) for row in rows]),
            numbers("ratio", [format_ratio(row) for row in rows]),
            numbers("level", [format_level(row) or NO_FIGURE for row in rows]),
            Column("load", [f"{row.scenario}, {format_load(row.load)}" for row in rows]),
            numbers("launches", [str(row.launches) for row in rows]),
        ],
    )


def _threshold_cell(threshold: Threshold) -> str:
    if not threshold.model_ms and not threshold.model.high:
        return "always"
    return format_interval(threshold.model) if threshold.is_measured else "not reached"
