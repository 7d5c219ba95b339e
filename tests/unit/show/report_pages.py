"""What the tests of reports share: a page taken apart, the tables of a Markdown text, and the texts of a report without its pictures."""

from functools import cache
from html.parser import HTMLParser

from run_variants import MINI_RUN

from bench.records.folder import RunFolder
from bench.show.finished import fine_print, read_run
from bench.show.five_lines import answer_lines, trust_lines
from bench.show.markdown import render_markdown
from bench.show.page import Chart, render_page
from bench.show.report import SHEETS
from bench.show.sections import make_sections
from bench.show.sentences import notices

# Tags without an end tag.
VOID = {"meta", "br", "link"}
RUN = read_run(RunFolder.open(MINI_RUN))
EMPTY_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>'


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
    """Return page and Markdown of a run with nothing on their pictures."""
    charts = {name: Chart(name, f"Title of {name}", EMPTY_SVG, b"", EMPTY_SVG) for name in SHEETS}
    lines, trust, found = answer_lines(run.summary, run.stacks, run.price), trust_lines(run.summary, run.stacks), notices(run.summary)
    sections = make_sections(run, charts)
    page = render_page(run.name, lines, trust, found, sections, charts)
    return page, render_markdown([*lines, *trust], found, fine_print(run.name, run.summary, run.manifest), sections, charts)


def table_below(markdown, caption):
    """Return the cells of the table of the Markdown under a caption, the headings first."""
    lines = markdown[markdown.index(f"**{caption}") :].splitlines()[2:]
    table = lines[: lines.index("")]
    return [[text.strip() for text in line.strip("|").split(" | ")] for line in table if "---" not in line]
