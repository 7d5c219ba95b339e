"""Every verdict line, for all outputs: terminal, Markdown, HTML and charts. Takes records, gives ASCII text, claims nothing else.

The form: verdict, scope, both stacks by their servers, the ratio as "times" with its interval, level, launches and A/A, then
scenario and load. Better and worse are said per metric, so the line says what moved; exploratory rows have no verdict word.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from bench.records import AS_DEPLOYED, SAME_SERVER, Comparison, Metric, Summary, Verdict
from bench.show.numbers import (
    count_words,
    format_level,
    format_load,
    format_percent,
    format_ratio,
    split_interval,
    throughput_words,
    time_words,
)
from bench.show.selection import cell_of

# manifest["stacks"]: name -> framework, server, engine, label.
Stacks = Mapping[str, Mapping[str, str]]

_METRIC_WORDS: Mapping[Metric, str] = {
    "throughput_rps": "requests per second",
    "cpu_us_per_request": "CPU time per request",
    "p50_ms": "p50 {time}",
    "p95_ms": "p95 {time}",
    "p99_ms": "p99 {time}",
}
_SERVER_VERDICTS: Mapping[tuple[Verdict, Verdict], str] = {
    ("better", "worse"): "gain",
    ("better", "equivalent"): "gain",
    ("worse", "better"): "loss",
    ("worse", "equivalent"): "loss",
}
_MARKS: Mapping[Verdict, str] = {"better": "▲", "worse": "▼", "equivalent": "■", "undecided": "○", "withheld": "▬", "not judged": ""}


def headline_lines(summary: Summary, stacks: Stacks) -> list[str]:
    """Return a line for each of the two headline rows.

    Where a run has neither row, its first two comparisons of throughput stand in their place, else its first two of anything.
    """
    deployed, same = headline_rows(summary)
    if deployed or same:
        lines = [
            comparison_line(row, summary.noise_floor, stacks) + ("" if row is same and deployed else _core_words(summary))
            if row
            else f"Not measured, {scope_words(pair, stacks)}: this run does not compare {pair[0]} with {pair[1]}."
            for pair, row in ((AS_DEPLOYED, deployed), (SAME_SERVER, same))
        ]
        lines[1] += _server_words(deployed, same, summary, stacks)
    else:
        rows = [row for row in summary.comparisons if row.metric == "throughput_rps"] or summary.comparisons
        lines = [comparison_line(row, summary.noise_floor, stacks) + _core_words(summary) for row in rows[:2]]
        lines = lines or ["No comparison: this run does not measure one stack against another."]
    return lines


def headline_rows(summary: Summary) -> tuple[Comparison | None, Comparison | None]:
    """Return the throughput rows as usually deployed and on the same server, None where the run has none."""
    found: list[Comparison | None] = []
    for pair in (AS_DEPLOYED, SAME_SERVER):
        rows = [row for row in summary.comparisons if (row.contender, row.baseline) == pair and row.metric == "throughput_rps"]
        found.append(min(rows, key=lambda row: row.role == "exploratory", default=None))
    return found[0], found[1]


def ratios_words(summary: Summary, stacks: Stacks) -> str:
    """Return what the two rows of the answer found, as a sentence."""
    rows = [row for row in headline_rows(summary) if row] or [row for row in summary.comparisons if row.metric == "throughput_rps"]
    rows = rows or [row for row in summary.comparisons if row.metric == summary.comparisons[0].metric]
    claims = [
        "{0} {2} times {1}{3}".format(*row_labels(row, stacks), format_ratio(row), "" if format_level(row) else " (no interval)")
        for row in rows[:2]
        if row.ratio is not None
    ]
    if not claims:
        return "No ratio was measured"
    words = metric_words(rows[0])
    return f"{words[0].upper()}{words[1:]}: {'; '.join(claims)}"


def comparison_line(row: Comparison, noise_floor: Sequence[Comparison], stacks: Stacks) -> str:
    """Return one comparison as a sentence."""
    scope = scope_words((row.contender, row.baseline), stacks)
    verdict = verdict_words(row)
    head = f"{verdict[0].upper()}{verdict[1:]}{', ' if scope else ''}{scope}"
    line = f"{head}: {_claim(row, noise_floor, row_labels(row, stacks))}. {row.scenario}, {format_load(row.load)}."
    if row.verdict == "undecided" and row.smallest_seen is not None:
        seen = format_percent(row.smallest_seen)
        line += f" This run could see {seen} and more; about {count_words(4 * row.launches, 'launch')} would halve the interval."
    return line


def verdict_words(row: Comparison) -> str:
    """Return the verdict in words, with what moved, the margin or the reason; exploratory rows get no verdict word."""
    if row.verdict == "not judged" and row.role == "exploratory":
        return "exploratory" if row.reason in ("", "exploratory") else f"exploratory ({row.reason})"
    if row.verdict in ("withheld", "not judged"):
        return f"{row.verdict} ({row.reason.rstrip('.') or 'no reason recorded'})"
    if row.verdict == "equivalent":
        return f"equivalent within {format_percent(row.margin)}"
    if row.verdict == "undecided" or row.metric == "throughput_rps":
        return row.verdict
    if row.metric == "cpu_us_per_request":
        return f"{row.verdict} ({'less' if row.verdict == 'better' else 'more'} CPU time)"
    return f"{row.verdict} ({'shorter' if row.verdict == 'better' else 'longer'} {row.metric.removesuffix('_ms')})"


def verdict_mark(verdict: Verdict) -> str:
    """Return the sign of a verdict: told apart by shape, never by colour; none where nothing is judged."""
    return _MARKS[verdict]


def notices(summary: Summary) -> list[str]:
    """Return what a reader must know before the first figure: partial, not valid and why, withheld, nothing judged."""
    lines = []
    if summary.partial:
        lines.append("Partial run: it ended before its plan did; the figures are those of the launches that were finished.")
    withheld = sum(row.verdict == "withheld" for row in summary.comparisons)
    if not summary.validity.valid:
        lines.append("Not a valid run: no verdict is given, the figures are for diagnosis only.")
        return [*lines, *(f"Warning: {warning.text} {warning.next_step}" for warning in summary.validity.warnings)]
    lines += [f"Suspect: {warning.text} {warning.next_step}" for warning in summary.validity.warnings if warning.code == "layering"]
    if withheld:
        lines.append(f"Withheld: {withheld} of {count_words(len(summary.comparisons), 'comparison')} without verdict; the rows say why.")
    elif all(row.verdict == "not judged" for row in summary.comparisons):
        reasons = (row.reason.rstrip(".") for row in summary.comparisons if row.role != "exploratory" and row.reason)
        lines.append(": ".join(["Nothing is judged in this run", *list(reasons)[:1]]) + ".")
    return lines


def state_words(summary: Summary) -> str:
    """Return what the title of a picture has to say first: it may be shown without its report."""
    states = ["partial run"] * summary.partial + ["not valid, for diagnosis only"] * (not summary.validity.valid)
    return f"{', '.join(states).capitalize()}. " if states else ""


def validity_line(summary: Summary) -> str:
    """Return the run's validity: A/A, launches that did not pass a gate with what was done, warnings by code."""
    validity = summary.validity
    actions = Counter(action for _, _, action in {(gate.launch, gate.attempt, gate.action) for gate in validity.gates})
    gates = "launches that tripped a gate: " + ", ".join(f"{count} x {action}" for action, count in sorted(actions.items()))
    warnings = "warnings: " + ", ".join(dict.fromkeys(warning.code for warning in validity.warnings))
    parts = [f"A/A {validity.aa.verdict}", gates if actions else "no gate tripped", warnings if validity.warnings else "no warnings"]
    return f"{'Valid' if validity.valid else 'Not valid'}: {'; '.join(parts)}."


