"""How many blocks per launch? Variance components and costs of a run with several blocks, and the optimum they give.

`python -m bench.studies.variance RUN` takes a finished run of the headline stacks with at least three blocks per launch, such as
`measure_run` makes if no run is named. Source: Kalibera & Jones, Rigorous Benchmarking in Reasonable Time (2013): the number of
blocks b that gives the narrowest interval for a time is sqrt(cost of a launch / cost of a block x variance within / between).
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, median, variance

from bench.plan.config import make_config
from bench.records import SliceRecord
from bench.run_folder import RunFolder
from bench.studies.study import keep_table, run_whole

LAUNCHES, BLOCKS = 16, 6
PAIRS = (("fastapi-uvicorn", "flask-gthread"), ("fastapi-granian", "flask-granian"), ("flask-gthread-twin", "flask-gthread"))


def measure_run() -> RunFolder:
    """Run the headline stacks at saturation with many blocks."""
    config = make_config("quick", launches=LAUNCHES)
    return run_whole(replace(config, profile="variance", parts=(replace(config.parts[0], loads=("closed-16",), blocks=BLOCKS),)))


def block_log_ratios(slices: Sequence[SliceRecord], contender: str, baseline: str) -> dict[int, list[float]]:
    """Return per launch the log throughput ratio of each block."""
    rates: dict[tuple[int, int, str], list[float]] = {}
    for record in slices:
        if record.load == "closed-16" and not record.warm_up and record.throughput_rps:
            rates.setdefault((record.launch, record.block, record.stack), []).append(record.throughput_rps)
    ratios: dict[int, list[float]] = {}
    for (launch, block, stack), values in sorted(rates.items()):
        if stack == contender:
            ratios.setdefault(launch, []).append(math.log(mean(values) / mean(rates[launch, block, baseline])))
    return ratios


def components(ratios: Mapping[int, Sequence[float]]) -> tuple[float, float]:
    """Return the variance of blocks within a launch and that between launches (the second at least 0)."""
    within = mean(variance(values) for values in ratios.values())
    blocks = median(len(values) for values in ratios.values())
    return within, max(0.0, variance([mean(values) for values in ratios.values()]) - within / blocks)


def main() -> None:
    """Keep the table `variance`."""
    folder = RunFolder.open(Path(sys.argv[1])) if len(sys.argv) > 1 else measure_run()
    slices = folder.read_rows("slices.csv", SliceRecord)
    launches = [row for row in folder.read_manifest()["launches"] if row["kept"]]
    blocks = len({record.block for record in slices if not record.warm_up})
    block_s = sum(record.drained_ns - record.start_ns for record in slices if not record.warm_up) / 1e9 / len(launches) / blocks
    launch_s = mean(row["total_s"] for row in launches) - block_s * blocks
    rows = []
    for contender, baseline in PAIRS:
        within, between = components(block_log_ratios(slices, contender, baseline))
        best = math.sqrt(launch_s / block_s * within / between) if between else math.inf
        rows.append(
            {
                "ratio": f"{contender}/{baseline}",
                "sd_within_percent": 100 * math.sqrt(within),
                "sd_between_percent": 100 * math.sqrt(between),
                "launch_s": launch_s,
                "block_s": block_s,
                "best_blocks": best,
                "launches": len(launches),
                "blocks": blocks,
            }
        )
    keep_table("variance", rows)


if __name__ == "__main__":
    main()
