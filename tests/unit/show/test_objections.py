"""The table of objections: for the bundled pairs alone, with what was read back from the live run, and no figure where that lacks one."""

from dataclasses import replace

import pytest
from report_pages import RUN

from bench.records import AS_DEPLOYED, SAME_SERVER, SERVER_ALONE
from bench.show.topics.objections import objections_table

CONDITIONS = RUN.manifest["conditions"]
PARALLEL, LOGS, WORKERS = "Connections are opened anew for each request.", "One side writes a log.", "One side has more workers."
FAST, JSON, LENGTHS = "FastAPI lacks its fast parts, uvloop and httptools.", "pydantic slows down one side.", "Answers differ in length."
ANSWERS, MACHINE, REQUESTS = "Nobody looks at the answers.", "Client and server share the machine.", "All requests are the same."


def with_plan(**fields):
    return {**RUN.manifest, "plan": {**RUN.manifest["plan"], **fields}}


def rows_of(manifest=RUN.manifest, summary=RUN.summary):
    """Return what is done and what was read back, by objection."""
    return {objection: tuple(said) for objection, *said in objections_table(summary, manifest).rows}


def read_back(**fields):
    return {objection: read for objection, (_, read) in rows_of(**fields).items()}


@pytest.mark.parametrize("pair", [AS_DEPLOYED, SERVER_ALONE, SAME_SERVER])
def test_a_run_whose_first_pair_is_a_bundled_one_has_the_table_for_it(pair):
    table = objections_table(RUN.summary, with_plan(pairs=[list(pair)]))
    contender, baseline = (RUN.stacks[name]["label"] for name in pair)
    assert table.columns == ("objection", "what is done", f"read back: {contender} and {baseline}")
    assert all(objection and done for objection, done, _ in table.rows)


@pytest.mark.parametrize("pairs", [[["mine", "yours"]], [["mine", "flask-gthread"], list(AS_DEPLOYED)], [list(AS_DEPLOYED[::-1])], []])
def test_of_another_first_pair_none_of_this_is_known(pairs):
    assert objections_table(RUN.summary, with_plan(pairs=pairs)).rows == ()


def test_a_run_of_an_older_version_whose_plan_names_no_pairs_has_no_table():
    plan = {key: value for key, value in RUN.manifest["plan"].items() if key != "pairs"}
    assert objections_table(RUN.summary, {**RUN.manifest, "plan": plan}).rows == ()


def test_conditions_of_contender_and_baseline_stand_side_by_side_as_they_were_read():
    wanted = {
        PARALLEL: "connections per 1,000 answers: 0.6 and 0.9",
        LOGS: "bytes of log per answer: 0.0 and 0.0",
        FAST: "uvloop: yes and no; HTTP parser: httptools and in Python",
        WORKERS: "serving processes: 1 and 1",
        JSON: "JSON libraries loaded: pydantic_core + Python's own and pydantic_core + Python's own",
        LENGTHS: "bytes per answer: 152.0 and 189.0",
        MACHINE: "servers: core 1; load generator: core 0",
    }
    found = read_back()
    assert {objection: found[objection] for objection in wanted} == wanted


def test_a_condition_that_is_not_known_of_a_stack_has_no_figure():
    contender, baseline = AS_DEPLOYED
    older = {"command": "python -m uvicorn", "uvloop": True}
    found = read_back(manifest={**RUN.manifest, "conditions": {contender: older, baseline: CONDITIONS[baseline]}})
    assert found[PARALLEL] == "connections per 1,000 answers: - and 0.9"
    assert found[FAST] == "uvloop: yes and no; HTTP parser: - and in Python"
    found = read_back(manifest={**RUN.manifest, "conditions": {}})
    assert found[LENGTHS] == "bytes per answer: - and -"


def test_cores_that_are_not_kept_apart_have_no_figure_and_several_are_all_named():
    environment = {**RUN.summary.environment, "server_cores": [1, 2], "generator_cores": []}
    assert read_back(summary=replace(RUN.summary, environment=environment))[MACHINE] == "servers: core 1, 2; load generator: -"


def test_answers_and_failures_of_all_cells_are_counted():
    first, second, *_ = RUN.summary.cells
    cells = (replace(first, samples=1000, errors=1, unfinished=2, not_sent=3), replace(second, samples=234, errors=0))
    assert read_back(summary=replace(RUN.summary, cells=cells))[ANSWERS] == "1,234 settled answers, 6 requests without a correct one"


@pytest.mark.parametrize(
    ("bodies", "words"),
    [
        ({"hello": [""], "predict-1": ["a", "b", "c"]}, ("They are of different passengers, in turn.", "3 different requests")),
        ({"predict-1": "the one body of an older run"}, ("In this run they are.", "1 different request")),
        ({"predict-1": ["a"]}, ("In this run they are.", "1 different request")),
        ({}, ("They are of different passengers, in turn.", "-")),
    ],
)
def test_how_many_requests_differ_is_what_the_plan_says(bodies, words):
    assert rows_of(with_plan(bodies=bodies))[REQUESTS] == words
