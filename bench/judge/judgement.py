"""A run judged from its files: samples, slices and what was measured beside them go in, tables and summary.json come out.

The files of a run are all that is asked, so a run may be judged again at any time: by a better estimator, or because it was cut off.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from bench.judge.answer import make_answer
from bench.judge.break_even import judge_break_even
from bench.judge.capacity import find_knees, judge_capacity
from bench.judge.cells import busy_share, distributions, launch_totals, make_cell, percentiles
from bench.judge.comparisons import Failures, Measured, are_precise, compare_all, compare_changes, judge_aa, withhold_all
from bench.judge.index import SlicesByCell, index_slices
from bench.judge.ladder import judge_ladder
from bench.judge.probes import judge_probe
from bench.judge.requests import Requests, spooled
from bench.judge.resources import summarise_resources
from bench.judge.speed import warm_up_curves
from bench.judge.validity import JUDGED, Evidence, judge_validity, reasons_against
from bench.plan.described import method_of, read_plan
from bench.plan.plan import METHOD, Plan
from bench.plan.stacks import TWIN
from bench.records import (
    AppCode,
    AppStep,
    Cell,
    CellKey,
    Comparison,
    Feature,
    Gate,
    Memory,
    Metric,
    ModelTime,
    Probe,
    Quantile,
    RunWarning,
    ServerTiming,
    SliceRecord,
    StartUp,
    Summary,
    WarmUpPoint,
    rate_of,
)
from bench.records.folder import RunFolder
from bench.records.loads import parse_load
from bench.records.samples import Ints, join_settled

NOTHING = np.empty(0)
JUDGED_FILES = ("cells.csv", "comparisons.csv", "distributions.csv", "warm_up.csv", "summary.json")


def judge(folder: RunFolder) -> Summary:
    """Judge what has been measured of a run and write its tables and summary.json; return the summary.

    Raises `RunFolderError` if a file of the run cannot be read, its samples above all: a run without them stays as it was judged.
    """
    manifest = folder.read_manifest()
    plan, method = read_plan(manifest["plan"]), method_of(manifest["plan"])
    slices = folder.read_rows("slices.csv", SliceRecord)
    requests = Requests(folder)
    if method != METHOD:
        folder.set_aside(JUDGED_FILES, f"former-{method}")
        slices = [_count_anew(record, requests) for record in slices]
    warm_up = warm_up_curves(_warm_ups(slices, requests), plan.rules.warm_up_bin_ms)
    index = index_slices(slices)
    cells, quantiles, probes, measured = _judge_cells(plan, slices, index, requests, count_cores(plan, manifest["environment"]))
    summary = _summarise(folder, manifest, plan, index, cells, probes, measured)
    summary = replace(summary, answer=make_answer(summary, manifest))
    folder.write_rows("cells.csv", summary.cells, Cell)
    folder.write_rows("comparisons.csv", [*summary.comparisons, *summary.noise_floor], Comparison)
    folder.write_rows("distributions.csv", quantiles, Quantile)
    folder.write_rows("warm_up.csv", list(warm_up), WarmUpPoint)
    folder.write_summary(summary)
    return summary


def count_cores(plan: Plan, machine: Mapping[str, Any]) -> dict[str, int]:
    """Return how many cores each stack had: with more workers than one it also had some of the further cores."""
    one, further = len(machine.get("server_cores") or (0,)), len(machine.get("further_cores") or ())
    return {name: one + min(further, stack.workers - 1) for name, stack in plan.stacks.items()}


def is_precise(folder: RunFolder, plan: Plan, part: str) -> bool:
    """Return whether every judged row of a part is known precisely enough by the launches so far, see `are_precise`."""
    wanted = {
        CellKey(name, stack, scenario, load)
        for name, contender, baseline, scenario, load, _ in plan.roles
        for stack in (contender, f"{contender}{TWIN}", baseline, f"{baseline}{TWIN}")
        if name == part
    }
    slices = [record for record in folder.read_rows("slices.csv", SliceRecord) if record.key in wanted]
    comparisons, _ = compare_all(plan, _judge_cells(plan, slices, index_slices(slices), Requests(folder))[-1])
    return are_precise([row for row in comparisons if row.part == part], plan.rules)


def preliminary_ratio(plan: Plan, slices: Sequence[SliceRecord]) -> Comparison | None:
    """Return the first throughput ratio of the slices so far; None where there is none yet."""
    values = {
        key: {launch: launch_totals(own, NOTHING) for launch, own in launches.items()} for key, launches in index_slices(slices).items()
    }
    comparisons, _ = compare_all(plan, Measured(values))
    return next((row for row in comparisons if row.metric == "throughput_rps" and row.ratio), None)


def _judge_cells(
    plan: Plan, slices: Sequence[SliceRecord], index: SlicesByCell, requests: Requests, cores: Mapping[str, int] = MappingProxyType({})
) -> tuple[list[Cell], list[Quantile], list[Probe], Measured]:
    """Return cells, distributions, probes, and what comparisons are made from; the requests of one launch are in memory at a time."""
    of_cell: dict[CellKey, list[SliceRecord]] = {}
    for record in slices:
        of_cell.setdefault(record.key, []).append(record)
    cells: list[Cell] = []
    quantiles: list[Quantile] = []
    probes: list[Probe] = []
    probed = {key: part for part in plan.parts for key in plan.probed_cells(part)}
    values: dict[CellKey, dict[int, dict[Metric, float | None]]] = {}
    lags_ms: dict[CellKey, dict[int, dict[Metric, float | None]]] = {}
    failures: dict[CellKey, Failures] = {}
    busy_shares: dict[CellKey, dict[int, float | None]] = {}
    for key in filter(of_cell.__contains__, plan.cells()):
        launches = index.get(key, {})
        with spooled() as spool:
            for launch, own in launches.items():
                settled = join_settled([requests.settled(record) for record in own])
                values.setdefault(key, {})[launch] = launch_totals(own, settled.response_ms)
                lags_ms.setdefault(key, {})[launch] = percentiles(settled.send_lag_ms)
                spool.add(settled)
            times = spool.times()
            own_cores = cores.get(key.stack, 1)
            cells.append(make_cell(key, of_cell[key], launches, times, plan.rules, own_cores))
            busy_shares[key] = {launch: busy_share(own, own_cores) for launch, own in launches.items()}
            quantiles += distributions(key, times)
            probes += [judge_probe(probed[key], cells[-1], times, plan.rules)] if key in probed else []
        failures[key] = _count_failures(of_cell[key], requests)
    return cells, quantiles, probes, Measured(values, lags_ms, failures, dict(zip(busy_shares, cells, strict=True)), busy_shares)


def _count_failures(slices: Sequence[SliceRecord], requests: Requests) -> Failures:
    """Return what became of the requests of a cell without a correct answer, its warm-ups included: they tell of the server."""
    wrong = sum(requests.count_wrong(record) for record in slices if record.errors)
    failed = sum(record.failures for record in slices)
    return Failures(failed + sum(record.answers for record in slices), wrong, failed - wrong)


def _count_anew(record: SliceRecord, requests: Requests) -> SliceRecord:
    """Return a slice of an older version with its rate as a count."""
    answered = requests.settled(record).answered
    return replace(record, settled_answers=answered, throughput_rps=rate_of(answered, record.settled_time_ns))


def _warm_ups(slices: Sequence[SliceRecord], requests: Requests) -> Iterator[tuple[SliceRecord, Ints]]:
    """Yield each warm-up with when its correct answers were done; slices that rates are found from are none, and come after it."""
    first: dict[tuple[int, CellKey], SliceRecord] = {}
    for record in slices:
        if record.warm_up and not parse_load(record.load).is_busy:
            first.setdefault((record.launch, record.key), record)
    return ((record, requests.settled(record).done_ns) for record in first.values())


def _summarise(
    folder: RunFolder,
    manifest: Mapping[str, Any],
    plan: Plan,
    index: SlicesByCell,
    cells: Sequence[Cell],
    probes: Sequence[Probe],
    measured: Measured,
) -> Summary:
    """Return what a run says, from its cells, the totals of its launches, and what was measured beside them."""
    comparisons, noise_floor = compare_all(plan, measured)
    timing = folder.read_rows_if_any("server_timing.csv", ServerTiming)
    ladder = judge_ladder(plan, index, timing)
    warned = [RunWarning(**warning) for warning in manifest["warnings"] if warning["code"] not in JUDGED]
    warned += _warn_of_method(method_of(manifest["plan"]))
    validity = judge_validity(
        Evidence(
            rules=plan.rules,
            cells=cells,
            slices=index,
            ladder=ladder,
            aa=judge_aa(noise_floor, comparisons),
            comparisons=comparisons,
            gates=[Gate(**gate) for gate in manifest["gates"]],
            launches=sum(launch["kept"] for launch in manifest["launches"]),
            warned=warned,
            partial=manifest["partial"],
            wrong=sum(failed.wrong for failed in measured.failures.values()),
        )
    )
    if not validity.valid:
        comparisons = withhold_all(comparisons, "; ".join(reasons_against(validity)))
    read = folder.read_rows_if_any
    return Summary(
        profile=plan.profile,
        partial=manifest["partial"],
        environment=manifest["environment"],
        validity=validity,
        cells=tuple(cells),
        comparisons=tuple(comparisons),
        noise_floor=tuple(noise_floor),
        changes=tuple(compare_changes(plan, measured.values)),
        ladder=tuple(ladder),
        break_even=tuple(judge_break_even(plan, index, read("model_times.csv", ModelTime))),
        resources=tuple(summarise_resources(read("starts.csv", StartUp), read("memory.csv", Memory))),
        capacity=tuple(judge_capacity(plan, measured.values, index)),
        knees=tuple(find_knees(cells, plan.rules)),
        server_timing=tuple(timing),
        complexity=tuple(read("complexity.csv", AppCode)),
        features=tuple(read("features.csv", Feature)),
        steps=tuple(read("steps.csv", AppStep)),
        probes=tuple(probes),
    )


def _warn_of_method(method: str) -> Iterable[RunWarning]:
    if method != METHOD:
        yield RunWarning(
            "judged-anew",
            f"This run was planned for another method of taking ratios ({method}) and is judged by today's ({METHOD}).",
            f"Its former tables lie beside these, in former-{method}.",
        )
