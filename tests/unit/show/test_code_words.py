"""Code, features and cost in tables: baseline first, differences where two are compared, nothing where nothing is known."""

from dataclasses import replace

import pytest
from report_pages import RUN

from bench.records.price import Price
from bench.show.code_words import code_notes, code_table, feature_table
from bench.show.cost import cost_table, price_words

SUMMARY, STACKS = RUN.summary, RUN.stacks
FASTAPI, FLASK = SUMMARY.complexity


def lines_of(rows=SUMMARY.complexity, resources=SUMMARY.resources):
    """Return the rows of the table of code by what they are of."""
    return {what: texts for what, *texts in code_table(rows, resources, STACKS).rows}


def test_the_baseline_stands_first_and_the_difference_last():
    table = code_table(SUMMARY.complexity, SUMMARY.resources, STACKS)
    assert table.columns == ("what", "Flask on gunicorn gthread", "FastAPI on uvicorn", "difference")
    assert table.numbers == {1, 2, 3}


def test_a_line_has_both_figures_and_what_the_contender_has_more():
    wanted = {
        "lines of code (without blank lines, comments, docstrings)": ["151", "164", "+13"],
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
    assert lines["lines of code (without blank lines, comments, docstrings)"][-1] == "-51"
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


def test_a_feature_has_its_probe_and_the_answer_of_each_stack():
    table = feature_table(SUMMARY.features, STACKS)
    assert table.columns == ("feature", "probe", "Flask on gunicorn gthread", "FastAPI on uvicorn")
    assert table.rows[0] == ("interactive documentation", "GET /docs", "no: 404", "yes: 200 text/html")
    assert table.rows[-1] == ("command line with a list of routes", "flask --app flask_app routes", "yes: 7 routes", "no: no such command")


def test_a_feature_that_was_not_probed_on_a_stack_is_neither_there_nor_missing():
    rows = [row for row in SUMMARY.features if (row.stack, row.feature) != ("flask-gthread", "interactive documentation")]
    assert feature_table(rows, STACKS).rows[0][2] == "-"
    assert feature_table((), STACKS).rows == ()


def test_the_notes_say_of_how_many_imports_the_times_are():
    assert code_notes(SUMMARY.complexity).endswith("Import times are medians of 5 fresh processes.")
    assert code_notes([replace(FLASK, imports=1)]).endswith("Import times are medians of 1 fresh process.")


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (Price(), "0.04 per core hour, of which 30 % or 70 % is used"),
        (Price(12.5, (1.0,)), "12.5 per core hour, of which 100 % is used"),
    ],
)
def test_the_terms_of_a_price(price, words):
    assert price_words(price) == words


def test_cost_is_cpu_seconds_with_their_interval_and_money_per_share_of_use():
    cell = next(cell for cell in SUMMARY.cells if cell.load == "busy-40")
    table = cost_table([cell, replace(cell, stack="mine", cpu_us_per_request=None)], {}, Price(3.6, (0.5, 1.0)), STACKS)
    assert table.caption == "Per million predictions; money at a price of 3.6 per core hour, of which 50 % or 100 % is used"
    assert table.columns == ("stack", "CPU seconds", "level", "money, 50 % used", "money, 100 % used", "launches")
    assert table.rows == (("Flask on gunicorn gthread", "219.6 (218.1 to 221.0)", "95.8 %", "0.439", "0.220", "12"),)


def test_beside_the_cost_at_a_rate_stands_that_at_saturation_where_it_is_another():
    open_cells = [cell for cell in SUMMARY.cells if (cell.part, cell.load) == ("headline", "busy-40")][:2]
    saturated = {cell.stack: cell for cell in SUMMARY.cells if (cell.part, cell.load) == ("headline", "closed-16")}
    heading = "CPU seconds at saturation"
    table = cost_table(open_cells, saturated, Price(), STACKS)
    assert [row[table.columns.index(heading)] for row in table.rows] == ["191.0 (189.7 to 192.1)", "94.60 (93.94 to 95.17)"]
    table = cost_table(open_cells, {FLASK.stack: saturated[FLASK.stack]}, Price(), STACKS)
    assert [row[table.columns.index(heading)] for row in table.rows] == ["191.0 (189.7 to 192.1)", "-"]
    assert heading not in cost_table(list(saturated.values()), saturated, Price(), STACKS).columns
