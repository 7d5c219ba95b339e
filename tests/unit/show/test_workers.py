"""More worker processes: one line for each server, the ratio by workers, and what a machine lacked to measure them."""

from dataclasses import replace

import pytest
from report_pages import RUN
from sheets import draw, texts_on

from bench.records import Interval
from bench.show.topics import trust
from bench.show.topics.workers import base_of, ratio_table, section

FLASK, FASTAPI = "flask-gthread", "fastapi-uvicorn"
[HEADLINE] = {cell.load for cell in RUN.summary.cells if cell.load == "closed-16" and cell.part == RUN.summary.cells[0].part}
RATES = {(FLASK, 1): 2500.0, (FLASK, 2): 4800.0, (FASTAPI, 1): 4500.0, (FASTAPI, 2): 8600.0}


def name(stack, count):
    return stack if count == 1 else f"{stack}@{count}"


def run_with(cores=2, rates=RATES, left_out=None):
    """Return the miniature run with a part by workers, whose servers had so many cores."""
    model = next(cell for cell in RUN.summary.cells if cell.load == HEADLINE)
    row = next(row for row in RUN.summary.comparisons if row.metric == "throughput_rps" and row.load == HEADLINE)
    cells = tuple(
        replace(
            model, part="workers", stack=name(stack, count), load="closed-64", throughput=Interval(rate, 0.99 * rate, 1.01 * rate, 0.95)
        )
        for (stack, count), rate in rates.items()
    )
    ratios = {count: rates[FASTAPI, count] / rates[FLASK, count] for stack, count in rates if stack == FASTAPI}
    rows = tuple(
        replace(
            row,
            part="workers",
            contender=name(FASTAPI, count),
            baseline=name(FLASK, count),
            load="closed-64",
            role="exploratory",
            verdict="not judged",
            interval=Interval(ratio, 0.99 * ratio, 1.01 * ratio, 0.95),
        )
        for count, ratio in sorted(ratios.items(), reverse=True)
    )
    several = {name(stack, 2): {"workers": 2} for stack in (FLASK, FASTAPI)}
    labels = {name(stack, 2): {**RUN.stacks[stack], "label": f"{RUN.stacks[stack]['label']}, 2 workers"} for stack in (FLASK, FASTAPI)}
    plan = {**RUN.plan, "stacks": {**RUN.plan["stacks"], **several}, "left_out": left_out or {}}
    conditions = {**RUN.manifest["conditions"], **{stack: {"cores": list(range(cores))} for stack in several}}
    conditions |= {stack: {"cores": [0]} for stack in (FLASK, FASTAPI)}
    manifest = {**RUN.manifest, "plan": plan, "stacks": {**RUN.stacks, **labels}, "conditions": conditions}
    summary = replace(RUN.summary, cells=(*RUN.summary.cells, *cells), comparisons=(*RUN.summary.comparisons, *rows))
    return replace(RUN, summary=summary, manifest=manifest)


def test_each_number_of_workers_has_a_row_with_its_ratio_the_fewest_first():
    table = ratio_table(run_with())
    assert [row[1:3] for row in table.rows] == [("1", "1.800 (1.782 to 1.818)"), ("2", "1.792 (1.774 to 1.810)")]
    assert {row[0] for row in table.rows} == {"FastAPI on uvicorn / Flask on gunicorn gthread"}


def test_the_title_has_the_ratio_with_the_fewest_and_with_the_most_workers():
    title = draw(section, run_with())["workers"].title
    assert title == "FastAPI on uvicorn against Flask on gunicorn gthread: 1.80 times with 1 worker each, 1.79 times with 2"


def test_a_server_with_several_workers_is_a_point_of_the_line_of_that_server():
    texts = texts_on(draw(section, run_with())["workers"])
    assert texts.count("FastAPI on uvicorn") >= 1
    assert not any("2 workers" in text for text in texts if text.startswith("Fl"))


@pytest.mark.parametrize(("cores", "is_told"), [(2, False), (1, True)])
def test_workers_that_shared_a_core_are_told(cores, is_told):
    found = section(run_with(cores))
    assert any("shared one core" in line for line in found.lines) is is_told


def test_a_machine_without_the_cores_says_what_it_lacks():
    run = run_with(rates={}, left_out={"workers": "one worker process on each core needs more."})
    assert section(run).is_empty
    assert "Not measured here, workers: one worker process on each core needs more." in trust.section(run).lines


def test_a_run_that_planned_no_such_part_says_nothing():
    assert section(RUN).is_empty


@pytest.mark.parametrize(("stack", "base"), [("a@2", "a"), ("a@pandas@2", "a@pandas"), ("a@pandas", "a@pandas"), ("a", "a"), ("@2", "@2")])
def test_the_base_of_a_stack_is_without_its_number_of_workers(stack, base):
    assert base_of(stack) == base
