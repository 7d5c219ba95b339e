"""The code of the applications and what each framework gives: baseline first, differences of two, and only what is not our own choice."""

from dataclasses import replace

import pytest
from report_pages import RUN
from sheets import with_summary

from bench.records import Feature
from bench.show.topics.code import (
    CHOSEN,
    DOCS,
    code_notes,
    code_table,
    differing,
    feature_table,
    needs_table,
    section,
    steps_table,
    work_table,
)

SUMMARY, STACKS = RUN.summary, RUN.stacks
FASTAPI, FLASK = SUMMARY.complexity
LINES = "lines of code (without blank lines, comments, docstrings)"


def lines_of(rows=SUMMARY.complexity, resources=SUMMARY.resources):
    """Return the rows of the table of code by what they are of."""
    return {what: texts for what, *texts in code_table(rows, resources, STACKS).rows}


def features(**has):
    """Return what probes found: of each feature whether FastAPI has it, and whether Flask does."""
    stacks = (FASTAPI.stack, FLASK.stack)
    return tuple(
        Feature(stack, name.replace("_", " "), "a probe", there, "found")
        for place, stack in enumerate(stacks)
        for name, both in has.items()
        for there in both[place : place + 1]
    )


# --- code -----------------------------------------------------------------------------------------------------------


def test_the_baseline_stands_first_and_the_difference_last():
    table = code_table(SUMMARY.complexity, SUMMARY.resources, STACKS)
    assert table.columns == ("what", "Flask on gunicorn gthread", "FastAPI on uvicorn", "difference")
    assert table.numbers == {1, 2, 3}


def test_a_line_has_both_figures_and_what_the_contender_has_more():
    wanted = {
        LINES: ["151", "164", "+13"],
        "files": ["5", "5", "0"],
        "cyclomatic complexity, highest": ["7 (read_passengers)", "6 (stream)", "-"],
        "asked for by name": ["flask, gunicorn", "fastapi, httptools, uvicorn, uvloop", "-"],
        "their installed size, MB": ["4.8", "24.3", "+19.5"],
        "import of the application, s": ["0.163", "0.412", "+0.249"],
        "start to readiness, s": ["0.624", "1.10", "+0.479"],
        "memory at rest, RSS, MB": ["62.8", "74.2", "+11.3"],
    }
    assert {what: texts for what, texts in lines_of().items() if what in wanted} == wanted


def test_what_the_contender_has_less_is_negative():
    lines = lines_of((replace(FASTAPI, source_lines=100, import_s=0.1), FLASK))
    assert lines[LINES][-1] == "-51"
    assert lines["import of the application, s"][-1] == "-0.0630"


def test_what_was_measured_of_neither_has_no_line_and_of_one_no_difference():
    assert "start to readiness, s" not in lines_of(resources=())
    alone = [row for row in SUMMARY.resources if row.stack == "flask-gthread"]
    assert lines_of(resources=alone)["start to readiness, s"] == ["0.624", "-", "-"]


@pytest.mark.parametrize("rows", [(FLASK,), (FASTAPI, FLASK, replace(FLASK, stack="flask-granian"))])
def test_one_or_three_applications_have_no_difference(rows):
    table = code_table(rows, (), STACKS)
    assert "difference" not in table.columns
    assert len(table.columns) == 1 + len(rows)


def test_the_notes_say_of_how_many_imports_the_times_are():
    assert code_notes(SUMMARY.complexity).endswith("import times are medians of 5 fresh processes.")
    assert code_notes([replace(FLASK, imports=1)]).endswith("import times are medians of 1 fresh process.")


# --- the same route, and the same API step by step ------------------------------------------------------------------


def test_the_same_route_stands_side_by_side_the_baseline_first():
    [flask, fastapi] = section(RUN).blocks[0].listings
    assert (flask.name, fastapi.name) == ("Flask, flask_app/app.py", "FastAPI, fastapi_app/app.py")
    assert flask.code.startswith('@app.post("/predict")\ndef predict()')
    assert fastapi.code.startswith('@app.post("/predict")\nasync def predict(')
    without = with_summary(complexity=tuple(replace(row, handler="") for row in SUMMARY.complexity))
    assert not any(block.listings for block in section(without).blocks)


