"""How many blocks per launch? Variance components and costs of a run with several blocks, and the optimum they give.

`python docs/studies/variance.py RUN` takes a finished run of the headline stacks with at least three blocks per launch, such as
`measure_run` makes if no run is named. Source: Kalibera & Jones, Rigorous Benchmarking in Reasonable Time (2013): the number of
blocks b that gives the narrowest interval for a time is sqrt(cost of a launch / cost of a block x variance within / between).
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, median, stdev, variance

from study import keep_table, run_whole

from bench.judge.cells import cpu_us_per_request
from bench.plan.plan import make_plan
from bench.records import SliceRecord
from bench.records.folder import RunFolder

LAUNCHES, BLOCKS = 12, 4
LOADS = ("closed-16", "closed-1", "open-60")
PAIRS = (("fastapi-uvicorn", "flask-gthread"), ("fastapi-granian", "flask-granian"), ("flask-gthread-twin", "flask-gthread"))


def throughput(slices: Sequence[SliceRecord]) -> float:
    """Return the mean rate of a block's slices, in 1/s."""
    return mean(record.throughput_rps or math.nan for record in slices)


METRICS: Mapping[str, Callable[[Sequence[SliceRecord]], float | None]] = {"throughput": throughput, "CPU": cpu_us_per_request}
WANTED = (("throughput", "closed-16"), ("CPU", "closed-16"), ("throughput", "closed-1"), ("CPU", "open-60"))


def measure_run() -> RunFolder:
    """Run the headline stacks under three loads, with many blocks."""
    config = make_plan("quick", launches=LAUNCHES)
    return run_whole(replace(config, profile="variance", parts=(replace(config.parts[0], loads=LOADS, blocks=BLOCKS),)))


def block_log_ratios(slices: Sequence[SliceRecord], contender: str, baseline: str, metric: str) -> dict[int, list[float]]:
    """Return per launch the log ratio of each block."""
    blocks: dict[tuple[int, int, str], list[SliceRecord]] = {}
    for record in slices:
        blocks.setdefault((record.launch, record.block, record.stack), []).append(record)
    ratios: dict[int, list[float]] = {}
    for (launch, block, stack), own in sorted(blocks.items()):
        if stack == contender:
            value, other = METRICS[metric](own), METRICS[metric](blocks[launch, block, baseline])
            ratios.setdefault(launch, []).append(math.log(value / other) if value and other else math.nan)
    return ratios


def components(ratios: Mapping[int, Sequence[float]]) -> tuple[float, float]:
    """Return the variance of blocks within a launch and that between launches (the second at least 0)."""
    within = mean(variance(values) for values in ratios.values())
    blocks = median(len(values) for values in ratios.values())
    return within, max(0.0, variance([mean(values) for values in ratios.values()]) - within / blocks)


def main() -> None:
    """Keep the table `variance`."""
    folder = RunFolder.open(Path(sys.argv[1])) if len(sys.argv) > 1 else measure_run()
    slices = [record for record in folder.read_rows("slices.csv", SliceRecord) if not record.warm_up]
    launches = [row for row in folder.read_manifest()["launches"] if row["kept"]]
    blocks = len({record.block for record in slices})
    load_s = {load: sum(record.drained_ns - record.start_ns for record in slices if record.load == load) / 1e9 for load in LOADS}
    launch_s = mean(row["total_s"] for row in launches) - sum(load_s.values()) / len(launches)
    rows = []
    for contender, baseline in PAIRS:
        for metric, load in WANTED:
            ratios = block_log_ratios([record for record in slices if record.load == load], contender, baseline, metric)
            within, between = components(ratios)
            block_s = load_s[load] / len(launches) / blocks
            rows.append(
                {
                    "ratio": f"{contender}/{baseline}",
                    "metric": metric,
                    "load": load,
                    "sd_within_percent": 100 * math.sqrt(within),
                    "sd_between_percent": 100 * math.sqrt(between),
                    "sd_of_mean_percent": 100 * stdev(mean(values) for values in ratios.values()),
                    "sd_of_median_percent": 100 * stdev(median(values) for values in ratios.values()),
                    "launch_s": launch_s,
                    "block_s": block_s,
                    "best_blocks": math.sqrt(launch_s / block_s * within / between) if between else math.inf,
                    "launches": len(launches),
                    "blocks": blocks,
                }
            )
    keep_table("variance", rows)


if __name__ == "__main__":
    main()
