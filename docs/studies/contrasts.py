"""Order and estimator: what does it bring that a contender stands between the copies of its baseline, and what do totals cost?

`python docs/studies/contrasts.py RUN [RUN ...]` takes finished runs of the profile `quick` and looks at the primary pair. In each pass the
contrast is log(contender) - mean of log(both copies). Its spread within launches as measured, with the contender of the next pass, and with
that of the fourth next, says what neighbours in time share. Then the half-width of the pair's ratio by four estimators of a launch.
"""

import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import numpy as np
from study import keep_table

from bench.judge.estimates import hodges_lehmann, pooled_sd
from bench.records import AS_DEPLOYED, SliceRecord
from bench.records.folder import RunFolder
from bench.records.samples import Floats

APART = (0, 1, 4)
TRIO = (AS_DEPLOYED[0], AS_DEPLOYED[1], f"{AS_DEPLOYED[1]}-twin")

# Contender, baseline and copy (stack, pass) -> the log ratio of a launch.
Estimator = Callable[[Floats, Floats], float]


def by_totals(rates: Floats, _: Floats) -> float:
    """All answers over all time: slices are equally long."""
    logs = np.log(rates.mean(axis=1))
    return float(logs[0] - logs[1:].mean())


def by_mean(_: Floats, contrasts: Floats) -> float:
    """The mean contrast of the passes."""
    return float(contrasts.mean())


def by_median(_: Floats, contrasts: Floats) -> float:
    """The median contrast of the passes."""
    return float(np.median(contrasts))


def by_trimmed_mean(_: Floats, contrasts: Floats) -> float:
    """The mean without the outer tenth at either end."""
    cut = len(contrasts) // 10
    return float(np.sort(contrasts)[cut : len(contrasts) - cut].mean())


ESTIMATORS: Mapping[str, Estimator] = {"totals": by_totals, "mean": by_mean, "median": by_median, "trimmed mean": by_trimmed_mean}


def main() -> None:
    """Keep the table `contrasts`."""
    rows = []
    for path in sys.argv[1:]:
        launches = list(read_passes(RunFolder.open(Path(path))).values())
        row: dict[str, object] = {"run": Path(path).resolve().name, "launches": len(launches)}
        for apart in APART:
            row[f"sd_{apart}_passes_apart_percent"] = 100 * (pooled_sd(contrasts_of(rates, apart) for rates in launches) or math.nan)
        for name, estimator in ESTIMATORS.items():
            values = [estimator(rates, contrasts_of(rates)) for rates in launches]
            interval = hodges_lehmann(np.array(values), 0.95)
            assert interval is not None  # noqa: S101 - there are launches
            low, high = interval.ends or (math.nan, math.nan)
            row |= {f"ratio_by_{name}": math.exp(interval.estimate), f"half_width_by_{name}_percent": 50 * (high - low)}
        rows.append(row)
    keep_table("contrasts", rows)
    for key in rows[0]:
        if key.startswith(("sd", "half")):
            print(f"{key}: median {median(float(str(row[key])) for row in rows):.3f}")


def read_passes(folder: RunFolder) -> dict[int, Floats]:
    """Return per launch the rates (stack of the trio, pass), in order of time."""
    rates: dict[int, dict[str, list[float]]] = {}
    for record in folder.read_rows("slices.csv", SliceRecord):
        if record.stack in TRIO and record.load == "closed-16" and not record.warm_up and record.throughput_rps:
            rates.setdefault(record.launch, {}).setdefault(record.stack, []).append(record.throughput_rps)
    return {launch: np.array([own[name] for name in TRIO]) for launch, own in rates.items()}


def contrasts_of(rates: Floats, apart: int = 0) -> Floats:
    """Return the contrast of each pass, with the contender of a pass so many later."""
    logs = np.log(rates)
    passes = logs.shape[1] - apart
    contrasts: Floats = logs[0, apart:] - logs[1:, :passes].mean(axis=0)
    return contrasts


if __name__ == "__main__":
    main()
