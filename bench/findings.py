"""What a run says beyond its cells and comparisons: where the time goes, from which model on, up to which rate, with how much code.

Units are in the names, as in `records`.
"""

from dataclasses import dataclass
from typing import Literal

from bench.records import Interval

# The engine that computes nothing.
NO_MODEL = "constant"

Step = Literal["server", "framework", "model", "total"]


@dataclass(frozen=True)
class LadderRow:
    """One step of the CPU time of a request of a stack.

    `server` is its floor, `framework` (with validation) the stack without a model over that, `model` the whole stack over that.
    `kernel_us` is the kernel's part of it. All at the one rate `offered_rps`; the interval is over launches.
    """

    part: str
    stack: str
    scenario: str
    load: str
    offered_rps: float | None
    step: Step
    cpu_us: float | None
    ci_low: float | None
    ci_high: float | None
    level: float | None
    kernel_us: float | None
    launches: int


@dataclass(frozen=True)
class BreakEvenPoint:
    """The measured throughput ratio of a pair with one engine, at the time that a prediction of it takes.

    `curve_ratio` is what the curve says there; `off_curve`: the two intervals do not touch. Overheads are what is left of the time
    per answer with this engine alone when the model's is taken off; the curve takes them to be the same for all.
    """

    engine: str
    model_ms: float
    model_ms_low: float | None
    model_ms_high: float | None
    ratio: float
    ci_low: float | None
    ci_high: float | None
    level: float | None
    curve_ratio: float
    off_curve: bool
    contender_overhead_ms: Interval
    baseline_overhead_ms: Interval


@dataclass(frozen=True)
class CurvePoint:
    """The ratio that the curve gives for a model of `model_ms`, with its interval."""

    model_ms: float
    ratio: float
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True)
class Threshold:
    """From `model_ms` on the curve's ratio is within 1 + `within` and its inverse; `is_measured`: no slower than the slowest engine."""

    within: float
    model_ms: float
    ci_low: float | None
    ci_high: float | None
    level: float | None
    is_measured: bool


@dataclass(frozen=True)
class BreakEven:
    """Throughput ratio of a pair against the time that a prediction takes, see `judge.break_even`.

    Overheads are the time per answer at saturation without the model's own; `*_launches_ms` those of each launch, in the same
    order, from which the curve follows at any time up to `longest_ms`.
    """

    part: str
    contender: str
    baseline: str
    scenario: str
    load: str
    launches: int
    contender_overhead_ms: Interval
    baseline_overhead_ms: Interval
    contender_launches_ms: tuple[float, ...]
    baseline_launches_ms: tuple[float, ...]
    longest_ms: float
    points: tuple[BreakEvenPoint, ...]
    curve: tuple[CurvePoint, ...]
    thresholds: tuple[Threshold, ...]


Bound = Literal["", "at least", "at most"]


@dataclass(frozen=True)
class OfferedPoint:
    """The p99 of the response time at one offered rate: the launches' median and ends; None among requests without an answer."""

    offered_rps: float
    p99_ms: float | None
    lowest_ms: float | None
    highest_ms: float | None
    launches: int


@dataclass(frozen=True)
class Capacity:
    """The highest offered rate at which a stack keeps the p99 of its response time within the limit, see `judge.capacity`.

    `bound` says that the true figure lies outside the rates offered, `lowest_rps` to `highest_rps`, in some launch.
    """

    part: str
    stack: str
    scenario: str
    limit_p99_ms: float
    capacity_rps: float | None
    ci_low: float | None
    ci_high: float | None
    level: float | None
    bound: Bound
    lowest_rps: float
    highest_rps: float
    launches: int
    points: tuple[OfferedPoint, ...]


@dataclass(frozen=True)
class Knee:
    """From how many users on a stack's throughput no longer follows: the fewest that reach `share` of its highest throughput."""

    part: str
    stack: str
    scenario: str
    share: float
    users: int
    throughput_rps: float


@dataclass(frozen=True)
class ServerTiming:
    """What a stack itself says of its time: medians of the Server-Timing header over `requests`. One row of server_timing.csv."""

    stack: str
    scenario: str
    requests: int
    preprocess_us: float
    predict_us: float


@dataclass(frozen=True)
class AppCode:
    """The code of a stack's application and what it needs, see `measure.complexity`. One row of complexity.csv.

    `source_lines` are without blank lines, comments and docstrings; complexities are cyclomatic, their sum and the largest one.
    `packages` counts distributions with all that they need, `installed_bytes` is their size; `import_s` is the median of
    `imports` fresh processes.
    """

    stack: str
    source: str
    files: int
    source_lines: int
    functions: int
    routes: int
    complexity: int
    highest_complexity: int
    most_complex: str
    requires: str
    packages: int
    installed_bytes: int
    import_s: float
    imports: int


@dataclass(frozen=True)
class Feature:
    """What a probe found on a running stack: whether it has a feature, and the answer that shows it. One row of features.csv."""

    stack: str
    feature: str
    probe: str
    has: bool
    found: str
