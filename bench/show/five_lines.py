"""The answer of a run in five lines, for all outputs: what each choice moves, from which model on, at equal load, with how much code.

Made from the figures of the run alone. What a profile does not measure has no line of its own; one line at the end names it.
"""

from collections.abc import Mapping

from bench.records import AS_DEPLOYED, SAME_SERVER, AppCode, BreakEven, Comparison, Feature, Summary
from bench.records.loads import parse_load
from bench.records.price import Price
from bench.show.numbers import count_words, format_interval, format_megabytes, format_number, format_percent
from bench.show.selection import first_part
from bench.show.sentences import (
    Stacks,
    aa_line,
    headline_lines,
    interval_words,
    metric_words,
    noise_line,
    stack_label,
    validity_line,
    verdict_words,
)
from bench.show.why_words import NAMED_THRESHOLD, short_pair, threshold_words

# The section of the report that has more on a line, by how the line begins.
SECTIONS: Mapping[str, str] = {"Break-even": "break-even", "At equal load": "latency", "Code": "complexity"}
SOME_FEATURES = 4


def answer_lines(summary: Summary, stacks: Stacks, price: Price) -> list[str]:
    """Return the answer, at most six lines."""
    found = {"break-even": _break_even_line(summary, stacks), "equal load": _load_line(summary, price), "code": _code_line(summary, stacks)}
    lines = [*headline_lines(summary, stacks), *filter(None, found.values())]
    missing = [name for name, line in found.items() if not line]
    if missing and any((row.contender, row.baseline) == AS_DEPLOYED for row in summary.comparisons):
        lines.append(f"Not measured with profile {summary.profile}: {', '.join(missing)}. 'make bench' measures all.")
    return lines


def trust_lines(summary: Summary, stacks: Stacks) -> list[str]:
    """Return what stands below the answer: whether it is valid, the noise floor, and what widened the intervals."""
    return [validity_line(summary), aa_line(summary, stacks), *filter(None, [noise_line(summary)])]


def _break_even_line(summary: Summary, stacks: Stacks) -> str:
    rows = [row for pair in (AS_DEPLOYED, SAME_SERVER) for row in summary.break_even if (row.contender, row.baseline) == pair]
    rows = rows or list(summary.break_even[:2])
    return f"Break-even: requests per second are, {'; '.join(_near_words(row, stacks) for row in rows)}." if rows else ""


def _near_words(row: BreakEven, stacks: Stacks) -> str:
    threshold = next(found for found in row.thresholds if found.within == NAMED_THRESHOLD)
    return f"{short_pair(row, stacks)}, {threshold_words(row, threshold)}"


def _load_line(summary: Summary, price: Price) -> str:
    """Return latency and CPU time at the same offered load, as usually deployed, with what a million predictions cost."""
    rows = [
        row
        for row in summary.comparisons
        if (row.contender, row.baseline) == AS_DEPLOYED
        and parse_load(row.load).is_open
        and row.role != "exploratory"
        and row.ratio is not None
    ]
    rows.sort(key=lambda row: row.metric == "cpu_us_per_request")
    if not rows:
        return ""
    cells = {cell.stack: cell for cell in first_part(summary) if cell.load == rows[0].load and cell.scenario == rows[0].scenario}
    contender, baseline = (cells.get(name) for name in AS_DEPLOYED)
    offered = contender.offered_rps if contender else None
    rate = f", {format_number(offered)} req/s offered to both" if offered else ""
    words = f"At equal load{rate}, as usually deployed: {'; '.join(map(_moved_words, rows))}"
    costs = [cell.cpu_us_per_request for cell in (contender, baseline) if cell and cell.cpu_us_per_request]
    if len(costs) < len(AS_DEPLOYED):
        return f"{words}."
    seconds = " against ".join(format_number(cpu_us) for cpu_us in costs)
    share = price.utilisations[0]
    money = " against ".join(format_number(price.per_million(cpu_us, share)) for cpu_us in costs)
    terms = f"{price.per_core_hour:g} per core hour, {format_percent(share)} used"
    return f"{words}; a million predictions take {seconds} CPU seconds and cost {money} ({terms})."


def _moved_words(row: Comparison) -> str:
    ratio = format_interval(row.interval).partition(" (")[0]
    return f"{metric_words(row)} {ratio} times ({interval_words(row)}), {verdict_words(row).partition(' (')[0]}"


def _code_line(summary: Summary, stacks: Stacks) -> str:
    if len(summary.complexity) < len(AS_DEPLOYED):
        return ""
    contender, baseline = summary.complexity[:2]
    more = [feature for stack, other in ((contender, baseline), (baseline, contender)) for feature in _alone(summary, stack, other, stacks)]
    return f"Code: {_code_words(contender, stacks)}; {_code_words(baseline, stacks)}.{''.join(f' {words}.' for words in more)}"


def _code_words(row: AppCode, stacks: Stacks) -> str:
    size = format_megabytes(row.installed_bytes)
    return (
        f"{stack_label(row.stack, stacks)} {count_words(row.source_lines, 'line')} of code, cyclomatic complexity {row.complexity}, "
        f"{count_words(row.packages, 'package')} ({size} MB)"
    )


def _alone(summary: Summary, one: AppCode, other: AppCode, stacks: Stacks) -> list[str]:
    """Return what the probes found on one stack and not on the other."""
    has = {(row.stack, row.feature): row for row in summary.features if row.has}
    features: list[Feature] = [row for (stack, feature), row in has.items() if stack == one.stack and (other.stack, feature) not in has]
    if not features:
        return []
    names = [row.feature for row in features[:SOME_FEATURES]]
    more = f" and {len(features) - SOME_FEATURES} more" if len(features) > SOME_FEATURES else ""
    return [f"Only {stack_label(one.stack, stacks)} has {', '.join(names)}{more}"]
