"""From slices and their requests to one row per cell, and to the totals of each launch. Pure: takes records, gives records."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from bench.judge.estimates import exponential, hodges_lehmann
from bench.judge.index import total_rate_rps
from bench.judge.ordered import Ordered
from bench.judge.requests import Times
from bench.plan.rules import GateRules, Rules
from bench.records import METRICS, Cell, CellKey, Interval, Metric, Quantile, SliceRecord, TimeKind
from bench.records.loads import parse_load
from bench.records.samples import MIN_SAMPLES, Floats, supported_percentile

# The points of a distribution, evenly spaced on the 1 / (1 - q) axis that shows tails.
QUANTILES = (
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95,
    0.96, 0.97, 0.975, 0.98, 0.985, 0.99, 0.9925, 0.995, 0.9975, 0.998, 0.999,
)  # fmt: skip


PERCENTILES: Mapping[Metric, float] = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


def launch_totals(slices: Sequence[SliceRecord], response_ms: Floats) -> dict[Metric, float | None]:
    """Return the value of each metric for one stack in one launch: all its slices of a cell taken together.

    Throughput is all their answers over all their time, and CPU all their CPU time over all answers: a pause, for garbage say, is
    a cost that the median of slices would hide. Percentiles are of their pooled response times, None where there are too few.
    """
    values: dict[Metric, float | None] = {
        "throughput_rps": total_rate_rps(slices),
        "cpu_us_per_request": cpu_us_per_request(slices),
        **percentiles(response_ms),
    }
    return {metric: values[metric] or None for metric in METRICS}


def percentiles(times_ms: Floats) -> dict[Metric, float | None]:
    """Return the percentiles in which stacks are compared, None where there are too few times."""
    return {metric: supported_percentile(times_ms, quantile) for metric, quantile in PERCENTILES.items()}


def cpu_us_per_request(slices: Sequence[SliceRecord]) -> float | None:
    """Return the CPU time of the server's process tree per correct answer, over whole slices.

    None without an answer, and where it is not known of a slice because a process of the server ended in it.
    """
    answers = sum(record.answers for record in slices)
    cpu_ns = [record.server_cpu_ns for record in slices if record.server_cpu_ns is not None]
    return sum(cpu_ns) / 1e3 / answers if answers and len(cpu_ns) == len(slices) else None


def split_cpu(slices: Sequence[SliceRecord]) -> tuple[int, int]:
    """Return the user and kernel nanoseconds of the CPU time, over all slices: single ones have too few ticks of the clock."""
    user_ns, kernel_ns = (sum(getattr(record, name) or 0 for record in slices) for name in ("server_user_ns", "server_kernel_ns"))
    return user_ns, kernel_ns


def make_cell(
    key: CellKey,
    slices: Sequence[SliceRecord],
    launches: Mapping[int, Sequence[SliceRecord]],
    times: Times,
    rules: Rules,
    cores: int,
) -> Cell:
    """Return the row of a cell from all its slices, its counted ones by launch, and its requests.

    Failures of its warm-up count, too: they tell of the server. All else comes from the counted slices. The generator is what limits a
    cell in which it used more of its core than its gate allows, or waited for it in more of the slices. The servers have so many cores.
    """
    is_open, level, gates = parse_load(key.load).is_open, rules.levels["primary"], rules.gates
    counted = [record for own in launches.values() for record in own]
    elapsed_ns = sum(record.drained_ns - record.start_ns for record in counted)
    generator_ns = sum(record.generator_cpu_ns for record in counted)
    response_ms, service_ms = times.response_ms, times.service_ms
    user_ns, kernel_ns = split_cpu(counted)
    busy = busy_share(counted, cores)
    achieved = sum(record.settled_answers for record in counted) / times.due if is_open and times.due else None
    return Cell(
        part=key.part,
        stack=key.stack,
        scenario=key.scenario,
        load=key.load,
        offered_rps=median_offered_rps(counted),
        throughput=_throughput(launches, level, is_open=is_open),
        p50_ms=response_ms.supported_percentile(0.5),
        p95_ms=response_ms.supported_percentile(0.95),
        p99_ms=response_ms.supported_percentile(0.99),
        p999_ms=response_ms.supported_percentile(0.999),
        max_ms=response_ms.largest_finite(),
        service_p50_ms=service_ms.supported_percentile(0.5),
        service_p95_ms=service_ms.supported_percentile(0.95),
        service_p99_ms=service_ms.supported_percentile(0.99),
        send_lag_p99_ms=times.send_lag_ms.supported_percentile(0.99) if is_open else None,
        cpu=_over_launches(_launch_cpu_us(launches), level),
        kernel_ratio=kernel_ns / (user_ns + kernel_ns) if user_ns + kernel_ns else None,
        samples=response_ms.count_finite(),
        errors=sum(record.errors for record in slices),
        unfinished=sum(record.unfinished for record in slices),
        not_sent=sum(record.not_sent for record in slices),
        launches=len(launches),
        generator_limited=bool(elapsed_ns)
        and (generator_ns / elapsed_ns > gates.generator_cpu_ratio or starved_share(counted, gates) > gates.starved_slices),
        achieved_ratio=achieved,
        busy_share=busy,
        carried=not is_open
        or ((achieved is None or achieved >= rules.open_loop.least_achieved) and (busy or 0.0) <= rules.open_loop.most_busy),
    )


def median_offered_rps(slices: Iterable[SliceRecord]) -> float | None:
    """Return the rate that slices of an open loop had, launch by launch another one; None of a closed loop."""
    rates = [record.offered_rps for record in slices if record.offered_rps]
    return median(rates) if rates else None


def launch_rates(launches: Mapping[int, Sequence[SliceRecord]]) -> Floats:
    """Return the throughput of each launch that gave one: all its answers over all its time."""
    return np.array([rate for own in launches.values() if (rate := total_rate_rps(own))])


def starved_share(slices: Sequence[SliceRecord], gates: GateRules) -> float:
    """Return in which share of the slices the generator waited for its core for longer than its gate allows."""
    return sum(record.generator_wait_ratio > gates.slice_wait_ratio for record in slices) / len(slices) if slices else 0.0


def _throughput(launches: Mapping[int, Sequence[SliceRecord]], level: float, *, is_open: bool) -> Interval | None:
    """Return the throughput; in an open loop it varies as arrivals do, and an interval would say nothing of the server."""
    found = _over_launches(launch_rates(launches), level)
    return replace(found, low=None, high=None, level=None) if found and is_open else found


def busy_share(slices: Sequence[SliceRecord], cores: int) -> float | None:
    """Return the CPU time of the server over wall time x its cores; None where it is not known of a slice."""
    cpu_ns = [record.server_cpu_ns for record in slices if record.server_cpu_ns is not None]
    elapsed_ns = cores * sum(record.drained_ns - record.start_ns for record in slices)
    return sum(cpu_ns) / elapsed_ns if elapsed_ns and len(cpu_ns) == len(slices) else None


def _over_launches(values: Floats, level: float) -> Interval | None:
    """Return estimate and interval of the values of the launches; None where there are none."""
    interval = hodges_lehmann(np.log(values), level) if len(values) else None
    return exponential(interval) if interval else None


def _launch_cpu_us(launches: Mapping[int, Sequence[SliceRecord]]) -> Floats:
    """Return the CPU time per answer of each launch; nothing where that of one launch is not known."""
    values = [cpu_us_per_request(own) for own in launches.values()]
    return np.array([value for value in values if value] if all(values) else [])


def distributions(key: CellKey, times: Times) -> Iterable[Quantile]:
    """Return the points of a cell's latency distributions: of the service time, and in an open loop of the response time."""
    yield from _distribution(key, "service", times.service_ms)
    if parse_load(key.load).is_open:
        yield from _distribution(key, "response", times.response_ms)


def _distribution(key: CellKey, time: TimeKind, values_ms: Ordered) -> Iterable[Quantile]:
    """Yield the points as far into the tail as the number of samples supports and all requests were answered."""
    count = len(values_ms)
    deepest = max((quantile for quantile, needed in MIN_SAMPLES.items() if count >= needed), default=0.0)
    points = [quantile for quantile in QUANTILES if quantile <= deepest]
    for quantile, value in zip(points, values_ms.percentiles(points), strict=False):
        if math.isfinite(value):
            yield Quantile(key.part, key.stack, key.scenario, key.load, time, quantile, value, count)
