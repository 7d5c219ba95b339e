"""One topic of a run drawn alone, and what is written on its pictures."""

from dataclasses import replace
from functools import cache

from report_pages import RUN

from bench.show.drawing.sheet import drawing


def with_summary(run=RUN, **fields):
    """Return a run with other fields of its summary."""
    return replace(run, summary=replace(run.summary, **fields))


def draw(section, run):
    """Return the pictures of a topic of a run by name; `section` is the function of its module."""
    with drawing():
        return {block.picture.name: block.picture.sheet for block in section(run).blocks if block.picture}


@cache
def mini_sheets(section):
    """Return the pictures of a topic of the miniature run; a test may look at them, and change nothing on them."""
    return draw(section, RUN)


def texts_on(sheet):
    return [text.get_text() for text in sheet.figure.texts]


def words_on(sheet):
    return " ".join(texts_on(sheet))
