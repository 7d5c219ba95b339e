"""The decision table: for each kind of service what to choose, on which evidence, or why this run does not say. Pure."""

from collections.abc import Mapping, Sequence

from bench.judge.sentences import DECIDED, MOST, AnsweredRun, row_names
from bench.records import (
    AS_DEPLOYED,
    NEAR,
    SERVER_ALONE,
    AppCode,
    BreakEvenPoint,
    Choice,
    Comparison,
    Feature,
    Interval,
    RowName,
    Standing,
    Topic,
)
from bench.records.loads import parse_load
from bench.records.names import join_words
from bench.records.numbers import count_words, format_megabytes, format_number, format_percent, prose, split_prose

SERVICES: Mapping[Topic, str] = {
    "small model": "A small model, and the CPU is the limit",
    "slow model": "A slow model",
    "handler": "pandas in the request handler",
    "waiting": "Requests wait for another service",
    "documentation": "API documentation and typed requests",
    "dependencies": "As few packages as possible",
    "health checks": "Health checks beside a slow model",
}
# The profile that measures what another one leaves out.
MEASURED_BY: Mapping[Topic, str] = {
    "small model": "quick",
    "slow model": "default",
    "handler": "default",
    "waiting": "thorough",
    "documentation": "default",
    "dependencies": "default",
    "health checks": "thorough",
}
# A share of late health checks that a supervisor would not notice.
FEW_LATE = 0.01
# Features that a reader of an API's documentation looks for.
DOCUMENTED = ("interactive documentation", "OpenAPI schema")
UNCLEAR = "by code and features; this run sees no clear difference"
_SLOW_MS = 0.1


def make_choices(run: AnsweredRun) -> dict[Topic, Choice]:
    """Return the choice for each kind of service, in the order of the table."""
    makers = (_small_model, _slow_model, _handler, _waiting, _documentation, _dependencies, _health_checks)
    return {choice.topic: choice for choice in (make(run) for make in makers)}


def _small_model(run: AnsweredRun) -> Choice:
    rows = [row for row in (run.judged(AS_DEPLOYED), run.judged(SERVER_ALONE)) if row]
    return fastest("small model", SERVICES["small model"], rows, run) if rows else _absent("small model")


def fastest(topic: Topic, service: str, rows: Sequence[Comparison], run: AnsweredRun) -> Choice:
    """Return which of one baseline and its contenders to choose for throughput alone."""
    by = {verdict: [run.label(row.contender) for row in rows if row.verdict == verdict] for verdict in DECIDED}
    decided = [row for row in rows if row.verdict in DECIDED]
    names = row_names(*rows)
    if not decided:
        unjudged: Standing = "withheld" if rows[0].verdict == "withheld" else "not judged"
        return Choice(topic, unjudged, service, unjudged, rows[0].verdict_and_reason, names)
    baseline = run.label(rows[0].baseline)
    if by["better"]:
        choose = join_words(by["better"], "or")
    elif by["equivalent"]:
        choose = f"{join_words([baseline, *by['equivalent']], 'or')}: equally fast"
    elif by["undecided"]:
        choose = "by code and features; this run cannot tell which is faster"
    else:
        choose = baseline
    ratios = join_words([f"{run.label(row.contender)} {prose(row.interval)} times" for row in decided], "and")
    return Choice(topic, "judged", service, choose, f"{ratios} the requests per second of {baseline}", names)


