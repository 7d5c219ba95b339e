"""What is drawn on a sheet: plots, marks, whiskers; and the tables of a topic."""

from functools import cache

from report_pages import RUN

from bench.show.drawing.sheet import drawing


def plots_on(sheet):
    """Return the axes of a sheet that have a scale: not those of its key."""
    return [axes for axes in sheet.figure.axes if axes.get_xlabel()]


def marks_on(axes, *markers):
    """Return every point that is drawn with one of these markers."""
    lines = [line for line in axes.lines if line.get_marker() in markers]
    return [(float(x), float(y)) for line in lines for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def values_on(axes):
    """Return the places along x that a chart of rows has marks at: of a row its value, and its launches together."""
    return [tuple(map(float, line.get_xdata())) for line in axes.lines if line.get_marker() != "None" and len(line.get_xdata())]


def whiskers_on(axes):
    """Return the two ends of every whisker, as points."""
    lines = [lines for lines in axes.collections if lines.get_linewidth() == [2.2]]
    return [tuple((float(x), float(y)) for x, y in segment) for own in lines for segment in own.get_segments()]


def table_of(section, caption, run=RUN):
    """Return the table of a topic whose caption begins so; None where there is none."""
    tables = _mini_tables(section) if run is RUN else _tables(section, run)
    return next((table for table in tables if table.caption.startswith(caption)), None)


def _tables(section, run):
    with drawing():
        return [table for block in section(run).blocks for table in (*block.tables, *block.folded)]


@cache
def _mini_tables(section):
    return _tables(section, RUN)


def column(table, heading):
    """Return the texts of a column."""
    return [row[table.columns.index(heading)] for row in table.rows]
