"""Contender against baseline: the metrics, the rows, and their possible verdicts. `ratio` is contender / baseline."""

import math
from collections.abc import Iterable
from typing import Literal

from pydantic.dataclasses import dataclass

from bench.records.record import STRICT, Ratio, Record, ends_of, estimate_of

Metric = Literal["throughput_rps", "cpu_us_per_request", "p50_ms", "p95_ms", "p99_ms"]
Role = Literal["primary", "secondary", "exploratory"]
Verdict = Literal["better", "worse", "equivalent", "undecided", "withheld", "not judged"]
# The state of two copies of a baseline, by first match: they differed, they are equal as far as it matters, neither is known.
AaState = Literal["unequal", "equal", "coarse", "not judged"]

# [contender, baseline] of the three rows of the answer: framework and server change, the server alone, the same server for both.
AS_DEPLOYED = ("fastapi-uvicorn", "flask-gthread")
SERVER_ALONE = ("flask-granian", "flask-gthread")
SAME_SERVER = ("fastapi-granian", "flask-granian")

METRICS: tuple[Metric, ...] = ("throughput_rps", "cpu_us_per_request", "p50_ms", "p95_ms", "p99_ms")
# More is better for throughput alone.
HIGHER_IS_BETTER: frozenset[Metric] = frozenset({"throughput_rps"})


@dataclass(frozen=True, config=STRICT)
class Comparison(Record):
    """Contender against baseline in one metric of one scenario and load; also the shape of a noise-floor row (twin / baseline).

    `level` is the level that the interval attains. `margin` and `smallest_seen` are ratios minus 1 (0.02 = 2 %). `smallest_seen` is set if
    the verdict is undecided: the true difference that four runs of five would have found. `reason` says why a row is not judged or
    withheld. `pair` is the name of the comparison. `contender_value` and `baseline_value` are both sides of the ratio in the metric's
    unit, each estimated over launches by itself (the baseline: the geometric mean of its copies). `aa_state`, `aa_low` and `aa_high` are
    the row's own A/A: the ratio of two copies of its baseline in this metric under this load.
    """

    part: str
    contender: str
    baseline: str
    scenario: str
    load: str
    metric: Metric
    interval: Ratio
    margin: float
    smallest_seen: float | None
    launches: int
    launch_ratios: tuple[float, ...]
    role: Role
    verdict: Verdict
    reason: str
    pair: str = ""
    contender_value: float | None = None
    baseline_value: float | None = None
    aa_state: AaState = "not judged"
    aa_low: float | None = None
    aa_high: float | None = None

    @property
    def ratio(self) -> float | None:
        """The estimate of contender / baseline."""
        return estimate_of(self.interval)

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends of the interval; None where there is none."""
        return ends_of(self.interval)

    @property
    def verdict_and_reason(self) -> str:
        """The text of a row without a finding, such as `withheld (2 wrong answers)`."""
        return f"{self.verdict} ({self.reason.rstrip('.') or 'no reason recorded'})"

    @property
    def aa_resolution(self) -> float | None:
        """The distance of its A/A's far end from 1, as ratio minus 1: smaller differences cannot be detected; None without an interval."""
        return None if self.aa_low is None or self.aa_high is None else far_end(self.aa_low, self.aa_high)


def find_floor(row: Comparison, noise_floor: Iterable[Comparison]) -> Comparison | None:
    """Return the A/A row of a comparison: same part, scenario, load, metric and baseline."""
    key = (row.part, row.scenario, row.load, row.metric, row.baseline)
    return next((aa for aa in noise_floor if (aa.part, aa.scenario, aa.load, aa.metric, aa.baseline) == key), None)


def far_end(low: float, high: float) -> float:
    """Return the distance of an interval's far end from 1, as ratio minus 1; a ratio and its inverse are equally far."""
    return math.exp(max(abs(math.log(low)), abs(math.log(high)))) - 1
