"""One chart drawn alone, and what is written on it."""

from dataclasses import replace
from functools import cache

from report_pages import RUN

from bench.show import canvas
from bench.show.canvas import WIDE, Paper
from bench.show.report import SHEETS

FINE_PRINT = "fine print"


def with_summary(run=RUN, **fields):
    """Return a run with other fields of its summary."""
    return replace(run, summary=replace(run.summary, **fields))


def draw(chart, run, width=WIDE):
    """Return a chart of a run in one of its widths; None where the run has nothing for it."""
    with canvas.drawing():
        return SHEETS[chart](run, Paper(FINE_PRINT, width))


@cache
def mini_sheet(chart):
    """Return a chart of the miniature run at the desk's width; a test may look at it, and change nothing on it."""
    return draw(chart, RUN)


def texts_on(sheet):
    return [text.get_text() for text in sheet.figure.texts]


def words_on(sheet):
    return " ".join(texts_on(sheet))
