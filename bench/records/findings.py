"""What a run says beyond its cells and comparisons: where the time goes, from which model on, up to which rate.

Units are in the names; figures with an interval are written flat, see `record`.
"""

from typing import Annotated, Literal

from pydantic.dataclasses import dataclass

from bench.records.record import STRICT, Flat, Interval, Record, estimate_of

# The engine that computes nothing.
NO_MODEL = "constant"

Step = Literal["server", "framework", "model", "total"]
Bound = Literal["", "at least", "at most"]


@dataclass(frozen=True, config=STRICT)
class LadderRow(Record):
    """One step of the CPU time of a request of a stack.

    `server` is its bare server, `framework` (with validation) the stack without a model over that, `model` the whole stack over that.
    All at the one rate `offered_rps`; the interval is over launches.
    """

    part: str
    stack: str
    scenario: str
    load: str
    offered_rps: float | None
    step: Step
    cpu: Annotated[Interval | None, Flat("cpu_us", "ci_low", "ci_high", "level")]
    launches: int

    @property
    def cpu_us(self) -> float | None:
        """The estimate of the CPU time of this step."""
        return estimate_of(self.cpu)


@dataclass(frozen=True, config=STRICT)
class BreakEvenPoint(Record):
    """The measured throughput ratio of a pair with one engine, at the time that a prediction of it takes.

    `curve_ratio` is what the curve says there; `off_curve`: the two intervals do not touch. Overheads are what is left of the time
    per answer with this engine alone when the model's is taken off; the curve takes them to be the same for all.
    """

    engine: str
    model: Annotated[Interval, Flat("model_ms", "model_ms_low", "model_ms_high")]
    interval: Annotated[Interval, Flat("ratio", "ci_low", "ci_high", "level")]
    curve_ratio: float
    off_curve: bool
    contender_overhead_ms: Interval
    baseline_overhead_ms: Interval

    @property
    def model_ms(self) -> float:
        """How long a prediction takes."""
        return self.model.estimate

    @property
    def ratio(self) -> float:
        """The measured ratio."""
        return self.interval.estimate

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends of the interval of the ratio; None where there is none."""
        return self.interval.ends


@dataclass(frozen=True, config=STRICT)
class CurvePoint(Record):
    """The ratio that the curve gives for a model of `model_ms`, with its interval."""

    model_ms: float
    interval: Annotated[Interval, Flat("ratio", "ci_low", "ci_high")]

    @property
    def ratio(self) -> float:
        """The ratio of the curve."""
        return self.interval.estimate


@dataclass(frozen=True, config=STRICT)
class Threshold(Record):
    """From `model_ms` on the curve's ratio is within 1 + `within` and its inverse; `is_measured`: no slower than the slowest engine."""

    within: float
    model: Annotated[Interval, Flat("model_ms", "ci_low", "ci_high", "level")]
    is_measured: bool

    @property
    def model_ms(self) -> float:
        """The time from which on the ratio is that near."""
        return self.model.estimate


@dataclass(frozen=True, config=STRICT)
class BreakEven(Record):
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


@dataclass(frozen=True, config=STRICT)
class OfferedPoint(Record):
    """The p99 of the response time at one offered rate: the launches' median and ends; None among requests without an answer."""

    offered_rps: float
    p99_ms: float | None
    lowest_ms: float | None
    highest_ms: float | None
    launches: int


@dataclass(frozen=True, config=STRICT)
class Capacity(Record):
    """The highest offered rate at which a stack keeps the p99 of its response time within the limit, see `judge.capacity`.

    `bound` says that the true figure lies outside the rates offered, `lowest_rps` to `highest_rps`, in some launch.
    """

    part: str
    stack: str
    scenario: str
    limit_p99_ms: float
    capacity: Annotated[Interval | None, Flat("capacity_rps", "ci_low", "ci_high", "level")]
    bound: Bound
    lowest_rps: float
    highest_rps: float
    launches: int
    points: tuple[OfferedPoint, ...]

    @property
    def capacity_rps(self) -> float | None:
        """The estimate of the capacity."""
        return estimate_of(self.capacity)


@dataclass(frozen=True, config=STRICT)
class Knee(Record):
    """From how many users on a stack's throughput no longer follows: the fewest that reach `share` of its highest throughput."""

    part: str
    stack: str
    scenario: str
    share: float
    users: int
    throughput_rps: float
