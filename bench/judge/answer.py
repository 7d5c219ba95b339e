"""What to choose: the short answer and the decision table, from the verdicts, intervals and counts of one run. Pure.

A judged row speaks by its verdict. What was only explored speaks where its interval is clear of the margin and of A/A, and is called
seen, not judged. What a run does not support is withheld, line by line. No name of a framework stands here: labels come from the run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.records import (
    AS_DEPLOYED,
    NEAR,
    SAME_SERVER,
    SERVER_ALONE,
    Answer,
    AnswerLine,
    AppCode,
    BreakEvenPoint,
    Cell,
    Choice,
    Comparison,
    Interval,
    Metric,
    RowName,
    Standing,
    Summary,
    Topic,
    Verdict,
    far_end,
    find_floor,
)
from bench.records.loads import parse_load
from bench.records.names import Stacks, base_label, join_words, row_labels, stack_label
from bench.records.numbers import (
    count_words,
    format_load,
    format_megabytes,
    format_number,
    format_percent,
    level_words,
    prose,
    split_prose,
)
from bench.records.price import Price, price_from_plan

DECIDED: frozenset[Verdict] = frozenset({"better", "worse", "equivalent", "undecided"})
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
MOST = 4
_SLOW_MS = 0.1


@dataclass(frozen=True)
class _Run:
    """What the answer is made from."""

    summary: Summary
    stacks: Stacks
    price: Price

    def label(self, stack: str) -> str:
        return stack_label(stack, self.stacks)

    def base_label(self, stack: str) -> str:
        """Return what a stack is called whatever model it serves."""
        return base_label(stack, self.stacks)

    def judged(self, pair: tuple[str, str], metric: Metric = "throughput_rps") -> Comparison | None:
        """Return the row of a pair that the plan judges in a metric."""
        rows = (row for row in self.summary.comparisons if (row.contender, row.baseline) == pair and row.metric == metric)
        return next((row for row in rows if row.role != "exploratory"), None)

    def is_clear(self, interval: Interval | None, part: str, load: str) -> int:
        """Return 1 where a ratio of throughput is above 1 by more than margin and A/A, -1 where it is below, 0 where it is not clear."""
        if interval is None or interval.ends is None:
            return 0
        floors = (row for row in self.summary.noise_floor if (row.part, row.load, row.metric) == (part, load, "throughput_rps"))
        known = [far_end(*row.ends) for row in floors if row.ends]
        margin = next((row.margin for row in self.summary.comparisons if row.metric == "throughput_rps"), 0.0)
        bar = 1 + max(margin, *known) if known else 1 + margin
        low, high = interval.ends
        return (low > bar) - (high < 1 / bar)


def make_answer(summary: Summary, manifest: Mapping[str, Any], price: Price | None = None) -> Answer:
    """Return the answer of a run; that of other stacks speaks of these alone. Without a price that of its plan counts."""
    run = _Run(summary, manifest["stacks"], price or price_from_plan(manifest["plan"]))
    is_bundled = any((row.contender, row.baseline) == AS_DEPLOYED for row in summary.comparisons)
    lines, choices = _bundled(run) if is_bundled else _other_stacks(run)
    return Answer(_question(run, is_bundled=is_bundled), (*lines, _trust_line(run)), tuple(choices), _small_print(run))


def _question(run: _Run, *, is_bundled: bool) -> str:
    """Return what is asked: the frameworks of the bundled comparison, else both stacks of the first comparison."""
    row = next(iter(run.summary.comparisons), None)
    if not row:
        return "How fast is it?"
    both = [
        run.stacks.get(stack, {}).get("framework", stack) if is_bundled else run.label(stack) for stack in (row.baseline, row.contender)
    ]
    return f"{' or '.join(both)}{': which for my model?' if is_bundled else '?'}"


def _bundled(run: _Run) -> tuple[list[AnswerLine], list[Choice]]:
    """Return the lines of the short answer, and the choices that some of them are made of."""
    makers = (_small_model, _slow_model, _handler, _waiting, _documentation, _dependencies, _health_checks)
    choices = [make(run) for make in makers]
    small, slow, handler, waiting, documentation, dependencies, checks = choices
    deployed = run.judged(AS_DEPLOYED)
    lines = [
        *_choices_line("short answer", [small, slow], "choose "),
        *(
            [AnswerLine("small model", _standing(deployed), _sentence(deployed, run, _core_words(run)), _names(deployed))]
            if deployed
            else []
        ),
        *_server_line(run),
        *(AnswerLine(choice.topic, "seen", f"{choice.evidence}.", choice.rows) for choice in (slow, handler) if choice.standing == "seen"),
        *_latency_line(run),
        *_cost_line(run),
        *_choices_line("others", [waiting, checks, documentation, dependencies]),
    ]
    return lines, choices


def _choices_line(topic: Topic, choices: Sequence[Choice], verb: str = "") -> list[AnswerLine]:
    """Return what to choose for some services in one line, as far as it is known, without the evidence."""
    known = [choice for choice in choices if choice.standing in ("judged", "seen", "counted")]
    text = " ".join(f"{choice.service}: {verb}{choice.choose}." for choice in known)
    return [AnswerLine(topic, known[0].standing, text, tuple(name for choice in known for name in choice.rows))] if known else []


def _other_stacks(run: _Run) -> tuple[list[AnswerLine], list[Choice]]:
    """Return what a comparison of a reader's own stacks says: each judged row, and the first pair as a choice."""
    rows = [row for row in run.summary.comparisons if row.role != "exploratory"]
    rows = rows or [row for row in run.summary.comparisons if row.metric == "throughput_rps"][:1]
    lines = [AnswerLine("these stacks", _standing(row), _sentence(row, run), _names(row)) for row in rows[:MOST]]
    first = [row for row in rows if row.metric == "throughput_rps"][:1]
    return lines, [_fastest("these stacks", f"{row.scenario}, {format_load(row.load)}", [row], run) for row in first]


