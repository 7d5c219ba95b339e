"""The rows of a run, as they are kept in files and handed from room to room. Units are in the names.

`ratio` is contender / baseline; `_ns` are nanoseconds of the monotonic clock of this machine; `_rps` are requests per second.
"""

from dataclasses import dataclass
from typing import Literal

# History of the results format:
#   1 (2026-11) first format.
#   2 (2026-11) open loops: response and service time, unfinished and not sent requests, send lag; gates with attempt and place;
#               upper bounds of tail percentiles, kernel share; warm-up curves, starts, memory, resources.
#   3 (2026-11) time of a prediction by engine, break-even, ladder, single changes, capacity, knees, Server-Timing, complexity.
#   4 (2026-11) p99 per launch at each offered rate; overheads of both stacks with each engine.
RESULTS_SCHEMA = 4

Metric = Literal["throughput_rps", "cpu_us_per_request", "p50_ms", "p95_ms", "p99_ms"]
Role = Literal["primary", "secondary", "exploratory"]
Verdict = Literal["better", "worse", "equivalent", "undecided", "withheld", "not judged"]

# [contender, baseline] of the two rows of the answer: the framework changes in both, the server in the first alone.
AS_DEPLOYED = ("fastapi-uvicorn", "flask-gthread")
SAME_SERVER = ("fastapi-granian", "flask-granian")

METRICS: tuple[Metric, ...] = ("throughput_rps", "cpu_us_per_request", "p50_ms", "p95_ms", "p99_ms")
# More is better for throughput alone.
HIGHER_IS_BETTER: frozenset[Metric] = frozenset({"throughput_rps"})

# One row per request in samples/launch-NN.parquet. A stamp of 0: it did not come to that. `status` 0: no answer. In a closed loop
# a request is due when it is sent: intended_ns = sent_ns. sent_ns 0: not sent, since too many were under way; connection -1 then.
# done_ns 0: sent, but still unfinished when waiting for it ended.
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

    Every request is one of `answers` (correct), `errors` (wrong or failed), `unfinished` and `not_sent`. Of the answers,
    `settled_answers` are of requests due after settling; `throughput_rps` comes from these, `server_cpu_ns` (whole process
    tree) covers all answers from start to drained, None if one of its processes ended. Its split into user and kernel time
    comes in ticks of 10 ms.
    `send_lag_p99_ms` (sent - intended) belongs to open loops. The ratios are shares of the time from start to drained:
    generator waiting for its core, machine without its cores (steal), tasks of this machine waiting for a core (pressure).
    """

    launch: int
    slice: int
    part: str
    block: int
    stack: str
    scenario: str
    load: str
    warm_up: bool
    offered_rps: float | None
    start_ns: int
    settled_ns: int
    end_ns: int
    drained_ns: int
    answers: int
    settled_answers: int
    errors: int
    unfinished: int
    not_sent: int
    throughput_rps: float | None
    send_lag_p99_ms: float | None
    server_cpu_ns: int | None
    server_user_ns: int | None
    server_kernel_ns: int | None
    generator_cpu_ns: int
    generator_wait_ratio: float
    steal_ratio: float
    pressure_ratio: float

    @property
    def failures(self) -> int:
        """The requests that got no correct answer in time."""
        return self.errors + self.unfinished + self.not_sent

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

    Throughput and CPU time are Hodges-Lehmann estimates over launches with their intervals. Percentiles are of all settled samples pooled,
    None where there are too few samples for them; p50_ms to max_ms are of the response time (from when a request was due),
    in which unfinished and not sent requests count as longer than any other, service_*_ms of the service time (from when it
    was sent). In a closed loop both are the same. An upper bound is one that the true percentile exceeds with a chance of 5 %
    if samples are independent. `kernel_ratio` is the kernel's share of the CPU time.
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
    p99_upper_ms: float | None
    p999_ms: float | None
    p999_upper_ms: float | None
    max_ms: float | None
    service_p50_ms: float | None
    service_p95_ms: float | None
    service_p99_ms: float | None
    send_lag_p99_ms: float | None
    cpu_us_per_request: float | None
    cpu_ci_low: float | None
    cpu_ci_high: float | None
    cpu_level: float | None
    kernel_ratio: float | None
    samples: int
    errors: int
    unfinished: int
    not_sent: int
    launches: int
    generator_limited: bool

    @property
    def failures(self) -> int:
        """The requests that got no correct answer in time."""
        return self.errors + self.unfinished + self.not_sent


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
    """A condition that did not hold at one try of a launch, in which of its slices, and what was done about it."""

    launch: int
    attempt: int
    gate: str
    where: str
    value: float
    limit: float
    action: str


@dataclass(frozen=True)
class RunWarning:
    """One entry of the closed list of warnings, with the next step."""

    code: str
    text: str
    next_step: str


TimeKind = Literal["response", "service"]


@dataclass(frozen=True)
class Quantile:
    """One point of a cell's latency distribution: `quantile` of `samples` times is `latency_ms` or less.

    `time` says which: from when the request was due (response), or from when it was sent (service).
    """

    part: str
    stack: str
    scenario: str
    load: str
    time: TimeKind
    quantile: float
    latency_ms: float
    samples: int


@dataclass(frozen=True)
class WarmUpPoint:
    """How fast a stack was `from_ms` after its first load: the median over launches of its rate in a short bin of time."""

    part: str
    stack: str
    scenario: str
    load: str
    from_ms: float
    throughput_rps: float
    launches: int


@dataclass(frozen=True)
class StartUp:
    """One start of a stack, alone on the machine: seconds from the start of its process; memory at rest. One row of starts.csv."""

    stack: str
    start: int
    ready_s: float
    first_prediction_s: float
    rss_bytes: int
    pss_bytes: int


@dataclass(frozen=True)
class Memory:
    """The memory of a stack's process tree in one launch, before its first load and after its last. One row of memory.csv."""

    launch: int
    stack: str
    rest_rss_bytes: int
    rest_pss_bytes: int
    loaded_rss_bytes: int
    loaded_pss_bytes: int


@dataclass(frozen=True)
class ModelTime:
    """How long one prediction of an engine took in a process of its own, on the servers' core. One row of model_times.csv."""

    launch: int
    part: str
    engine: str
    model_ms: float


@dataclass(frozen=True)
class Resources:
    """What a stack needs beside CPU time per request: medians, each over `starts` or `launches`, None where not measured.

    `ready_s` and `first_prediction_s` are from the start of its process, alone on the machine, to readiness and to its first
    correct answer; memory at rest is from then. `loaded_*` is the memory at the end of a launch, beside the other stacks. All of
    the whole process tree: RSS counts shared pages in every process, PSS shares them out among those of the machine.
    """

    stack: str
    starts: int
    ready_s: float | None
    first_prediction_s: float | None
    launches: int
    rest_rss_bytes: int | None
    rest_pss_bytes: int | None
    loaded_rss_bytes: int | None
    loaded_pss_bytes: int | None
