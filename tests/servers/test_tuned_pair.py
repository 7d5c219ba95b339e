"""The tuned pair gives the answers of the core applications: status, media type and value, and the limits hold."""

import contextlib
import dataclasses
import json

import pytest
from serving import JSON, Connection, message

from bench.measure.ready import launch_stacks
from bench.plan.scenarios import SCENARIOS
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from shared_model import contract

CORES = {"flask-raw": "flask-gthread", "fastapi-raw": "fastapi-uvicorn"}
BODY = json.dumps(contract.EXAMPLE).encode()
LIMIT = contract.MAX_BODY_BYTES
CHUNKED = message("POST", "/predict", Content_Type=JSON, Transfer_Encoding="chunked")


@pytest.fixture(scope="module", params=CORES)
def pair(request, start, tmp_path_factory):
    """Return a function that asks both the tuned application and its core one."""
    core = start(CORES[request.param])
    with contextlib.ExitStack() as exits:
        [tuned] = launch_stacks([load_stacks(BUNDLED_STACKS)[request.param]], (), tmp_path_factory.mktemp(request.param), exits)
        yield lambda request_bytes: (ask(tuned.port, request_bytes), ask(core.port, request_bytes))


@pytest.fixture
def port_without_model(name, empty_folder, tmp_path):
    """The port of a tuned application without a model; it is never ready, so another page says that it is there."""
    stack = dataclasses.replace(load_stacks(BUNDLED_STACKS)[name], ready="/", environment={"SERVE_MODEL_DIR": str(empty_folder)})
    with contextlib.ExitStack() as exits:
        [tuned] = launch_stacks([stack], (), tmp_path, exits)
        yield tuned.port


def ask(port, request_bytes):
    """Return status, media type and value of an answer; the value is text where it is not JSON."""
    with Connection(port) as connection:
        answer = connection.ask(request_bytes)
    media_type = answer.headers["content-type"]
    return answer.status, media_type, json.loads(answer.body) if "json" in media_type else answer.body


def test_a_scenario_has_the_same_answer(pair):
    for name, scenario in SCENARIOS.items():
        tuned, core = pair(scenario.request(80))
        assert tuned == core, name


def test_readiness_has_the_same_answer(pair):
    tuned, core = pair(message("GET", "/readyz"))
    assert tuned == core == (200, JSON, {"status": "ok"})


def test_what_is_refused_and_what_is_just_taken_has_the_same_answer(pair):
    for status, request in [
        (200, message("POST", "/predict", BODY.ljust(LIMIT))),
        (400, message("POST", "/predict", b"[{")),
        (400, message("POST", "/predict", Content_Type=JSON, Content_Length="0")),
        (404, message("GET", "/nope")),
        (405, message("GET", "/predict")),
        (413, message("POST", "/predict", Content_Type=JSON, Content_Length=str(LIMIT + 1))),
        (413, CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (LIMIT + 1, BODY.ljust(LIMIT + 1))),
        (415, message("POST", "/predict", BODY, Content_Type="text/plain")),
        (422, message("POST", "/predict", b'[{"Age": -1}, 7, {"Sex": "x", "Embarked": 1}]')),
    ]:
        tuned, core = pair(request)
        assert tuned == core, request[:200]
        assert tuned[0] == status, request[:200]


@pytest.mark.parametrize("name", CORES)
def test_without_a_model_it_is_unavailable(port_without_model):
    for request in (message("GET", "/readyz"), message("POST", "/predict", BODY)):
        status, media_type, document = ask(port_without_model, request)
        assert (status, media_type, document["title"]) == (503, contract.PROBLEM_TYPE, "Service Unavailable"), request
