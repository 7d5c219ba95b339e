"""What one answer costs the load generator, by its number of processes, and what the merge and the reader on a machine of servers cost.

It measures on this machine alone: `python docs/studies/scale.py`, in about four minutes, writes scale.csv. docs/scale.md works out from
it what several hosts can do.
"""

import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.measure.elsewhere import reach
from bench.plan.places import ServerPlace
from bench.plan.stacks import BUNDLED_STACKS, load_stacks

HERE = Path(__file__).parent
PROCESSES = (0, 1, 2, 3)
ROWS = 100_000
QUESTIONS = 2_000
# Locust patches the process that imports it, so the merge is timed in one of its own: seconds per sample.
MERGE = f"""
import time
from bench.measure import load
from bench.measure.crew import LocustCrew
import numpy as np
rows = np.random.default_rng(1).integers(1, 10**15, ({ROWS}, load.SAMPLE_FIELDS))
replies = {{number: {{"samples": [rows.tobytes()], "start_ns": 1}} for number in range(3)}}
begin_s = time.perf_counter()
for _ in range(10):
    LocustCrew._merge(None, replies, 0, 2)
print((time.perf_counter() - begin_s) / 10 / 3 / {ROWS})
"""


def calibrate(processes: int) -> dict[str, float]:
    """Return the figures of `bench calibrate` by so many load processes; 0: the generator's own process."""
    command = [sys.executable, "-m", "bench", "calibrate", "--json"]
    command += ["--load-processes", str(processes)] if processes else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def time_reader() -> Iterator[tuple[str, float]]:
    """Yield what a reading of a server's counters takes as a question to the reader, without a network: the median and the p99."""
    stack = load_stacks(BUNDLED_STACKS)["bare-wsgi-gthread"]
    with tempfile.TemporaryDirectory() as folder, reach(ServerPlace("{command}"), Path(folder)) as far:
        [running] = far.launch([stack])
        took_s = []
        for _ in range(QUESTIONS):
            begin_s = time.perf_counter()
            far.ask("clocks", running.stack.name)
            took_s.append(time.perf_counter() - begin_s)
    yield "reader_us_per_question", statistics.median(took_s) * 1e6
    yield "reader_us_p99", float(np.quantile(took_s, 0.99)) * 1e6


def measure() -> Iterator[tuple[str, float]]:
    """Yield each figure with its name."""
    for processes in PROCESSES:
        figures = calibrate(processes)
        for name in ("lean_rps", "lean_cpu_us_per_answer", "lean_late_us", "fasthttp_rps"):
            yield f"{name}, {processes or 'no'} load processes", figures[name]
        yield f"generator cores, {processes or 'no'} load processes", len(figures["generator_cores"])  # type: ignore[arg-type]
    merge = subprocess.run([sys.executable, "-c", MERGE], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    yield "merge_us_per_answer", float(merge.stdout) * 1e6
    yield from time_reader()


if __name__ == "__main__":
    with (HERE / "scale.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("figure", "value"))
        for figure, value in measure():
            writer.writerow((figure, round(value, 3)))
            print(f"{figure:40} {value:12,.3f}", flush=True)
