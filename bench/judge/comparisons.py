"""From block values to comparisons: log ratios per launch, their interval, the noise floor, the verdict. Pure.

The launch is the unit of replication: requests of one launch share their processes, so they are no independent evidence.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from bench.judge.estimates import exponential, hodges_lehmann
from bench.plan.config import BenchConfig
from bench.plan.loads import parse_load
from bench.plan.rules import AA_MARGINS, AA_TOLERANCE, LEVELS, MARGINS, MIN_LAUNCHES, PRECISE_MARGINS, RoleKey
from bench.plan.stacks import TWIN
from bench.records import HIGHER_IS_BETTER, METRICS, CellKey, Comparison, Metric, Role, Verdict

# (launch, block, cell) -> value of each metric
BlockValues = Mapping[tuple[int, int, CellKey], Mapping[Metric, float | None]]


def compare_all(config: BenchConfig, blocks: BlockValues, failures: Mapping[CellKey, int]) -> tuple[list[Comparison], list[Comparison]]:
    """Return (comparisons, noise floor), judged; `failures` are the requests per cell without a correct answer."""
    noise_floor: list[Comparison] = []
    comparisons: list[Comparison] = []
    for part in config.parts:
        for scenario in part.scenarios:
            for load in part.loads:
                for metric in metrics_of(load):
                    cell = CellKey(part.name, "", scenario, load)
                    floor = {
                        stack.removesuffix(TWIN): _compare(cell, stack, (stack.removesuffix(TWIN),), metric, blocks, {})
                        for stack in part.stacks
                        if stack.endswith(TWIN)
                    }
                    noise_floor += floor.values()
                    for contender, baseline in config.pairs:
                        if contender in part.stacks and baseline in part.stacks:
                            copies = _copies(contender, baseline, part.stacks)
                            row = _compare(cell, contender, copies, metric, blocks, config.roles)
                            failed = sum(failures.get(replace(cell, stack=stack), 0) for stack in (contender, *copies))
                            comparisons.append(judge(row, floor.get(baseline), failed))
    return comparisons, noise_floor


def compare_changes(config: BenchConfig, blocks: BlockValues) -> list[Comparison]:
    """Return the throughput of each single change against its start, in every closed loop of the first part that measured both.

    They are explored, never judged.
    """
    rows: list[Comparison] = []
    for _, contender, baseline in config.changes:
        part = next(part for part in config.parts if {contender, baseline} <= set(part.stacks))
        cells = [
            CellKey(part.name, "", scenario, load) for scenario in part.scenarios for load in part.loads if not parse_load(load).is_open
        ]
        rows += [_compare(cell, contender, (baseline,), "throughput_rps", blocks, {}) for cell in cells]
    return [replace(row, reason="exploratory") for row in rows]


def metrics_of(load: str) -> list[Metric]:
    """Return the metrics in which stacks are compared under a load: in an open loop all have the same throughput, or fail."""
    return [metric for metric in METRICS if metric != "throughput_rps" or not parse_load(load).is_open]


def launch_log_ratios(blocks: BlockValues, metric: Metric, contender: CellKey, baselines: Sequence[CellKey]) -> dict[int, float]:
    """Return per launch the median over its blocks of log(contender) - mean of log(baseline) over the baseline's copies."""
    per_launch: dict[int, list[float]] = {}
    for launch, block, key in blocks:
        if key != contender:
            continue
        values = [blocks.get((launch, block, cell), {}).get(metric) for cell in (contender, *baselines)]
        present = [value for value in values if value]
        if len(present) == len(values):
            logs = np.log(present)
            per_launch.setdefault(launch, []).append(float(logs[0] - logs[1:].mean()))
    return {launch: median(ratios) for launch, ratios in sorted(per_launch.items())}


def judge(row: Comparison, floor: Comparison | None, failures: int) -> Comparison:
    """Return a comparison with its verdict, by the noise floor of the same metric, scenario, load and baseline."""
    wrong = f"{failures} requests without a correct answer in its cells"
    if row.role == "exploratory":
        return replace(row, reason=wrong if failures else "exploratory")
    if row.launches < MIN_LAUNCHES:
        few = f"{row.launches} launch{'es' * (row.launches != 1)}; verdicts need {MIN_LAUNCHES}"
        return replace(row, reason=wrong if failures else few)
    if failures:
        return replace(row, verdict="withheld", reason=wrong)
    if row.ratio is None or row.ci_low is None or row.ci_high is None:
        return replace(row, reason="too few launches or samples for an interval")
    if floor is None or floor.ratio is None:
        return replace(row, reason="no noise floor was measured for this row")
    verdict = decide(row, floor)
    if verdict != "undecided":
        return replace(row, verdict=verdict, reason="")
    half_width = math.sqrt(row.ci_high / row.ci_low) - 1
    smallest = max(row.margin, abs(_offset(floor.ratio))) + half_width
    return replace(row, verdict=verdict, smallest_seen=smallest, reason="the interval settles neither a difference nor equality")


