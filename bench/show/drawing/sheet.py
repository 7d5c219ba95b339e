"""What all charts share: palette, sheet of paper with title, subtitle and fine print, exact text widths, repeatable bytes.

Every picture is drawn once, so wide that its smallest text has 11 pixels on a phone of 390. Lengths are inches from the top left corner
of the sheet, type sizes are points. matplotlib draws through `Figure` alone: no display, no window, no global state, whatever backend
the environment names.
"""

import atexit
import io
import logging
import math
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any


def _keep_matplotlib_quiet() -> None:
    """Give matplotlib a place for its font cache where the home folder is none: it asks on import and warns if it has none."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where there is no home
    if "MPLCONFIGDIR" not in os.environ and not os.access(home, os.W_OK):
        folder = tempfile.mkdtemp(prefix="matplotlib-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["MPLCONFIGDIR"] = folder


_keep_matplotlib_quiet()

import matplotlib as mpl  # noqa: E402 - after its place is prepared
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.font_manager import FontProperties, findfont, get_font  # noqa: E402
from matplotlib.text import Text  # noqa: E402
from matplotlib.textpath import text_to_path  # noqa: E402

WIDTH, MARGIN = 4.2, 0.12
INNER = WIDTH - 2 * MARGIN
# A phone of 390 pixels shows a chart 358 pixels wide: its notes are 11 pixels high then. The page leaves the fine print out.
TITLE_PT, TEXT_PT, NOTE_PT, FINE_PT = 12.5, 10.5, 9.5, 7.0
FINE_PRINT = "fine-print"
# Other systems draw with other fonts: what fits here has to leave a tenth free.
SLACK = 1.1
POINTS_PER_INCH = 72
# A log axis over more than two decades has ticks of 1 alone.
LONG_RANGE = 200
LINE = 1.35 / POINTS_PER_INCH

TEXT, MUTED, AXIS, GRID, AA_GREY = "#1B1F24", "#57606A", "#6E7781", "#D0D7DE", "#6E7781"
# The A/A grey at 22 % on white; opaque, since an SVG fills the strokes of a hatch as pale as the ground under them.
BAND = "#DFE1E3"
# Told apart in grey print (contrast 8.46, 4.78 and 9.06 on white) and by shape; brands are not imitated.
FRAMEWORK_COLOURS = {"Flask": "#00517F", "FastAPI": "#BE5200"}
FRAMEWORK_MARKERS = {"Flask": "o", "FastAPI": "D"}
OTHER_COLOUR, OTHER_MARKER = "#6A2C86", "p"
FAILED = "#B42318"
# The steps of a request's time; the framework's is `OTHER_COLOUR`.
SERVER_COLOUR, MODEL_COLOUR = "#7C8894", "#1F7A55"

# matplotlib brings the first one; the others have letters that it lacks, where a system has them.
_FONTS = [
    "DejaVu Sans", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Noto Sans Arabic",
    "Noto Sans Devanagari", "Verdana", "Arial", "Helvetica",
]  # fmt: skip
NO_LETTER = "[?]"

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": [*_FONTS, "sans-serif"],
    "font.size": TEXT_PT,
    "text.color": TEXT,
    "text.parse_math": False,
    "axes.edgecolor": AXIS,
    "axes.labelcolor": TEXT,
    "axes.labelsize": NOTE_PT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "xtick.color": AXIS,
    "ytick.color": AXIS,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": NOTE_PT,
    "ytick.labelsize": NOTE_PT,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.6,
    "hatch.color": AA_GREY,
    "svg.fonttype": "none",
    "svg.hashsalt": "flask-vs-fastapi",
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in our style whatever the user's matplotlibrc says; letters that the font lacks are no reason for noise."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


class Sheet:
    """A white sheet as high as its title, its body and its fine print need."""

    def __init__(self, title: str, subtitle: str, body_height: float, fine_print: str) -> None:
        self.title = title
        heads = [
            (wrap(title, TITLE_PT, INNER, bold=True), TITLE_PT, "bold", TEXT),
            (wrap(subtitle, NOTE_PT, INNER), NOTE_PT, "normal", MUTED),
        ]
        prints = wrap(fine_print, FINE_PT, INNER)
        self.body_top = MARGIN + sum(len(lines) * size * LINE for lines, size, _, _ in heads) + 0.14
        self.page_height = self.body_top + body_height + MARGIN
        self.height = self.page_height + len(prints) * FINE_PT * LINE + 2 * MARGIN
        self.figure = Figure(figsize=(WIDTH, self.height), facecolor="white")
        FigureCanvasAgg(self.figure)
        top = MARGIN
        for lines, size, weight, colour in heads:
            for line in lines:
                self.text(MARGIN, top, line, size=size, weight=weight, color=colour)
                top += size * LINE
            top += 0.04
        for number, line in enumerate(prints):
            written = self.text(MARGIN, self.page_height + number * FINE_PT * LINE, line, size=FINE_PT, color=MUTED)
            written.set_gid(f"{FINE_PRINT}-{number}")

    def text(
        self, left: float, top: float, text: str, *, size: float = TEXT_PT, weight: str = "normal", color: str = TEXT, ha: str = "left"
    ) -> Text:
        """Write a line of text with its upper edge at `top`."""
        place = (left / WIDTH, 1 - top / self.height)
        return self.figure.text(*place, text, fontsize=size, fontweight=weight, color=color, ha=ha, va="top")

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return new axes; `top` counts from the top of the body."""
        bottom = 1 - (self.body_top + top + height) / self.height
        return self.figure.add_axes((left / WIDTH, bottom, width / WIDTH, height / self.height))

    def svg(self) -> bytes:
        """Return the picture as SVG, its text as text: the same bytes for the same drawing."""
        return self._save("svg", {"Date": None, "Creator": None})

    def png(self) -> bytes:
        """Return the picture as PNG: the same bytes for the same drawing. Letters that no font has are marked as such."""
        texts: list[Any] = self.figure.findobj(Text)
        changed = [(text, text.get_text()) for text in texts if drawable(text.get_text()) != text.get_text()]
        if not changed:
            return self._save("png", {"Software": None})
        note = f"{NO_LETTER}: letters that no font of this machine has; the SVG file has them."
        written = self.text(MARGIN, self.height - 1.5 * MARGIN, note, size=FINE_PT, color=MUTED)
        for text, words in changed:
            text.set_text(drawable(words))
        content = self._save("png", {"Software": None})
        for text, words in changed:
            text.set_text(words)  # what is drawn of this sheet after it has its letters
        written.remove()
        return content

    def _save(self, kind: str, metadata: Any) -> bytes:
        out = io.BytesIO()
        self.figure.savefig(out, format=kind, dpi=160, metadata=metadata)
        return out.getvalue()


