"""report.html: one file without scripts, with its charts inside, and nothing that a browser may fetch."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.show.drawing.inline_svg import inline_svg, theme_rules
from bench.show.finished import FinishedRun
from bench.show.outputs.choices import choice_table, unmeasured_line
from bench.show.section import Picture, Section
from bench.show.words.verdicts import notices, validity_line

TEMPLATES = Path(__file__).parent / "templates"


def render_page(run: FinishedRun, first: Picture | None, sections: Sequence[Section]) -> str:
    """Return the page; draws, so it is called where charts are drawn."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = f"{(TEMPLATES / 'report.css').read_text('utf-8')}\n{theme_rules()}\n"
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        run=run.name,
        answer=run.answer,
        choices=choice_table(run.answer),
        unmeasured=unmeasured_line(run.answer),
        first=first,
        validity=validity_line(run.summary),
        notices=notices(run.summary),
        sections=[section for section in sections if not section.for_reviewers],
        reviewers=[section for section in sections if section.for_reviewers],
        draw=_drawing,
        fine_print=run.fine_print,
        style=style,
        style_hash=digest,
    )


def _drawing(picture: Picture) -> Markup:
    sheet = picture.sheet
    return Markup(inline_svg(picture.svg, picture.name, sheet.title, sheet.page_height))  # noqa: S704 - our own drawing, escaped when written
