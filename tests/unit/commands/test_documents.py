"""Documents repeat the code as it is now: listings by path and name, the table of steps counted from the files."""

import pytest
from serving import ROOT

from bench.commands.documents import cut_listing, fill_document
from bench.errors import ConfigError

ARTICLES = sorted((ROOT / "docs").glob("article*.md"))
SOURCE = '''"""A module."""

LIMIT = 3


def make():
    @app.post("/")
    def handler():
        return LIMIT

    return handler
'''


@pytest.fixture
def root(tmp_path):
    (tmp_path / "app.py").write_text(SOURCE)
    return tmp_path


@pytest.mark.parametrize("path", ARTICLES, ids=lambda path: path.name)
def test_the_code_in_the_articles_is_that_of_the_files(path):
    text = path.read_text("utf-8")
    assert fill_document(text, ROOT) == text
    assert "```python\n```" not in text


def test_a_listing_is_filled_by_the_names_that_stand_above_it(root):
    text = "Before.\n\n<!-- code: app.py handler LIMIT -->\n```python\nold\n```\n\nAfter.\n"
    handler = '@app.post("/")\ndef handler():\n    return LIMIT'
    assert fill_document(text, root) == text.replace("old", f"{handler}\n\nLIMIT = 3")


def test_a_listing_without_names_is_the_whole_file(root):
    assert cut_listing(root / "app.py", []) == SOURCE.strip()


@pytest.mark.parametrize(
    ("file", "names", "words"), [("app.py", ["other"], "app.py has no other."), ("gone.py", [], "gone.py cannot be read")]
)
def test_what_is_not_there_is_named(root, file, names, words):
    with pytest.raises(ConfigError, match=words):
        cut_listing(root / file, names)


def test_a_document_without_marks_stays_as_it_is(root):
    text = "```python\nold\n```\n| a | b |\n"
    assert fill_document(text, root) == text