def aa_line(summary: Summary, stacks: Stacks) -> str:
    """Return the noise floor of the answer: two copies of one stack against each other."""
    row = headline_rows(summary)[0] or next(iter(summary.comparisons), None)
    floor = row and noise_floor_row(row, summary.noise_floor)
    if not floor or floor.ratio is None:
        return f"A/A {summary.validity.aa.verdict}: there is no figure of two copies of one stack."
    names = f"a second copy of {stack_label(floor.baseline, stacks)}", "the first"
    return f"A/A {summary.validity.aa.verdict}: {_claim(floor, (), names)}."


def noise_floor_row(row: Comparison, noise_floor: Sequence[Comparison]) -> Comparison | None:
    """Return the A/A row of a comparison: same part, scenario, load, metric and baseline."""
    key = (row.part, row.scenario, row.load, row.metric, row.baseline)
    return next((aa for aa in noise_floor if (aa.part, aa.scenario, aa.load, aa.metric, aa.baseline) == key), None)


def metric_words(row: Comparison) -> str:
    """Return what a comparison is in: of latencies, the time that counts under its load."""
    return _METRIC_WORDS[row.metric].format(time=time_words(row.load))


def stack_label(name: str, stacks: Stacks) -> str:
    """Return how a reader calls a stack: its label on one line, else its name."""
    return " ".join(stacks.get(name, {}).get("label", "").split()) or name


