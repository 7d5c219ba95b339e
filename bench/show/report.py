"""From the folder of a run to its report: charts, report.html, report.md and comment.md.

Reads the run's files, but no samples; computes no figure anew. The same run gives the same bytes.
"""

from collections.abc import Callable

from bench.records import Answer
from bench.records.folder import RunFolder
from bench.records.price import Price
from bench.show.drawing.sheet import drawing
from bench.show.finished import FinishedRun, read_run
from bench.show.outputs.comment import render_comment
from bench.show.outputs.markdown import render_markdown
from bench.show.outputs.page import render_page
from bench.show.section import Picture, Section
from bench.show.topics import (
    break_even,
    changes,
    code,
    comparisons,
    conditions,
    cost,
    ladder,
    latency,
    stacks,
    trust,
    waiting,
    workers,
)
from bench.show.topics.answer import answer_picture

# In the order in which a reader asks; those for reviewers stand last.
TOPICS: tuple[Callable[[FinishedRun], Section], ...] = (
    code.section,
    break_even.section,
    changes.section,
    waiting.section,
    ladder.section,
    latency.section,
    stacks.section,
    workers.section,
    cost.section,
    trust.section,
    comparisons.section,
    conditions.section,
)


def write_report(folder: RunFolder, answer: Answer | None = None, price: Price | None = None) -> None:
    """Write charts and report of a run; without an answer or a price those of the run count.

    Raises `RunFolderError` if its files cannot be read or written.
    """
    run = read_run(folder, answer, price)
    with drawing():
        first, sections = answer_picture(run), make_sections(run)
        files: dict[str, bytes] = {}
        for picture in pictures(first, sections):
            files |= {f"{picture.name}.svg": picture.svg, f"{picture.name}.png": picture.sheet.png()}
        for name, content in files.items():
            folder.write_bytes(f"charts/{name}", content)
        if files:
            folder.keep_only("charts", files)
        folder.write_text("report.html", render_page(run, first, sections))
    folder.write_text("report.md", render_markdown(run, first, sections))
    folder.write_text("comment.md", render_comment(run))


def make_sections(run: FinishedRun) -> list[Section]:
    """Return the topics of which a run has something to say."""
    return [section for topic in TOPICS if not (section := topic(run)).is_empty]


def pictures(first: Picture | None, sections: list[Section]) -> list[Picture]:
    """Return all pictures of a report, in their order."""
    later = [block.picture for section in sections for block in section.blocks]
    return [picture for picture in (first, *later) if picture]
