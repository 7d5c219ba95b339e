"""The rules of a run, fixed before it: margins, levels, which rows are judged, slices, gates, when it is precise enough.

All of them go into the plan and its hash: a run judged by other rules has another hash.
"""

from collections.abc import Mapping
from typing import Any

from bench.records import AS_DEPLOYED, SAME_SERVER, Metric, Role

# Differences that do not matter, as ratio minus 1; symmetric on the log scale.
MARGINS: Mapping[Metric, float] = {"throughput_rps": 0.02, "cpu_us_per_request": 0.02, "p50_ms": 0.05, "p95_ms": 0.10, "p99_ms": 0.10}

# Part, contender, baseline, scenario, load and metric of the rows that are judged, at a level fixed beforehand; three
# secondary rows share 5 %. All else is exploratory.
RoleKey = tuple[str, str, str, str, str, Metric]
ROLES: Mapping[RoleKey, Role] = {
    ("headline", *AS_DEPLOYED, "predict-1", "closed-16", "throughput_rps"): "primary",
    ("headline", *SAME_SERVER, "predict-1", "closed-16", "throughput_rps"): "secondary",
    ("headline", *AS_DEPLOYED, "predict-1", "open-60", "cpu_us_per_request"): "secondary",
    ("headline", *AS_DEPLOYED, "predict-1", "open-60", "p95_ms"): "secondary",
}
LEVELS: Mapping[Role, float] = {"primary": 0.95, "secondary": 1 - 0.05 / 3, "exploratory": 0.95}

# Verdicts: see judge.comparisons.
MIN_LAUNCHES = 8
# An equal pair is called so only if the noise floor, too, is known to be about as small.
AA_MARGINS = 1.5
# The noise floor fails if it excludes 1 and is off by more than this.
AA_TOLERANCE = 0.01

# A part that names a first look ends there, or at a later look, once every judged row is known to half of its margin.
# Intervals of earlier looks would hold less often than they say (0.88 to 0.93 of 0.95 in simulation).
MIN_FIRST_LOOK = 12
LOOK_EVERY = 2
PRECISE_MARGINS = 0.5

# A slice is longer than the profile's where that gives too few answers, or where its drain would weigh too much.
MIN_ANSWERS = 200
# Where each stack has rates of its own, every launch needs a p99: 662 settled samples of the two slices of a block.
CAPACITY_ANSWERS = 400
DRAINS_PER_SLICE = 10
MAX_SLICE_MS = 4000
# The share of both that is enough where blocks are not mirrored: launches differ by more there than slices are uncertain, and six still
# have the answers that a p99 needs.
EXPLORED_SHARE = 0.7

# The warm-up of a further closed loop of the same scenario, as a share of the first one's.
LATER_WARM_UP_SHARE = 1 / 3

# Capacity is the highest offered rate with the p99 of the response time within this.
LIMIT_P99_MS = 10.0

# An open loop has at most this many requests under way; what would exceed it is recorded as not sent.
MAX_IN_FLIGHT = 256
# How long the answers under way at the end of a slice are waited for; what is unfinished then is recorded so.
DRAIN_TIMEOUT_S = 5.0
# A stack is not loaded with more than this share of its saturation throughput as calibrated: it could not carry it.
CARRIED_SHARE = 0.95

# Gates: faults of the load generator or of the machine. A launch with one is repeated as often as the profile says, and kept and
# marked at the last try.
GENERATOR_CPU_LIMIT = 0.8
GENERATOR_WAIT_LIMIT = 0.05
SEND_LAG_LIMIT_MS = 1.0
STEAL_LIMIT = 0.02
# A run with more marked launches than this gives no verdict.
MARKED_SHARE_LIMIT = 0.25


def describe_rules() -> dict[str, Any]:
    """Return the rules as plain data, for the plan."""
    return {
        "margins": dict(MARGINS),
        "levels": dict(LEVELS),
        "min_launches": MIN_LAUNCHES,
        "aa_margins": AA_MARGINS,
        "aa_tolerance": AA_TOLERANCE,
        "min_first_look": MIN_FIRST_LOOK,
        "look_every": LOOK_EVERY,
        "precise_margins": PRECISE_MARGINS,
        "slices": {
            "min_answers": MIN_ANSWERS,
            "capacity_answers": CAPACITY_ANSWERS,
            "drains_per_slice": DRAINS_PER_SLICE,
            "max_slice_ms": MAX_SLICE_MS,
            "explored_share": EXPLORED_SHARE,
            "later_warm_up_share": LATER_WARM_UP_SHARE,
        },
        "limit_p99_ms": LIMIT_P99_MS,
        "open_loop": {"max_in_flight": MAX_IN_FLIGHT, "drain_timeout_s": DRAIN_TIMEOUT_S, "carried_share": CARRIED_SHARE},
        "gates": {
            "generator_cpu_ratio": GENERATOR_CPU_LIMIT,
            "generator_wait_ratio": GENERATOR_WAIT_LIMIT,
            "send_lag_p99_ms": SEND_LAG_LIMIT_MS,
            "steal_ratio": STEAL_LIMIT,
            "marked_share": MARKED_SHARE_LIMIT,
        },
    }