def _slow_model(run: AnsweredRun) -> Choice:
    """Return from which model time on throughput hardly depends on the choice."""
    topic: Topic = "slow model"
    row = next((row for row in run.summary.break_even if (row.contender, row.baseline) == AS_DEPLOYED), None)
    if not row:
        return _absent(topic)
    names = (RowName("break_even", row.part, row.contender, row.baseline, row.scenario, row.load),)
    if not run.summary.validity.valid:
        return _withheld(topic, names)
    threshold = row.near
    drawn = [point for point in row.points if point.is_drawn and point.model_ms >= _SLOW_MS] or [row.points[-1]]
    measured = _measured_words(drawn)
    near = f"by code and features; throughput differs by less than {format_percent(NEAR)}"
    if not threshold.model_ms:
        return Choice(topic, "seen", "A model of any speed", near, f"Throughput: {measured}", names)
    if threshold.is_measured:
        time, bounds = split_prose(threshold.model)
        evidence = f"The slower the model, the less the choice matters: {measured}. Less than {format_percent(NEAR)} from about {time} ms"
        evidence += f" ({bounds})" if bounds else ""
        return Choice(topic, "seen", f"A model that takes {time} ms or longer", near, evidence, names)
    side = run.is_clear(drawn[-1].interval, row.part, row.load)
    chosen = {1: run.label(row.contender), -1: run.label(row.baseline), 0: UNCLEAR}
    service = f"A model that takes {format_number(row.longest_ms)} ms, the slowest measured"
    return Choice(topic, "seen", service, chosen[side], f"Throughput: {measured}", names)


