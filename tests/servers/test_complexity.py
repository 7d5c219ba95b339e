"""The code of a stack's application in figures, and the two of a run's first pair side by side."""

import time
from dataclasses import replace

import pytest

from bench.measure.complexity import IMPORTS, measure_code, measure_complexity
from bench.measure.environment import choose_cores
from bench.measure.probes import PROBES
from bench.plan.plan import make_plan
from bench.plan.stacks import Stack

CORES = choose_cores()
FASTAPI, FLASK = "fastapi-uvicorn", "flask-gthread"


@pytest.fixture
def make_stack(tmp_path):
    """Return a function from the text of a package's only file to a stack that serves it."""

    def make(text="", file="__init__.py", requires=("packaging",)):
        source = tmp_path / "tiny"
        source.mkdir()
        (source / file).write_text(text, "utf-8")
        return Stack("mine", ("{port}",), source=source, requires=requires)

    return make


def refusal(stack):
    """Return the reason why a stack has no row."""
    said = []
    assert measure_code(stack, CORES, said.append) is None
    [line] = said
    return line


def test_a_stack_has_the_figures_of_its_source_its_packages_and_its_import(make_stack):
    begin_s = time.monotonic()
    row = measure_code(make_stack("import time\nprint('hello')\ntime.sleep(0.05)\n\n\ndef serve(): ...\n"), CORES, print)
    most_s = (time.monotonic() - begin_s) / 3  # of five imports, three took the median or more
    assert (row.stack, row.source, row.files, row.source_lines, row.functions) == ("mine", "tiny", 1, 4, 1)
    assert (row.requires, row.packages) == ("packaging", 1)
    assert 50_000 < row.installed_bytes < 2_000_000
    assert 0.05 < row.import_s < most_s
    assert row.imports == IMPORTS == 5


def test_the_package_is_imported_with_the_settings_of_its_server(make_stack):
    stack = make_stack("import os\nassert os.environ['MODE'] == 'fast'\nassert 'PYTHONPATH' not in os.environ\n")
    assert measure_code(replace(stack, environment={"MODE": "fast"}), CORES, print).source == "tiny"
    assert refusal(stack) == "mine: no figures of its code. tiny cannot be imported: KeyError: 'MODE'."


def test_a_stack_that_names_no_source_or_no_packages_has_no_row_and_nothing_is_said_of_it(make_stack):
    said = []
    stack = make_stack()
    for nameless in (replace(stack, source=None), replace(stack, requires=())):
        assert measure_code(nameless, CORES, said.append) is None
    assert said == []


def test_a_folder_that_is_no_package_has_no_row_since_its_import_cannot_be_timed(make_stack):
    assert refusal(make_stack(file="app.py")).endswith("tiny is a folder of files, not a package that can be imported.")


def test_a_source_that_is_no_python_has_no_row(make_stack):
    assert "no figures of its code" in refusal(make_stack("def broken("))


def test_a_package_that_is_not_installed_is_named(make_stack):
    assert refusal(make_stack(requires=("no-such-thing",))).endswith("No package metadata was found for no-such-thing")


def test_the_contender_stands_first_in_code_and_features(compared):
    assert [(row.stack, row.source) for row in compared.code] == [(FASTAPI, "fastapi_app"), (FLASK, "flask_app")]
    assert list(dict.fromkeys(row.stack for row in compared.features)) == [FASTAPI, FLASK]
    assert len(compared.features) == 2 * len(PROBES)


def test_both_applications_are_small_and_need_more_packages_than_they_ask_for(compared, compared_in_s):
    for row in compared.code:
        assert row.files == {FLASK: 8, FASTAPI: 9}[row.stack]
        assert 200 < row.source_lines < 350
        assert row.packages > len(row.requires.split(", "))
        assert 0.01 < row.import_s < compared_in_s


def test_the_difference_leads_from_the_baseline_to_the_contender_file_by_file(compared):
    heads = [line for line in compared.diff.splitlines() if line.startswith(("--- ", "+++ "))]
    files = ["__init__.py", "__main__.py", "access_log.py", "app.py", "errors.py", "strict.py"]
    assert heads == [head for file in files for head in (f"--- flask_app/{file}", f"+++ fastapi_app/{file}")]


def test_without_a_pair_there_is_nothing_to_measure():
    assert measure_complexity(replace(make_plan("smoke"), pairs=()).first_pair(), CORES, print) == ([], [], [], "")
