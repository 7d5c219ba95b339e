"""What a set-up costs: whose CPU time counts, the price of the reader, and what starting and memory take."""

from dataclasses import replace

import pytest
from marks import column, table_of
from report_pages import RUN
from run_variants import copy_run
from sheets import with_summary

from bench.records.numbers import format_interval, format_number
from bench.records.price import Price
from bench.show.finished import read_run
from bench.show.topics.cost import section

CELLS = RUN.summary.cells
FIRST = CELLS[0]
COST, MEMORY, OTHERS = "Per million predictions", "Start-up, alone on the machine", "The same of the other stacks"
SATURATED = "CPU seconds at saturation"
SHOWN = ("flask-gthread", "fastapi-uvicorn", "flask-granian", "fastapi-granian", "fastapi-def")


def cells_at(load):
    return {cell.stack: cell for cell in CELLS if (cell.part, cell.load) == ("headline", load) and cell.stack in SHOWN}


def test_cpu_seconds_are_those_at_the_equal_load_and_beside_them_those_of_the_answer():
    table = table_of(section, COST)
    assert table.caption.startswith(f"{COST}, at equal rate, baseline 40 % busy;")
    assert column(table, "CPU seconds") == [format_interval(cell.cpu) for cell in cells_at("busy-40").values()]
    assert column(table, SATURATED) == [format_interval(cell.cpu) for cell in cells_at("closed-16").values()]
    assert table.rows[0][:3] == ("Flask on gunicorn gthread", "219.6 (218.1 to 221.0)", "191.0 (189.7 to 192.1)")


def test_of_two_equal_loads_the_one_that_a_verdict_is_given_under_counts():
    lighter = [replace(cell, load="busy-20", cpu_us_per_request=1.0) for cell in CELLS if cell.load == "busy-40"]
    assert table_of(section, COST, with_summary(cells=(*lighter, *CELLS))) == table_of(section, COST)


def test_without_an_equal_load_cpu_seconds_are_those_of_the_answer_and_stand_there_once():
    table = table_of(section, COST, with_summary(cells=tuple(cell for cell in CELLS if cell.load != "busy-40")))
    assert table.caption.startswith(f"{COST}, with 16 users;")
    assert column(table, "CPU seconds") == [format_interval(cell.cpu) for cell in cells_at("closed-16").values()]
    assert SATURATED not in table.columns


def test_a_stack_that_was_not_saturated_has_no_figure_there():
    cells = tuple(cell for cell in CELLS if (cell.stack, cell.load) != ("flask-granian", "closed-16"))
    assert column(table_of(section, COST, with_summary(cells=cells)), SATURATED)[2] == "-"


def test_cells_of_another_scenario_or_without_cpu_time_have_no_line():
    other = replace(FIRST, load="busy-40", scenario="predict-100")
    cells = tuple(replace(cell, cpu=None) if (cell.stack, cell.load) == ("fastapi-def", "busy-40") else cell for cell in CELLS)
    assert len(table_of(section, COST, with_summary(cells=(*cells, other))).rows) == len(SHOWN) - 1


@pytest.mark.parametrize(
    ("price", "words", "shares"),
    [
        (Price(), "US dollars at 0.04 per core hour", {"30 %": 0.3, "70 %": 0.7}),
        (Price(0.4, (0.5,), "euros"), "euros at 0.4 per core hour", {"50 %": 0.5}),
        (Price(0.0, (1.0,)), "US dollars at 0 per core hour", {"100 %": 1.0}),
    ],
)
def test_money_is_cpu_hours_times_the_price_over_the_share_of_use(price, words, shares):
    table = table_of(section, COST, replace(RUN, price=price))
    assert table.caption.endswith(f"; {words}")
    assert [heading for heading in table.columns if "cost" in heading] == [f"cost, cores {share} used" for share in shares]
    for name, share in shares.items():
        money = [cell.cpu_us_per_request / 3600 * price.per_core_hour / share for cell in cells_at("busy-40").values()]
        assert column(table, f"cost, cores {name} used") == [format_number(sum_) for sum_ in money]


def test_the_price_of_the_plan_counts_where_no_other_is_asked_for(tmp_path):
    folder = copy_run(tmp_path / "run")
    manifest = folder.read_manifest()
    manifest["plan"]["price"] = {"per_core_hour": 2, "utilisations": [1]}
    folder.write_manifest(manifest)
    assert read_run(folder).price == Price(2, (1,))
    assert read_run(folder, price=Price(3.0)).price == Price(3.0)


# --- start-up and memory --------------------------------------------------------------------------------------------


def test_start_up_and_memory_of_the_stacks_of_the_answer_stand_apart_from_the_others_without_second_copies():
    table, others = table_of(section, MEMORY), table_of(section, OTHERS)
    assert column(table, "stack") == [RUN.stacks[stack]["label"] for stack in SHOWN]
    assert table.rows[0] == ("Flask on gunicorn gthread", "0.624", "0.655", "5", "62.8 (61.0)", "105.1 (53.2)", "20")
    assert ("Nothing on uvicorn", "29.4 (23.8)", "8") in others.rows  # bare servers are not started alone: no columns of it
    assert not [row for row in (*table.rows, *others.rows) if "second copy" in row[0]]


def test_a_run_without_cpu_time_and_memory_says_nothing_of_cost():
    assert section(with_summary(cells=tuple(replace(cell, cpu=None) for cell in CELLS), resources=())).is_empty
