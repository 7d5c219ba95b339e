"""The report of a run as Markdown that fits a pull request: answer, pictures, the tables that carry it, how far to trust it."""

from collections.abc import Iterable, Sequence

from bench.show.charts import Chart
from bench.show.tables import Table

# A pull request holds 65,536 characters; rows beyond these stand in the files.
MAX_ROWS = 24
_ESCAPES = str.maketrans({**{sign: f"\\{sign}" for sign in "\\|*_`[]"}, "&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render_markdown(
    answer: Sequence[str],
    notices: Sequence[str],
    fine_print: str,
    charts: Iterable[tuple[Chart, str, Sequence[Table]]],
    sections: Iterable[tuple[str, str, Sequence[Table]]],
) -> str:
    """Return the document; each chart comes with how to read it and its tables, then each section of tables that has a row."""
    lines = ["# Flask or FastAPI: what would the switch buy?", ""]
    lines += [line for notice in notices for line in (f"> **{escape(notice)}**", "")]
    lines += [f"- {escape(line)}" for line in answer]
    for chart, how_to_read, tables in charts:
        lines += ["", f"## {chart.name.capitalize()}", "", f"![{escape(chart.title)}](charts/{chart.name}.png)"]
        lines += _section_lines(how_to_read, tables)
    for heading, how_to_read, tables in sections:
        lines += ["", f"## {heading}", *_section_lines(how_to_read, tables)] if any(table.rows for table in tables) else []
    lines += ["", escape(fine_print), ""]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Return text that no Markdown reader takes for the border of a table, a tag or emphasis."""
    return " ".join(text.split()).translate(_ESCAPES)


def _section_lines(how_to_read: str, tables: Sequence[Table]) -> list[str]:
    lines = ["", f"How to read it: {escape(how_to_read)}"] if how_to_read else []
    return [*lines, *(line for table in tables for line in _table_lines(table))]


def _table_lines(table: Table) -> list[str]:
    if not table.rows:
        return []
    rules = ["--:" if column in table.numbers else "---" for column in range(len(table.columns))]
    lines = ["", f"**{escape(table.caption)}**", "", _row(table.columns), f"| {' | '.join(rules)} |"]
    lines += [_row(row) for row in table.rows[:MAX_ROWS]]
    hidden = len(table.rows) - MAX_ROWS
    return [*lines, "", f"{hidden} more in the run's files."] if hidden > 0 else lines


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(escape(text) for text in texts)} |"
