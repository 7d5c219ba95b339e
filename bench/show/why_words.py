"""What the break-even rows, the ladder and single changes say, in sentences and tables; for the form see `sentences`."""

from collections.abc import Mapping, Sequence

from bench.findings import BreakEven, LadderRow, Step, Threshold
from bench.records import Comparison, Interval
from bench.run_folder import Summary
from bench.show.figures import (
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
    claim = f"{format_interval(bare.ratio, bare.ci_low, bare.ci_high)} times the requests per second if the model took no time"
    return f"Break-even, {pair_words(row, stacks)}: {claim}; {threshold_words(row, threshold)} ({count_words(row.launches, 'launch')})."


def threshold_words(row: BreakEven, threshold: Threshold) -> str:
    """Return `within 10 % of 1 from 1.3 ms of model time on (1.1 to 1.5)`, or that no measured model was slow enough."""
    near = f"within {format_percent(threshold.within)} of 1"
    if not threshold.model_ms:
        return f"{near} whatever the model takes"
    if not threshold.is_measured:
        return f"not {near} up to the slowest model measured, {format_number(row.longest_ms)} ms"
    point, bounds = split_interval(threshold.model_ms, threshold.ci_low, threshold.ci_high)
    return f"{near} from {point} ms of model time on{f' ({bounds} ms, {level_words(threshold.level)})' if bounds else ''}"


def answer_lines(row: BreakEven, model_ms: float, ratio: Interval, stacks: Stacks) -> list[str]:
    """Return what the curve says for a model of `model_ms`, and the nearest engine that was measured."""
    words = format_interval(ratio.estimate, ratio.low, ratio.high)
    level = f", {level_words(ratio.level)}" if ratio.low is not None else ", no interval"
    claim = f"{words} times the requests per second with a model of {model_ms:g} ms{level}, {count_words(row.launches, 'launch')}"
    lines = [f"{pair_words(row, stacks)}: {claim}, {row.scenario}, {format_load(row.load)}."]
    nearest = min(row.points, key=lambda point: abs(point.model_ms - model_ms))
    off = " It lies off the curve: there the model does more than add its time." if nearest.off_curve else ""
    measured = format_interval(nearest.ratio, nearest.ci_low, nearest.ci_high)
    lines.append(f"  Measured nearest: engine {nearest.engine}, {format_number(nearest.model_ms)} ms, {measured} times.{off}")
    named = next(found for found in row.thresholds if found.within == NAMED_THRESHOLD)
    lines.append(f"  The ratio is {threshold_words(row, named)}.")
    return lines


def break_even_table(rows: Sequence[BreakEven], stacks: Stacks) -> Table:
    """Return one line per pair and engine: measured ratio and curve."""
    points = [(row, point) for row in rows for point in row.points]
    return make_table(
        "Throughput ratio by the time of one prediction",
        [
            Column("engine", [point.engine for _, point in points]),
            Column("pair", [short_pair(row, stacks) for row, _ in points]),
            numbers(
                "one prediction, ms", [format_interval(point.model_ms, point.model_ms_low, point.model_ms_high) for _, point in points]
            ),
            numbers("measured ratio", [format_interval(point.ratio, point.ci_low, point.ci_high) for _, point in points]),
            numbers("level", [level_words(point.level) or NO_FIGURE for _, point in points]),
            numbers("curve", [format_number(point.curve_ratio) for _, point in points]),
            Column("", ["off the curve" if point.off_curve else "" for _, point in points], shown=any(p.off_curve for _, p in points)),
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
            numbers("overhead of the contender, ms", [_interval(row.contender_overhead_ms) for row in rows]),
            numbers("of the baseline, ms", [_interval(row.baseline_overhead_ms) for row in rows]),
            numbers("launches", [str(row.launches) for row in rows]),
        ],
    )


def ladder_table(ladder: Sequence[LadderRow], stacks: Stacks) -> Table:
    """Return one line per step of each stack: CPU us with interval, the kernel's part of it."""
    return make_table(
        "CPU time of one request, by differences of stacks at one equal rate",
        [
            Column("stack", [stack_label(row.stack, stacks) for row in ladder]),
            Column("step", [STEP_WORDS[row.step] for row in ladder]),
            numbers("CPU us", [format_interval(row.cpu_us, row.ci_low, row.ci_high) for row in ladder]),
            numbers("level", [level_words(row.level) or NO_FIGURE for row in ladder]),
            numbers("of it kernel, us", [format_number(row.kernel_us) for row in ladder]),
            numbers("offered req/s", [format_number(row.offered_rps) for row in ladder]),
            numbers("launches", [str(row.launches) for row in ladder]),
        ],
    )


def server_timing_words(summary: Summary, stacks: Stacks) -> list[str]:
    """Return, for each stack that was asked, its own account of the model's part beside the ladder's."""
    steps = {row.stack: row for row in summary.ladder if row.step == "model"}
    return [
        f"The model's step, checked: {stack_label(row.stack, stacks)} reports {format_number(row.preprocess_us)} us of preprocessing and "
        f"{format_number(row.predict_us)} us of prediction (Server-Timing: wall time, medians of {row.requests:,} single requests to a "
        "server that is idle otherwise, whose caches are colder than under load); the ladder gives "
        f"{format_interval(steps[row.stack].cpu_us, steps[row.stack].ci_low, steps[row.stack].ci_high)} us of CPU time."
        for row in summary.server_timing
        if row.stack in steps
    ]


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
    if not threshold.model_ms:
        return "always"
    return format_interval(threshold.model_ms, threshold.ci_low, threshold.ci_high) if threshold.is_measured else "not reached"


def _interval(interval: Interval) -> str:
    return format_interval(interval.estimate, interval.low, interval.high)
