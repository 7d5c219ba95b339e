"""report.html: one file without scripts, with its charts inside, and nothing that a browser may fetch."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.show.five_lines import SECTIONS
from bench.show.inline_svg import inline_svg
from bench.show.sections import HOW_TO_READ, Section

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Chart:
    """A finished picture: as files, and its narrow form for phones; `title` is what it shows as a sentence."""

    name: str
    title: str
    svg: bytes
    png: bytes
    narrow_svg: bytes


def render_page(
    run: str,
    lines: Sequence[str],
    trust: Sequence[str],
    notices: Sequence[str],
    sections: Sequence[Section],
    charts: Mapping[str, Chart],
) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = (TEMPLATES / "report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    present = {section.name for section in sections}
    tabled = {block.chart for section in sections for block in section.blocks if block.tables or block.folded}
    return environment.get_template("report.html").render(
        run=run,
        how_to_read=HOW_TO_READ["ratios"],
        lines=[(*line.partition(":"), _section_of(line, present)) for line in lines],
        trust=trust,
        notices=notices,
        sections=sections,
        drawings={name: Markup(_drawings(chart, has_table=name in tabled)) for name, chart in charts.items()},  # noqa: S704 - our own drawing, escaped when written
        style=style,
        style_hash=digest,
    )


def _section_of(line: str, present: set[str]) -> str:
    """Return the section that has more on a line of the answer; empty where the line stands beside its own figures."""
    name = next((section for begin, section in SECTIONS.items() if line.startswith(begin)), "")
    return name if name in present else ""


def _drawings(chart: Chart, *, has_table: bool) -> str:
    """Return the wide and the narrow form of a chart; the style shows the one that fits."""
    title = f"{chart.title}. The table below holds the same figures." if has_table else chart.title
    wide = inline_svg(chart.svg, f"{chart.name}-wide", title, "wide")
    return f"{wide}\n{inline_svg(chart.narrow_svg, f'{chart.name}-narrow', title, 'narrow')}"