@dataclass(frozen=True)
class Key:
    """One entry of a key: a name beside its marker on its line, or beside a patch of colour where there is no marker."""

    name: str
    colour: str
    marker: str = ""
    style: Any = None
    hollow: bool = False


def key_height(keys: Sequence[Key]) -> float:
    """Return the height in inches of a key."""
    return len(_key_rows(keys)) * _KEY_LINE + 0.06


def draw_key(sheet: Sheet, keys: Sequence[Key]) -> None:
    """Draw a key at the top of the body, as many entries in a line as fit."""
    for number, row in enumerate(_key_rows(keys)):
        for left, key in row:
            axes = sheet.axes(left, number * _KEY_LINE, _KEY_SIGN, _KEY_LINE - 0.06)
            axes.axis("off")
            axes.set(xlim=(0, 1), ylim=(0, 1))
            if key.style is not None:
                axes.plot([0, 1], [0.5, 0.5], color=key.colour, linestyle=key.style, linewidth=1.6)
            look: Any = {"color": key.colour, "markersize": 6, "markerfacecolor": "white" if key.hollow else key.colour}
            axes.plot(0.5, 0.5, key.marker or "s", **look)
            name = shorten(key.name, NOTE_PT, WIDTH - MARGIN - left - _KEY_SIGN - 0.08)
            sheet.text(left + _KEY_SIGN + 0.08, sheet.body_top + number * _KEY_LINE, name, size=NOTE_PT)


_KEY_LINE, _KEY_SIGN, _KEY_GAP = 0.24, 0.42, 0.25


def _key_rows(keys: Sequence[Key]) -> list[list[tuple[float, Key]]]:
    """Return the entries by line, each with its left edge."""
    rows: list[list[tuple[float, Key]]] = [[]]
    left = MARGIN
    for key in keys:
        width = _KEY_SIGN + 0.08 + text_width(key.name, NOTE_PT) * SLACK
        if rows[-1] and left + width > WIDTH - MARGIN:
            rows.append([])
            left = MARGIN
        rows[-1].append((left, key))
        left += width + _KEY_GAP
    return rows if keys else []


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a line of text in inches."""
    font = FontProperties(weight="bold" if bold else "normal", size=size)
    width: float = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
    return width / POINTS_PER_INCH


def wrap(text: str, size: float, width: float, *, bold: bool = False) -> list[str]:
    """Return text in lines that fit into `width` with slack; a word that is too long is cut short."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size, bold=bold) * SLACK <= width:
            lines[-1] = longer
        else:
            lines.append(shorten(word, size, width, bold=bold))
    return [line for line in lines if line]


def shorten(text: str, size: float, width: float, *, bold: bool = False) -> str:
    """Return text on one line, cut with an ellipsis where it does not fit into `width` with slack."""
    text = " ".join(text.split())
    if text_width(text, size, bold=bold) * SLACK <= width:
        return text
    while text and text_width(f"{text}…", size, bold=bold) * SLACK > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def log_ticks(lowest: float, highest: float, *, long: float = math.inf) -> list[float]:
    """Return the ticks of 1, 2 and 5 that enclose a range, of 1 alone where it is `long`-fold; at least two, even of a single value."""
    digits = (1,) if highest / lowest > long else (1, 2, 5)
    powers = range(math.floor(math.log10(lowest)) - 1, math.ceil(math.log10(highest)) + 2)
    ticks = [float(f"{digit}e{power}") for power in powers for digit in digits]
    low, high = max(tick for tick in ticks if tick <= lowest), min(tick for tick in ticks if tick > highest)
    return [tick for tick in ticks if low <= tick <= high]


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    """Return the letters that the fonts of this machine have, of those that we draw with."""
    found: set[int] = set()
    for name in _FONTS:
        try:
            path = findfont(FontProperties(family=[name]), fallback_to_default=False)
        except ValueError:
            continue
        found |= set(get_font(path).get_charmap())
    return frozenset(found)


def drawable(text: str) -> str:
    """Return text with each run of letters that no font has replaced by `NO_LETTER`."""
    lacking = {letter for letter in text if not letter.isspace() and ord(letter) not in _letters()}
    return re.sub(f"[{re.escape(''.join(sorted(lacking)))}]+", NO_LETTER, text) if lacking else text


def colour_of(framework: str) -> str:
    """Return the colour of a framework's stacks."""
    return FRAMEWORK_COLOURS.get(framework, OTHER_COLOUR)


def marker_of(framework: str) -> str:
    """Return the marker of a framework's stacks."""
    return FRAMEWORK_MARKERS.get(framework, OTHER_MARKER)