def row_labels(row: Comparison, stacks: Stacks) -> tuple[str, str]:
    """Return contender and baseline in a reader's words; by name where both have the same label."""
    labels = stack_label(row.contender, stacks), stack_label(row.baseline, stacks)
    return labels if labels[0] != labels[1] else (row.contender, row.baseline)


def interval_words(row: Comparison) -> str:
    """Return `95 % interval 1.990 to 2.036, 12 launches`."""
    bounds = split_interval(row.interval)[1]
    return f"{f'{format_level(row)} interval {bounds}' if bounds else 'no interval'}, {count_words(row.launches, 'launch')}"


def _claim(row: Comparison, noise_floor: Sequence[Comparison], names: tuple[str, str]) -> str:
    contender, baseline = names
    if row.ratio is None:
        return f"no figure of {contender} against {baseline} in {metric_words(row)}"
    ratio = split_interval(row.interval)[0]
    if row.metric == "throughput_rps":
        claim = f"{contender} answered {ratio} times as many requests per second as {baseline}"
    elif row.metric == "cpu_us_per_request":
        claim = f"{contender} used {ratio} times the CPU time per request of {baseline}"
    else:
        claim = f"the {metric_words(row)} of {contender} was {ratio} times that of {baseline}"
    floor = noise_floor_row(row, noise_floor)
    aa = "; two copies of the baseline: {}, {}".format(*split_interval(floor.interval)) if floor else ""
    return f"{claim} ({interval_words(row)}{aa.removesuffix(', ')})"


def scope_words(pair: tuple[str, str], stacks: Stacks) -> str:
    """Return what a pair stands for: as usually deployed, same server, or nothing."""
    if pair == AS_DEPLOYED:
        return "as usually deployed"
    known = [stacks[name]["server"] for name in pair if name in stacks and stacks[name]["framework"] != "other"]
    return "same server" if pair == SAME_SERVER or (len(known) == len(pair) and len(set(known)) == 1) else ""


def _server_words(deployed: Comparison | None, same: Comparison | None, summary: Summary, stacks: Stacks) -> str:
    """Return what both rows together say, where their verdicts allow it, and what the other server brings without another framework."""
    if deployed is None or same is None or (verdicts := (deployed.verdict, same.verdict)) not in _SERVER_VERDICTS:
        return ""
    said = f" So the {_SERVER_VERDICTS[verdicts]} above comes from the server"
    cells = [cell_of(summary, row, row.baseline) for row in (same, deployed)]
    known = [cell for cell in cells if cell and cell.throughput_rps is not None]
    if len(known) < len(cells):
        return f"{said}."
    return f"{said}: {', '.join(f'{throughput_words(cell)} req/s on {stack_label(cell.stack, stacks)}' for cell in known)}."


def _core_words(summary: Summary) -> str:
    cores = summary.environment.get("server_cores")
    count = len(cores) if isinstance(cores, list | tuple) else cores
    return f" Server on {count_words(count, 'core')}." if isinstance(count, int) and count else ""
