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
    upper_bound,
)
from bench.plan.loads import parse_load
from bench.plan.rules import GENERATOR_CPU_LIMIT
from bench.records import METRICS, Cell, CellKey, Interval, Metric, Quantile, SliceRecord, TimeKind

# The points of a distribution, evenly spaced on the 1 / (1 - q) axis that shows tails.
QUANTILES = (
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95,
    0.96, 0.97, 0.975, 0.98, 0.985, 0.99, 0.9925, 0.995, 0.9975, 0.998, 0.999,
)  # fmt: skip


@dataclass(frozen=True)
class Settled:
    """What became of the requests of a slice that were due after settling and before its end.

    `connections` and `done_ns` have one entry per correct answer, `send_lag_ms` (sent - intended) one per request that was
    sent. `response_ms` (from intended) and `service_ms` (from sent) have one per correct answer and an infinite one per
    request that was unfinished when waiting ended; `response_ms` also one per request that was not sent.
    """

    connections: Ints
    done_ns: Ints
    response_ms: Floats
    service_ms: Floats
    send_lag_ms: Floats


def settled_requests(samples: Mapping[str, Ints], settled_ns: int, end_ns: int) -> Settled:
    """Return the settled requests of one slice; `samples` are its columns (see `records.SAMPLE_COLUMNS`)."""
    intended = samples["intended_ns"]
    within = (intended >= settled_ns) & (intended < end_ns)
    sent, done = samples["sent_ns"], samples["done_ns"]
    is_sent = within & (sent > 0)
    correct = within & (samples["correct"] == 1)
    unfinished = np.full(int((is_sent & (done == 0)).sum()), np.inf)
    not_sent = np.full(int((within & (sent == 0)).sum()), np.inf)
    return Settled(
        connections=samples["connection"][correct],
        done_ns=done[correct],
        response_ms=np.concatenate([(done[correct] - intended[correct]) / 1e6, unfinished, not_sent]),
        service_ms=np.concatenate([(done[correct] - sent[correct]) / 1e6, unfinished]),
        send_lag_ms=(sent[is_sent] - intended[is_sent]) / 1e6,
    )


def block_values(slices: Sequence[SliceRecord], settled: Sequence[Settled]) -> dict[Metric, float | None]:
    """Return the value of each metric for one stack in one block: its two mirrored slices taken together.

    Throughput is the mean rate of the slices; CPU is their CPU time over their answers; percentiles are of their pooled
    response times, None where there are too few.
    """
    rates = [record.throughput_rps for record in slices]
    response_ms = np.concatenate([part.response_ms for part in settled]) if settled else np.empty(0)
    values: dict[Metric, float | None] = {
        "throughput_rps": float(np.mean([rate for rate in rates if rate])) if rates and all(rates) else None,
        "cpu_us_per_request": cpu_us_per_request(slices),
        "p50_ms": supported_percentile(response_ms, 0.5),
        "p95_ms": supported_percentile(response_ms, 0.95),
        "p99_ms": supported_percentile(response_ms, 0.99),
    }
    return {metric: values[metric] or None for metric in METRICS}


def cpu_us_per_request(slices: Sequence[SliceRecord]) -> float | None:
    """Return the CPU time of the server's process tree per correct answer, over whole slices.

    None without an answer, and where it is not known of a slice because a process of the server ended in it.
    """
    answers = sum(record.answers for record in slices)
    cpu_ns = [record.server_cpu_ns for record in slices if record.server_cpu_ns is not None]
    return sum(cpu_ns) / 1e3 / answers if answers and len(cpu_ns) == len(slices) else None


@dataclass(frozen=True)
class CellTimes:
    """All settled requests of a cell, over all launches, in ms; see `Settled`."""

    response_ms: Floats
    service_ms: Floats
    send_lag_ms: Floats


