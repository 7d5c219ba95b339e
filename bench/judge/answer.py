"""What to choose: the short answer and the decision table, from the verdicts, intervals and counts of one run. Pure.

A judged row speaks by its verdict. What was only explored speaks where its interval is clear of the margin and of A/A, and is called
seen, not judged. What a run does not support is withheld, line by line. No name of a framework stands here: labels come from the run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.judge.choices import fastest, make_choices
from bench.judge.sentences import DECIDED, MOST, AnsweredRun, row_names, sentence, standing_of
from bench.records import AS_DEPLOYED, SAME_SERVER, SERVER_ALONE, Answer, AnswerLine, Cell, Choice, Summary, Topic, find_floor
from bench.records.loads import parse_load
from bench.records.names import join_words
from bench.records.numbers import count_words, format_load, format_number, format_percent, level_words, prose
from bench.records.price import Price, price_from_plan

# Choices whose evidence is a line of the short answer; those that are named there in one line together.
EXPLORED: tuple[Topic, ...] = ("slow model", "handler")
OTHERS: tuple[Topic, ...] = ("waiting", "health checks", "documentation", "dependencies")


def make_answer(summary: Summary, manifest: Mapping[str, Any], price: Price | None = None) -> Answer:
    """Return the answer of a run; that of other stacks speaks of these alone. Without a price that of its plan counts."""
    run = AnsweredRun(summary, manifest["stacks"], price or price_from_plan(manifest["plan"]))
    is_bundled = any((row.contender, row.baseline) == AS_DEPLOYED for row in summary.comparisons)
    lines, choices = _bundled(run) if is_bundled else _other_stacks(run)
    return Answer(_question(run, is_bundled=is_bundled), (*lines, _trust_line(run)), tuple(choices), _small_print(run, lines))


def _question(run: AnsweredRun, *, is_bundled: bool) -> str:
    """Return what is asked: the frameworks of the bundled comparison, else both stacks of the first comparison."""
    row = next(iter(run.summary.comparisons), None)
    if not row:
        return "How fast is it?"
    both = [
        run.stacks.get(stack, {}).get("framework", stack) if is_bundled else run.label(stack) for stack in (row.baseline, row.contender)
    ]
    return f"{' or '.join(both)}{': which for my model?' if is_bundled else '?'}"


def _bundled(run: AnsweredRun) -> tuple[list[AnswerLine], list[Choice]]:
    """Return the lines of the short answer, and the choices that some of them are made of."""
    choices = make_choices(run)
    explored = [choice for topic, choice in choices.items() if topic in EXPLORED and choice.standing == "seen"]
    deployed = run.judged(AS_DEPLOYED)
    lines = [
        *_choices_line("short answer", [choices[topic] for topic in ("small model", "slow model")], "choose "),
        *(
            [AnswerLine("small model", standing_of(deployed), sentence(deployed, run, _core_words(run)), row_names(deployed))]
            if deployed
            else []
        ),
        *_server_line(run),
        *(AnswerLine(choice.topic, "seen", f"{choice.evidence}.", choice.rows) for choice in explored),
        *_latency_line(run),
        *_cost_line(run),
        *_choices_line("others", [choices[topic] for topic in OTHERS]),
    ]
    return lines, list(choices.values())


def _choices_line(topic: Topic, choices: Sequence[Choice], verb: str = "") -> list[AnswerLine]:
    """Return what to choose for some services in one line, as far as it is known, without the evidence."""
    known = [choice for choice in choices if choice.standing in ("judged", "seen", "counted")]
    text = " ".join(f"{choice.service}: {verb}{choice.choose}." for choice in known)
    return [AnswerLine(topic, known[0].standing, text, tuple(name for choice in known for name in choice.rows))] if known else []


def _other_stacks(run: AnsweredRun) -> tuple[list[AnswerLine], list[Choice]]:
    """Return what a comparison of a reader's own stacks says: each judged row, and the first pair as a choice."""
    rows = [row for row in run.summary.comparisons if row.role != "exploratory"]
    rows = rows or [row for row in run.summary.comparisons if row.metric == "throughput_rps"][:1]
    lines = [AnswerLine("these stacks", standing_of(row), sentence(row, run), row_names(row)) for row in rows[:MOST]]
    first = [row for row in rows if row.metric == "throughput_rps"][:1]
    return lines, [fastest("these stacks", f"{row.scenario}, {format_load(row.load)}", [row], run) for row in first]