def _small_model(run: _Run) -> Choice:
    rows = [row for row in (run.judged(AS_DEPLOYED), run.judged(SERVER_ALONE)) if row]
    return _fastest("small model", SERVICES["small model"], rows, run) if rows else _absent("small model")


def _fastest(topic: Topic, service: str, rows: Sequence[Comparison], run: _Run) -> Choice:
    """Return which of one baseline and its contenders to choose for throughput alone."""
    by = {verdict: [run.label(row.contender) for row in rows if row.verdict == verdict] for verdict in DECIDED}
    decided = [row for row in rows if row.verdict in DECIDED]
    names = _names(*rows)
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


def _server_line(run: _Run) -> list[AnswerLine]:
    """Return whether it is the framework or the server, where both rows have a verdict."""
    alone, same = run.judged(SERVER_ALONE), run.judged(SAME_SERVER)
    if not alone or not same:
        return []
    if not {alone.verdict, same.verdict} <= DECIDED:
        spoken = next(row for row in (alone, same) if row.verdict not in DECIDED)
        return [
            AnswerLine("framework or server", _standing(spoken), f"Framework or server: {spoken.verdict_and_reason}.", _names(alone, same))
        ]
    leads = {(True, False): "It is the server, not the framework.", (False, True): "It is the framework, not the server."}
    lead = leads.get((alone.verdict == "better", same.verdict == "better"), "")
    both = " ".join(filter(None, [lead, _sentence(alone, run), _sentence(same, run)]))
    return [AnswerLine("framework or server", "judged", both, _names(alone, same))]


def _slow_model(run: _Run) -> Choice:
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


def _handler(run: _Run) -> Choice:
    """Return what to change first in a handler with pandas: what its own start moves, beside what the framework would."""
    topic: Topic = "handler"
    rows = [row for row in run.summary.changes if row.baseline not in AS_DEPLOYED and row.ratio is not None]
    mended = next((row for row in rows if row.contender == AS_DEPLOYED[1]), None)
    if not mended:
        return _absent(topic)
    framework = run.stacks.get(mended.baseline, {}).get("framework")
    moved = [row for row in rows if run.stacks.get(row.contender, {}).get("framework") != framework][:1]
    names = _names(mended, *moved, table="changes")
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


def _waiting(run: _Run) -> Choice:
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


