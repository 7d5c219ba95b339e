"""The figures of a source and the difference of two, on small ones whose figures are counted by hand."""

import pytest
from serving import ROOT

from bench.measure.source_code import count_code, diff_sources, find_handlers, read_source

# 16 source lines: the import, 4 of VALUES, 6 of home, 5 of Box.
APP = '''"""A docstring
of several

lines."""

import app  # after code

VALUES = [
    # within a statement
    1,

    2,
]


@app.get("/")
@app.head("/")
async def home():
    """One line."""
    if VALUES and app:  # one for itself, one for the condition, one for its "and"
        return 1
    return 2


class Box:
    """A docstring

    of several lines.
    """

    def get(self):
        """
        Another.
        """
        def inner(values):
            return [value for value in values if value or self]  # itself, the loop, its "if", the "or"
        return inner
'''


@pytest.fixture
def write(tmp_path):
    """Return a function that writes files into a folder and returns the folder."""

    def write(name, **files):
        folder = tmp_path / name
        folder.mkdir()
        for stem, text in files.items():
            (folder / f"{stem}.py").write_text(text, "utf-8")
        return folder

    return write


def test_a_source_is_counted_without_blank_lines_comments_and_docstrings():
    figures = count_code({"app.py": APP})
    assert (figures.files, figures.source_lines) == (1, 16)


def test_every_function_has_its_own_complexity_and_that_of_what_it_defines_is_not_in_it():
    figures = count_code({"app.py": APP})
    assert (figures.functions, figures.complexity) == (3, 3 + 1 + 4)
    assert (figures.highest_complexity, figures.most_complex) == (4, "app.py: inner")


def test_methods_of_a_class_within_a_function_are_counted():
    text = "def outer():\n    class Inner:\n        def method(self):\n            return 1 if self else 2\n    return Inner\n"
    figures = count_code({"a.py": text})
    assert (figures.functions, figures.complexity, figures.most_complex) == (2, 1 + 2, "a.py: method")


def test_files_are_summed_up_and_an_empty_one_is_a_file():
    both = count_code({"__init__.py": "", "app.py": APP, "more.py": APP})
    assert (both.files, both.source_lines, both.functions, both.complexity, both.routes) == (3, 32, 6, 16, 4)


def test_nothing_has_no_figures_and_fails_nowhere():
    assert count_code({}) == (0, 0, 0, 0, 0, 0, "")


@pytest.mark.parametrize(
    ("decorators", "routes"),
    [
        ('@app.get("/")', 1),
        ('@router.post("")', 1),
        ('@app.route("/", methods=["GET", "POST"])', 1),
        ('@app.head("/")\n@app.get("/")', 2),
        ("@app.get", 0),
        ("@get('/')", 0),
        ("@app.get(path)", 0),
        ("@app.errorhandler(404)", 0),
        ("@app.before_request", 0),
        ('@mock.patch("module.name")', 0),
    ],
)
def test_a_route_is_a_decorator_with_a_method_and_a_path(decorators, routes):
    source = {"app.py": f"{decorators}\ndef handle(): ...\n"}
    assert count_code(source).routes == routes
    assert len(find_handlers(source)) == min(routes, 1)


def test_a_source_is_read_from_a_folder_and_those_below_without_variants_and_steps(write):
    folder = write("app", app="a", other="c")
    write("app/more", deep="d")
    write("app/variants", __init__="b", other="b")
    write("app/steps", __init__="f", other="f")
    (folder / "notes.txt").write_text("e")
    assert list(read_source(folder).items()) == [("app.py", "a"), ("more/deep.py", "d"), ("other.py", "c")]


def test_the_difference_is_that_of_files_of_one_name_in_their_order(write):
    before = write("before", b="same\nold\n", a="one\n", alone="x\n", equal="x\n")
    after = write("after", b="same\nnew\n", a="two\n", single="y\n", equal="x\n")
    assert diff_sources(before, after).splitlines() == [
        "--- before/a.py",
        "+++ after/a.py",
        "@@ -1 +1 @@",
        "-one",
        "+two",
        "--- before/b.py",
        "+++ after/b.py",
        "@@ -1,2 +1,2 @@",
        " same",
        "-old",
        "+new",
    ]
    assert diff_sources(before, before) == ""


def test_our_two_applications_have_the_same_handlers_by_name():
    flask, fastapi = ([handler.name for handler in find_handlers(read_source(ROOT / app))] for app in ("flask_app", "fastapi_app"))
    assert flask == fastapi == ["home", "predict", "predict_proba", "livez", "readyz", "model"]
