"""What studies share: a plan to run, and the table that is printed and kept beside it as CSV.

Studies take minutes to an hour and are no part of a run or of the tests; docs/method.md says what came out of them.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.plan.plan import DEFAULT_SEED, Plan
from bench.plan.profiles import Part
from bench.plan.stacks import Stack
from bench.records.folder import RunFolder
from bench.run.loop import run

FOLDER = Path(__file__).parent
RESULTS = Path("results") / "studies"


def make_plan(name: str, part: Part, stacks: Mapping[str, Stack], **settings: Any) -> Plan:
    """Return the plan of a study: one part, usual slices; `settings` are further fields of `Plan`."""
    usual: dict[str, Any] = {"slice_ms": 250, "settle_ms": 20, "warm_up_ms": 300, "limit_s": 3600, "seed": DEFAULT_SEED, "pairs": ()}
    return Plan(profile=name, purpose="a study.", starts=0, repeats=2, parts=(part,), stacks=stacks, **{**usual, **settings})


def run_whole(config: Plan) -> RunFolder:
    """Run a plan to its end, in results/studies/; raise what stopped it."""
    folder, stopped = run(config, f"python docs/studies/{config.profile.replace('-', '_')}.py", RESULTS)
    if stopped:
        raise stopped
    return folder


def keep_table(name: str, rows: Sequence[Mapping[str, object]], *, shown: bool = True) -> None:
    """Write docs/studies/NAME.csv and print the same, aligned, if it is to be shown."""
    texts = [[_to_text(value) for value in row.values()] for row in rows]
    with (FOLDER / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([list(rows[0]), *texts])
    widths = [max(map(len, column)) for column in zip(list(rows[0]), *texts, strict=True)]
    for line in [list(rows[0]), *texts] if shown else ():
        print("  ".join(word.rjust(width) for word, width in zip(line, widths, strict=True)), flush=True)


def read_table(name: str) -> list[dict[str, str]]:
    """Return docs/studies/NAME.csv as one dict per row."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_table_if_any(name: str) -> list[dict[str, str]]:
    """Return docs/studies/NAME.csv as one dict per row; nothing where there is none yet."""
    return read_table(name) if (FOLDER / f"{name}.csv").exists() else []


def _to_text(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
