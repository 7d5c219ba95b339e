"""A run judged from its files: samples, slices and what was measured beside them go in, tables and summary.json come out.

The files of a run are all that is asked, so a run may be judged again at any time: by a better estimator, or because it was cut off.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bench.judge.break_even import judge_break_even
from bench.judge.capacity import find_knees, judge_capacity
from bench.judge.cells import block_values, distributions, make_cell
from bench.judge.comparisons import BlockValues, are_precise, compare_all, compare_changes, judge_aa, withhold_all
from bench.judge.index import SlicesByCell, index_slices
from bench.judge.ladder import judge_ladder
from bench.judge.requests import Requests, spooled
from bench.judge.resources import summarise_resources
from bench.judge.speed import warm_up_curves
from bench.judge.validity import JUDGED, Evidence, check_launch, judge_validity, reasons_against
from bench.plan.plan import Plan, read_plan
from bench.plan.stacks import TWIN
from bench.records import (
    AppCode,
    Cell,
    CellKey,
    Comparison,
    Feature,
    Gate,
    Memory,
    Metric,
    ModelTime,
    Quantile,
    RunWarning,
    ServerTiming,
    SliceRecord,
    StartUp,
    Summary,
    WarmUpPoint,
)
from bench.records.folder import RunFolder
from bench.records.loads import parse_load
from bench.records.samples import Ints
from bench.records.summary import Action

NOTHING = np.empty(0)


def judge(folder: RunFolder) -> Summary:
    """Judge what has been measured of a run and write its tables and summary.json; return the summary.

    Raises `RunFolderError` if a file of the run cannot be read, its samples above all: a run without them stays as it was judged.
    """
    manifest = folder.read_manifest()
    plan = read_plan(manifest["plan"])
    slices = folder.read_rows("slices.csv", SliceRecord)
    requests = Requests(folder)
    warm_up = warm_up_curves(_warm_ups(slices, requests), plan.rules.warm_up_bin_ms)
    index = index_slices(slices)
    cells, quantiles, blocks = _judge_cells(plan, slices, index, requests)
    wrong = sum(requests.count_wrong(record) for record in slices if record.errors)
    summary = _summarise(folder, manifest, plan, slices, index, cells, blocks, wrong)
    folder.write_rows("cells.csv", summary.cells, Cell)
    folder.write_rows("comparisons.csv", [*summary.comparisons, *summary.noise_floor], Comparison)
    folder.write_rows("distributions.csv", quantiles, Quantile)
    folder.write_rows("warm_up.csv", list(warm_up), WarmUpPoint)
    folder.write_summary(summary)
    return summary


def is_precise(folder: RunFolder, plan: Plan, part: str) -> bool:
    """Return whether every judged row of a part is known precisely enough by the launches so far, see `are_precise`."""
    wanted = {
        CellKey(name, stack, scenario, load)
        for name, contender, baseline, scenario, load, _ in plan.roles
        for stack in (contender, baseline, f"{baseline}{TWIN}")
        if name == part
    }
    slices = [record for record in folder.read_rows("slices.csv", SliceRecord) if record.key in wanted]
    comparisons, _ = compare_all(plan, _judge_cells(plan, slices, index_slices(slices), Requests(folder))[2], {})
    return are_precise([row for row in comparisons if row.part == part], plan.rules)


def find_tripped(folder: RunFolder, plan: Plan, slices: Sequence[SliceRecord], attempt: int, action: Action) -> list[Gate]:
    """Return the gates that a try of a launch did not pass, from its slices and its samples; see `check_launch`."""
    requests = Requests(folder)
    opened = [record for record in slices if parse_load(record.load).is_open and not record.warm_up]
    return check_launch(slices, [requests.settled(record).send_lag_ms for record in opened], plan.rules.gates, attempt, action)


def preliminary_ratio(plan: Plan, slices: Sequence[SliceRecord]) -> Comparison | None:
    """Return the first throughput ratio of the slices so far; None where there is none yet."""
    blocks = {
        key: {place: block_values(own, NOTHING) for place, own in _by_block(launches).items()}
        for key, launches in index_slices(slices).items()
    }
    comparisons, _ = compare_all(plan, blocks, {})
    return next((row for row in comparisons if row.metric == "throughput_rps" and row.ratio), None)


def _judge_cells(
    plan: Plan, slices: Sequence[SliceRecord], index: SlicesByCell, requests: Requests
) -> tuple[list[Cell], list[Quantile], BlockValues]:
    """Return all cells with their distributions, and the values of their blocks; the requests of one block are in memory at a time."""
    of_cell: dict[CellKey, list[SliceRecord]] = {}
    for record in slices:
        of_cell.setdefault(record.key, []).append(record)
    cells: list[Cell] = []
    quantiles: list[Quantile] = []
    blocks: dict[CellKey, dict[tuple[int, int], dict[Metric, float | None]]] = {}
    level, cpu_limit = plan.rules.levels["primary"], plan.rules.gates.generator_cpu_ratio
    for key in plan.cells():
        launches = index.get(key, {})
        with spooled() as spool:
            for place, own in _by_block(launches).items():
                found = [requests.settled(record) for record in own]
                blocks.setdefault(key, {})[place] = block_values(own, np.concatenate([settled.response_ms for settled in found]))
                for settled in found:
                    spool.add(settled)
            times = spool.times()
            cells.append(make_cell(key, of_cell.get(key, []), launches, times, level, cpu_limit))
            quantiles += distributions(key, times)
    return cells, quantiles, blocks


def _by_block(launches: Mapping[int, Sequence[SliceRecord]]) -> dict[tuple[int, int], list[SliceRecord]]:
    """Return the slices of a cell by launch and block."""
    found: dict[tuple[int, int], list[SliceRecord]] = {}
    for launch, own in launches.items():
        for record in own:
            found.setdefault((launch, record.block), []).append(record)
    return found


def _warm_ups(slices: Sequence[SliceRecord], requests: Requests) -> Iterator[tuple[SliceRecord, Ints]]:
    """Yield each warm-up with when its correct answers were done."""
    return ((record, requests.settled(record).done_ns) for record in slices if record.warm_up)


def _summarise(
    folder: RunFolder,
    manifest: Mapping[str, Any],
    plan: Plan,
    slices: Sequence[SliceRecord],
    index: SlicesByCell,
    cells: Sequence[Cell],
    blocks: BlockValues,
    wrong: int,
) -> Summary:
    """Return what a run says, from its cells, the values of its blocks, its wrong answers, and what was measured beside them."""
    failures = {CellKey(cell.part, cell.stack, cell.scenario, cell.load): cell.failures for cell in cells}
    comparisons, noise_floor = compare_all(plan, blocks, failures)
    ladder = judge_ladder(plan, index)
    aa, aa_row = judge_aa(noise_floor, comparisons, plan.rules)
    validity = judge_validity(
        Evidence(
            rules=plan.rules,
            cells=cells,
            slices=index,
            ladder=ladder,
            aa=aa,
            aa_row=aa_row,
            gates=[Gate(**gate) for gate in manifest["gates"]],
            launches=sum(launch["kept"] for launch in manifest["launches"]),
            warned=[RunWarning(**warning) for warning in manifest["warnings"] if warning["code"] not in JUDGED],
            partial=manifest["partial"],
            wrong=wrong,
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
        changes=tuple(compare_changes(plan, blocks)),
        ladder=tuple(ladder),
        break_even=tuple(judge_break_even(plan, index, read("model_times.csv", ModelTime))),
        resources=tuple(summarise_resources(read("starts.csv", StartUp), read("memory.csv", Memory))),
        capacity=tuple(judge_capacity(plan, blocks, slices)),
        knees=tuple(find_knees(cells, plan.rules)),
        server_timing=tuple(read("server_timing.csv", ServerTiming)),
        complexity=tuple(read("complexity.csv", AppCode)),
        features=tuple(read("features.csv", Feature)),
    )
