"""The end of a run in the terminal: the answer, what to choose, and where the rest is."""

import os
import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path

from bench.records import Answer
from bench.records.folder import RunFolder
from bench.show.finished import NO_ANSWER
from bench.show.outputs.choices import unmeasured_line
from bench.show.words.selection import headline_cells
from bench.show.words.tables import terminal_table
from bench.show.words.verdicts import notices, validity_line

MAX_CELLS = 6


def terminal_summary(folder: RunFolder, answer: Answer | None = None, columns: int | None = None) -> str:
    """Return the answer, what to choose, and where the rest is; lines longer than `columns` are folded. ASCII but for names.

    A run that says too little to choose by shows its first cells instead.
    """
    summary = folder.read_summary()
    answer = answer or summary.answer or NO_ANSWER
    path = _short_path(folder.path)
    places = {
        "again": f"python -m bench report {shlex.quote(str(path))}",
        "figures": path / "summary.json",
        "markdown": path / "report.md",
        "report": path / "report.html",  # last: it is what most readers want next
    }
    known = [choice for choice in answer.choices if choice.standing in ("judged", "seen", "counted")]
    lines = [*notices(summary), *(line.text for line in answer.lines if line.topic != "others"), validity_line(summary), ""]
    lines += ["What to choose:", *(f"- {choice.service}: {choice.choose}" for choice in known), ""] if known else []
    lines += [absent, ""] if known and (absent := unmeasured_line(answer)) else []
    cells = headline_cells(summary)[:MAX_CELLS]
    lines += [*terminal_table(cells), ""] if cells and not known else []
    ends = [f"{name + ':':10}{place}" for name, place in places.items()]
    return "\n".join([*fold(lines, columns), *ends])  # a command that was folded could not be pasted


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