def test_each_step_has_the_lines_that_it_adds_and_who_does_the_work_in_both():
    table = steps_table(SUMMARY.steps, STACKS)
    assert table.columns == ("what the API can do since then", "Flask, lines", "done by", "FastAPI, lines", "done by")
    assert table.rows == (
        ("Answers with a text", "+8", "framework", "+9", "framework"),
        ("Refuses a wrong request", "+11", "you", "+5", "framework"),
        ("Documents itself", "+20", "extension", "+3", "framework"),
    )


def test_a_step_that_one_side_alone_has_is_left_open_on_the_other():
    alone = [row for row in SUMMARY.steps if (row.stack, row.step) != ("flask-gthread", "checked")]
    assert steps_table(alone, STACKS).rows[1] == ("Refuses a wrong request", "-", "-", "+5", "framework")


def test_how_a_step_is_done_and_with_which_packages_is_to_open():
    table = work_table(SUMMARY.steps, STACKS)
    assert [row[0] for row in table.rows[2:4]] == ["Flask, documented", "FastAPI, hello"]
    assert table.rows[2][1:] == ("checked", "27", "4", "17", "3", "The extension does it.", "flask-openapi")
    assert table.rows[-1][-1] == "none"


def test_what_each_needs_is_packages_start_and_memory():
    table = needs_table(SUMMARY.complexity, SUMMARY.resources, STACKS)
    assert table.columns == ("stack", "lines of code", "packages", "their size, MB", "start to readiness, s", "memory at rest, MB")
    assert table.rows[0] == ("Flask on gunicorn gthread", "151", "9", "4.8", "0.624", "62.8")
    assert needs_table(SUMMARY.complexity, (), STACKS).columns == ("stack", "lines of code", "packages", "their size, MB")


# --- features -------------------------------------------------------------------------------------------------------


def test_a_feature_has_its_probe_and_the_answer_of_each_stack():
    table = feature_table("", SUMMARY.features, STACKS)
    assert table.columns == ("feature", "probe", "Flask on gunicorn gthread", "FastAPI on uvicorn")
    assert table.rows[0] == ("interactive documentation", "GET /docs", "no: 404", "yes: 200 text/html")
    assert table.rows[-1] == ("command line with a list of routes", "flask --app flask_app routes", "yes: 7 routes", "no: no such command")


def test_a_feature_that_was_not_probed_on_a_stack_is_neither_there_nor_missing():
    rows = [row for row in SUMMARY.features if (row.stack, row.feature) != ("flask-gthread", "interactive documentation")]
    assert feature_table("", rows, STACKS).rows[0][2] == "-"
    assert feature_table("", (), STACKS).rows == ()


def test_only_features_that_one_has_and_the_other_lacks_differ():
    rows = features(docs=(True, False), command_line=(False, True), limits=(True, True), cache=(False, False))
    assert {row.feature for row in differing(rows)} == {"docs", "command line"}
    assert len(differing(rows)) == 4


def test_what_differs_stands_apart_from_what_does_not_and_a_choice_of_ours_in_neither():
    chosen = {name.replace(" ", "_"): (True, False) for name in CHOSEN}
    run = with_summary(features=features(docs=(True, False), limits=(True, True), cache=(False, False), **chosen))
    block = section(run).blocks[-1]
    shown = next(table for table in block.folded if table.caption.startswith("What only one of them has"))
    same = next(table for table in block.folded if table.caption.startswith("What is the same in both"))  # both lack a cache
    assert [row[0] for row in shown.rows] == ["docs"]
    assert [row[0] for row in same.rows] == ["limits", "cache"]
    assert {row[2:] for row in same.rows} == {("yes: found",) * 2, ("no: found",) * 2}


@pytest.mark.parametrize(("has", "is_told"), [(True, True), (False, False)])
def test_where_the_documentation_comes_from_is_told_where_there_is_one(has, is_told):
    assert (DOCS in section(with_summary(features=features(interactive_documentation=(has, False)))).note) == is_told


# --- the topic ------------------------------------------------------------------------------------------------------


def test_the_difference_of_the_applications_is_to_open_and_enough_for_the_topic():
    assert section(RUN).folded_text == RUN.diff
    bare = with_summary(features=(), complexity=(), steps=())
    assert section(bare).blocks == ()
    assert not section(bare).is_empty
    assert section(replace(bare, diff="")).is_empty
