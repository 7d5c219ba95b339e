"""The throughput of a cell as a row of a chart."""

from bench.records import Cell
from bench.records.names import stack_label
from bench.records.numbers import failure_words, prose, throughput_words
from bench.show.drawing.looks import look_of
from bench.show.drawing.rows import Row, whisker
from bench.show.finished import FinishedRun


def throughput_row(cell: Cell, run: FinishedRun) -> Row:
    """Return the row: stack, figure, failures, and the dot with its whisker."""
    look = look_of(cell.stack, run.stacks)
    figure = prose(cell.throughput) if not cell.generator_limited else throughput_words(cell)
    return Row(
        left=stack_label(cell.stack, run.stacks),
        right=", ".join(filter(None, (figure if cell.throughput_rps is not None else "no correct answer", failure_words(cell)))),
        value=cell.throughput_rps,
        **whisker(cell.throughput),
        marker=look.marker,
        colour=look.colour,
    )
