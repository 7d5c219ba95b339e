"""The report of a run as Markdown that fits a pull request: answer, pictures, the tables that carry it, how far to trust it."""

from collections.abc import Iterable, Mapping, Sequence

from bench.show.page import Chart
from bench.show.sections import Block, Section
from bench.show.tables import Table

# A pull request holds 65,536 characters; rows beyond these stand in the files.
MAX_ROWS = 24
_ESCAPES = str.maketrans({**{sign: f"\\{sign}" for sign in "\\|*_`[]"}, "&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render_markdown(
    answer: Sequence[str], notices: Sequence[str], fine_print: str, sections: Iterable[Section], charts: Mapping[str, Chart]
) -> str:
    """Return the document; folded tables and texts stand in the page and in the files of the run."""
    lines = ["# Flask or FastAPI: what would the switch buy?", ""]
    lines += [line for notice in notices for line in (f"> **{escape(notice)}**", "")]
    lines += [f"- {escape(line)}" for line in answer]
    if "answer" in charts:
        lines += ["", f"![{escape(charts['answer'].title)}](charts/answer.png)"]
    for section in sections:
        lines += ["", f"## {section.heading}"]
        lines += [text for line in section.lines for text in ("", escape(line))]
        for block in section.blocks:
            lines += _block_lines(block, charts)
        lines += ["", escape(section.note)] if section.note else []
    lines += ["", escape(fine_print), ""]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Return text that no Markdown reader takes for the border of a table, a tag or emphasis."""
    return " ".join(text.split()).translate(_ESCAPES)


def _block_lines(block: Block, charts: Mapping[str, Chart]) -> list[str]:
    lines = []
    if block.chart:
        lines += [
            "",
            f"![{escape(charts[block.chart].title)}](charts/{block.chart}.png)",
            "",
            f"How to read it: {escape(block.how_to_read)}",
        ]
    return [*lines, *(line for table in block.tables for line in _table_lines(table))]


def _table_lines(table: Table) -> list[str]:
    rules = ["--:" if column in table.numbers else "---" for column in range(len(table.columns))]
    lines = ["", f"**{escape(table.caption)}**", "", _row(table.columns), f"| {' | '.join(rules)} |"]
    lines += [_row(row) for row in table.rows[:MAX_ROWS]]
    hidden = len(table.rows) - MAX_ROWS
    return [*lines, "", f"{hidden} more in the run's files."] if hidden > 0 else lines


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(escape(text) for text in texts)} |"
