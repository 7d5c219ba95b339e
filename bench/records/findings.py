"""Findings of a run beyond cells and comparisons: where the time goes, break-even, capacity, knees and health checks.

Units are in the names; figures with an interval are written flat, see `record`.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from bench.records.record import STRICT, Flat, Interval, Record, estimate_of

# The engine that computes nothing.
NO_MODEL = "constant"
# A ratio nearer to 1 than this hardly changes throughput: the threshold that every output names.
NEAR = 0.1

Step = Literal["server", "framework", "model", "total"]
# The names of bounds until format 5.
_FORMER_BOUNDS = {"at least": "above", "at most": "below"}
Bound = Annotated[Literal["", "below", "above"], BeforeValidator(lambda bound: _FORMER_BOUNDS.get(bound, bound))]


@dataclass(frozen=True, config=STRICT)
class LadderRow(Record):
    """One step of the CPU time of a request of a stack.

    `server` is its bare server; `framework` (with validation) is the stack without a model minus that; `model` is the whole stack minus
    the stack without a model. All rungs have the one rate `offered_rps`; the interval is over launches. `check_us` is the time of the
    model's step that the stack itself reports. The step is `contradicted` if that time lies outside the interval.
    """

    part: str
    stack: str
    scenario: str
    load: str
    offered_rps: float | None
    step: Step
    cpu: Annotated[Interval | None, Flat("cpu_us", "ci_low", "ci_high", "level")]
    launches: int
    check_us: float | None = None
    contradicted: bool = False

    @property
    def cpu_us(self) -> float | None:
        """The estimate of the CPU time of this step."""
        return estimate_of(self.cpu)

    @property
    def is_resolved(self) -> bool:
        """Whether the step differs from zero: its interval does not hold 0."""
        return self.cpu is None or self.cpu.ends is None or not self.cpu.ends[0] <= 0 <= self.cpu.ends[1]


@dataclass(frozen=True, config=STRICT)
class BreakEvenPoint(Record):
    """The measured throughput ratio of a pair with one engine, at the time that one of its predictions takes.

    `curve_ratio` is the ratio of the fit there. `off` is the measured ratio over that, compared launch by launch; `off_curve` is True if
    it differs from 1. Overheads are the time per answer with this engine alone minus the model's time. A point that is not drawn
    (`is_drawn`) is too uncertain for fit and curve.
    """

    engine: str
    model: Annotated[Interval, Flat("model_ms", "model_ms_low", "model_ms_high")]
    interval: Annotated[Interval, Flat("ratio", "ci_low", "ci_high", "level")]
    curve_ratio: float
    off_curve: bool
    contender_overhead_ms: Interval
    baseline_overhead_ms: Interval
    off: Interval | None = None
    is_drawn: bool = True

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
    """Above `model_ms` the curve's ratio stays between 1 + `within` and its inverse.

    If not `is_measured`, it does not get there up to the slowest engine, whose time is then given. A missing end of the interval lies
    beyond that engine. `multiple` is `model_ms` in multiples of the contender's own time per request.
    """

    within: float
    model: Annotated[Interval, Flat("model_ms", "ci_low", "ci_high", "level")]
    is_measured: bool
    multiple: Interval | None = None

    @property
    def model_ms(self) -> float:
        """The model time above which the ratio is that near."""
        return self.model.estimate


@dataclass(frozen=True, config=STRICT)
class BreakEven(Record):
    """Throughput ratio of a pair against the time that a prediction takes, see `judge.break_even`.

    Overheads are the time per answer at saturation without the model's time; `*_launches_ms` are those of each launch, in the same order.
    A slope is the cost of a model to a stack beyond the model's own time, as a share of that time. The curve goes from no model to
    `longest_ms`.
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
    contender_slope: Interval | None = None
    baseline_slope: Interval | None = None

    @property
    def near(self) -> Threshold:
        """The threshold that every output names."""
        return next(found for found in self.thresholds if found.within == NEAR)

    def beside_ms(self, model_ms: float) -> tuple[float, float]:
        """Return the time of a request beside its model on contender and baseline, in ms, by the fit: overhead and slope."""
        sides = ((self.contender_overhead_ms, self.contender_slope), (self.baseline_overhead_ms, self.baseline_slope))
        contender, baseline = (own.estimate + (slope.estimate * model_ms if slope else 0.0) for own, slope in sides)
        return contender, baseline


@dataclass(frozen=True, config=STRICT)
class OfferedPoint(Record):
    """The p99 of the response time under one load: median and ends over launches; None if it falls among requests without an answer.

    `offered_rps` is the median of the rates of the launches, `load` their common name.
    """

    offered_rps: float
    p99_ms: float | None
    lowest_ms: float | None
    highest_ms: float | None
    launches: int
    load: str = ""


@dataclass(frozen=True, config=STRICT)
class Capacity(Record):
    """The highest offered rate at which a stack keeps the p99 of its response time within the limit, see `judge.capacity`.

    `bound` says on which side of the figure the true one lies, if some launch was offered no rate beyond it. `lowest_rps` and
    `highest_rps` are the ends of the offered rates.
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
    """The number of users beyond which throughput hardly grows: the fewest that reach `share` of a stack's highest throughput."""

    part: str
    stack: str
    scenario: str
    share: float
    users: int
    throughput_rps: float


@dataclass(frozen=True, config=STRICT)
class Probe(Record):
    """Health checks of a stack that was busy with a load: `probes` of them were scheduled by the open loop `probe_load`.

    `late_ratio` is the share that was answered more than `late_ms` after its scheduled time, or not at all. Percentiles are None if there
    are too few probes.
    """

    part: str
    stack: str
    scenario: str
    load: str
    probe_load: str
    probes: int
    late_ms: float
    late_ratio: float | None
    p50_ms: float | None
    p95_ms: float | None
    max_ms: float | None
    launches: int
