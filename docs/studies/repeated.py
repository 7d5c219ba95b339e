"""One profile again and again, hours apart: does each run hold, and do their intervals agree?

`python docs/studies/repeated.py RUN [RUN ...]` adds finished runs of one profile to its tables, such as `quick` (one row per judged row)
and `quick_launches` (both ratios of each launch), and says whether the intervals of each row overlap pairwise.
"""

import itertools
import math
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from study import keep_table, read_table_if_any

from bench.records import find_floor
from bench.records.folder import RunFolder


def main() -> None:
    """Add the runs that are named."""
    folders = [RunFolder.open(Path(path)) for path in sys.argv[1:]]
    [profile] = {folder.read_summary().profile for folder in folders}
    rows: list[dict[str, Any]] = list(read_table_if_any(profile))
    launches: list[dict[str, Any]] = list(read_table_if_any(f"{profile}_launches"))
    for folder in folders:
        if folder.path.resolve().name not in {row["run"] for row in rows}:
            add(folder, rows, launches)
    keep_table(f"{profile}_launches", launches, shown=False)
    keep_table(profile, rows)
    for pair, metric in dict.fromkeys((row["pair"], row["metric"]) for row in rows):
        ends = [(float(row["ci_low"]), float(row["ci_high"])) for row in rows if (row["pair"], row["metric"]) == (pair, metric)]
        apart = [one for one in itertools.combinations(ends, 2) if one[0][0] > one[1][1] or one[1][0] > one[0][1]]
        print(f"{pair}, {metric}: {len(ends)} runs, {len(apart)} of {math.comb(len(ends), 2)} pairs of intervals do not overlap")


def add(folder: RunFolder, rows: list[dict[str, Any]], launches: list[dict[str, Any]]) -> None:
    """Add what a run says of its judged rows."""
    summary, manifest = folder.read_summary(), folder.read_manifest()
    noise, name = summary.validity.noise, folder.path.resolve().name
    wall_s = (folder.path / "report.html").stat().st_mtime - datetime.fromisoformat(manifest["created_utc"]).timestamp()
    for row in summary.comparisons:
        if row.role == "exploratory" or row.ends is None or row.interval is None:
            continue
        floor = find_floor(row, summary.noise_floor)
        rows.append(
            {
                "run": name,
                "commit": str(manifest["environment"]["commit"])[:12],
                "cpu": manifest["environment"]["cpu"],
                "wall_s": wall_s,
                "valid": summary.validity.valid,
                "pair": row.pair,
                "metric": row.metric,
                "verdict": row.verdict,
                "ratio": row.ratio,
                "ci_low": row.ends[0],
                "ci_high": row.ends[1],
                "level": row.interval.level,
                "half_width": math.sqrt(row.ends[1] / row.ends[0]) - 1,
                "aa": row.aa_state,
                "aa_low": row.aa_low,
                "aa_high": row.aa_high,
                "slice_sd": noise.slice_sd_ratio,
                "steal": noise.steal_ratio,
                "foreign": noise.foreign_ratio,
                "slowest": noise.slowest_ratio,
                "fastest": noise.fastest_ratio,
            }
        )
        copies = floor.launch_ratios if floor else ()
        for launch, (ratio, aa_ratio) in enumerate(zip(row.launch_ratios, copies, strict=True), start=1):
            launches.append({"run": name, "pair": row.pair, "metric": row.metric, "launch": launch, "ratio": ratio, "aa_ratio": aa_ratio})


if __name__ == "__main__":
    main()
