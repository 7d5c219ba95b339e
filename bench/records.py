"""The rows of a run, as they are kept in files and handed from room to room. Units are in the names.

`ratio` is contender / baseline; `_ns` are nanoseconds of the monotonic clock of this machine; `_rps` are requests per second.
"""

from dataclasses import dataclass
from typing import Literal

# History of the results format: 1 (2026-11) first format.
RESULTS_SCHEMA = 1

Metric = Literal["throughput_rps", "cpu_us_per_request", "p50_ms", "p95_ms", "p99_ms"]
Role = Literal["primary", "secondary", "exploratory"]
Verdict = Literal["better", "worse", "equivalent", "undecided", "withheld", "not judged"]

# [contender, baseline] of the two rows of the answer: the framework changes in both, the server in the first alone.
AS_DEPLOYED = ("fastapi-uvicorn", "flask-gthread")
SAME_SERVER = ("fastapi-granian", "flask-granian")

METRICS: tuple[Metric, ...] = ("throughput_rps", "cpu_us_per_request", "p50_ms", "p95_ms", "p99_ms")
# More is better for throughput alone.
HIGHER_IS_BETTER: frozenset[Metric] = frozenset({"throughput_rps"})

# One row per request in samples/launch-NN.parquet. A stamp of 0: it did not come to that. `status` 0: no answer.
# In a closed loop a request is due when it is sent: intended_ns = sent_ns.
SAMPLE_COLUMNS = ("slice", "connection", "intended_ns", "sent_ns", "first_byte_ns", "done_ns", "status", "correct")


@dataclass(frozen=True)
class CellKey:
    """What one row of the results stands for."""

    part: str
    stack: str
    scenario: str
    load: str


@dataclass(frozen=True)
class SliceRecord:
    """One measured slice: exactly one stack had all the load. One row of slices.csv.

    `answers` are all correct answers, of which `settled_answers` fall after settling; `throughput_rps` and the percentiles
    come from the settled ones, `server_cpu_ns` (whole process tree) covers all answers from start to drained.
    """

    launch: int
    slice: int
    part: str
    block: int
    stack: str
    scenario: str
    load: str
    warm_up: bool
    start_ns: int
    settled_ns: int
    end_ns: int
    drained_ns: int
    answers: int
    settled_answers: int
    errors: int
    throughput_rps: float | None
    server_cpu_ns: int
    generator_cpu_ns: int
    steal_ratio: float

    @property
    def key(self) -> CellKey:
        """The cell that this slice belongs to."""
        return CellKey(self.part, self.stack, self.scenario, self.load)


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval; `low` and `high` are None where the sample is too small for the level."""

    estimate: float
    low: float | None
    high: float | None
    level: float | None


@dataclass(frozen=True)
class Cell:
    """Stack x scenario x load: one row of the results.

    Throughput is the Hodges-Lehmann estimate over launches with its interval; percentiles are of the service times of all
    settled samples pooled, None where there are too few samples for them.
    """

    part: str
    stack: str
    scenario: str
    load: str
    offered_rps: float | None
    throughput_rps: float | None
    throughput_ci_low: float | None
    throughput_ci_high: float | None
    throughput_level: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    cpu_us_per_request: float | None
    samples: int
    errors: int
    launches: int
    generator_limited: bool


@dataclass(frozen=True)
class Comparison:
    """Contender against baseline in one metric of one scenario and load; also the shape of a noise-floor row (twin / baseline).

    `level` is the level that the interval attains; `margin` and `smallest_seen` are ratios minus 1 (0.02 = 2 %);
    `smallest_seen` is set where the verdict is undecided. `reason` says why a row is not judged or withheld.
    """

    part: str
    contender: str
    baseline: str
    scenario: str
    load: str
    metric: Metric
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    level: float | None
    margin: float
    smallest_seen: float | None
    launches: int
    launch_ratios: tuple[float, ...]
    role: Role
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Gate:
    """A condition of a launch that did not hold, and what was done about it."""

    launch: int
    gate: str
    value: float
    limit: float
    action: str


@dataclass(frozen=True)
class RunWarning:
    """One entry of the closed list of warnings, with the next step."""

    code: str
    text: str
    next_step: str


@dataclass(frozen=True)
class Quantile:
    """One point of a cell's latency distribution: `quantile` of `samples` service times is `latency_ms` or less."""

    part: str
    stack: str
    scenario: str
    load: str
    quantile: float
    latency_ms: float
    samples: int