def make_cell(key: CellKey, slices: Sequence[SliceRecord], launch_rates: Floats, times: CellTimes, level: float) -> Cell:
    """Return the row of a cell from all its slices, its throughput per launch and its requests.

    Failures of its warm-up count, too: they tell of the server. All else comes from the counted slices.
    """
    counted = [record for record in slices if not record.warm_up]
    rates, cpu = _over_launches(launch_rates, level), _over_launches(_launch_cpu_us(counted), level)
    elapsed_ns = sum(record.drained_ns - record.start_ns for record in counted)
    generator_ns = sum(record.generator_cpu_ns for record in counted)
    user_ns, kernel_ns = (sum(getattr(record, name) or 0 for record in counted) for name in ("server_user_ns", "server_kernel_ns"))
    is_open = parse_load(key.load).is_open
    response_ms, service_ms = times.response_ms, times.service_ms
    finite = response_ms[np.isfinite(response_ms)]
    return Cell(
        part=key.part,
        stack=key.stack,
        scenario=key.scenario,
        load=key.load,
        offered_rps=counted[0].offered_rps if counted else None,
        throughput_rps=rates.estimate if rates else None,
        throughput_ci_low=rates.low if rates else None,
        throughput_ci_high=rates.high if rates else None,
        throughput_level=rates.level if rates else None,
        p50_ms=supported_percentile(response_ms, 0.5),
        p95_ms=supported_percentile(response_ms, 0.95),
        p99_ms=supported_percentile(response_ms, 0.99),
        p99_upper_ms=upper_bound(response_ms, 0.99),
        p999_ms=supported_percentile(response_ms, 0.999),
        p999_upper_ms=upper_bound(response_ms, 0.999),
        max_ms=float(finite.max()) if len(finite) else None,
        service_p50_ms=supported_percentile(service_ms, 0.5),
        service_p95_ms=supported_percentile(service_ms, 0.95),
        service_p99_ms=supported_percentile(service_ms, 0.99),
        send_lag_p99_ms=supported_percentile(times.send_lag_ms, 0.99) if is_open else None,
        cpu_us_per_request=cpu.estimate if cpu else None,
        cpu_ci_low=cpu.low if cpu else None,
        cpu_ci_high=cpu.high if cpu else None,
        cpu_level=cpu.level if cpu else None,
        kernel_ratio=kernel_ns / (user_ns + kernel_ns) if user_ns + kernel_ns else None,
        samples=len(finite),
        errors=sum(record.errors for record in slices),
        unfinished=sum(record.unfinished for record in slices),
        not_sent=sum(record.not_sent for record in slices),
        launches=len({record.launch for record in counted}),
        generator_limited=bool(elapsed_ns) and generator_ns / elapsed_ns > GENERATOR_CPU_LIMIT,
    )


def _over_launches(values: Floats, level: float) -> Interval | None:
    """Return estimate and interval of the values of the launches; None where there are none."""
    interval = hodges_lehmann(np.log(values), level) if len(values) else None
    return exponential(interval) if interval else None


def _launch_cpu_us(slices: Sequence[SliceRecord]) -> Floats:
    """Return the CPU time per answer of each launch; nothing where that of one launch is not known."""
    launches: dict[int, list[SliceRecord]] = {}
    for record in slices:
        launches.setdefault(record.launch, []).append(record)
    values = [cpu_us_per_request(own) for own in launches.values()]
    return np.array([value for value in values if value] if all(values) else [])


def distributions(key: CellKey, times: CellTimes) -> Iterable[Quantile]:
    """Return the points of a cell's latency distributions: of the service time, and in an open loop of the response time."""
    yield from _distribution(key, "service", times.service_ms)
    if parse_load(key.load).is_open:
        yield from _distribution(key, "response", times.response_ms)


def _distribution(key: CellKey, time: TimeKind, values_ms: Floats) -> Iterable[Quantile]:
    """Yield the points as far into the tail as the number of samples supports and all requests were answered."""
    count = len(values_ms)
    deepest = max((quantile for quantile, needed in MIN_SAMPLES.items() if count >= needed), default=0.0)
    for quantile in QUANTILES:
        value = percentile(values_ms, quantile)
        if value is not None and quantile <= deepest and np.isfinite(value):
            yield Quantile(key.part, key.stack, key.scenario, key.load, time, quantile, value, count)
