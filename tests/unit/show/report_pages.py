"""What the tests of reports share: a page taken apart, the tables of a Markdown text, and the texts of a report without its pictures."""

from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

from reports import answer_of
from run_variants import MINI_RUN

from bench.records.folder import RunFolder
from bench.show.drawing.sheet import drawing
from bench.show.finished import read_run
from bench.show.outputs.markdown import render_markdown
from bench.show.outputs.page import render_page
from bench.show.report import make_sections

# Tags without an end tag.
VOID = {"meta", "br", "link", "hr"}
RUN = read_run(RunFolder.open(MINI_RUN), answer_of(RunFolder.open(MINI_RUN)))


class Page(HTMLParser):
    """What a page holds: its text, attributes, tables, open tags; and every tag that is closed out of order."""

    def __init__(self, text):
        super().__init__()
        self.text, self.attributes, self.rows, self.open, self.wrong, self.headings = "", [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            return
        self.text += data
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1][-1] += data

    def values(self, attribute):
        return [value for _, name, value in self.attributes if name == attribute]


def read_text(folder, name):
    return (folder.path / name).read_text("utf-8")


@cache
def page_of(path):
    """Return the page in a folder whose report no test changes."""
    return Page((path / "report.html").read_text("utf-8"))


def texts_of(run):
    """Return page and Markdown of a run without its pictures."""
    with drawing():
        sections = [
            replace(section, blocks=tuple(replace(block, picture=None) for block in section.blocks)) for section in make_sections(run)
        ]
        return render_page(run, None, sections), render_markdown(run, None, sections)


def table_below(markdown, caption):
    """Return the cells of the table of the Markdown under a caption, the headings first."""
    lines = markdown[markdown.index(f"**{caption}") :].splitlines()[2:]
    table = lines[: lines.index("")]
    return [[text.strip() for text in line.strip("|").split(" | ")] for line in table if "---" not in line]
