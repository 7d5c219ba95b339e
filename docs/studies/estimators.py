"""Which estimate of a ratio, which interval? Three pairs of both, on simulated launches and on recorded ones of equal servers.

Simulated: noise of 1 % on a launch's log ratio, and the same with one launch in eight off by 5 to 12 % to either side. Recorded:
launches of the A/A study (docs/studies/aa_launches.csv), drawn anew, without and with replacement of the comparison that they
come from; their true ratio is 1.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats
from study import keep_table, read_table

from bench.judge.estimates import hodges_lehmann
from bench.records.samples import Floats

LAUNCHES = (8, 12, 16)
RUNS = 4000
SEED = 20261125

Estimator = Callable[[Floats], tuple[float, float, float]]


def by_hodges_lehmann(values: Floats) -> tuple[float, float, float]:
    """The bench's own: median of pairwise means, exact signed-rank interval."""
    interval = hodges_lehmann(values, 0.95)
    assert interval is not None  # noqa: S101 - there are values
    assert interval.low is not None  # noqa: S101 - and enough of them
    assert interval.high is not None  # noqa: S101
    return interval.estimate, interval.low, interval.high


def by_mean(values: Floats) -> tuple[float, float, float]:
    """Mean with Student's t interval."""
    centre = float(values.mean())
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return centre, centre - half, centre + half


def by_median(values: Floats) -> tuple[float, float, float]:
    """Median with the interval of order statistics."""
    ordered = np.sort(values)
    place = int(stats.binom.ppf(0.025, len(values), 0.5))
    place -= bool(place) and stats.binom.cdf(place - 1, len(values), 0.5) > 0.025  # noqa: PLR2004 - half of 5 %
    return float(np.median(values)), float(ordered[max(place - 1, 0)]), float(ordered[len(values) - max(place, 1)])


ESTIMATORS: dict[str, Estimator] = {"Hodges-Lehmann": by_hodges_lehmann, "mean and t": by_mean, "median": by_median}


def draw_samples(source: str, launches: int) -> Iterator[Floats]:
    """Yield the log ratios of many runs of so many launches; the truth is 0."""
    draw = np.random.default_rng(SEED)
    recorded = np.log([float(row["ratio"]) for row in read_table("aa_launches") if row["kind"] == "copy"]) if source == "recorded" else None
    for _ in range(RUNS):
        if recorded is not None:
            yield draw.choice(recorded, launches)
            continue
        values = draw.normal(0, 0.01, launches)
        if source == "heavy tails":
            off = draw.random(launches) < 1 / 8
            values = values + off * draw.uniform(0.05, 0.12, launches) * draw.choice([-1, 1], launches)
        yield values


def main() -> None:
    """Keep the table `estimators`."""
    rows = []
    for source in ("normal", "heavy tails", "recorded"):
        for launches in LAUNCHES:
            samples = list(draw_samples(source, launches))
            for name, estimator in ESTIMATORS.items():
                figures = np.array([estimator(values) for values in samples])
                covered = (figures[:, 1] <= 0) & (figures[:, 2] >= 0)
                rows.append(
                    {
                        "noise": source,
                        "launches": launches,
                        "estimator": name,
                        "coverage": float(covered.mean()),
                        "median_half_width_percent": 100 * float(np.median((figures[:, 2] - figures[:, 1]) / 2)),
                        "rms_error_percent": 100 * float(np.sqrt((figures[:, 0] ** 2).mean())),
                    }
                )
    keep_table("estimators", rows)


if __name__ == "__main__":
    main()
