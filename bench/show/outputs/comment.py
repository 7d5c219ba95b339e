"""comment.md: the answer, the decision table and the judged rows, without pictures, short enough for any comment on a pull request."""

from bench.records.names import row_labels
from bench.records.numbers import prose
from bench.show.finished import FinishedRun
from bench.show.outputs.markdown import answer_lines, choice_lines, cut, escape, shorten, table_lines
from bench.show.words.tables import Table
from bench.show.words.verdicts import metric_words, validity_line, verdict_mark, verdict_words

# Names of any length: what a reader needs of one is its beginning.
LONGEST = 400
# Two of these and a slash stand in one place of a table.
LONGEST_NAME = LONGEST // 2 - 5


def render_comment(run: FinishedRun) -> str:
    """Return the comment; it does not grow with the number of stacks, nor with the length of their names."""
    lines = [*answer_lines(run, LONGEST), *choice_lines(run.answer, LONGEST)]
    judged = [row for row in run.summary.comparisons if row.role != "exploratory"]
    rows = tuple(
        (
            " / ".join(cut(label, LONGEST_NAME) for label in row_labels(row, run.stacks)),
            metric_words(row),
            prose(row.interval),
            f"{verdict_mark(row.verdict)} {verdict_words(row)}".strip(),
        )
        for row in judged
    )
    columns = ("contender / baseline", "metric", "ratio", "verdict")
    lines += table_lines(shorten(Table("Judged rows", columns, rows, frozenset({2})), LONGEST)) if rows else []
    return "\n".join([*lines, "", escape(validity_line(run.summary)), "", escape(run.fine_print), ""])