def _measured_words(points: Sequence[BreakEvenPoint]) -> str:
    """Return the measured ratios of a few models: `1.19 times at 1.02 ms, 1.07 at 10.1 ms`."""
    few = [points[place] for place in sorted({0, len(points) // 2, len(points) - 1})]
    texts = [
        f"{split_prose(point.interval)[0]}{' times' if not place else ''} at {point.model_ms:.2g} ms" for place, point in enumerate(few)
    ]
    return ", ".join(texts)


def _handler(run: AnsweredRun) -> Choice:
    """Return what to change first in a handler with pandas: what its own start moves, beside what the framework would."""
    topic: Topic = "handler"
    rows = [row for row in run.summary.changes if row.baseline not in AS_DEPLOYED and row.ratio is not None]
    mended = next((row for row in rows if row.contender == AS_DEPLOYED[1]), None)
    if not mended:
        return _absent(topic)
    framework = run.stacks.get(mended.baseline, {}).get("framework")
    moved = [row for row in rows if run.stacks.get(row.contender, {}).get("framework") != framework][:1]
    names = row_names(mended, *moved, table="changes")
    if not run.summary.validity.valid:
        return _withheld(topic, names)
    chosen = {
        1: "replace pandas before anything else",
        -1: "keep pandas",
        0: UNCLEAR,
    }
    evidence = f"{run.label(mended.baseline)} without pandas: {prose(mended.interval)} times the requests per second"
    for row in moved:
        unclear = "" if run.is_clear(row.interval, row.part, row.load) else ", no clear difference"
        evidence += f"; with pandas, moved to {run.base_label(row.contender)}: {prose(row.interval)} times{unclear}"
    return Choice(topic, "seen", SERVICES[topic], chosen[run.is_clear(mended.interval, mended.part, mended.load)], evidence, names)


def _waiting(run: AnsweredRun) -> Choice:
    """Return which stacks answer most while another service makes them wait, at its longest delay."""
    topic: Topic = "waiting"
    found = [(cell.delay_ms, cell) for cell in run.summary.cells if cell.delay_ms is not None and cell.throughput_rps]
    if not found:
        return _absent(topic)
    longest = max(delay for delay, _ in found)
    cells = sorted((cell for delay, cell in found if delay == longest), key=lambda cell: -(cell.throughput_rps or 0))
    names = tuple(RowName("cells", cell.part, cell.stack, "", cell.scenario, cell.load) for cell in cells)
    if not run.summary.validity.valid:
        return _withheld(topic, names)
    least = (cells[0].throughput_rps or 0) / (1 + NEAR)
    top = [cell for cell in cells if (cell.throughput_rps or 0) >= least or _overlap(cell.throughput, cells[0].throughput)]
    choose = join_words([run.label(cell.stack) for cell in top], "or") if len(top) < len(cells) else "any of them"
    shown = dict.fromkeys([*cells[: MOST - 1], cells[-1]])
    figures = "; ".join(f"{run.label(cell.stack)} {prose(cell.throughput)}" for cell in shown)
    evidence = f"Requests per second, {count_words(parse_load(cells[0].load).users or 0, 'user')}, {longest} ms of waiting: {figures}"
    return Choice(topic, "seen", SERVICES[topic], choose, evidence, names)


def _overlap(one: Interval | None, other: Interval | None) -> bool:
    if one is other:
        return True
    return bool(one and other and one.ends and other.ends and one.ends[0] <= other.ends[1] and other.ends[0] <= one.ends[1])


def _documentation(run: AnsweredRun) -> Choice:
    topic: Topic = "documentation"
    found = {stack: [row for row in run.summary.features if row.stack == stack and row.feature in DOCUMENTED] for stack in AS_DEPLOYED}
    if not all(found.values()):
        return _absent(topic)
    choose = _one_of({stack: sum(row.has for row in rows) for stack, rows in found.items()}, run, "framework")
    texts = [f"{run.label(stack)}: {_features_words(rows)}" for stack, rows in found.items()]
    names = tuple(RowName("features", contender=stack) for stack in AS_DEPLOYED)
    extensions = [step for step in run.summary.steps if step.by == "extension" and not any(row.has for row in found.get(step.stack, ()))]
    for step in extensions[:1]:
        framework = run.stacks.get(step.stack, {}).get("framework") or run.label(step.stack)
        texts.append(f"{framework} has both with an extension and {step.added_lines + step.added_import_lines} lines of code")
        names += (RowName("steps", contender=step.stack),)
    return Choice(topic, "counted", SERVICES[topic], choose, "; ".join(texts), names)


def _features_words(rows: Sequence[Feature]) -> str:
    return " and ".join(row.feature for row in rows if row.has) or "neither"


def _dependencies(run: AnsweredRun) -> Choice:
    topic: Topic = "dependencies"
    code: dict[str, AppCode] = {row.stack: row for row in run.summary.complexity}
    if not set(AS_DEPLOYED) <= set(code):
        return _absent(topic)
    both = [code[stack] for stack in AS_DEPLOYED]
    choose = _one_of({row.stack: -row.packages for row in both}, run, "framework")
    evidence = ", ".join(
        f"{run.label(row.stack)}: {count_words(row.packages, 'package')}, {format_megabytes(row.installed_bytes)} MB" for row in both
    )
    return Choice(topic, "counted", SERVICES[topic], choose, evidence, tuple(RowName("complexity", contender=row.stack) for row in both))


def _one_of(scores: Mapping[str, int], run: AnsweredRun, key: str) -> str:
    """Return what the stack with the highest score is called; `either` where there are several."""
    best = [stack for stack, score in scores.items() if score == max(scores.values())]
    return run.stacks.get(best[0], {}).get(key) or run.label(best[0]) if len(best) == 1 else "either"


def _health_checks(run: AnsweredRun) -> Choice:
    topic: Topic = "health checks"
    rows = [row for row in run.summary.probes if row.late_ratio is not None]
    if not rows:
        return _absent(topic)
    names = tuple(RowName("probes", row.part, row.stack, "", row.scenario, row.load) for row in rows)
    if not run.summary.validity.valid:
        return _withheld(topic, names)
    rows.sort(key=lambda row: row.late_ratio or 0)
    quick = [run.base_label(row.stack) for row in rows if (row.late_ratio or 0) <= FEW_LATE]
    choose = "any of them" if len(quick) == len(rows) else join_words(quick, "or") or "none of these"
    late = "; ".join(f"{run.base_label(row.stack)} {format_percent(row.late_ratio or 0)}" for row in rows[:MOST])
    return Choice(topic, "seen", SERVICES[topic], choose, f"Checks answered later than {rows[0].late_ms / 1e3:g} s: {late}", names)


def _absent(topic: Topic) -> Choice:
    profile = MEASURED_BY[topic]
    return Choice(topic, "not measured", SERVICES[topic], "not measured", f"make bench PROFILE={profile}")


def _withheld(topic: Topic, names: tuple[RowName, ...]) -> Choice:
    return Choice(topic, "withheld", SERVICES[topic], "withheld", "the run is not valid", names)
