"""The end of a run in the terminal: the answer, few cells, and where the rest is."""

import os
import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path

from bench.records.folder import RunFolder
from bench.records.price import Price, price_from_plan
from bench.show.five_lines import answer_lines, trust_lines
from bench.show.selection import headline_cells
from bench.show.sentences import notices
from bench.show.tables import terminal_table

MAX_LINES = 20
MAX_CELLS = 6


def terminal_summary(folder: RunFolder, price: Price | None = None, columns: int | None = None) -> str:
    """Return the answer, at most six cells, and where the rest is: ASCII, 20 lines at most before they are folded to `columns`."""
    summary, manifest = folder.read_summary(), folder.read_manifest()
    path, stacks = _short_path(folder.path), manifest["stacks"]
    answer = [*answer_lines(summary, stacks, price or price_from_plan(manifest["plan"])), *trust_lines(summary, stacks)]
    places = {
        "again": f"python -m bench report {shlex.quote(str(path))}",
        "figures": path / "summary.json",
        "markdown": path / "report.md",
        "report": path / "report.html",  # last: it is what most readers want next
    }
    ends = [f"{name + ':':10}{place}" for name, place in places.items()]
    room = MAX_LINES - len(answer) - len(ends) - 2  # two blank lines
    lines = [*notices(summary)[:room], *answer]
    room -= len(lines) - len(answer) + 2  # two headings of the table
    cells = headline_cells(summary)[: max(0, min(MAX_CELLS, room))]
    told = fold([*lines, "", *([*terminal_table(cells), ""] if cells else [])], columns)
    return "\n".join([*told, *ends])  # a command that was folded could not be pasted


def fold(lines: Sequence[str], columns: int | None) -> list[str]:
    """Return lines broken between words where they are longer than a terminal of so many columns; all as they are if it is None."""
    if columns is None:
        return list(lines)
    wrapper = textwrap.TextWrapper(columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [part for line in lines for part in wrapper.wrap(line) or [""]]


def _short_path(path: Path) -> Path:
    """Return a path as the reader would type it: relative where it lies below the working folder."""
    here = Path(os.path.realpath(Path.cwd()))
    return path.relative_to(here) if path.is_relative_to(here) else path
