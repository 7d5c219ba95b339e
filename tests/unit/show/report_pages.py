"""What the tests of reports share: a page taken apart, and the tables of a Markdown text."""

from html.parser import HTMLParser

# Tags without an end tag.
VOID = {"meta", "br", "link"}


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


def table_below(markdown, caption):
    """Return the cells of the table of the Markdown under a caption, the headings first."""
    lines = markdown[markdown.index(f"**{caption}") :].splitlines()[2:]
    table = lines[: lines.index("")]
    return [[text.strip() for text in line.strip("|").split(" | ")] for line in table if "---" not in line]
