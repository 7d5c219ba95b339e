"""Twenty times: is FastAPI on uvicorn faster than itself? By this bench, and by single runs of plain Locust in the same time.

Each comparison measures a third copy of the stack against the first and its twin, 60 s under load in all; the truth is 1. Then the
way it is usually done: Locust's FastHttpUser against one copy, then against another, for the same wall time in all, with the
interval that the spread of Locust's own requests per second would suggest.
"""

import contextlib
import csv
import math
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from study import keep_table, make_plan, run_whole

from bench.measure.environment import choose_cores
from bench.measure.processes import clean_environment, kill_group, launch_stacks, pinned
from bench.plan.plan import DEFAULT_SEED
from bench.plan.profiles import JudgedRow, Pair, Part
from bench.plan.stacks import BUNDLED_STACKS, Stack, load_stacks

COMPARISONS = 20
LAUNCHES, BLOCKS, SLICE_MS = 12, 3, 280  # 3 stacks x 2 slices x 3 blocks x 12 launches x 280 ms = 60 s
BASE = "fastapi-uvicorn"
LOCUSTFILE = Path(__file__).parents[2] / "bench" / "locustfile.py"
WARM_UP_S = 3


def main() -> None:
    """Keep the tables `aa` (one row per comparison) and `aa_launches` (one row per launch), after each comparison anew."""
    stack = load_stacks(BUNDLED_STACKS)[BASE]
    rows: list[dict[str, object]] = []
    launches: list[dict[str, object]] = []
    for number in range(1, COMPARISONS + 1):
        begin_s = time.monotonic()
        row, ratios = compare(stack, number)
        wall_s = time.monotonic() - begin_s
        ratio, half_width = compare_by_locust(stack, wall_s / 2)
        rows.append({"comparison": number, **row, "wall_s": wall_s, "locust_ratio": ratio, "locust_half_width": half_width})
        launches += [{"comparison": number, "kind": kind, "ratio": value} for kind, values in ratios.items() for value in values]
        keep_table("aa_launches", launches)
        keep_table("aa", rows)
    for name in ("half_width", "locust_half_width"):
        print(f"median {name}: {statistics.median(float(str(row[name])) for row in rows):.4f}")
    for name in ("ratio", "locust_ratio"):
        errors = [abs(math.log(float(str(row[name])))) for row in rows]
        print(f"{name} off by: median {statistics.median(errors):.4f}, worst {max(errors):.4f}")
    print(f"verdicts: {[row['verdict'] for row in rows]}")


def compare(stack: Stack, number: int) -> tuple[dict[str, object], dict[str, tuple[float, ...]]]:
    """Run the bench once; return its row and the ratio of each launch, of the copy and of the twin."""
    names = (stack.name, f"{stack.name}-copy", f"{stack.name}-twin")
    part = Part("headline", names, ("predict-1",), ("closed-16",), LAUNCHES, BLOCKS)
    pair = Pair("copy", names[1], names[0], (JudgedRow("primary", "throughput_rps", "predict-1", "closed-16"),))
    stacks = {name: replace(stack, name=name) for name in names}
    settings = {"slice_ms": SLICE_MS, "seed": DEFAULT_SEED + number, "pairs": (pair,)}
    summary = run_whole(make_plan("aa", part, stacks, **settings)).read_summary()
    row = next(row for row in summary.comparisons if row.metric == "throughput_rps")
    floor = next(row for row in summary.noise_floor if row.metric == "throughput_rps")
    assert row.ratio is not None  # noqa: S101 - it was measured
    assert row.ends is not None  # noqa: S101
    figures: dict[str, object] = {
        "verdict": row.verdict,
        "ratio": row.ratio,
        "ci_low": row.ends[0],
        "ci_high": row.ends[1],
        "half_width": math.sqrt(row.ends[1] / row.ends[0]) - 1,
        "repeats": sum(gate.action == "repeated" for gate in summary.validity.gates),
    }
    return figures, {"copy": row.launch_ratios, "twin": floor.launch_ratios}


def compare_by_locust(stack: Stack, seconds: float) -> tuple[float, float]:
    """Run plain Locust against two copies, one after the other, `seconds` each; return ratio and half-width of the naive interval."""
    rates = [run_locust(stack, seconds) for _ in range(2)]
    means = [statistics.mean(values) for values in rates]
    errors = [statistics.stdev(values) / math.sqrt(len(values)) / mean for values, mean in zip(rates, means, strict=True)]
    return means[1] / means[0], 1.96 * math.hypot(*errors)


def run_locust(stack: Stack, seconds: float) -> list[float]:
    """Return Locust's requests per second, second by second, of one run against a fresh server."""
    cores = choose_cores()
    with contextlib.ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        (server,) = launch_stacks([stack], cores.servers, folder, exits)
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--tags", "predict-1"]
        command += ["--host", f"http://127.0.0.1:{server.port}", "-u", "16", "-r", "16", "-t", f"{math.ceil(seconds)}s"]
        command += ["--csv", str(folder / "locust"), "--csv-full-history"]
        with pinned(cores.generator):
            process = subprocess.Popen(  # noqa: S603 - our own locustfile
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment(), start_new_session=True
            )
        exits.callback(kill_group, process)
        process.wait(seconds + 60)
        with (folder / "locust_stats_history.csv").open(encoding="utf-8", newline="") as file:
            counts = [int(row["Total Request Count"]) for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    return [float(after - before) for before, after in zip(counts[WARM_UP_S:-1], counts[WARM_UP_S + 1 :], strict=True)]


if __name__ == "__main__":
    main()