def _documentation(run: _Run) -> Choice:
    topic: Topic = "documentation"
    found = {stack: [row for row in run.summary.features if row.stack == stack and row.feature in DOCUMENTED] for stack in AS_DEPLOYED}
    if not all(found.values()):
        return _absent(topic)
    choose = _one_of({stack: sum(row.has for row in rows) for stack, rows in found.items()}, run, "framework")
    evidence = "; ".join(
        f"{run.label(stack)}: {', '.join(_feature_words(row.feature, has=row.has) for row in rows)}" for stack, rows in found.items()
    )
    names = tuple(RowName("features", contender=stack) for stack in AS_DEPLOYED)
    return Choice(topic, "counted", SERVICES[topic], choose, evidence, names)


def _feature_words(feature: str, *, has: bool) -> str:
    return feature if has else f"no {feature}"


def _dependencies(run: _Run) -> Choice:
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


def _one_of(scores: Mapping[str, int], run: _Run, key: str) -> str:
    """Return what the stack with the highest score is called; `either` where there are several."""
    best = [stack for stack, score in scores.items() if score == max(scores.values())]
    return run.stacks.get(best[0], {}).get(key) or run.label(best[0]) if len(best) == 1 else "either"


def _health_checks(run: _Run) -> Choice:
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


def _latency_line(run: _Run) -> list[AnswerLine]:
    rows = [row for row in run.summary.comparisons if (row.contender, row.baseline) == AS_DEPLOYED and row.metric in ("p95_ms", "p99_ms")]
    row = next((row for row in rows if row.role != "exploratory" and parse_load(row.load).is_open), None)
    return [AnswerLine("latency", _standing(row), _sentence(row, run), _names(row))] if row else []


def _cost_line(run: _Run) -> list[AnswerLine]:
    """Return what a million predictions take and cost at the same offered load."""
    row = run.judged(AS_DEPLOYED, "cpu_us_per_request")
    if not row:
        return []
    if row.verdict not in DECIDED:
        return [AnswerLine("cost", _standing(row), f"Cost: {row.verdict_and_reason}.", _names(row))]
    key = (row.part, row.scenario, row.load)
    cells: dict[str, Cell] = {cell.stack: cell for cell in run.summary.cells if (cell.part, cell.scenario, cell.load) == key}
    both = [cells[stack].cpu_us_per_request for stack in AS_DEPLOYED if stack in cells and cells[stack].cpu_us_per_request]
    if len(both) < len(AS_DEPLOYED):
        return []
    used = run.price.utilisations[0]
    seconds, money = (
        " against ".join(map(format_number, figures)) for figures in (both, [run.price.per_million(cpu_us or 0, used) for cpu_us in both])
    )
    told = {"undecided": ", no difference that this run can tell", "equivalent": ", equal"}.get(row.verdict, "")
    text = f"A million predictions take {seconds} seconds of CPU time{told}: {money} {run.price.currency}"
    text += f" at {run.price.per_core_hour:g} per core hour, if paid cores work for {format_percent(used)} of their time."
    return [AnswerLine("cost", "judged", text, _names(row))]


def _trust_line(run: _Run) -> AnswerLine:
    """Return how sure this is: fresh starts, and what two copies of one stack differed by."""
    validity = run.summary.validity
    if not validity.valid:
        return AnswerLine("trust", "withheld", "This run is not valid: its figures are for diagnosis only.")
    rows = [row for row in run.summary.comparisons if row.role == "primary"] or list(run.summary.comparisons[:1])
    floor = find_floor(rows[0], run.summary.noise_floor) if rows else None
    if not floor or floor.ratio is None:
        return AnswerLine("trust", "not measured", "No second copy of a stack was measured: what noise alone can do is not known.")
    ends = {
        "equal": "equal, as far as this machine can tell",
        "coarse": f"this run cannot tell differences under {format_percent(validity.aa.resolution or 0)}",
        "unequal": "only larger differences count",
        "not judged": "too few for a judgement",
    }
    copies = f"The same code measured twice ({run.label(floor.baseline)}) gave a ratio of {prose(floor.interval)}"
    text = f"{count_words(floor.launches, 'fresh start')} of all servers. {copies}: {ends[validity.aa.state]}."
    return AnswerLine("trust", "judged" if validity.aa.state != "not judged" else "not judged", text, _names(floor, table="noise_floor"))


