"""The tables of a run, growing launch by launch: slices, block values, service times; judged as a whole at any time."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.judge.cells import Answers, block_values, distribution, make_cell, settled_answers
from bench.judge.comparisons import compare_all, withhold_all
from bench.judge.estimates import Floats, Ints, closed_loop_rate
from bench.judge.validity import check_launch, judge_validity, reasons_against
from bench.plan.config import LEVELS, BenchConfig
from bench.plan.schedule import PlannedSlice
from bench.records import SAMPLE_COLUMNS, Cell, CellKey, Comparison, Gate, Metric, Quantile, RunWarning, SliceRecord
from bench.run_folder import Validity


@dataclass(frozen=True)
class Judgement:
    """All that a run says, from what has been measured so far."""

    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    noise_floor: tuple[Comparison, ...]
    quantiles: tuple[Quantile, ...]
    validity: Validity


class Tables:
    """What a run has measured so far."""

    def __init__(self, config: BenchConfig) -> None:
        self._config = config
        self._blocks: dict[tuple[int, int, CellKey], dict[Metric, float | None]] = {}
        self._service_ms: dict[CellKey, list[Floats]] = {key: [] for key in config.cells()}
        self.slices: list[SliceRecord] = []
        self.gates: list[Gate] = []
        self.launches: list[int] = []

    def add_launch(self, launch: int, planned: Sequence[PlannedSlice], facts: Sequence[Mapping[str, Any]], samples: Ints) -> None:
        """Take in a launch: the generator's facts of each planned slice, and all samples, ordered by slice."""
        records, answers = slice_records(launch, planned, facts, samples)
        grouped: dict[tuple[int, CellKey], list[int]] = {}
        for place, record in enumerate(records):
            if not record.warm_up:
                grouped.setdefault((record.block, record.key), []).append(place)
                self._service_ms[record.key].append(answers[place].service_ms)
        for (block, key), places in grouped.items():
            self._blocks[launch, block, key] = block_values([records[place] for place in places], [answers[place] for place in places])
        self.slices += records
        self.gates += check_launch(records)
        self.launches.append(launch)

    def judge(self, spoilers: Sequence[RunWarning], *, partial: bool) -> Judgement:
        """Return cells, comparisons and whether they may be trusted."""
        service_ms = {key: np.concatenate(parts) if parts else np.empty(0) for key, parts in self._service_ms.items()}
        errors = self._errors()
        cells = [
            make_cell(key, self._counted(key), self._launch_rates(key), values, errors[key], LEVELS["primary"])
            for key, values in service_ms.items()
        ]
        comparisons, noise_floor = compare_all(self._config, self._blocks, errors)
        validity = judge_validity(
            cells=cells,
            comparisons=comparisons,
            noise_floor=noise_floor,
            gates=self.gates,
            launches=len(self.launches),
            spoilers=spoilers,
            partial=partial,
        )
        if not validity.valid:
            comparisons = withhold_all(comparisons, "; ".join(reasons_against(validity)))
        quantiles = [point for key, values in service_ms.items() for point in distribution(key, values)]
        return Judgement(tuple(cells), tuple(comparisons), tuple(noise_floor), tuple(quantiles), validity)

    def _counted(self, key: CellKey) -> list[SliceRecord]:
        return [record for record in self.slices if record.key == key and not record.warm_up]

    def _errors(self) -> Counter[CellKey]:
        """Return the wrong or failed answers of each cell: those of its warm-up, too, for they tell of the server."""
        errors: Counter[CellKey] = Counter()
        for record in self.slices:
            errors[record.key] += record.errors
        return errors

    def _launch_rates(self, key: CellKey) -> Floats:
        rates: dict[int, list[float]] = {}
        for record in self._counted(key):
            if record.throughput_rps:
                rates.setdefault(record.launch, []).append(record.throughput_rps)
        return np.array([float(np.median(values)) for values in rates.values()])


def slice_records(
    launch: int, planned: Iterable[PlannedSlice], facts: Iterable[Mapping[str, Any]], samples: Ints
) -> tuple[list[SliceRecord], list[Answers]]:
    """Return the record and the settled answers of each slice of a launch."""
    records, answers = [], []
    order = samples[:, 0]
    for place, fact in zip(planned, facts, strict=True):
        rows = samples[np.searchsorted(order, place.index, "left") : np.searchsorted(order, place.index, "right")]
        columns = {name: rows[:, number] for number, name in enumerate(SAMPLE_COLUMNS)}
        settled = settled_answers(columns, fact["settled_ns"], fact["end_ns"])
        answers.append(settled)
        records.append(
            SliceRecord(
                launch=launch,
                part=place.part,
                block=place.block,
                stack=place.stack,
                scenario=place.scenario,
                load=place.load,
                warm_up=place.warm_up,
                settled_answers=len(settled.done_ns),
                throughput_rps=closed_loop_rate(settled.connections, settled.done_ns),
                **fact,
            )
        )
    return records, answers
