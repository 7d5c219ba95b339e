"""The table that a study prints and keeps: rows of equal keys, as CSV in docs/studies/ and aligned on the terminal."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "studies"
RESULTS = Path("results") / "studies"


def keep_table(name: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Write docs/studies/NAME.csv and print the same, aligned."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = [[_to_text(value) for value in row.values()] for row in rows]
    with (FOLDER / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([list(rows[0]), *texts])
    widths = [max(map(len, column)) for column in zip(list(rows[0]), *texts, strict=True)]
    for line in [list(rows[0]), *texts]:
        print("  ".join(word.rjust(width) for word, width in zip(line, widths, strict=True)), flush=True)


def read_table(name: str) -> list[dict[str, str]]:
    """Return docs/studies/NAME.csv as one dict per row."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _to_text(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
