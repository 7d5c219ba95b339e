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
        bounds = _open_bounds(row, threshold) or bounds
        times = f", {format_number(threshold.multiple.estimate)} times what the contender itself takes" if threshold.multiple else ""
        return f"{near} from {point} ms of model time on{f' ({bounds} ms, {level})' if bounds else ''}{times}"
    if _open_bounds(row, threshold):
        return f"{near} whatever the model takes, by its interval perhaps not even at {format_number(row.longest_ms)} ms ({level})"
    latest = f"from {bounds.rpartition(' ')[2]} ms of model time on at the latest ({level})"
    return f"{near} {latest if threshold.model.high else 'whatever the model takes'}"


def _open_bounds(row: BreakEven, threshold: Threshold) -> str:
    """Return the interval of a threshold that by its far end lies beyond the slowest model measured; empty for any other."""
    low = threshold.model.low
    if low is None or threshold.model.high is not None:
        return ""
    return f"{format_number(low)} to more than {format_number(row.longest_ms)}"


def off_line(row: BreakEven, stacks: Stacks) -> str:
    """Return why points lie off the curve: which stack's own time did not stay what it was; empty where none does."""
    points = [point for point in row.points if point.off_curve]
    if not points:
        return ""
    engines = ", ".join(point.engine for point in points)
    return f"Off the curve, {short_pair(row, stacks)}: {engines}; {off_words(row, points, stacks)}.{_cause(row, points)}"


def off_words(row: BreakEven, points: Sequence[BreakEvenPoint], stacks: Stacks) -> str:
    """Return what a request takes beside the model with some engines, and what the fit has for that, for both stacks."""
    of_contender = " and ".join(format_interval(point.contender_overhead_ms) for point in points)
    of_baseline = " and ".join(format_interval(point.baseline_overhead_ms) for point in points)
    contender, baseline = (" and ".join(map(format_number, own)) for own in zip(*(_fitted_ms(row, point) for point in points), strict=True))
    return (
        f"beside the model a request takes {of_contender} ms on {stack_label(row.contender, stacks)}, where the fit has {contender}, "
        f"and {of_baseline} ms on {stack_label(row.baseline, stacks)}, where it has {baseline}"
    )


def _fitted_ms(row: BreakEven, point: BreakEvenPoint) -> tuple[float, float]:
    """Return what a request takes beside a model on contender and baseline, by the fit: its overhead, and its share of the model's time."""
    sides = ((row.contender_overhead_ms, row.contender_slope), (row.baseline_overhead_ms, row.baseline_slope))
    contender, baseline = (own.estimate + (slope.estimate * point.model_ms if slope else 0.0) for own, slope in sides)
    return contender, baseline


def _cause(row: BreakEven, points: Sequence[BreakEvenPoint]) -> str:
    grown = [
        point.contender_overhead_ms.estimate > contender or point.baseline_overhead_ms.estimate > baseline
        for point in points
        for contender, baseline in [_fitted_ms(row, point)]
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
            numbers("fit of all", [format_number(point.curve_ratio) for point in points]),
            Column("fit", [_fit_words(point) for point in points], shown=any(point.off_curve or not point.is_drawn for point in points)),
            numbers("overhead of the contender, ms", [format_interval(point.contender_overhead_ms) for point in points]),
            numbers("of the baseline, ms", [format_interval(point.baseline_overhead_ms) for point in points]),
        ],
    )


def threshold_table(rows: Sequence[BreakEven], stacks: Stacks) -> Table:
    """Return from which model time on each pair is how near to 1, with the overheads that the curve comes from."""
    within = [threshold.within for threshold in rows[0].thresholds] if rows else []
    return make_table(
        "From how many ms of model time on the ratio is near 1 (x: as a multiple of the contender's own time per request)",
        [
            Column("pair", [short_pair(row, stacks) for row in rows]),
            *(
                numbers(f"within {format_percent(share)}", [_threshold_cell(row, row.thresholds[place]) for row in rows])
                for place, share in enumerate(within)
            ),
            numbers("overhead of the contender, ms", [format_interval(row.contender_overhead_ms) for row in rows]),
            numbers("of the baseline, ms", [format_interval(row.baseline_overhead_ms) for row in rows]),
            numbers(
                "slope of the contender", [format_interval(row.contender_slope) for row in rows], any(row.contender_slope for row in rows)
            ),
            numbers("of the baseline", [format_interval(row.baseline_slope) for row in rows], any(row.baseline_slope for row in rows)),
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
            numbers("CPU us", [format_interval(row.cpu) if row.is_resolved else f"not resolved: {_ends_words(row)}" for row in ladder]),
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
            Column("do they agree", ["no: outside the interval" if row.contradicted else "yes" for row in of_ladder]),
        ],
    )


def change_table(rows: Sequence[Comparison], changes: Sequence[Sequence[str]], stacks: Stacks) -> Table:
    """Return one line per single change; `changes` are the plan's [what, contender, baseline]."""
    words = {(contender, baseline): what for what, contender, baseline in changes}
    return make_table(
        "Single changes, each from its start, in requests per second",
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


def _ends_words(row: LadderRow) -> str:
    return split_interval(row.cpu)[1]


def _fit_words(point: BreakEvenPoint) -> str:
    if not point.is_drawn:
        return "not drawn: too uncertain"
    return "off the curve" if point.off_curve else "on the curve"


def _threshold_cell(row: BreakEven, threshold: Threshold) -> str:
    bounds = _open_bounds(row, threshold)
    if not threshold.model_ms and not threshold.model.high and not bounds:
        return "always"
    if not threshold.is_measured:
        return f"not by {format_number(threshold.model_ms)}"
    times = f", x {format_number(threshold.multiple.estimate)}" if threshold.multiple else ""
    time = f"{format_number(threshold.model_ms)} ({bounds})" if bounds else format_interval(threshold.model)
    return f"{time}{times}"
