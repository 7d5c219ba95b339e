"""One row per stack, scenario and load, and the points of its latency distributions. Units are in the names."""

import re
from typing import Annotated, Literal

from pydantic.dataclasses import dataclass

from bench.records.record import STRICT, Flat, Interval, Record, estimate_of

TimeKind = Literal["response", "service"]
_DELAY = re.compile(r"enrich-(\d+)ms")


@dataclass(frozen=True, config=STRICT)
class Cell(Record):
    """Stack x scenario x load: one row of the results.

    Throughput and CPU time are Hodges-Lehmann estimates over the totals of launches with their intervals. The throughput of an open loop
    is the offered one, so it has no interval: `achieved_ratio` is the answered share of the requests scheduled in the settled time.
    Percentiles are of all settled samples pooled, None if there are too few samples. p50_ms to max_ms are of the response time (from the
    scheduled time), in which unfinished and not sent requests count as longer than any other. service_*_ms are of the service time (from
    the time of sending). In a closed loop both are the same. `kernel_ratio` is the kernel's share of the CPU time, `busy_share` that time
    over wall time x the server's cores. `carried` is False if an open loop was too much for the stack: it answered too few of the
    scheduled requests, or had hardly a pause. Its latencies are then those of a growing queue.
    """

    part: str
    stack: str
    scenario: str
    load: str
    offered_rps: float | None
    throughput: Annotated[Interval | None, Flat("throughput_rps", "throughput_ci_low", "throughput_ci_high", "throughput_level")]
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None
    service_p50_ms: float | None
    service_p95_ms: float | None
    service_p99_ms: float | None
    send_lag_p99_ms: float | None
    cpu: Annotated[Interval | None, Flat("cpu_us_per_request", "cpu_ci_low", "cpu_ci_high", "cpu_level")]
    kernel_ratio: float | None
    samples: int
    errors: int
    unfinished: int
    not_sent: int
    launches: int
    generator_limited: bool
    achieved_ratio: float | None = None
    busy_share: float | None = None
    carried: bool = True

    @property
    def throughput_rps(self) -> float | None:
        """The estimate of the throughput in correct answers per second."""
        return estimate_of(self.throughput)

    @property
    def cpu_us_per_request(self) -> float | None:
        """The estimate of the CPU time per correct answer."""
        return estimate_of(self.cpu)

    @property
    def delay_ms(self) -> int | None:
        """The delay of the other service that the requests wait for; None if they wait for none."""
        match = _DELAY.fullmatch(self.scenario)
        return int(match[1]) if match else None

    @property
    def failures(self) -> int:
        """The requests that got no correct answer in time."""
        return self.errors + self.unfinished + self.not_sent


@dataclass(frozen=True, config=STRICT)
class Quantile(Record):
    """One point of a cell's latency distribution: the share `quantile` of `samples` times is `latency_ms` or less.

    `time` is response (from the scheduled time of a request) or service (from its sending).
    """

    part: str
    stack: str
    scenario: str
    load: str
    time: TimeKind
    quantile: float
    latency_ms: float
    samples: int


@dataclass(frozen=True, config=STRICT)
class WarmUpPoint(Record):
    """How fast a stack was `from_ms` after its first load: the median over launches of its rate in a short bin of time."""

    part: str
    stack: str
    scenario: str
    load: str
    from_ms: int
    throughput_rps: float
    launches: int
