"""What a run costs: the memory of judging ten million samples, and from finished runs the price of a launch.

`python docs/studies/memory.py [RUN ...]` prints both; it keeps no table, since memory belongs to the machine.
"""

import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import mean

import numpy as np

from bench.measure.slices import describe_slices
from bench.plan.described import describe
from bench.plan.plan import make_plan
from bench.plan.schedule import schedule_slices
from bench.records import SliceRecord
from bench.records.folder import RunFolder
from bench.records.samples import SAMPLE_COLUMNS, write_samples

SAMPLES = (100_000, 1_000_000, 10_000_000)
LAUNCHES = 14
# Resource usage of a child would begin with that of its parent, which has just invented the samples.
JUDGE = """
import sys
from pathlib import Path
from bench.commands.main import main
main(["judge", sys.argv[1]])
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def main() -> None:
    """Print the figures."""
    for path in sys.argv[1:]:
        describe_run(Path(path))
    for samples in SAMPLES:
        with tempfile.TemporaryDirectory() as folder:
            count = invent_run(Path(folder) / "run", samples)
            done = subprocess.run([sys.executable, "-c", JUDGE, f"{folder}/run"], check=True, capture_output=True, text=True)  # noqa: S603
        print(f"{count:,} samples in {LAUNCHES} launches, judged: peak memory {int(done.stdout.split()[-1]) / 1024:,.0f} MiB")


def invent_run(path: Path, samples: int) -> int:
    """Write the files of a run of the default profile's first part with so many samples; return their number."""
    plan = make_plan("default", launches=LAUNCHES)
    part = plan.parts[0]
    plan = replace(plan, parts=(part,), changes=())
    folder = RunFolder(path)
    (path / "samples").mkdir(parents=True)
    slices: list[SliceRecord] = []
    for launch in range(1, LAUNCHES + 1):
        planned = schedule_slices(plan, part, launch)
        per_slice = samples // LAUNCHES // len(planned)
        rows = np.ones((per_slice * len(planned), len(SAMPLE_COLUMNS)), dtype=np.int64)
        rows[:, 0] = np.repeat(np.arange(len(planned)), per_slice)
        sent_ns = rows[:, 0] * 1_000_000_000 + np.tile(np.linspace(0, 249e6, per_slice).astype(np.int64), len(planned))
        rows[:, 2] = rows[:, 3] = sent_ns
        rows[:, 4] = rows[:, 5] = sent_ns + 1_000_000
        write_samples(folder.samples_path(launch), rows)
        slices += describe_slices(launch, planned, [_invent_fact(index) for index in range(len(planned))], rows)
    folder.write_rows("slices.csv", slices, SliceRecord)
    kept = [{"launch": launch, "part": part.name, "kept": True} for launch in range(1, LAUNCHES + 1)]
    facts = {"partial": False, "environment": {}, "gates": [], "warnings": [], "launches": kept}
    folder.write_manifest({"plan": describe(plan), **facts})
    return sum(record.answers for record in slices)


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
