"""Every verdict line, for all outputs: terminal, Markdown, HTML and charts. Takes records, gives ASCII text, claims nothing else.

The form: verdict, scope, both stacks by their servers, the ratio as "times" with its interval, level, launches and A/A, then
scenario and load. Better and worse are said per metric, so the line says what moved; exploratory rows have no verdict word.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from bench.records import AS_DEPLOYED, SAME_SERVER, SERVER_ALONE, Comparison, Interval, Metric, Summary, Verdict, find_floor
from bench.show.numbers import (
    count_words,
    format_level,
    format_load,
    format_number,
    format_percent,
    format_ratio,
    split_interval,
    time_words,
)

# manifest["stacks"]: name -> framework, server, engine, label.
Stacks = Mapping[str, Mapping[str, str]]

_METRIC_WORDS: Mapping[Metric, str] = {
    "throughput_rps": "requests per second",
    "cpu_us_per_request": "CPU time per request",
    "p50_ms": "p50 {time}",
    "p95_ms": "p95 {time}",
    "p99_ms": "p99 {time}",
}
HEADLINE_PAIRS = (AS_DEPLOYED, SERVER_ALONE, SAME_SERVER)
# Both sides of a ratio are estimated each by itself; where they are off it by more than this share of its half-width, a sentence says so.
_OFF_SHARE = 0.25
_MARKS: Mapping[Verdict, str] = {"better": "▲", "worse": "▼", "equivalent": "■", "undecided": "○", "withheld": "▬", "not judged": ""}


def headline_lines(summary: Summary, stacks: Stacks) -> list[str]:
    """Return a line for each of the three headline rows.

    Where a run has none of them, its first two comparisons of throughput stand in their place, else its first two of anything.
    """
    found = dict(zip(HEADLINE_PAIRS, headline_rows(summary), strict=True))
    first = next((row for row in found.values() if row), None)
    if first:
        lines = [
            comparison_line(row, summary.noise_floor, stacks) + (_core_words(summary) + _noise_words(summary) if row is first else "")
            if row
            else f"Not measured, {scope_words(pair, stacks)}: this run does not compare {pair[0]} with {pair[1]}."
            for pair, row in found.items()
            if row or pair != SERVER_ALONE
        ]
    else:
        rows = [row for row in summary.comparisons if row.metric == "throughput_rps"] or summary.comparisons
        lines = [comparison_line(row, summary.noise_floor, stacks) + _core_words(summary) for row in rows[:2]]
        lines = lines or ["No comparison: this run does not measure one stack against another."]
    return lines


def headline_rows(summary: Summary) -> list[Comparison | None]:
    """Return the throughput rows as usually deployed, of the server alone and on the same server, None where the run has none."""
    found: list[Comparison | None] = []
    for pair in HEADLINE_PAIRS:
        rows = [row for row in summary.comparisons if (row.contender, row.baseline) == pair and row.metric == "throughput_rps"]
        found.append(min(rows, key=lambda row: row.role == "exploratory", default=None))
    return found


def ratios_words(summary: Summary, stacks: Stacks) -> str:
    """Return what the two rows of the answer found, as a sentence."""
    rows = [row for row in headline_rows(summary) if row] or [row for row in summary.comparisons if row.metric == "throughput_rps"]
    rows = rows or [row for row in summary.comparisons if row.metric == summary.comparisons[0].metric]
    claims = [
        "{0} {2} times {1}{3}".format(*row_labels(row, stacks), format_ratio(row), "" if format_level(row) else " (no interval)")
        for row in rows[: len(HEADLINE_PAIRS)]
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
    line += _off_words(row)
    if row.verdict == "undecided" and row.smallest_seen is not None:
        seen = format_percent(row.smallest_seen)
        line += f" Four runs of five like this one would find a difference of {seen}; "
        line += f"about {count_words(4 * row.launches, 'launch')} would halve the interval."
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
    parts = [f"A/A {validity.aa.state}", gates if actions else "no gate tripped", warnings if validity.warnings else "no warnings"]
    return f"{'Valid' if validity.valid else 'Not valid'}: {'; '.join(parts)}."


def aa_line(summary: Summary, stacks: Stacks) -> str:
    """Return the noise floor of the answer: two copies of one stack against each other, and what the run cannot tell for it."""
    row = headline_rows(summary)[0] or next(iter(summary.comparisons), None)
    floor = row and find_floor(row, summary.noise_floor)
    state = summary.validity.aa.state
    if not floor or floor.ratio is None:
        return f"A/A {state}: there is no figure of two copies of one stack."
    names = f"a second copy of {stack_label(floor.baseline, stacks)}", "the first"
    return f"A/A {state}: {_claim(floor, (), names)}.{_resolution_words(summary)}"


def noise_line(summary: Summary) -> str:
    """Return what widened the intervals, with its size; nothing where that is not known."""
    noise = summary.validity.noise
    parts = [
        f"slices of one stack varied by {format_percent(noise.slice_sd_ratio)} within a launch" if noise.slice_sd_ratio is not None else "",
        f"the host kept {format_percent(noise.steal_ratio)} of a core's time" if noise.steal_ratio is not None else "",
        f"other programs used {format_percent(noise.foreign_ratio)} of the servers' core" if noise.foreign_ratio is not None else "",
        f"the load generator waited for its core {format_percent(noise.generator_wait_ratio)} of the time"
        if noise.generator_wait_ratio is not None
        else "",
        f"launches were {noise.slowest_ratio:.2f} to {noise.fastest_ratio:.2f} times as fast as usual"
        if noise.slowest_ratio is not None and noise.fastest_ratio is not None
        else "",
    ]
    said = "; ".join(filter(None, parts))
    return f"Noise, which makes intervals wider: {said}." if said else ""


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
    floor = find_floor(row, noise_floor)
    aa = "; two copies of the baseline: {}, {}".format(*split_interval(floor.interval)) if floor else ""
    return f"{claim} ({interval_words(row)}{aa.removesuffix(', ')})"


def scope_words(pair: tuple[str, str], stacks: Stacks) -> str:
    """Return what a pair stands for: as usually deployed, the server alone, same server, or nothing."""
    if pair == AS_DEPLOYED:
        return "as usually deployed"
    if pair == SERVER_ALONE:
        return "the server alone"
    known = [stacks[name]["server"] for name in pair if name in stacks and stacks[name]["framework"] != "other"]
    return "same server" if pair == SAME_SERVER or (len(known) == len(pair) and len(set(known)) == 1) else ""


def quotient_if_off(row: Comparison) -> Interval | None:
    """Return what both sides of a ratio give, each estimated over launches by itself, if that is off it; with the ratio's interval.

    None where they divide to it, up to what would not show beside that interval, or where a figure is missing.
    """
    if row.ratio is None or row.ends is None or not row.contender_value or not row.baseline_value:
        return None
    quotient = row.contender_value / row.baseline_value
    is_off = abs(math.log(quotient / row.ratio)) > _OFF_SHARE * math.log(row.ends[1] / row.ends[0]) / 2
    return Interval(quotient, *row.ends, None) if is_off else None


def _off_words(row: Comparison) -> str:
    """Return what both sides of a ratio give by themselves, where they do not divide to it."""
    quotient = quotient_if_off(row)
    if quotient is None:
        return ""
    sides = f"{format_number(row.contender_value)} and {format_number(row.baseline_value)}"
    given = split_interval(quotient)[0]  # with as many digits as the ratio
    return f" Both sides by themselves, {sides}, give {given}: the ratio is of single launches, which were not equally fast."


def _resolution_words(summary: Summary) -> str:
    resolution = summary.validity.aa.resolution
    if resolution is None or summary.validity.aa.state == "equal":
        return ""
    return f" This run cannot tell differences under {format_percent(resolution)}."


def _noise_words(summary: Summary) -> str:
    """Return what made the interval of the answer wider than it need be, with its size."""
    noise = summary.validity.noise
    codes = {warning.code for warning in summary.validity.warnings}
    parts = []
    if "steal" in codes and noise.steal_ratio is not None:
        parts.append(f"the host kept {format_percent(noise.steal_ratio)} of a core's time from this machine")
    if "foreign-work" in codes and noise.foreign_ratio is not None:
        parts.append(f"other programs used {format_percent(noise.foreign_ratio)} of the servers' core")
    return f" The interval is wider because {', '.join(parts)}." if parts else ""


def _core_words(summary: Summary) -> str:
    cores = summary.environment.get("server_cores")
    count = len(cores) if isinstance(cores, list | tuple) else cores
    return f" Server on {count_words(count, 'core')}." if isinstance(count, int) and count else ""
