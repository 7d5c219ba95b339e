"""From the totals of launches to comparisons: log ratios, their interval, the A/A of each row, the verdict. Pure.

The launch is the unit of replication: requests of one launch share their processes, so they are no independent evidence.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist, fmean

import numpy as np

from bench.judge.estimates import exponential, hodges_lehmann, least_launches
from bench.plan.plan import Plan
from bench.plan.rules import Rules
from bench.plan.stacks import TWIN
from bench.records import HIGHER_IS_BETTER, METRICS, Aa, AaState, Cell, CellKey, Comparison, Metric, Role, Verdict, far_end, find_floor
from bench.records.loads import parse_load

# Cell -> launch -> value of each metric
LaunchValues = Mapping[CellKey, Mapping[int, Mapping[Metric, float | None]]]

# An undecided row says which difference so large a share of runs would have found.
_POWER = 0.8


@dataclass(frozen=True)
class Failures:
    """What became of the requests of a cell without a correct answer: `wrong` ones were answered otherwise than before the load."""

    requests: int = 0
    wrong: int = 0
    unanswered: int = 0


@dataclass(frozen=True)
class Measured:
    """What comparisons are made from: the totals of launches, how late requests were sent (the same percentiles), and failures.

    `cells` say whether a stack carried its load, `busy_shares` for which share of each launch's time its server worked.
    """

    values: LaunchValues
    lags_ms: LaunchValues = field(default_factory=dict)
    failures: Mapping[CellKey, Failures] = field(default_factory=dict)
    cells: Mapping[CellKey, Cell] = field(default_factory=dict)
    busy_shares: Mapping[CellKey, Mapping[int, float | None]] = field(default_factory=dict)


def compare_all(plan: Plan, measured: Measured) -> tuple[list[Comparison], list[Comparison]]:
    """Return (comparisons, A/A), judged.

    A pair has a row, and a twin counts as a copy of its stack, for a load that both are put under.
    """
    noise_floor: list[Comparison] = []
    comparisons: list[Comparison] = []
    for part in plan.parts:
        for scenario in part.scenarios:
            for load in part.loads:
                stacks = part.stacks_under(load)
                twins = [stack for stack in stacks if stack.endswith(TWIN) and stack.removesuffix(TWIN) in stacks]
                for metric in metrics_of(load):
                    row = _Row(CellKey(part.name, "", scenario, load), metric, stacks, plan, measured)
                    floors = {stack.removesuffix(TWIN): row.compare_copies(stack) for stack in twins}
                    noise_floor += floors.values()
                    pairs = [pair for pair in plan.pairs_of(part) if {pair.contender, pair.baseline} <= set(stacks)]
                    comparisons += [row.compare_pair(pair.name, pair.stacks, floors.get(pair.baseline)) for pair in pairs]
    return comparisons, noise_floor


def compare_changes(plan: Plan, values: LaunchValues) -> list[Comparison]:
    """Return the throughput of each single change against its start, in every closed loop of the first part that measured both.

    They are explored, never judged.
    """
    rows: list[Comparison] = []
    for change in plan.changes:
        both = {change.contender, change.baseline}
        part = next(part for part in plan.parts if both <= set(part.stacks))
        for scenario in part.scenarios:
            for load in part.loads:
                if not parse_load(load).is_open and both <= set(part.stacks_under(load)):
                    row = _Row(CellKey(part.name, "", scenario, load), "throughput_rps", (), plan, Measured(values))
                    rows.append(row.compare((change.contender,), (change.baseline,), reason="exploratory"))
    return rows


def metrics_of(load: str) -> list[Metric]:
    """Return the metrics in which stacks are compared under a load: in an open loop all have the same throughput, or fail."""
    return [metric for metric in METRICS if metric != "throughput_rps" or not parse_load(load).is_open]


def mean_logs(values: LaunchValues, metric: Metric, copies: Sequence[CellKey]) -> dict[int, float]:
    """Return per launch the mean log of a metric over the copies of a stack; no launch in which one of them has no value."""
    logs = {}
    for launch in values.get(copies[0], {}):
        own = [value for cell in copies if (value := values.get(cell, {}).get(launch, {}).get(metric))]
        if len(own) == len(copies):
            logs[launch] = float(np.log(own).mean())
    return dict(sorted(logs.items()))


def judge_row(row: Comparison, measured: Measured, cells: Sequence[CellKey], rules: Rules) -> Comparison:
    """Return a comparison, its A/A known, with its verdict; `cells` are those of its contender and of its baseline, with their copies."""
    overloaded = _overload_words(row, measured, cells)
    if overloaded:
        bare = replace(row, interval=None, launch_ratios=(), reason=overloaded)
        return bare if row.role == "exploratory" else replace(bare, verdict="withheld")
    needed = max(rules.min_launches, least_launches(rules.levels[row.role]))
    failed = _failure_words(measured.failures, cells, rules)
    if row.role == "exploratory":
        return replace(row, reason=failed or "exploratory")
    if row.launches < needed:
        return replace(row, reason=failed or f"needs {needed} launches, has {row.launches}")
    fault = failed or _late_words(row, measured, cells, rules) or _unequal_words(row, measured, cells, rules)
    if fault:
        return replace(row, verdict="withheld", reason=fault)
    if row.aa_state == "not judged":
        return replace(row, reason="no noise floor was measured for this row")
    verdict = decide(row, rules)
    if verdict != "undecided":
        return replace(row, verdict=verdict, reason="")
    reason = "the interval settles neither a difference nor equality"
    return replace(row, verdict=verdict, smallest_seen=smallest_seen(row, rules), reason=reason)


def decide(row: Comparison, rules: Rules) -> Verdict:
    """Return the verdict of a row that has an interval and an A/A.

    Better or worse if the whole interval lies beyond the bar: the margin or the far end of its A/A, whichever is more. Equivalent if it
    lies inside the margin, with an A/A that is narrow and of copies that did not differ. Else undecided.
    """
    assert row.ends is not None  # noqa: S101 - for the type checker
    low, high = (math.log(end) for end in row.ends)
    margin, bar, aa = math.log1p(row.margin), _bar(row), math.log1p(row.aa_resolution or 0.0)
    if low > bar or high < -bar:
        return "better" if (low > bar) == (row.metric in HIGHER_IS_BETTER) else "worse"
    if -margin < low and high < margin and row.aa_state != "unequal" and aa < rules.aa_margins * margin:
        return "equivalent"
    return "undecided"


def smallest_seen(row: Comparison, rules: Rules) -> float:
    """Return which difference, as ratio minus 1, four runs of five like this one would have found: for 80 % power, not for 50 %.

    That is the bar, half of the interval, and for the power 0.84 standard errors, of which half of the interval has 1.96 at 95 %.
    """
    assert row.ends is not None  # noqa: S101 - for the type checker
    half_width = math.log(row.ends[1] / row.ends[0]) / 2
    normal = NormalDist()
    share = 1 + normal.inv_cdf(_POWER) / normal.inv_cdf((1 + rules.levels[row.role]) / 2)
    return math.expm1(_bar(row) + share * half_width)


def are_precise(comparisons: Sequence[Comparison], rules: Rules) -> bool:
    """Return whether every judged row is known to `precise_margins` of its margin: by the widths alone, whatever the verdicts."""
    judged = [row for row in comparisons if row.role != "exploratory"]
    return bool(judged) and all(
        row.ends is not None and math.log(row.ends[1] / row.ends[0]) / 2 <= rules.precise_margins * math.log1p(row.margin) for row in judged
    )


def state_of(floor: Comparison, rules: Rules) -> AaState:
    """Return what two copies say of each other, by first match: unequal, equal, coarse."""
    if floor.launches < rules.min_launches or floor.ratio is None or floor.ends is None:
        return "not judged"
    low, high = floor.ends
    if (low > 1 or high < 1) and abs(math.log(floor.ratio)) > math.log1p(rules.aa_tolerance):
        return "unequal"
    return "equal" if far_end(low, high) <= max(floor.margin, rules.aa_equal) else "coarse"


def judge_aa(noise_floor: Iterable[Comparison], comparisons: Sequence[Comparison]) -> Aa:
    """Return the A/A that belongs to the primary comparison."""
    primary = next((row for row in comparisons if row.role == "primary"), None)
    floor = primary and find_floor(primary, noise_floor)
    if primary is None or floor is None:
        return Aa("not judged", None)
    return Aa(primary.aa_state, floor.interval, primary.aa_resolution)


def withhold_all(comparisons: Iterable[Comparison], reason: str) -> list[Comparison]:
    """Return the comparisons with every verdict withheld; rows that were not judged anyway stay so."""
    return [
        row if row.verdict == "not judged" else replace(row, verdict="withheld", smallest_seen=None, reason=reason) for row in comparisons
    ]


@dataclass(frozen=True)
class _Row:
    """The rows of one metric in one scenario under one load: `cell` names no stack, `stacks` are those under the load."""

    cell: CellKey
    metric: Metric
    stacks: Sequence[str]
    plan: Plan
    measured: Measured

    def compare_copies(self, twin: str) -> Comparison:
        """Return the A/A of a stack: its second copy over the first. It stands in its own row as that of its baseline."""
        row = self.compare((twin,), (twin.removesuffix(TWIN),), reason="noise floor")
        overloaded = _overload_words(row, self.measured, self._cells((twin, twin.removesuffix(TWIN))))
        row = replace(row, interval=None, launch_ratios=(), reason=overloaded) if overloaded else row
        return self._with_aa(row, row)

    def compare_pair(self, name: str, pair: tuple[str, str], floor: Comparison | None) -> Comparison:
        """Return the judged row of a [contender, baseline], each with its copies."""
        contender, baseline = pair
        contenders, baselines = self._copies(contender, baseline), self._copies(baseline, contender)
        role = self.plan.roles.get((self.cell.part, *pair, self.cell.scenario, self.cell.load, self.metric), "exploratory")
        row = self._with_aa(replace(self.compare(contenders, baselines, role=role), pair=name), floor)
        return judge_row(row, self.measured, self._cells((*contenders, *baselines)), self.plan.rules)

    def compare(self, contenders: Sequence[str], baselines: Sequence[str], *, role: Role = "exploratory", reason: str = "") -> Comparison:
        """Return a row that is not judged yet; both sides are a stack and, perhaps, its twin."""
        rules, metric = self.plan.rules, self.metric
        sides = [mean_logs(self.measured.values, metric, self._cells(names)) for names in (contenders, baselines)]
        launches = [launch for launch in sides[0] if launch in sides[1]]
        above, below = (np.array([side[launch] for launch in launches]) for side in sides)
        logs = above - below
        interval = hodges_lehmann(logs, rules.levels[role])
        values = [hodges_lehmann(side, rules.levels[role]) for side in (above, below)]
        return Comparison(
            part=self.cell.part,
            contender=contenders[0],
            baseline=baselines[0],
            scenario=self.cell.scenario,
            load=self.cell.load,
            metric=metric,
            interval=exponential(interval) if interval else None,
            margin=rules.margins[metric],
            smallest_seen=None,
            launches=len(logs),
            launch_ratios=tuple(np.exp(logs).tolist()),
            role=role,
            verdict="not judged",
            reason=reason,
            contender_value=math.exp(values[0].estimate) if values[0] else None,
            baseline_value=math.exp(values[1].estimate) if values[1] else None,
        )

    def _with_aa(self, row: Comparison, floor: Comparison | None) -> Comparison:
        """Return a row with its A/A, if there is one."""
        if floor is None:
            return row
        low, high = floor.ends or (None, None)
        return replace(row, aa_state=state_of(floor, self.plan.rules), aa_low=low, aa_high=high)

    def _cells(self, stacks: Sequence[str]) -> list[CellKey]:
        return [replace(self.cell, stack=stack) for stack in stacks]

    def _copies(self, stack: str, other: str) -> tuple[str, ...]:
        """Return a stack and its twin, if that is under the load and not the other side of the comparison."""
        twin = f"{stack}{TWIN}"
        return (stack, twin) if twin in self.stacks and twin != other else (stack,)


def _bar(row: Comparison) -> float:
    """Return the log of what a ratio must clear to be better or worse: the margin, or the far end of its A/A."""
    return math.log1p(max(row.margin, row.aa_resolution or 0.0))


def _failure_words(failures: Mapping[CellKey, Failures], cells: Sequence[CellKey], rules: Rules) -> str:
    """Return why failures keep a row from a verdict: a wrong answer, or so many without one that its figures say little; else nothing."""
    found = {cell: failures[cell] for cell in cells if cell in failures}
    wrong = sum(own.wrong for own in found.values())
    if wrong:
        return f"{wrong:,} wrong answer{'s' * (wrong != 1)} in its cells"
    lost = [cell for cell, own in found.items() if own.unanswered > rules.unanswered_share * own.requests]
    if not lost:
        return ""
    worst = max(lost, key=lambda cell: found[cell].unanswered / found[cell].requests)
    return f"{found[worst].unanswered / found[worst].requests:.1%} of the requests to {worst.stack} had no answer"


def _overload_words(row: Comparison, measured: Measured, cells: Sequence[CellKey]) -> str:
    """Return which stack of a latency row did not carry an open loop, if one did not: its latency is that of a queue that only grows."""
    if not row.metric.endswith("_ms") or not parse_load(row.load).is_open:
        return ""
    lost = next((cell for key in cells if (cell := measured.cells.get(key)) and not cell.carried), None)
    if lost is None:
        return ""
    achieved = f"answered {lost.achieved_ratio or 0:.1%} of what was offered"
    busy = f", busy for {lost.busy_share:.0%} of the time" if lost.busy_share is not None else ""
    return f"{lost.stack} did not carry this load: it {achieved}{busy}"


def _unequal_words(row: Comparison, measured: Measured, cells: Sequence[CellKey], rules: Rules) -> str:
    """Return why a row at a busy share was not at that share, from the copies of its baseline; nothing where it was."""
    load = parse_load(row.load)
    if not load.is_busy or load.percent is None:
        return ""
    copies = [measured.busy_shares.get(cell, {}) for cell in cells if cell.stack.removesuffix(TWIN) == row.baseline]
    shares = [
        fmean(known)
        for launch in copies[0]
        if len(known := [share for own in copies if (share := own.get(launch)) is not None]) == len(copies)
    ]
    wanted, off = load.percent / 100, rules.open_loop.busy_off
    near = sum(abs(share - wanted) <= off for share in shares)
    if not shares or near >= rules.open_loop.busy_launches * len(shares):
        return ""
    return (
        f"the load was not the one asked for: {row.baseline} was busy for {min(shares):.0%} to {max(shares):.0%} of the time, "
        f"and for {wanted - off:.0%} to {wanted + off:.0%} in only {near} of {len(shares)} launches"
    )


def _late_words(row: Comparison, measured: Measured, cells: Sequence[CellKey], rules: Rules) -> str:
    """Return why late sending keeps a latency from a verdict; nothing where it does not."""
    late, launches = 0, set.intersection(*(set(measured.lags_ms.get(cell, {})) for cell in cells))
    for launch in launches:
        lags_ms = [measured.lags_ms[cell][launch].get(row.metric) or 0.0 for cell in cells]
        times_ms = [time_ms for cell in cells if (time_ms := measured.values.get(cell, {}).get(launch, {}).get(row.metric))]
        late += bool(times_ms) and max(lags_ms) > rules.gates.late_share * min(times_ms)
    if not late or late <= rules.gates.late_launches * len(launches):
        return ""
    name, share = row.metric.removesuffix("_ms"), f"{rules.gates.late_share:.0%}"
    return f"in {late} of {len(launches)} launches requests were sent late: by over {share} of the smaller {name}, at the same percentile"
