"""The steps of an application: lines that each adds, counted from its files, and packages for whoever imports them."""

from importlib.metadata import PackageNotFoundError

import pytest

from bench.errors import ConfigError
from bench.measure.steps import measure_steps, split_lines
from bench.plan.stacks import Stack

LIST = """
[[steps]]
name = "first"
after = ""
feature = "It answers"
by = "framework"
how = "A route."

[[steps]]
name = "second"
after = "first"
feature = "It checks"
by = "extension"
how = "A model."
"""
FIRST = '''"""It answers."""

import json

from flask import Flask  # the framework

app = Flask("app")  # made once


@app.get("/")
def home():
    """Return a text."""
    # as it is
    return json.dumps(
        "a",
    )
'''
SECOND = FIRST.replace("from flask", "from pydantic import BaseModel\nfrom flask").replace('"a",', '"b",\n        indent=2,')


@pytest.fixture
def stack(tmp_path):
    """Return a function that makes a stack whose application has a list of steps and these files."""

    def make(listed=LIST, **files):
        folder = tmp_path / "app" / "steps"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "steps.toml").write_text(listed)
        for name, text in {"first": FIRST, "second": SECOND, **files}.items():
            (folder / f"{name}.py").write_text(text)
        return Stack("mine", ("serve", "{port}"), source=tmp_path / "app")

    return make


def test_lines_are_imports_and_the_rest_without_blanks_comments_and_docstrings():
    imports, code = split_lines(FIRST)
    assert imports == ["import json", "from flask import Flask"]
    assert code == ['app = Flask("app")', '@app.get("/")', "def home():", "    return json.dumps(", '        "a",', "    )"]


def test_an_import_of_several_lines_counts_with_all_of_them():
    assert split_lines("from a import (\n    b,\n    c,\n)\n") == (["from a import (", "    b,", "    c,", ")"], [])


def test_a_step_adds_the_lines_that_the_one_before_does_not_have(stack):
    first, second = measure_steps(stack())
    assert (first.step, first.after, first.feature, first.by, first.how) == ("first", "", "It answers", "framework", "A route.")
    assert (first.lines, first.import_lines, first.added_lines, first.added_import_lines) == (6, 2, 6, 2)
    assert (second.lines, second.import_lines, second.added_lines, second.added_import_lines) == (7, 3, 2, 1)


def test_packages_are_counted_for_whoever_imports_them_with_all_that_they_need(stack):
    first, second = measure_steps(stack())
    assert "werkzeug" in first.added_packages
    assert "pydantic-core" in second.added_packages
    assert "flask" not in second.added_packages


def test_a_package_that_is_needed_without_being_imported_is_listed(stack):
    listed = f'{LIST}requires = ["httpx"]\n'
    assert "httpcore" in measure_steps(stack(listed))[1].added_packages.split(", ")
    with pytest.raises(PackageNotFoundError):
        measure_steps(stack(f'{LIST}requires = ["no-such-package"]\n'))


def test_an_application_without_a_list_has_no_steps(tmp_path):
    assert measure_steps(Stack("mine", ("serve", "{port}"), source=tmp_path)) == []
    assert measure_steps(Stack("mine", ("serve", "{port}"))) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('after = "first"', 'after = "third"', "steps.toml of app: second comes after 'third', which is no step before it."),
        ('by = "extension"', 'by = "nobody"', "steps.toml of app: by 'nobody' is unknown; allowed are framework, extension, you."),
        ('how = "A model."', 'lines = 4\nhow = "A model."', "steps.toml of app: unknown key 'lines'; allowed are name, after, feature, by"),
    ],
)
def test_a_wrong_list_says_what_is_wrong(stack, before, after, words):
    with pytest.raises(ConfigError) as raised:
        measure_steps(stack(LIST.replace(before, after)))
    assert str(raised.value).startswith(words)