def _server_line(run: AnsweredRun) -> list[AnswerLine]:
    """Return whether it is the framework or the server, where both rows have a verdict."""
    alone, same = run.judged(SERVER_ALONE), run.judged(SAME_SERVER)
    if not alone or not same:
        return []
    if not {alone.verdict, same.verdict} <= DECIDED:
        spoken = next(row for row in (alone, same) if row.verdict not in DECIDED)
        text = f"Framework or server: {spoken.verdict_and_reason}."
        return [AnswerLine("framework or server", standing_of(spoken), text, row_names(alone, same))]
    leads = {(True, False): "It is the server, not the framework.", (False, True): "It is the framework, not the server."}
    lead = leads.get((alone.verdict == "better", same.verdict == "better"), "")
    both = " ".join(filter(None, [lead, sentence(alone, run), sentence(same, run)]))
    return [AnswerLine("framework or server", "judged", both, row_names(alone, same))]


def _latency_line(run: AnsweredRun) -> list[AnswerLine]:
    rows = [row for row in run.summary.comparisons if (row.contender, row.baseline) == AS_DEPLOYED and row.metric in ("p95_ms", "p99_ms")]
    row = next((row for row in rows if row.role != "exploratory" and parse_load(row.load).is_open), None)
    return [AnswerLine("latency", standing_of(row), sentence(row, run), row_names(row))] if row else []


def _cost_line(run: AnsweredRun) -> list[AnswerLine]:
    """Return what a million predictions take and cost at the same offered load."""
    row = run.judged(AS_DEPLOYED, "cpu_us_per_request")
    if not row:
        return []
    if row.verdict not in DECIDED:
        return [AnswerLine("cost", standing_of(row), f"Cost: {row.verdict_and_reason}.", row_names(row))]
    key = (row.part, row.scenario, row.load)
    cells: dict[str, Cell] = {cell.stack: cell for cell in run.summary.cells if (cell.part, cell.scenario, cell.load) == key}
    both = [cells[stack].cpu_us_per_request for stack in AS_DEPLOYED if stack in cells and cells[stack].cpu_us_per_request]
    if len(both) < len(AS_DEPLOYED):
        return []
    used = run.price.utilisations[0]
    seconds, money = (
        " against ".join(map(format_number, figures)) for figures in (both, [run.price.per_million(cpu_us or 0, used) for cpu_us in both])
    )
    beside = {"undecided": ", no difference that this run can tell", "equivalent": ", equal"}.get(row.verdict, "")
    text = f"A million predictions take {seconds} seconds of CPU time{beside}: {money} {run.price.currency}"
    text += f" at {run.price.per_core_hour:g} per core hour, if paid cores work for {format_percent(used)} of their time."
    return [AnswerLine("cost", "judged", text, row_names(row))]


def _trust_line(run: AnsweredRun) -> AnswerLine:
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
    return AnswerLine("trust", "judged" if validity.aa.state != "not judged" else "not judged", text, row_names(floor, table="noise_floor"))


def _small_print(run: AnsweredRun, lines: Sequence[AnswerLine]) -> str:
    """Return what the brackets, the standings and the names of the servers in the answer mean."""
    rows = [row for row in run.summary.comparisons if row.role != "exploratory"]
    levels = sorted({words for row in rows if (words := level_words(row.interval))})
    named = [run.stacks.get(stack, {}) for row in rows for stack in (row.baseline, row.contender)]
    notes = {stack["server"]: stack["server_note"] for stack in named if stack.get("server_note")}
    texts = [
        f"In brackets: {join_words(levels, 'and')} intervals over fresh starts of all servers." if levels else "",
        "p95: the time within which 95 % of the answers came." if any(line.topic == "latency" for line in lines) else "",
        "Judged: by a rule that was fixed before the run. Seen: measured beside that, without a verdict.",
        f"Servers: {'; '.join(f'{server}, {note}' for server, note in notes.items())}." if notes else "",
    ]
    return " ".join(filter(None, texts))


def _core_words(run: AnsweredRun) -> str:
    """Return on how many cores each server ran, where that is known."""
    cores = run.summary.environment.get("server_cores") or ()
    return f", each on {count_words(len(cores), 'core')}" if cores else ""