def decide(row: Comparison, floor: Comparison) -> Verdict:
    """Return the verdict of a row that has an interval.

    Better or worse if the whole interval lies outside both margin and noise floor; equivalent if it lies inside the margin
    and the noise floor is narrow; else undecided.
    """
    assert row.ci_low is not None  # noqa: S101 - for the type checker
    assert row.ci_high is not None  # noqa: S101
    low, high = math.log(row.ci_low), math.log(row.ci_high)
    margin = math.log1p(row.margin)
    bar = max(margin, abs(math.log(floor.ratio or 1.0)))
    if low > bar or high < -bar:
        return "better" if (low > bar) == (row.metric in HIGHER_IS_BETTER) else "worse"
    narrow = floor.ci_low is not None and floor.ci_high is not None and _is_inside(floor.ci_low, floor.ci_high, AA_MARGINS * margin)
    if narrow and -margin < low and high < margin:
        return "equivalent"
    return "undecided"


def is_precise(comparisons: Sequence[Comparison]) -> bool:
    """Return whether every judged row is known to `PRECISE_MARGINS` of its margin: by the widths alone, whatever the verdicts."""
    judged = [row for row in comparisons if row.role != "exploratory"]
    return bool(judged) and all(
        row.ci_low is not None
        and row.ci_high is not None
        and math.log(row.ci_high / row.ci_low) / 2 <= PRECISE_MARGINS * math.log1p(row.margin)
        for row in judged
    )


def judge_noise_floor(noise_floor: Iterable[Comparison], comparisons: Sequence[Comparison]) -> tuple[str, Comparison | None]:
    """Return (pass, fail or not judged, the row of the noise floor that belongs to the primary comparison)."""
    primary = next((row for row in comparisons if row.role == "primary"), None)
    if primary is None:
        return "not judged", None
    same = ("part", "baseline", "scenario", "load", "metric")
    row = next((floor for floor in noise_floor if all(getattr(floor, name) == getattr(primary, name) for name in same)), None)
    if row is None or row.launches < MIN_LAUNCHES or row.ratio is None or row.ci_low is None or row.ci_high is None:
        return "not judged", row
    excludes_one = row.ci_low > 1 or row.ci_high < 1
    failed = excludes_one and abs(_offset(row.ratio)) > AA_TOLERANCE
    return ("fail" if failed else "pass"), row


def withhold_all(comparisons: Iterable[Comparison], reason: str) -> list[Comparison]:
    """Return the comparisons with every verdict withheld; rows that were not judged anyway stay so."""
    return [
        row if row.verdict == "not judged" else replace(row, verdict="withheld", smallest_seen=None, reason=reason) for row in comparisons
    ]


def _compare(
    cell: CellKey, contender: str, baselines: Sequence[str], metric: Metric, blocks: BlockValues, roles: Mapping[RoleKey, Role]
) -> Comparison:
    """Return a row that is not judged yet, as those of the noise floor stay; `baselines` are a stack and, perhaps, its twin."""
    role = roles.get((cell.part, contender, baselines[0], cell.scenario, cell.load, metric), "exploratory")
    logs = launch_log_ratios(blocks, metric, replace(cell, stack=contender), [replace(cell, stack=stack) for stack in baselines])
    interval = hodges_lehmann(np.array(list(logs.values())), LEVELS[role])
    ratio = exponential(interval) if interval else None
    return Comparison(
        part=cell.part,
        contender=contender,
        baseline=baselines[0],
        scenario=cell.scenario,
        load=cell.load,
        metric=metric,
        ratio=ratio.estimate if ratio else None,
        ci_low=ratio.low if ratio else None,
        ci_high=ratio.high if ratio else None,
        level=ratio.level if ratio else None,
        margin=MARGINS[metric],
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
