"""The rules of a run, fixed before it: margins, levels, slices, gates, and when the run is precise enough.

They are part of the plan and of its hash. Judging reads them back from there, so a run is judged by the rules that it was made with.
A rule that a plan of an older version does not name had the value given here.
"""

from collections.abc import Mapping

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.records import Metric, Role
from bench.records.record import STRICT, Record

_MARGINS: Mapping[Metric, float] = {"throughput_rps": 0.02, "cpu_us_per_request": 0.02, "p50_ms": 0.05, "p95_ms": 0.10, "p99_ms": 0.10}
_LEVELS: Mapping[Role, float] = {"primary": 0.95, "secondary": 0.95, "exploratory": 0.95}
# The share of runs in which some secondary row may miss the truth.
_SECONDARY_MISSES = 0.05


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SliceRules(Record):
    """The length of a slice: longer than the profile's if that gives too few answers, or if its drain would weigh too much.

    An open loop begins with an empty queue, so its slices last at least `open_slice_ms`. At a share of the stack's own throughput they
    last at least `own_slice_ms`, since a queue just above it takes that long to show, and hold at least `own_answers`, since every launch
    needs a p99: 662 settled samples of the two slices of a block. In explored parts, all but the first, `explored_share` of answers and
    drains is enough for a block: launches differ by more there than slices are uncertain, and six blocks still give enough for a p99.
    `later_warm_up_share` is the warm-up of a further closed loop of the same scenario, as a share of the first warm-up.
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
    """An open loop has at most `max_in_flight` requests under way; further requests are recorded as not sent.

    After a slice the generator waits up to `drain_timeout_s` for answers under way; requests without one are recorded as unfinished.

    A latency has no ratio if a stack did not carry the load: it was busy for more than `most_busy` of the time, or it answered less than
    `least_achieved` of the scheduled requests. A row at a busy share is judged if the copies of its baseline came within `busy_off` of
    that share in `busy_launches` of the launches.
    """

    max_in_flight: int = 256
    drain_timeout_s: float = 5.0
    most_busy: float = 0.8
    least_achieved: float = 0.99
    busy_off: float = 0.1
    busy_launches: float = 0.75


@dataclass(frozen=True, config=STRICT, kw_only=True)
class GateRules(Record):
    """Faults of the load generator: a launch with one of them is repeated while the run still ends in time, else it counts and is marked.

    The generator used more than `generator_cpu_ratio` of its core in open loops, or it waited for its core for more than
    `slice_wait_ratio` of a slice in more than `starved_slices` of the slices. A run with more than `marked_share` of its launches marked
    gives no verdict: its rates are lower bounds. Two faults touch single rows. A latency has no verdict if requests were sent late by more
    than `late_share` of the latency itself in more than `late_launches` of the launches. More steal than `steal_ratio` in a launch repeats
    nothing; the run warns of it.
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
    """How a launch finds its rates: from calibration slices of `slice_ms`; those of closed loops are under `load`."""

    load: str = "closed-16"
    slice_ms: int = 500


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Rules(Record):
    """All rules.

    `margins` are differences that do not matter, as ratio minus 1, symmetric on the log scale. `levels` are the levels of the intervals;
    the secondary rows share 5 %. A verdict needs `min_launches`. It is withheld if more than `unanswered_share` of a row's requests had no
    answer. Two copies of a baseline are unequal if their interval excludes 1 and is off by more than `aa_tolerance`. They are equal if it
    lies within the margin or `aa_equal`, whichever is more. A pair is called equivalent only if its A/A lies within `aa_margins` margins.

    A part may name a first look, a launch count of at least `min_first_look`. It ends there, or at a look every `look_every` launches
    later, once every judged row is known to `precise_margins` of its margin. Intervals of earlier looks would hold less often than their
    level (0.88 to 0.93 of 0.95 in simulation).

    Capacity is the highest offered rate with the p99 of the response time within `limit_p99_ms`. Its curve needs `least_rates`, and more
    than `unanswered_share` of requests without an answer exceed any limit. A knee is where throughput has reached `knee_share` of its
    highest; it needs `least_users` numbers of users. A break-even curve needs `least_engines`, and leaves out engines whose ratio is known
    to no better than `widest_point`. `thresholds` are distances of its ratio from 1 (1.1 and 1 / 1.1 are equally far). A warm-up is shown
    in bins of `warm_up_bin_ms`. A machine is unsteady if all stacks of a part, at least `least_stacks`, were faster in one launch than in
    another by more than `steady_range`. A health check is late after `late_probe_ms`. The run warns of other programs on the servers' core
    beyond `foreign_ratio` of its time in a launch. It also warns of a load generator that waited for its own core beyond
    `generator_wait_ratio`: the faster stack may lack that share of its answers.
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
    """Return the rules of a run with this number of secondary rows: each of their intervals may miss in its share of the 5 %."""
    return Rules(levels={**_LEVELS, "secondary": 1 - _SECONDARY_MISSES / max(1, secondary)})
