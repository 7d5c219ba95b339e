"""The tables of a run, growing launch by launch: slices, block values, requests; judged as a whole at any time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.findings import BreakEven, Capacity, Knee, LadderRow
from bench.judge.break_even import judge_break_even
from bench.judge.cells import CellTimes, Settled, block_values, distributions, make_cell, settled_requests
from bench.judge.comparisons import compare_all, compare_changes, withhold_all
from bench.judge.estimates import Floats, Ints, closed_loop_rate, supported_percentile
from bench.judge.ladder import judge_ladder
from bench.judge.limits import find_knees, judge_capacity
from bench.judge.validity import judge_validity, reasons_against
from bench.judge.warm_up import WarmUps
from bench.plan.config import BenchConfig
from bench.plan.rules import LEVELS
from bench.plan.schedule import PlannedSlice
from bench.records import SAMPLE_COLUMNS, Cell, CellKey, Comparison, Gate, Metric, ModelTime, Quantile, RunWarning, SliceRecord, WarmUpPoint
from bench.run_folder import Validity


@dataclass(frozen=True)
class Judgement:
    """All that a run says, from what has been measured so far."""

    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    noise_floor: tuple[Comparison, ...]
    changes: tuple[Comparison, ...]
    ladder: tuple[LadderRow, ...]
    break_even: tuple[BreakEven, ...]
    capacity: tuple[Capacity, ...]
    knees: tuple[Knee, ...]
    quantiles: tuple[Quantile, ...]
    warm_up: tuple[WarmUpPoint, ...]
    validity: Validity


class Tables:
    """What a run has measured so far."""

    def __init__(self, config: BenchConfig) -> None:
        self._config = config
        self._blocks: dict[tuple[int, int, CellKey], dict[Metric, float | None]] = {}
        self._settled: dict[CellKey, list[Settled]] = {key: [] for key in config.cells()}
        self._warm_ups = WarmUps()
        self.slices: list[SliceRecord] = []
        self.model_times: list[ModelTime] = []
        self.gates: list[Gate] = []
        self.launches: list[int] = []

    def add_launch(self, launch: int, measured: "MeasuredLaunch", gates: Sequence[Gate]) -> None:
        """Take in a launch that is kept, with the gates that it, or an earlier try of it, did not pass."""
        grouped: dict[tuple[int, CellKey], list[int]] = {}
        for place, record in enumerate(measured.records):
            if record.warm_up:
                self._warm_ups.add(record, measured.settled[place].done_ns)
            else:
                grouped.setdefault((record.block, record.key), []).append(place)
                self._settled[record.key].append(measured.settled[place])
        for (block, key), places in grouped.items():
            records = [measured.records[place] for place in places]
            self._blocks[launch, block, key] = block_values(records, [measured.settled[place] for place in places])
        self.slices += measured.records
        self.gates += gates
        self.launches.append(launch)

    def add_model_times(self, times: Iterable[ModelTime]) -> None:
        """Take in how long predictions took in a launch that is kept."""
        self.model_times += times

    def judge(self, spoilers: Sequence[RunWarning], *, partial: bool) -> Judgement:
        """Return cells, comparisons and whether they may be trusted."""
        times = {key: _pool(parts) for key, parts in self._settled.items()}
        slices: dict[CellKey, list[SliceRecord]] = {key: [] for key in times}
        for record in self.slices:
            slices.setdefault(record.key, []).append(record)
        cells = [make_cell(key, slices[key], _launch_rates(slices[key]), own, LEVELS["primary"]) for key, own in times.items()]
        failures = {key: sum(record.failures for record in own) for key, own in slices.items()}
        comparisons, noise_floor = compare_all(self._config, self._blocks, failures)
        ladder = judge_ladder(self._config, self.slices)
        validity = judge_validity(
            cells=cells,
            comparisons=comparisons,
            noise_floor=noise_floor,
            ladder=ladder,
            slices=self.slices,
            gates=self.gates,
            launches=len(self.launches),
            spoilers=spoilers,
            partial=partial,
        )
        if not validity.valid:
            comparisons = withhold_all(comparisons, "; ".join(reasons_against(validity)))
        quantiles = [point for key, own in times.items() for point in distributions(key, own)]
        return Judgement(
            cells=tuple(cells),
            comparisons=tuple(comparisons),
            noise_floor=tuple(noise_floor),
            changes=tuple(compare_changes(self._config, self._blocks)),
            ladder=tuple(ladder),
            break_even=tuple(judge_break_even(self._config, self.slices, self.model_times)),
            capacity=tuple(judge_capacity(self._config, self._blocks, self.slices)),
            knees=tuple(find_knees(cells)),
            quantiles=tuple(quantiles),
            warm_up=tuple(self._warm_ups.points()),
            validity=validity,
        )


@dataclass(frozen=True)
class MeasuredLaunch:
    """The record and the settled requests of each slice of one launch, in the order of its plan."""

    records: tuple[SliceRecord, ...]
    settled: tuple[Settled, ...]


def read_launch(launch: int, planned: Iterable[PlannedSlice], facts: Iterable[Mapping[str, Any]], samples: Ints) -> MeasuredLaunch:
    """Return what a launch gave, from the generator's facts of each planned slice and all samples, ordered by slice."""
    records, settled = [], []
    order = samples[:, 0]
    for place, given in zip(planned, facts, strict=True):
        fact = {**given, "settled_ns": given["start_ns"]} if place.warm_up else given  # all of a warm-up shows in its curve
        rows = samples[np.searchsorted(order, place.index, "left") : np.searchsorted(order, place.index, "right")]
        columns = {name: rows[:, number] for number, name in enumerate(SAMPLE_COLUMNS)}
        own = settled_requests(columns, fact["settled_ns"], fact["end_ns"])
        settled.append(own)
        correct, sent, done = columns["correct"] == 1, columns["sent_ns"] > 0, columns["done_ns"] > 0
        records.append(
            SliceRecord(
                launch=launch,
                part=place.part,
                block=place.block,
                stack=place.stack,
                scenario=place.scenario,
                load=place.load,
                warm_up=place.warm_up,
                offered_rps=place.offered_rps,
                answers=int(correct.sum()),
                settled_answers=len(own.done_ns),
                errors=int((done & ~correct).sum()),
                unfinished=int((sent & ~done).sum()),
                not_sent=int((~sent).sum()),
                throughput_rps=_throughput_rps(place, fact, columns, own),
                send_lag_p99_ms=supported_percentile(own.send_lag_ms, 0.99) if place.offered_rps else None,
                **fact,
            )
        )
    return MeasuredLaunch(tuple(records), tuple(settled))


def _throughput_rps(place: PlannedSlice, fact: Mapping[str, Any], columns: Mapping[str, Ints], settled: Settled) -> float | None:
    """Return the rate of correct answers: in an open loop those that came between settling and the end, whenever due."""
    if not place.offered_rps:
        return closed_loop_rate(settled.connections, settled.done_ns)
    done = columns["done_ns"][columns["correct"] == 1]
    answered = int(((done >= fact["settled_ns"]) & (done < fact["end_ns"])).sum())
    length_ns: int = fact["end_ns"] - fact["settled_ns"]
    return answered / length_ns * 1e9


def _pool(parts: Sequence[Settled]) -> CellTimes:
    names = ("response_ms", "service_ms", "send_lag_ms")
    return CellTimes(*(np.concatenate([getattr(part, name) for part in parts]) if parts else np.empty(0) for name in names))


def _launch_rates(slices: Sequence[SliceRecord]) -> Floats:
    rates: dict[int, list[float]] = {}
    for record in slices:
        if record.throughput_rps and not record.warm_up:
            rates.setdefault(record.launch, []).append(record.throughput_rps)
    return np.array([float(np.median(values)) for values in rates.values()])
