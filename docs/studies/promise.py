"""What do verdicts and A/A promise, under recorded noise? Runs of 8, 12 and 16 launches, drawn anew from launches of recorded runs.

A recorded launch gives two log ratios: contender over both copies of its baseline, and the second copy over the first. Both are centred and
their signs drawn at random, so that the truth is known: copies are equal, and so is the contender but for the ratio that is put upon it.
Sources: the throughput of the headline pair in three thorough runs of the version before (one in a quiet hour, two beside busy
neighbours; `former_launches`, extracted from the history of results/reference/ by `python docs/studies/promise.py --extract`), and the
runs of `quick` and of the A/A study under today's protocol.
"""

import csv
import io
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from study import keep_table, read_table, read_table_if_any

from bench.judge.comparisons import decide, state_of
from bench.judge.estimates import exponential, hodges_lehmann
from bench.plan.plan import make_plan
from bench.plan.rules import Rules
from bench.records import AS_DEPLOYED, Comparison, Role
from bench.records.samples import Floats

FORMER_RUNS = {"d6ca05f": "quiet", "5f15257": "noisy", "c01c335": "noisy"}
LAUNCHES = (8, 12, 16)
RUNS = 4000
SEED = 20261128
# Slices of one stack vary by more than this within a launch where neighbours are busy.
NOISY_SLICES = 0.1
ROLES: tuple[Role, ...] = ("primary", "secondary")


def main() -> None:
    """Keep the table `promise`."""
    if sys.argv[1:] == ["--extract"]:
        keep_table("former_launches", [row for commit in FORMER_RUNS for row in extract(commit)], shown=False)
    rows = []
    for source, logs in read_sources().items():
        for launches in LAUNCHES:
            for role in ROLES:
                rules = make_plan("quick").rules
                rows.append(
                    {"noise": source, "recorded": len(logs), "launches": launches, "role": role, **simulate(logs, launches, role, rules)}
                )
    keep_table("promise", rows)


def extract(commit: str) -> Iterator[dict[str, Any]]:
    """Yield both ratios of each headline launch of a former reference run, by totals."""
    text = subprocess.run(  # noqa: S603 - our own history
        ["git", "show", f"{commit}:results/reference/slices.csv"],  # noqa: S607 - the git that is installed
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    totals: dict[tuple[int, str], tuple[int, int]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        if (row["part"], row["load"], row["warm_up"]) == ("headline", "closed-16", "False"):
            key = int(row["launch"]), row["stack"]
            answers, length_ns = totals.get(key, (0, 0))
            totals[key] = answers + int(row["settled_answers"]), length_ns + int(row["end_ns"]) - int(row["settled_ns"])
    for launch in sorted({launch for launch, _ in totals}):
        contender, *copies = (totals[launch, name][0] / totals[launch, name][1] for name in (*AS_DEPLOYED, f"{AS_DEPLOYED[1]}-twin"))
        yield {
            "run": commit,
            "noise": FORMER_RUNS[commit],
            "launch": launch,
            "ratio": contender / math.sqrt(copies[0] * copies[1]),
            "aa_ratio": copies[1] / copies[0],
        }


def read_sources() -> dict[str, Floats]:
    """Return per source the log ratios (launch, [pair, copies]) of recorded launches, each run centred."""
    found: dict[str, list[Floats]] = {}
    for run, noise in FORMER_RUNS.items():
        own = [row for row in read_table("former_launches") if row["run"] == run]
        found.setdefault(f"{noise}, protocol before", []).append(centred(own))
    quick = read_table_if_any("quick_launches")
    spread = {row["run"]: float(row["slice_sd"]) for row in read_table_if_any("quick")}
    for run in dict.fromkeys(row["run"] for row in quick):
        noise = "noisy" if spread[run] > NOISY_SLICES else "quiet"
        own = [row for row in quick if row["run"] == run and row["pair"] == "as usually deployed"]
        found.setdefault(f"{noise}, quick", []).append(centred(own))
    for number in dict.fromkeys(row["comparison"] for row in read_table_if_any("aa_protocols_launches")):
        own = [row for row in read_table("aa_protocols_launches") if (row["comparison"], row["protocol"]) == (number, "totals-1")]
        found.setdefault("A/A study", []).append(centred(own))
    return {source: np.concatenate(parts) for source, parts in found.items()}


def centred(rows: list[dict[str, str]]) -> Floats:
    """Return both log ratios of each launch less what is usual in its run."""
    logs = np.log([[float(row["ratio"]), float(row["aa_ratio"])] for row in rows])
    centres = [interval.estimate for column in logs.T if (interval := hodges_lehmann(column, 0.95))]
    return np.asarray(logs - np.array(centres))


def simulate(logs: Floats, launches: int, role: Role, rules: Rules) -> Mapping[str, float]:
    """Return how often a run of so many launches keeps its promises."""
    draw = np.random.default_rng(SEED)
    places = draw.integers(0, len(logs), (RUNS, launches))
    signs = draw.choice([-1, 1], (RUNS, launches, 2))
    counts: dict[str, int] = {}
    widths = []
    for values in logs[places] * signs:
        row, floor = (blank(column, level, role) for column, level in zip(values.T, (rules.levels[role], 0.95), strict=True))
        assert row.ends is not None  # noqa: S101 - there are launches enough
        assert floor.ends is not None  # noqa: S101
        widths.append(math.log(row.ends[1] / row.ends[0]) / 2)
        state = state_of(floor, rules)
        own = replace(row, aa_state=state, aa_low=floor.ends[0], aa_high=floor.ends[1])
        found = {
            "covered": row.ends[0] <= 1 <= row.ends[1],
            "equivalent_at_1": decide(own, rules) == "equivalent",
            "better_at_1": decide(own, rules) in ("better", "worse"),
            "better_at_1.02": decide(moved(own, 1.02), rules) == "better",
            "equivalent_at_1.02": decide(moved(own, 1.02), rules) == "equivalent",
            "better_at_1.05": decide(moved(own, 1.05), rules) == "better",
            "aa_equal": state == "equal",
            "aa_coarse": state == "coarse",
            "aa_unequal": state == "unequal",
            "aa_unequal_at_1.03": state_of(moved(floor, 1.03), rules) == "unequal",
        }
        for name, is_so in found.items():
            counts[name] = counts.get(name, 0) + is_so
    return {"half_width_percent": 100 * float(np.median(widths)), **{name: count / RUNS for name, count in counts.items()}}


def blank(values: Floats, level: float, role: Role) -> Comparison:
    """Return a row of throughput with the interval of these log ratios."""
    interval = hodges_lehmann(values, level)
    assert interval is not None  # noqa: S101 - there are values
    texts = {"part": "", "contender": "", "baseline": "", "scenario": "", "load": "closed-16"}
    figures = {"interval": exponential(interval), "margin": 0.02, "smallest_seen": None, "launches": len(values), "launch_ratios": ()}
    return Comparison(**texts, metric="throughput_rps", **figures, role=role, verdict="not judged", reason="")  # type: ignore[arg-type]


def moved(row: Comparison, ratio: float) -> Comparison:
    """Return a row whose ratio is so many times its own."""
    assert row.interval is not None  # noqa: S101 - for the type checker
    assert row.ends is not None  # noqa: S101
    estimate, (low, high) = row.interval.estimate * ratio, (end * ratio for end in row.ends)
    return replace(row, interval=replace(row.interval, estimate=estimate, low=low, high=high))


if __name__ == "__main__":
    main()
