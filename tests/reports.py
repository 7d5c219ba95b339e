"""The reports of the miniature run and its variants, each drawn once in a whole test session, by whichever worker needs it first.

A test may read a report, and change nothing in it: others read it, too.
"""

import fcntl
import pickle
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from matplotlib.text import Text
from run_variants import VARIANTS

from bench.records.folder import RunFolder
from bench.show import canvas, report
from bench.show.canvas import NARROW, Sheet
from bench.show.page import Chart

WIDE_FORM, NARROW_FORM = "wide", "narrow"


@dataclass(frozen=True)
class Box:
    """A text of a picture, and where it stands, in pixels from the lower left corner."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True)
class Picture:
    """A sheet as it was drawn: its title, its width in inches, its size in pixels, and every text that can be seen on it."""

    title: str
    width: float
    size: tuple[float, float]
    boxes: tuple[Box, ...]

    @property
    def words(self) -> str:
        """All that is written on it, in the order in which it was written."""
        return " ".join(box.text for box in self.boxes)


@dataclass(frozen=True)
class Report:
    """The folder of a run with its report, the charts that were drawn for it, and what stands where on them, by form and name."""

    folder: RunFolder
    charts: Mapping[str, Chart]
    pictures: Mapping[str, Mapping[str, Picture]]


class Reports:
    """Returns the report of a variant by its name; `place` is a folder that all workers share."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(exist_ok=True)
        self.report_of = cache(self._find)

    def _find(self, name: str) -> Report:
        kept, folder = self.place / f"{name}.pickle", self.place / name
        with (self.place / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                shutil.rmtree(folder, ignore_errors=True)  # a worker that failed may have left it
                kept.write_bytes(pickle.dumps(draw_report(VARIANTS[name](folder))))
        found: Report = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
        return found


def find_reports(config: pytest.Config, base: Path) -> Reports:
    """Return the reports of this session; `base` is the temporary folder of this worker."""
    return Reports((base.parent if hasattr(config, "workerinput") else base) / "reports")


def draw_report(folder: RunFolder) -> Report:
    """Write the report of a run, and look at what is drawn for it."""
    with _watched() as seen:
        report.write_report(folder)
    with canvas.drawing():
        pictures = {form: {name: look_at(sheet) for name, sheet in sheets.items()} for form, sheets in seen.sheets.items()}
    return Report(folder, seen.charts, pictures)


def look_at(sheet: Sheet) -> Picture:
    """Return what stands where on a sheet."""
    figure = sheet.figure
    figure.draw_without_rendering()
    texts = list(figure.texts)
    for axes in figure.axes:
        texts += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    visible = [text for text in texts if text.get_text().strip() and text.get_visible()]
    boxes = tuple(Box(text.get_text(), *map(float, Text.get_window_extent(text).extents)) for text in visible)
    width, height = figure.get_size_inches()
    return Picture(sheet.title, float(width), (float(width * figure.dpi), float(height * figure.dpi)), boxes)


@dataclass
class _Seen:
    sheets: dict[str, dict[str, Sheet]] = field(default_factory=lambda: {WIDE_FORM: {}, NARROW_FORM: {}})
    charts: dict[str, Chart] = field(default_factory=dict)


@contextmanager
def _watched() -> Iterator[_Seen]:
    """Keep what a report is made of while it is written; nothing of it is changed."""
    seen = _Seen()
    sheets, draw_charts = report.SHEETS, report.draw_charts

    def keep_sheet(name, draw):
        def keep(run, paper):
            sheet = draw(run, paper)
            if sheet:
                seen.sheets[NARROW_FORM if paper.width == NARROW else WIDE_FORM][name] = sheet
            return sheet

        return keep

    def keep_charts(run):
        charts = draw_charts(run)
        seen.charts.update(charts)
        return charts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "SHEETS", {name: keep_sheet(name, draw) for name, draw in sheets.items()})
        patch.setattr(report, "draw_charts", keep_charts)
        yield seen
