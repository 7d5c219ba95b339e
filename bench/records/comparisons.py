"""Contender against baseline: the metrics, the rows, and what may be said of them. `ratio` is contender / baseline."""

from typing import Literal

from pydantic.dataclasses import dataclass

from bench.records.record import STRICT, Ratio, Record, ends_of, estimate_of

Metric = Literal["throughput_rps", "cpu_us_per_request", "p50_ms", "p95_ms", "p99_ms"]
Role = Literal["primary", "secondary", "exploratory"]
Verdict = Literal["better", "worse", "equivalent", "undecided", "withheld", "not judged"]

# [contender, baseline] of the two rows of the answer: the framework changes in both, the server in the first alone.
AS_DEPLOYED = ("fastapi-uvicorn", "flask-gthread")
SAME_SERVER = ("fastapi-granian", "flask-granian")

METRICS: tuple[Metric, ...] = ("throughput_rps", "cpu_us_per_request", "p50_ms", "p95_ms", "p99_ms")
# More is better for throughput alone.
HIGHER_IS_BETTER: frozenset[Metric] = frozenset({"throughput_rps"})


@dataclass(frozen=True, config=STRICT)
class Comparison(Record):
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
    interval: Ratio
    margin: float
    smallest_seen: float | None
    launches: int
    launch_ratios: tuple[float, ...]
    role: Role
    verdict: Verdict
    reason: str

    @property
    def ratio(self) -> float | None:
        """The estimate of contender / baseline."""
        return estimate_of(self.interval)

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends of the interval; None where there is none."""
        return ends_of(self.interval)
