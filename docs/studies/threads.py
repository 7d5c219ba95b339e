"""How many threads for Flask on gunicorn gthread? Throughput, CPU and p99 with 1 to 32 threads, interleaved in one run."""

from dataclasses import replace

from study import keep_table, make_plan, run_whole

from bench.plan.profiles import Pair, Part
from bench.plan.stacks import BUNDLED_STACKS, load_stacks

THREADS = (1, 2, 4, 8, 16, 32)
CHOSEN = 8
LAUNCHES = 12


def main() -> None:
    """Measure and keep the table `threads`."""
    chosen = load_stacks(BUNDLED_STACKS)["flask-gthread"]
    place = chosen.command.index("--threads") + 1
    stacks = {}
    for threads in THREADS:
        command = (*chosen.command[:place], str(threads), *chosen.command[place + 1 :])
        stacks[f"threads-{threads}"] = replace(chosen, name=f"threads-{threads}", command=command, label=f"{threads} threads")
    part = Part("headline", tuple(stacks), ("predict-1",), ("closed-16", "closed-1"), LAUNCHES, blocks=1)
    pairs = tuple(Pair(name, name, f"threads-{CHOSEN}") for name in stacks if name != f"threads-{CHOSEN}")
    summary = run_whole(make_plan("threads", part, stacks, pairs=pairs)).read_summary()
    ratios = {(row.contender, row.load): row for row in summary.comparisons if row.metric == "throughput_rps"}
    rows = []
    for cell in summary.cells:
        row = ratios.get((cell.stack, cell.load))
        rows.append(
            {
                "threads": cell.stack.removeprefix("threads-"),
                "load": cell.load,
                "throughput_rps": cell.throughput_rps,
                "ratio_to_8": row.ratio if row else 1.0,
                "ci_low": row.ends[0] if row and row.ends else "",
                "ci_high": row.ends[1] if row and row.ends else "",
                "cpu_us_per_request": cell.cpu_us_per_request,
                "p99_ms": cell.p99_ms,
                "launches": cell.launches,
            }
        )
    keep_table("threads", rows)


if __name__ == "__main__":
    main()
