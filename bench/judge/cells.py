"""From samples and slices to one row per cell, and to the value of each block. Pure: takes tables, gives records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.judge.estimates import (
    MIN_SAMPLES,
    Floats,
    Ints,
    exponential,
    hodges_lehmann,
    percentile,
    supported_percentile,
)
from bench.records import METRICS, Cell, CellKey, Metric, Quantile, SliceRecord

GENERATOR_LIMIT = 0.8
# The points of a distribution, evenly spaced on the 1 / (1 - q) axis that shows tails.
QUANTILES = (
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95,
    0.96, 0.97, 0.975, 0.98, 0.985, 0.99, 0.9925, 0.995, 0.9975, 0.998, 0.999,
)  # fmt: skip
MICROSECONDS_PER_SECOND = 1e6


@dataclass(frozen=True)
class Answers:
    """The settled, correct answers of one slice: their connections, when they were done, and their service times."""

    connections: Ints
    done_ns: Ints
    service_ms: Floats


def settled_answers(samples: Mapping[str, Ints], settled_ns: int, end_ns: int) -> Answers:
    """Return the correct answers to requests sent after settling and before the end of the slice.

    `samples` are the columns of one slice (see `records.SAMPLE_COLUMNS`).
    """
    sent = samples["sent_ns"]
    chosen = (samples["correct"] == 1) & (sent >= settled_ns) & (sent < end_ns)
    done = samples["done_ns"][chosen]
    return Answers(samples["connection"][chosen], done, (done - sent[chosen]) / 1e6)


def block_values(slices: Sequence[SliceRecord], answers: Sequence[Answers]) -> dict[Metric, float | None]:
    """Return the value of each metric for one stack in one block: its two mirrored slices taken together.

    Throughput is the mean rate of the slices; CPU is their CPU time over their answers; percentiles are of their pooled
    service times, None where there are too few.
    """
    rates = [record.throughput_rps for record in slices]
    service_ms = np.concatenate([part.service_ms for part in answers]) if answers else np.empty(0)
    answered = sum(record.answers for record in slices)
    values: dict[Metric, float | None] = {
        "throughput_rps": float(np.mean([rate for rate in rates if rate])) if rates and all(rates) else None,
        "cpu_us_per_request": sum(record.server_cpu_ns for record in slices) / 1e3 / answered if answered else None,
        "p50_ms": supported_percentile(service_ms, 0.5),
        "p95_ms": supported_percentile(service_ms, 0.95),
        "p99_ms": supported_percentile(service_ms, 0.99),
    }
    return {metric: values[metric] or None for metric in METRICS}


def make_cell(key: CellKey, slices: Sequence[SliceRecord], launch_rates: Floats, service_ms: Floats, errors: int, level: float) -> Cell:
    """Return the row of a cell from its counted slices, its throughput per launch, all its service times (ms) and its errors."""
    throughput = hodges_lehmann(np.log(launch_rates), level) if len(launch_rates) else None
    rates = exponential(throughput) if throughput else None
    answered = sum(record.answers for record in slices)
    elapsed_ns = sum(record.drained_ns - record.start_ns for record in slices)
    generator_ns = sum(record.generator_cpu_ns for record in slices)
    return Cell(
        part=key.part,
        stack=key.stack,
        scenario=key.scenario,
        load=key.load,
        offered_rps=None,
        throughput_rps=rates.estimate if rates else None,
        throughput_ci_low=rates.low if rates else None,
        throughput_ci_high=rates.high if rates else None,
        throughput_level=rates.level if rates else None,
        p50_ms=supported_percentile(service_ms, 0.5),
        p95_ms=supported_percentile(service_ms, 0.95),
        p99_ms=supported_percentile(service_ms, 0.99),
        max_ms=float(service_ms.max()) if len(service_ms) else None,
        cpu_us_per_request=sum(record.server_cpu_ns for record in slices) / 1e3 / answered if answered else None,
        samples=len(service_ms),
        errors=errors,
        launches=len({record.launch for record in slices}),
        generator_limited=bool(elapsed_ns) and generator_ns / elapsed_ns > GENERATOR_LIMIT,
    )


def distribution(key: CellKey, service_ms: Floats) -> Iterable[Quantile]:
    """Return the points of a cell's latency distribution, as far into the tail as its number of samples supports."""
    count = len(service_ms)
    deepest = max((quantile for quantile, needed in MIN_SAMPLES.items() if count >= needed), default=0.0)
    for quantile in QUANTILES:
        value = percentile(service_ms, quantile)
        if value is not None and quantile <= deepest:
            yield Quantile(key.part, key.stack, key.scenario, key.load, quantile, value, count)
