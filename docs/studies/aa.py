"""Twenty times: is FastAPI on uvicorn faster than itself? By the protocol of today and by the one before, in turn; the truth is 1.

`python docs/studies/aa.py FORMER` takes a checkout of the version before (commit 3617bcf) with its own `.venv`. Each comparison measures a
third copy of the stack against the first and its twin, 60 s under load in all. It goes on where its tables end, so that it may be stopped.
"""

import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from study import keep_table, make_plan, read_table_if_any, run_whole

from bench.plan.plan import DEFAULT_SEED
from bench.plan.profiles import JudgedRow, Pair, Part
from bench.plan.stacks import BUNDLED_STACKS, load_stacks

COMPARISONS = 20
LAUNCHES, BLOCKS, SLICE_MS = 12, 8, 104  # 3 stacks x 2 slices x 8 blocks x 12 launches x 104 ms = 60 s
BASE = "fastapi-uvicorn"
# The script of the version before, asked for one comparison; it looked for a function where it no longer was.
FORMER = """
import sys, json; sys.path.insert(0, "docs/studies")
import bench.measure.processes, bench.measure.ready
bench.measure.processes.launch_stacks = bench.measure.ready.launch_stacks
import aa
folders = []
whole = aa.run_whole
aa.run_whole = lambda plan: folders.append(whole(plan)) or folders[-1]
aa.compare(aa.load_stacks(aa.BUNDLED_STACKS)[aa.BASE], int(sys.argv[1]))
print(folders[-1].path)
"""


def main() -> None:
    """Keep the tables `aa_protocols` (one row per comparison) and `aa_protocols_launches` (one row per launch), after each one anew."""
    former = Path(sys.argv[1])
    rows: list[dict[str, Any]] = list(read_table_if_any("aa_protocols"))
    launches: list[dict[str, Any]] = list(read_table_if_any("aa_protocols_launches"))
    for number in range(len(rows) // 2 + 1, COMPARISONS + 1):
        for protocol in ("totals-1", "block-medians-1") if number % 2 else ("block-medians-1", "totals-1"):
            begin_s = time.monotonic()
            summary = compare(number) if protocol == "totals-1" else compare_as_before(former, number)
            rows.append({"comparison": number, "protocol": protocol, **describe(summary), "wall_s": time.monotonic() - begin_s})
            launches += [{"comparison": number, "protocol": protocol, **row} for row in describe_launches(summary)]
        keep_table("aa_protocols_launches", launches, shown=False)
        keep_table("aa_protocols", rows)
    for protocol in ("block-medians-1", "totals-1"):
        own = [row for row in rows if row["protocol"] == protocol]
        widths, errors = ([float(row["half_width"]) for row in own], [abs(math.log(float(row["ratio"]))) for row in own])
        print(
            protocol,
            f"half-width: median {statistics.median(widths):.4f}; error: median {statistics.median(errors):.4f}, worst {max(errors):.4f}",
        )
        print(protocol, {word: [row["verdict"] for row in own].count(word) for word in sorted({row["verdict"] for row in own})})


def compare(number: int) -> dict[str, Any]:
    """Run the bench once; return its summary.json."""
    stack = load_stacks(BUNDLED_STACKS)[BASE]
    names = (stack.name, f"{stack.name}-copy", f"{stack.name}-twin")
    part = Part("headline", names, ("predict-1",), ("closed-16",), LAUNCHES, BLOCKS)
    pair = Pair("copy", names[1], names[0], (JudgedRow("primary", "throughput_rps", "predict-1", "closed-16"),))
    stacks = {name: replace(stack, name=name) for name in names}
    settings = {"slice_ms": SLICE_MS, "seed": DEFAULT_SEED + number, "pairs": (pair,)}
    return read_summary(run_whole(make_plan("aa", part, stacks, **settings)).path)


def compare_as_before(former: Path, number: int) -> dict[str, Any]:
    """Let the version before run its bench once; return its summary.json."""
    command = [str(former / ".venv" / "bin" / "python"), "-c", FORMER, str(number)]
    told = subprocess.run(command, cwd=former, capture_output=True, text=True, check=True)  # noqa: S603 - our own former self
    return read_summary(former / told.stdout.splitlines()[-1])


def read_summary(run: Path) -> dict[str, Any]:
    """Return summary.json of a run as plain data, of whatever format."""
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text("utf-8"))
    return summary


def describe(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a comparison: the copy's verdict and ratio, the A/A beside it."""
    row, floor = (next(row for row in summary[name] if row["metric"] == "throughput_rps") for name in ("comparisons", "noise_floor"))
    aa = summary["validity"]["aa"]
    return {
        "verdict": row["verdict"],
        **{key: row[key] for key in ("ratio", "ci_low", "ci_high")},
        "half_width": math.sqrt(row["ci_high"] / row["ci_low"]) - 1,
        "aa": aa.get("state", aa.get("verdict")),
        "aa_low": floor["ci_low"],
        "aa_high": floor["ci_high"],
        "repeats": sum(gate["action"] == "repeated" for gate in summary["validity"]["gates"]),
    }


def describe_launches(summary: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield the ratios of each launch: of the copy to both others, and of these two."""
    rows = [next(row for row in summary[name] if row["metric"] == "throughput_rps") for name in ("comparisons", "noise_floor")]
    for launch, (ratio, floor) in enumerate(zip(*(row["launch_ratios"] for row in rows), strict=True), start=1):
        yield {"launch": launch, "ratio": ratio, "aa_ratio": floor}


if __name__ == "__main__":
    main()
