"""From block values to comparisons: log ratios per launch, their interval, A/A, the verdict. Pure.

The launch is the unit of replication: requests of one launch share their processes, so they are no independent evidence.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from bench.judge.estimates import exponential, hodges_lehmann
from bench.plan.plan import Plan
from bench.plan.rules import Rules
from bench.plan.stacks import TWIN
from bench.records import HIGHER_IS_BETTER, METRICS, Aa, CellKey, Comparison, Metric, Role, Verdict
from bench.records.loads import parse_load

# Cell -> (launch, block) -> value of each metric
BlockValues = Mapping[CellKey, Mapping[tuple[int, int], Mapping[Metric, float | None]]]


def compare_all(plan: Plan, blocks: BlockValues, failures: Mapping[CellKey, int]) -> tuple[list[Comparison], list[Comparison]]:
    """Return (comparisons, A/A), judged; `failures` are the requests per cell without a correct answer.

    A pair has a row, and a twin counts as a copy of its baseline, for a load that both are put under.
    """
    noise_floor: list[Comparison] = []
    comparisons: list[Comparison] = []
    roles, rules = plan.roles, plan.rules
    for part in plan.parts:
        for scenario in part.scenarios:
            for load in part.loads:
                stacks = part.stacks_under(load)
                twins = [stack for stack in stacks if stack.endswith(TWIN) and stack.removesuffix(TWIN) in stacks]
                for metric in metrics_of(load):
                    cell = CellKey(part.name, "", scenario, load)
                    aa = {
                        stack.removesuffix(TWIN): _compare(cell, stack, (stack.removesuffix(TWIN),), metric, blocks, rules)
                        for stack in twins
                    }
                    noise_floor += aa.values()
                    for contender, baseline in (pair.stacks for pair in plan.pairs):
                        if contender in stacks and baseline in stacks:
                            copies = _copies(contender, baseline, stacks)
                            role = roles.get((part.name, contender, baseline, scenario, load, metric), "exploratory")
                            row = _compare(cell, contender, copies, metric, blocks, rules, role)
                            failed = sum(failures.get(replace(cell, stack=stack), 0) for stack in (contender, *copies))
                            comparisons.append(judge_row(row, aa.get(baseline), failed, rules))
    return comparisons, noise_floor


def compare_changes(plan: Plan, blocks: BlockValues) -> list[Comparison]:
    """Return the throughput of each single change against its start, in every closed loop of the first part that measured both.

    They are explored, never judged.
    """
    rows: list[Comparison] = []
    for change in plan.changes:
        both = {change.contender, change.baseline}
        part = next(part for part in plan.parts if both <= set(part.stacks))
        loads = [load for load in part.loads if not parse_load(load).is_open and both <= set(part.stacks_under(load))]
        cells = [CellKey(part.name, "", scenario, load) for scenario in part.scenarios for load in loads]
        rows += [_compare(cell, change.contender, (change.baseline,), "throughput_rps", blocks, plan.rules) for cell in cells]
    return [replace(row, reason="exploratory") for row in rows]


def metrics_of(load: str) -> list[Metric]:
    """Return the metrics in which stacks are compared under a load: in an open loop all have the same throughput, or fail."""
    return [metric for metric in METRICS if metric != "throughput_rps" or not parse_load(load).is_open]


def launch_log_ratios(blocks: BlockValues, metric: Metric, contender: CellKey, baselines: Sequence[CellKey]) -> dict[int, float]:
    """Return per launch the median over its blocks of log(contender) - mean of log(baseline) over the baseline's copies."""
    per_launch: dict[int, list[float]] = {}
    for place in blocks.get(contender, {}):
        values = [blocks.get(cell, {}).get(place, {}).get(metric) for cell in (contender, *baselines)]
        present = [value for value in values if value]
        if len(present) == len(values):
            logs = np.log(present)
            per_launch.setdefault(place[0], []).append(float(logs[0] - logs[1:].mean()))
    return {launch: median(ratios) for launch, ratios in sorted(per_launch.items())}


def judge_row(row: Comparison, aa: Comparison | None, failures: int, rules: Rules) -> Comparison:
    """Return a comparison with its verdict, by the A/A of the same metric, scenario, load and baseline."""
    wrong = f"{failures} requests without a correct answer in its cells"
    if row.role == "exploratory":
        return replace(row, reason=wrong if failures else "exploratory")
    if row.launches < rules.min_launches:
        few = f"{row.launches} launch{'es' * (row.launches != 1)}; verdicts need {rules.min_launches}"
        return replace(row, reason=wrong if failures else few)
    if failures:
        return replace(row, verdict="withheld", reason=wrong)
    if row.ends is None:
        return replace(row, reason="too few launches or samples for an interval")
    if aa is None or aa.ratio is None:
        return replace(row, reason="no noise floor was measured for this row")
    verdict = decide(row, aa, rules)
    if verdict != "undecided":
        return replace(row, verdict=verdict, reason="")
    half_width = math.sqrt(row.ends[1] / row.ends[0]) - 1
    smallest = max(row.margin, abs(_offset(aa.ratio))) + half_width
    return replace(row, verdict=verdict, smallest_seen=smallest, reason="the interval settles neither a difference nor equality")


