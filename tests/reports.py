"""The reports of the miniature run and its variants, each drawn once in a whole test session, by whichever worker needs it first.

A test may read a report, and change nothing in it: others read it, too.
"""

import fcntl
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from matplotlib.text import Text
from run_variants import VARIANTS

from bench.judge.answer import make_answer
from bench.records import Answer
from bench.records.folder import RunFolder
from bench.show import report
from bench.show.drawing.sheet import Sheet, drawing


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
    """The folder of a run with its report, its answer, and what stands where on its pictures, by name."""

    folder: RunFolder
    answer: Answer
    pictures: Mapping[str, Picture]


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


def answer_of(folder: RunFolder) -> Answer:
    """Return the answer of a run as `report` makes it."""
    return make_answer(folder.read_summary(), folder.read_manifest())


def draw_report(folder: RunFolder) -> Report:
    """Write the report of a run, and look at what is drawn for it."""
    answer, seen = answer_of(folder), []
    find = report.pictures

    def keep(*asked):
        seen.extend(find(*asked))
        return seen

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "pictures", keep)
        report.write_report(folder, answer)
    with drawing():
        return Report(folder, answer, {picture.name: look_at(picture.sheet) for picture in seen})


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
