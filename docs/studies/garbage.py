"""How much of a server's time is Python's garbage collection? Counted inside the servers, at saturation, stack by stack.

A full collection walks every object of the process and stops it for tens of milliseconds. How often it comes depends on how many
objects outlive a young collection, and so on the framework and on the server. It bounds from below how many requests a launch must
measure: far fewer than lie between two full collections, and a launch has met one or has not.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean

from study import keep_table, make_plan, run_whole

from bench.plan.profiles import Part
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from bench.records import SliceRecord

STACKS = ("flask-gthread", "fastapi-uvicorn", "flask-granian", "fastapi-granian", "fastapi-def")
SLICE_MS = 10_000
LAUNCHES = 3

# Python imports a module of this name at the start of every process of a stack. One line per collection: generation, begin and end in ns.
SITE = """
import gc, os, time

file = open(os.path.join({folder!r}, "{stack}.log"), "a", buffering=1)
begin = 0

def note(phase, info):
    global begin
    if phase == "start":
        begin = time.perf_counter_ns()
    else:
        file.write(f"{{info['generation']}} {{begin}} {{time.perf_counter_ns()}}\\n")

gc.callbacks.append(note)
"""


def main() -> None:
    """Keep the table `garbage`."""
    bundled = load_stacks(BUNDLED_STACKS)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        stacks = {}
        for name in STACKS:
            site = Path(folder) / name
            site.mkdir()
            (site / "sitecustomize.py").write_text(SITE.format(folder=folder, stack=name), "utf-8")
            stacks[name] = replace(bundled[name], environment={**bundled[name].environment, "PYTHONPATH": str(site)})
        part = Part("headline", STACKS, ("predict-1",), ("closed-16",), LAUNCHES, blocks=1, mirrored=False)
        slices = run_whole(make_plan("garbage", part, stacks, slice_ms=SLICE_MS)).read_rows("slices.csv", SliceRecord)
        keep_table("garbage", [describe(name, Path(folder), [record for record in slices if record.stack == name]) for name in STACKS])


def describe(stack: str, folder: Path, slices: list[SliceRecord]) -> dict[str, object]:
    """Return the row of a stack: the collections that lie in its counted slices."""
    counted = [record for record in slices if not record.warm_up]
    log = [tuple(map(int, line.split())) for line in (folder / f"{stack}.log").read_text("utf-8").splitlines()]
    times: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for generation, begin_ns, end_ns in log:
        if any(record.start_ns <= begin_ns < record.end_ns for record in counted):
            times[generation].append(end_ns - begin_ns)
    answers, full = sum(record.answers for record in counted), times[2]
    length_ns = sum(record.end_ns - record.start_ns for record in counted)
    return {
        "stack": stack,
        "answers": answers,
        "full_collections": len(full),
        "answers_between": answers / len(full) if full else "",
        "full_ms": mean(full) / 1e6 if full else "",
        "full_percent": 100 * sum(full) / length_ns,
        "young_percent": 100 * sum(times[0] + times[1]) / length_ns,
    }


if __name__ == "__main__":
    main()