def decide(row: Comparison, aa: Comparison, rules: Rules) -> Verdict:
    """Return the verdict of a row that has an interval.

    Better or worse if the whole interval lies outside both margin and A/A; equivalent if it lies inside the margin
    and A/A is narrow; else undecided.
    """
    assert row.ends is not None  # noqa: S101 - for the type checker
    low, high = (math.log(end) for end in row.ends)
    margin = math.log1p(row.margin)
    bar = max(margin, abs(math.log(aa.ratio or 1.0)))
    if low > bar or high < -bar:
        return "better" if (low > bar) == (row.metric in HIGHER_IS_BETTER) else "worse"
    narrow = aa.ends is not None and _is_inside(*aa.ends, rules.aa_margins * margin)
    if narrow and -margin < low and high < margin:
        return "equivalent"
    return "undecided"


def are_precise(comparisons: Sequence[Comparison], rules: Rules) -> bool:
    """Return whether every judged row is known to `precise_margins` of its margin: by the widths alone, whatever the verdicts."""
    judged = [row for row in comparisons if row.role != "exploratory"]
    return bool(judged) and all(
        row.ends is not None and math.log(row.ends[1] / row.ends[0]) / 2 <= rules.precise_margins * math.log1p(row.margin) for row in judged
    )


def judge_aa(noise_floor: Iterable[Comparison], comparisons: Sequence[Comparison], rules: Rules) -> tuple[Aa, Comparison | None]:
    """Return (pass, fail or not judged, with the interval; the row) of the A/A that belongs to the primary comparison."""
    primary = next((row for row in comparisons if row.role == "primary"), None)
    if primary is None:
        return Aa("not judged", None), None
    same = ("part", "baseline", "scenario", "load", "metric")
    row = next((aa for aa in noise_floor if all(getattr(aa, name) == getattr(primary, name) for name in same)), None)
    if row is None or row.launches < rules.min_launches or row.ratio is None or row.ends is None:
        return Aa("not judged", row.interval if row else None), row
    low, high = row.ends
    failed = (low > 1 or high < 1) and abs(_offset(row.ratio)) > rules.aa_tolerance
    return Aa("fail" if failed else "pass", row.interval), row


def withhold_all(comparisons: Iterable[Comparison], reason: str) -> list[Comparison]:
    """Return the comparisons with every verdict withheld; rows that were not judged anyway stay so."""
    return [
        row if row.verdict == "not judged" else replace(row, verdict="withheld", smallest_seen=None, reason=reason) for row in comparisons
    ]


def _compare(
    cell: CellKey,
    contender: str,
    baselines: Sequence[str],
    metric: Metric,
    blocks: BlockValues,
    rules: Rules,
    role: Role = "exploratory",
) -> Comparison:
    """Return a row that is not judged yet, as those of A/A stay; `baselines` are a stack and, perhaps, its twin."""
    logs = launch_log_ratios(blocks, metric, replace(cell, stack=contender), [replace(cell, stack=stack) for stack in baselines])
    interval = hodges_lehmann(np.array(list(logs.values())), rules.levels[role])
    return Comparison(
        part=cell.part,
        contender=contender,
        baseline=baselines[0],
        scenario=cell.scenario,
        load=cell.load,
        metric=metric,
        interval=exponential(interval) if interval else None,
        margin=rules.margins[metric],
        smallest_seen=None,
        launches=len(logs),
        launch_ratios=tuple(math.exp(value) for value in logs.values()),
        role=role,
        verdict="not judged",
        reason="noise floor",
    )


def _copies(contender: str, baseline: str, stacks: Sequence[str]) -> tuple[str, ...]:
    twin = f"{baseline}{TWIN}"
    return (baseline, twin) if twin in stacks and twin != contender else (baseline,)


def _offset(ratio: float) -> float:
    """Return how far a ratio is from 1, the same for a ratio and its inverse."""
    return math.exp(abs(math.log(ratio))) - 1


def _is_inside(low: float, high: float, log_margin: float) -> bool:
    return -log_margin < math.log(low) and math.log(high) < log_margin
