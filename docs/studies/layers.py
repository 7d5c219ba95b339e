"""What do the strict layer and `gc.freeze()` cost or gain? Each of the four headline stacks against itself without the one or the other.

Throughput and CPU time per request with 16 users, in one run, so that all are compared within the same launches.
"""

import dataclasses

from study import keep_table, make_plan, run_whole

from bench.plan.profiles import Pair, Part
from bench.plan.stacks import BUNDLED_STACKS, load_stacks

LAUNCHES, BLOCKS = 10, 4
WITHOUT = {
    "strict": ("flask-gthread", "fastapi-uvicorn"),
    "freeze": ("flask-gthread", "fastapi-uvicorn", "flask-granian", "fastapi-granian"),
}


def main() -> None:
    """Keep the table `layers`: one row per stack, what it is without, and metric; the ratio is that of the stack without it to itself."""
    bundled = load_stacks(BUNDLED_STACKS)
    bases = WITHOUT["freeze"]
    pairs = [Pair(f"{base} without {what}", f"{base}-without-{what}", base, ()) for what, names in WITHOUT.items() for base in names]
    stacks = {name: bundled[name] for name in (*bases, *(pair.contender for pair in pairs))}
    stacks |= {f"{base}-twin": dataclasses.replace(bundled[base], name=f"{base}-twin") for base in bases}
    part = Part("layers", tuple(stacks), ("predict-1",), ("closed-16",), LAUNCHES, BLOCKS)
    summary = run_whole(make_plan("layers", part, stacks, pairs=tuple(pairs))).read_summary()
    found = [(row.contender.removeprefix(f"{row.baseline}-"), row) for row in (*summary.comparisons, *summary.noise_floor)]
    keep_table(
        "layers",
        [
            {
                "stack": row.baseline,
                "measured": words,
                "metric": row.metric,
                "ratio": row.ratio,
                "ci_low": row.ends[0] if row.ends else None,
                "ci_high": row.ends[1] if row.ends else None,
                "level": row.interval.level if row.interval else None,
                "launches": row.launches,
            }
            for words, row in found
            if row.metric in {"throughput_rps", "cpu_us_per_request"}
        ],
    )


if __name__ == "__main__":
    main()
