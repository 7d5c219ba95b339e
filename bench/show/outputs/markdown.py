"""report.md: the report as a code host shows it: the answer, pictures, and the tables that carry it, long ones folded."""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.records import Answer
from bench.show.finished import FinishedRun
from bench.show.outputs.choices import choice_table, unmeasured_line
from bench.show.section import Block, Listing, Picture, Section
from bench.show.words.tables import Table
from bench.show.words.verdicts import notices, validity_line

# A table of more rows is folded; rows beyond the most stand in the files.
SOME_ROWS, MAX_ROWS = 8, 24
_ESCAPES = str.maketrans({**{sign: f"\\{sign}" for sign in "\\|*_`[]"}, "&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render_markdown(run: FinishedRun, first: Picture | None, sections: Sequence[Section]) -> str:
    """Return the document."""
    lines = answer_lines(run)
    lines += _picture_lines(first) if first else []
    lines += choice_lines(run.answer)
    lines += ["", escape(f"{run.answer.small_print} {validity_line(run.summary)}")]
    for_reviewers = [section for section in sections if section.for_reviewers]
    for section in sections:
        lines += ["", "---", "", "# For reviewers"] if section in for_reviewers[:1] else []
        lines += ["", f"## {section.heading}"]
        lines += [text for line in section.lines for text in ("", escape(line))]
        for block in section.blocks:
            lines += _block_lines(block)
        lines += ["", escape(section.note)] if section.note else []
        lines += ["", "[The difference of the two applications, line by line](adapters.diff)"] if section.folded_text else []
    lines += ["", "All other tables are in report.html and in the files beside it.", "", escape(run.fine_print), ""]
    return "\n".join(lines)


def answer_lines(run: FinishedRun, longest: int = sys.maxsize) -> list[str]:
    """Return question, notices and short answer, but for what the decision table says alone; each line at most so long."""
    lines = [f"# {escape(cut(run.answer.question, longest))}", ""]
    shown = notices(run.summary)
    shown = [*shown[:MAX_ROWS], *([f"{len(shown) - MAX_ROWS} more in the run's files."] if len(shown) > MAX_ROWS else [])]
    lines += [text for notice in shown for text in (f"> **{escape(cut(notice, longest))}**", "")]
    return [*lines, *(f"- {escape(cut(line.text, 4 * longest))}" for line in run.answer.lines if line.topic != "others")]


def choice_lines(answer: Answer, longest: int = sys.maxsize) -> list[str]:
    """Return the decision table, each of its texts at most so long, and what the run says nothing of."""
    table, absent = choice_table(answer), unmeasured_line(answer)
    lines = table_lines(shorten(table, longest)) if table.rows else []
    return [*lines, *(["", escape(absent)] if absent else [])]


def shorten(table: Table, longest: int) -> Table:
    """Return a table whose texts are at most so long each."""
    return replace(table, rows=tuple(tuple(cut(text, longest) for text in row) for row in table.rows))


def cut(text: str, longest: int) -> str:
    """Return the beginning of a text that is at most so long once it is escaped."""
    if len(escape(text)) <= longest:
        return text
    beginning = text[:longest]
    while len(escape(beginning)) > longest:
        beginning = beginning[:-1]
    return f"{beginning}..."


def escape(text: str) -> str:
    """Return text that no Markdown reader takes for the border of a table, a tag or emphasis."""
    return " ".join(text.split()).translate(_ESCAPES)


def _picture_lines(picture: Picture) -> list[str]:
    return ["", f"![{escape(picture.sheet.title)}](charts/{picture.name}.png)", "", f"*{escape(picture.how_to_read)}*"]


def _block_lines(block: Block) -> list[str]:
    lines = [line for listing in block.listings for line in _listing_lines(listing)]
    lines += _picture_lines(block.picture) if block.picture else []
    for table in block.tables:
        lines += table_lines(table) if len(table.rows) <= SOME_ROWS else _folded_lines(table)
    return lines


def _listing_lines(listing: Listing) -> list[str]:
    fence = "`" * (1 + max((len(ticks) for ticks in re.findall("`+", listing.code)), default=2))
    return ["", f"{escape(listing.name)}:", "", f"{fence}python", listing.code, fence]


def _folded_lines(table: Table) -> list[str]:
    return ["", f"<details><summary>{escape(table.caption)}</summary>", *table_lines(table, has_caption=False), "", "</details>"]


def table_lines(table: Table, *, has_caption: bool = True) -> list[str]:
    """Return a table in lines, as many of its rows as a reader would look through."""
    rules = ["--:" if column in table.numbers else "---" for column in range(len(table.columns))]
    lines = ["", f"**{escape(table.caption)}**"] if has_caption else []
    lines += ["", _row(table.columns), f"| {' | '.join(rules)} |", *(_row(row) for row in table.rows[:MAX_ROWS])]
    hidden = len(table.rows) - MAX_ROWS
    return [*lines, "", f"{hidden} more in the run's files."] if hidden > 0 else lines


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(escape(text) for text in texts)} |"
