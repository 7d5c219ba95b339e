"""What tables and charts say of a comparison, and what stands beside the answer: verdicts, validity, noise. Takes records, gives text.

Better and worse are stated per metric, with what moved; exploratory rows have no verdict word.
"""

import math
from collections import Counter
from collections.abc import Mapping

from bench.records import AS_DEPLOYED, SAME_SERVER, SERVER_ALONE, Comparison, Interval, Metric, Summary, Verdict
from bench.records.names import Stacks
from bench.records.numbers import count_words, format_percent, time_words

_METRIC_WORDS: Mapping[Metric, str] = {
    "throughput_rps": "requests per second",
    "cpu_us_per_request": "CPU time per request",
    "p50_ms": "p50 {time}",
    "p95_ms": "p95 {time}",
    "p99_ms": "p99 {time}",
}
# Both sides of a ratio are estimated each by itself; where they are off it by more than this share of its half-width, a sentence says so.
_OFF_SHARE = 0.25
_MARKS: Mapping[Verdict, str] = {"better": "▲", "worse": "▼", "equivalent": "■", "undecided": "○", "withheld": "▬", "not judged": ""}


def verdict_words(row: Comparison) -> str:
    """Return the verdict in words, with what moved, the margin or the reason; exploratory rows get no verdict word."""
    if row.verdict == "not judged" and row.role == "exploratory":
        return "exploratory" if row.reason in ("", "exploratory") else f"exploratory ({row.reason})"
    if row.verdict in ("withheld", "not judged"):
        return row.verdict_and_reason
    if row.verdict == "equivalent":
        return f"equivalent within {format_percent(row.margin)}"
    if row.verdict == "undecided" or row.metric == "throughput_rps":
        return row.verdict
    if row.metric == "cpu_us_per_request":
        return f"{row.verdict} ({'less' if row.verdict == 'better' else 'more'} CPU time)"
    return f"{row.verdict} ({'shorter' if row.verdict == 'better' else 'longer'} {row.metric.removesuffix('_ms')})"


def verdict_mark(verdict: Verdict) -> str:
    """Return the sign of a verdict: each has a shape of its own, and colour says nothing; none where nothing is judged."""
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
    """Return the run's validity: A/A, launches that a gate found disturbed with what was done, warnings by code."""
    validity = summary.validity
    actions = Counter(action for _, _, action in {(gate.launch, gate.attempt, gate.action) for gate in validity.gates})
    counted = ", ".join(f"{count} x {action}" for action, count in sorted(actions.items()))
    disturbed = f"launches disturbed by the machine or the load generator: {counted}" if actions else "no launch was disturbed"
    warnings = "warnings: " + ", ".join(dict.fromkeys(warning.code for warning in validity.warnings))
    parts = [f"A/A {validity.aa.state}", disturbed, warnings if validity.warnings else "no warnings"]
    return f"{'Valid' if validity.valid else 'Not valid'}: {'; '.join(parts)}."


def noise_line(summary: Summary) -> str:
    """Return what widened the intervals, with its size; nothing where that is not known."""
    noise = summary.validity.noise
    parts = [
        f"slices of one stack varied by {format_percent(noise.slice_sd_ratio)} within a launch" if noise.slice_sd_ratio is not None else "",
        f"the host took {format_percent(noise.steal_ratio)} of a core's time" if noise.steal_ratio is not None else "",
        f"other programs used {format_percent(noise.foreign_ratio)} of the servers' core" if noise.foreign_ratio is not None else "",
        f"the load generator waited for its core {format_percent(noise.generator_wait_ratio)} of the time"
        if noise.generator_wait_ratio is not None
        else "",
        f"launches were {noise.slowest_ratio:.2f} to {noise.fastest_ratio:.2f} times as fast as usual"
        if noise.slowest_ratio is not None and noise.fastest_ratio is not None
        else "",
    ]
    parts_text = "; ".join(filter(None, parts))
    return f"Noise, which makes intervals wider: {parts_text}." if parts_text else ""


def metric_words(row: Comparison) -> str:
    """Return what a comparison is in: of latencies, the time that counts under its load."""
    return _METRIC_WORDS[row.metric].format(time=time_words(row.load))


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