def _small_print(run: _Run) -> str:
    levels = sorted({words for row in run.summary.comparisons if row.role != "exploratory" and (words := level_words(row.interval))})
    intervals = f"In brackets: {join_words(levels, 'and')} intervals over fresh starts of all servers. " if levels else ""
    return f"{intervals}Seen, not judged: explored beside what was planned to be judged."


def _core_words(run: _Run) -> str:
    """Return on how many cores each server ran, where that is known."""
    cores = run.summary.environment.get("server_cores") or ()
    return f", each on {count_words(len(cores), 'core')}" if cores else ""


def _sentence(row: Comparison, run: _Run, where: str = "") -> str:
    """Return what a row says, by its verdict: who, what, how much, and both sides; `where` stands behind these."""
    contender, baseline = row_labels(row, run.stacks)
    if row.ratio is None or row.verdict == "withheld":
        return f"{contender} against {baseline}, {_METRICS[row.metric]}: {row.verdict_and_reason}."
    sides = (
        f": {format_number(row.contender_value)} against {format_number(row.baseline_value)}{_UNITS[row.metric]}{where}"
        if row.contender_value
        else ""
    )
    times = f"{prose(row.interval)} times"
    under = f"At the same {_rate_words(row, run)}, " if parse_load(row.load).is_open else ""
    if row.verdict == "equivalent":
        return f"{under}{contender} and {baseline} are equal in {_METRICS[row.metric]}, within {format_percent(row.margin)}: {times}."
    if row.verdict == "undecided":
        seen = f" Four runs of five would find a difference of {format_percent(row.smallest_seen)}." if row.smallest_seen else ""
        return f"{under}{contender} against {baseline}, {_METRICS[row.metric]}: {times}, which this run cannot tell from none.{seen}"
    state = {"not judged": " (seen, not judged)" if row.role == "exploratory" else f" ({row.verdict_and_reason})"}.get(row.verdict, "")
    if row.metric == "throughput_rps":
        return f"{under}{contender} answered {times} as many requests per second as {baseline}{sides}{state}."
    return f"{under}{contender} had {times} the {_METRICS[row.metric]} of {baseline}{sides}{state}."


_METRICS: Mapping[Metric, str] = {
    "throughput_rps": "requests per second",
    "cpu_us_per_request": "CPU time per request",
    "p50_ms": "median latency",
    "p95_ms": "p95 latency",
    "p99_ms": "p99 latency",
}
_UNITS: Mapping[Metric, str] = {"throughput_rps": "", "cpu_us_per_request": " us", "p50_ms": " ms", "p95_ms": " ms", "p99_ms": " ms"}


def _rate_words(row: Comparison, run: _Run) -> str:
    """Return the load that both sides of a row were offered."""
    key = (row.part, row.contender, row.scenario, row.load)
    rates = (cell.offered_rps for cell in run.summary.cells if (cell.part, cell.stack, cell.scenario, cell.load) == key)
    rate = next((rate for rate in rates if rate), None)
    return f"{format_number(rate)} requests per second" if rate else "offered load"


def _standing(row: Comparison) -> Standing:
    if row.verdict in DECIDED:
        return "judged"
    if row.verdict == "withheld":
        return "withheld"
    return "seen" if row.role == "exploratory" and row.ratio is not None else "not judged"


def _names(*rows: Comparison, table: str = "comparisons") -> tuple[RowName, ...]:
    return tuple(RowName(table, row.part, row.contender, row.baseline, row.scenario, row.load, row.metric) for row in rows)


def _absent(topic: Topic) -> Choice:
    profile = MEASURED_BY[topic]
    return Choice(topic, "not measured", SERVICES[topic], "not measured", f"make bench PROFILE={profile} measures it")


def _withheld(topic: Topic, names: tuple[RowName, ...]) -> Choice:
    return Choice(topic, "withheld", SERVICES[topic], "withheld", "the run is not valid", names)
