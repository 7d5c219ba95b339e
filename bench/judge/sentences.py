"""What one row says in a sentence, by its verdict, and the run that it is of. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.records import Comparison, Interval, Metric, RowName, Standing, Summary, Verdict, far_end
from bench.records.loads import parse_load
from bench.records.names import Stacks, base_label, row_labels, stack_label
from bench.records.numbers import format_number, format_percent, prose
from bench.records.price import Price

DECIDED: frozenset[Verdict] = frozenset({"better", "worse", "equivalent", "undecided"})
MOST = 4
_METRICS: Mapping[Metric, str] = {
    "throughput_rps": "requests per second",
    "cpu_us_per_request": "CPU time per request",
    "p50_ms": "median latency",
    "p95_ms": "p95 latency",
    "p99_ms": "p99 latency",
}
_UNITS: Mapping[Metric, str] = {"throughput_rps": "", "cpu_us_per_request": " us", "p50_ms": " ms", "p95_ms": " ms", "p99_ms": " ms"}


@dataclass(frozen=True)
class AnsweredRun:
    """What the answer is made from."""

    summary: Summary
    stacks: Stacks
    price: Price

    def label(self, stack: str) -> str:
        """Return what a reader calls a stack."""
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


def sentence(row: Comparison, run: AnsweredRun, where: str = "") -> str:
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


def _rate_words(row: Comparison, run: AnsweredRun) -> str:
    """Return the load that both sides of a row were offered."""
    key = (row.part, row.contender, row.scenario, row.load)
    rates = (cell.offered_rps for cell in run.summary.cells if (cell.part, cell.stack, cell.scenario, cell.load) == key)
    rate = next((rate for rate in rates if rate), None)
    return f"{format_number(rate)} requests per second" if rate else "offered load"


def standing_of(row: Comparison) -> Standing:
    """Return how sure a row is: judged, seen, not judged or withheld."""
    if row.verdict in DECIDED:
        return "judged"
    if row.verdict == "withheld":
        return "withheld"
    return "seen" if row.role == "exploratory" and row.ratio is not None else "not judged"


def row_names(*rows: Comparison, table: str = "comparisons") -> tuple[RowName, ...]:
    """Return the names of rows of a table, as an answer gives its evidence."""
    return tuple(RowName(table, row.part, row.contender, row.baseline, row.scenario, row.load, row.metric) for row in rows)
