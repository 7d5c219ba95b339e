"""The rules of a run, fixed before it: margins, levels, slices, gates, when it is precise enough.

They are part of the plan and of its hash, and judging reads them back from there: a run is judged by the rules that it was made by.
What a plan of an older version does not name was then as it is here.
"""

from collections.abc import Mapping

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.records import Metric, Role
from bench.records.record import STRICT, Record

_MARGINS: Mapping[Metric, float] = {"throughput_rps": 0.02, "cpu_us_per_request": 0.02, "p50_ms": 0.05, "p95_ms": 0.10, "p99_ms": 0.10}
_LEVELS: Mapping[Role, float] = {"primary": 0.95, "secondary": 0.95, "exploratory": 0.95}
# What all secondary rows together may miss.
_SECONDARY_MISSES = 0.05


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SliceRules(Record):
    """How long a slice is: longer than the profile's where that gives too few answers, or where its drain would weigh too much.

    An open loop begins with an empty queue: its slices last `open_slice_ms` at least. At a share of the stack's own throughput that is
    `own_slice_ms`, since just above it a queue takes that long to show, and at least `own_answers`, since every launch needs a p99: 662
    settled samples of the two slices of a block. In parts that are only explored, all but the first, `explored_share` of answers and
    drains is enough for a block: launches differ by more there than slices are uncertain, and six still have what a p99 needs.
    `later_warm_up_share` is the warm-up of a further closed loop of the same scenario, as a share of the first one's.
    """

    min_answers: int = 200
    own_answers: int = 400
    drains_per_slice: int = 10
    max_slice_ms: int = 4000
    open_slice_ms: int = 250
    own_slice_ms: int = 1000
    explored_share: float = 0.7
    later_warm_up_share: float = 1 / 3


@dataclass(frozen=True, config=STRICT, kw_only=True)
class OpenLoopRules(Record):
    """An open loop has at most `max_in_flight` requests under way; what would exceed it is recorded as not sent.

    The answers under way at the end of a slice are waited for as long as `drain_timeout_s`; what is unfinished then is recorded so.

    A latency has no ratio where a stack was busy for more than `most_busy` of the time or answered less than `least_achieved` of what was
    due: it did not carry the load. A row at a busy share is judged if the copies of its baseline came within `busy_off` of that share in
    `busy_launches` of the launches.
    """

    max_in_flight: int = 256
    drain_timeout_s: float = 5.0
    most_busy: float = 0.8
    least_achieved: float = 0.99
    busy_off: float = 0.1
    busy_launches: float = 0.75


@dataclass(frozen=True, config=STRICT, kw_only=True)
class GateRules(Record):
    """Faults of the load generator: a launch beyond one of these is repeated while the run still ends in time, else kept and marked.

    It used more than `generator_cpu_ratio` of its core in open loops, or it waited for its core for more than `slice_wait_ratio` of a slice
    in more than `starved_slices` of the slices. A run with more than `marked_share` of its launches marked gives no verdict: its rates are
    lower bounds. Two faults touch single rows. A latency has no verdict where requests were sent late by more than `late_share` of the
    latency itself in more than `late_launches` of the launches. `steal_ratio` repeats nothing: beyond it a launch is warned of.
    """

    generator_cpu_ratio: float = 0.8
    slice_wait_ratio: float = 0.1
    starved_slices: float = 0.5
    marked_share: float = 0.25
    late_share: float = 0.25
    late_launches: float = 0.25
    steal_ratio: float = 0.02


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RateRules(Record):
    """How a launch finds its rates: from calibration slices so long, closed ones under this load."""

    load: str = "closed-16"
    slice_ms: int = 500


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Rules(Record):
    """All rules.

    `margins` are differences that do not matter, as ratio minus 1, symmetric on the log scale. `levels` are those of the intervals; the
    secondary rows share 5 %. A verdict needs `min_launches`, and no answer in more than `unanswered_share` of a row's requests withholds
    it. Two copies of a baseline are unequal if their interval excludes 1 and is off by more than `aa_tolerance`, equal if it lies within
    the margin or `aa_equal`, whichever is more. A pair is called equivalent only if its A/A lies within `aa_margins` margins.

    A part that names a first look, `min_first_look` or later, ends there or every `look_every` launches after it, once every judged
    row is known to `precise_margins` of its margin. Intervals of earlier looks would hold less often than they say (0.88 to 0.93 of
    0.95 in simulation).

    Capacity is the highest offered rate with the p99 of the response time within `limit_p99_ms`; `least_rates` make a curve, and more than
    `unanswered_share` of requests without an answer are beyond any limit. A knee is where throughput has reached `knee_share` of its
    highest, of `least_users` numbers of users at least. A break-even curve needs `least_engines`, and leaves out those whose ratio is known
    to no better than `widest_point`; its ratio is `thresholds` from 1 (1.1 and 1 / 1.1 are equally far). A warm-up is shown in bins of
    `warm_up_bin_ms`. A machine is unsteady where all stacks of a part, `least_stacks` of them, were faster in one launch than in another by
    more than `steady_range`. A health check is late after `late_probe_ms`. Other programs on the servers' core are warned of beyond
    `foreign_ratio` of its time in a launch, and a load generator that waited for its own core beyond `generator_wait_ratio`: so much may be
    missing from the answers of the faster stack.
    """

    margins: Mapping[Metric, float] = Field(default_factory=lambda: dict(_MARGINS))
    levels: Mapping[Role, float] = Field(default_factory=lambda: dict(_LEVELS))
    min_launches: int = 8
    aa_margins: float = 1.5
    aa_tolerance: float = 0.01
    aa_equal: float = 0.03
    min_first_look: int = 12
    look_every: int = 2
    precise_margins: float = 0.5
    slices: SliceRules = SliceRules()
    limit_p99_ms: float = 10.0
    open_loop: OpenLoopRules = OpenLoopRules()
    gates: GateRules = GateRules()
    rates: RateRules = RateRules()
    least_rates: int = 3
    unanswered_share: float = 0.01
    knee_share: float = 0.9
    least_users: int = 3
    least_engines: int = 3
    widest_point: float = 0.1
    thresholds: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05, 0.02)
    warm_up_bin_ms: int = 50
    least_stacks: int = 3
    steady_range: float = 1.25
    foreign_ratio: float = 0.05
    generator_wait_ratio: float = 0.02
    late_probe_ms: float = 1000.0


def share_level(secondary: int) -> Rules:
    """Return the rules of a run with so many secondary rows: each interval of theirs misses its share of 5 %."""
    return Rules(levels={**_LEVELS, "secondary": 1 - _SECONDARY_MISSES / max(1, secondary)})
