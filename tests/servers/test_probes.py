"""What probes find on real servers, and on servers that have nothing of it: a cell is what came back, never what was expected."""

import contextlib

import pytest

from bench.measure import probes
from bench.measure.environment import choose_cores
from bench.measure.probes import PROBES, Finding, ask_graceful_stop, probe_stack
from bench.measure.ready import launch_stacks
from bench.plan.stacks import BUNDLED_STACKS, load_stacks

STACKS = load_stacks(BUNDLED_STACKS)
CORES = choose_cores()
DOCUMENTATION, SCHEMA = "interactive documentation", "OpenAPI schema"
OF_BOTH = {
    "validation errors that name the field": "422, /0/Sex",
    "errors as problem documents": "404 application/problem+json",
    "request size limit": "413",
    "JSON type check": "415",
    "HEAD on pages": "200 on 4 of 4",
    "methods named by OPTIONS": "405, Allow: POST",
    "methods named by 405": "405, Allow: POST",
    "request id echoed": "X-Request-ID: probe-1",
    "keep-alive": "200 and 200",
    "graceful stop": "200, then it ended",
}
OF_ONE = {
    "flask": {DOCUMENTATION: (False, "404"), SCHEMA: (False, "404")},
    "fastapi": {DOCUMENTATION: (True, "200 text/html"), SCHEMA: (True, "200, 6 paths")},
}


def findings(rows):
    """Return what was found of each feature."""
    return {row.feature: (row.has, row.found) for row in rows}


def probed(stack):
    return findings(probe_stack(stack, CORES))


def features_of(name):
    """Return what is to be found on a stack of ours: what the contract asks for, and what the framework adds."""
    return {**{feature: (True, found) for feature, found in OF_BOTH.items()}, **OF_ONE[name.partition("-")[0]]}


@pytest.mark.parametrize("name", ["flask-gthread", "fastapi-uvicorn"])
def test_an_application_has_the_features_of_the_contract_and_those_of_its_framework(compared, name):
    assert findings(row for row in compared.features if row.stack == name) == features_of(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flask-granian", "fastapi-granian"])
def test_an_application_has_the_same_features_on_another_server(name):
    assert probed(STACKS[name]) == features_of(name)


def test_a_server_that_answers_everything_with_one_body_has_none_of_what_an_application_adds():
    rows = list(probe_stack(STACKS["bare-asgi-uvicorn"], CORES))
    assert {row.stack for row in rows} == {"bare-asgi-uvicorn"}
    assert [(row.feature, row.probe) for row in rows] == [(probe.feature, probe.words) for probe in PROBES]
    found = findings(rows)
    assert {feature for feature, (has, _) in found.items() if has} == {"HEAD on pages", "keep-alive", "graceful stop"}
    assert found["validation errors that name the field"] == (False, "200, the field is not named")
    assert found["request size limit"] == (False, "200")
    assert found["methods named by OPTIONS"] == (False, "200, no Allow")


def test_the_development_server_closes_its_connections_and_cuts_off_a_request_when_it_is_stopped():
    found = probed(STACKS["flask-dev"])
    assert found["keep-alive"] == (False, "200, then the connection is closed")
    assert found["graceful stop"] == (False, "no answer")


def test_of_a_server_that_dies_the_rest_is_told_as_no_answer(make_stub):
    found = list(probed(make_stub("dies", "die_after=2")).values())
    assert found[:3] == [(False, "200 application/json"), (False, "200"), (False, "no answer")]
    assert set(found[3:]) == {(False, "no answer")}


def test_a_server_that_does_not_answer_is_not_waited_for_without_end(make_stub, monkeypatch):
    monkeypatch.setattr(probes, "TIMEOUT_S", 0.1)
    found = probed(make_stub("silent", "silent_after=1"))
    assert found["keep-alive"] == (False, "no answer in 0.1 s")


def test_a_server_that_ignores_the_signal_is_left_running_in_bounded_time(make_stub, monkeypatch, tmp_path):
    monkeypatch.setattr(probes, "TIMEOUT_S", 1)
    monkeypatch.setattr(probes, "STOP_TIMEOUT_S", 0.5)
    monkeypatch.setattr("bench.measure.processes.STOP_TIMEOUT_S", 0.2)
    with contextlib.ExitStack() as exits:
        [running] = launch_stacks([make_stub("deaf")], CORES.servers, tmp_path, exits)
        assert ask_graceful_stop(running) == Finding(has=False, found="200, still running after 0.5 s")
