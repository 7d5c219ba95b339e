"""What a run costs: the orchestrator's peak memory with ten million samples, and from finished runs the price of a launch.

`python -m bench.studies.memory [RUN ...]` prints both; it keeps no table, since memory belongs to the machine.
"""

import resource
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

import numpy as np
from bench.judge.tables import read_launch
from bench.plan.config import make_config

from bench.plan.schedule import schedule_launch
from bench.records.folder import RunFolder
from bench.records.samples import SAMPLE_COLUMNS
from bench.run.recorder import Session

SAMPLES = 10_000_000
LAUNCHES = 14
MIB = 1024 * 1024


def main() -> None:
    """Print the figures."""
    for path in sys.argv[1:]:
        describe_run(Path(path))
    with tempfile.TemporaryDirectory() as folder:
        count = fill_session(Path(folder))
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:,} samples in {LAUNCHES} launches, judged and written after each: peak memory {peak_mib:,.0f} MiB")


def fill_session(results: Path) -> int:
    """Hand invented launches to a session of the default profile's first part, as a run does; return the number of samples."""
    config = make_config("default", launches=LAUNCHES)
    part = config.parts[0]
    config = replace(config, parts=(part,), saturation_rps=dict.fromkeys(part.stacks, 20_000.0))
    session = Session(config, "", {}, [], RunFolder.create("memory", datetime.now(UTC), results))
    total = 0
    for launch in range(1, LAUNCHES + 1):
        slices = schedule_launch(config, part, launch)
        per_slice = SAMPLES // LAUNCHES // len(slices)
        samples = np.ones((per_slice * len(slices), len(SAMPLE_COLUMNS)), dtype=np.int64)
        samples[:, 0] = np.repeat(np.arange(len(slices)), per_slice)
        sent_ns = samples[:, 0] * 1_000_000_000 + np.tile(np.linspace(0, 249e6, per_slice).astype(np.int64), len(slices))
        samples[:, 2] = samples[:, 3] = sent_ns
        samples[:, 4] = samples[:, 5] = sent_ns + 1_000_000
        facts = [_invent_fact(index) for index in range(len(slices))]
        session.tables.add_launch(launch, read_launch(launch, slices, facts, samples), [])
        session.write_tables(partial=True)
        total += len(samples)
    return total


def describe_run(path: Path) -> None:
    """Print the price of a launch of each part and the share of wall time with a stack under load."""
    manifest = RunFolder.open(path).read_manifest()
    launches = manifest["launches"]
    created, finished = (datetime.fromisoformat(manifest[name]) for name in ("created_utc", "finished_utc"))
    wall_s = (finished - created).total_seconds()
    print(f"{path}: {wall_s:.0f} s from plan to report")
    for part in dict.fromkeys(row["part"] for row in launches):
        own = [row for row in launches if row["part"] == part]
        total_s, load_s, start_s = (mean(row[name] for row in own) for name in ("total_s", "load_s", "start_s"))
        print(f"  {part}: {len(own)} launches of {total_s:.1f} s, {start_s:.1f} s to start, {load_s:.1f} s under load")
    print(f"  a stack was under load for {sum(row['load_s'] for row in launches) / wall_s:.0%} of the wall time")


def _invent_fact(index: int) -> dict[str, float]:
    start_ns = index * 1_000_000_000
    times = {
        "start_ns": start_ns,
        "settled_ns": start_ns + 40_000_000,
        "end_ns": start_ns + 250_000_000,
        "drained_ns": start_ns + 251_000_000,
    }
    cpu = dict.fromkeys(("server_cpu_ns", "server_user_ns", "server_kernel_ns", "generator_cpu_ns"), 100_000_000)
    return {"slice": index, **times, **cpu, "generator_wait_ratio": 0.0, "steal_ratio": 0.0, "pressure_ratio": 0.0}


if __name__ == "__main__":
    main()
