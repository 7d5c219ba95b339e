"""A scenario is valid HTTP and an answer that is known beforehand."""

import json
import subprocess
import sys
from http.client import parse_headers
from io import BytesIO

import pytest

from bench.errors import ConfigError
from bench.plan.expected import Expected, check_scenario, expected_answer, expected_in_turn, parity_scenarios
from bench.plan.scenarios import PASSENGERS_IN_TURN, SCENARIOS, Scenario
from bench.plan.stacks import BUNDLED_STACKS, load_stacks, resolve_stack
from bench.servers.bare import ANSWER
from shared_model import contract

BUNDLED = load_stacks(BUNDLED_STACKS)
STACKS = [*BUNDLED, "flask-gthread@pandas", "fastapi-uvicorn@constant"]
FLOORS = [name for name in BUNDLED if BUNDLED[name].fixed]
WAITING = [name for name in BUNDLED if BUNDLED[name].upstream]
ENRICH = [name for name in SCENARIOS if name.startswith("enrich-")]
GETS = ("hello", "livez")
PATHS = {**dict.fromkeys(SCENARIOS, "/predict"), **dict.fromkeys(ENRICH, "/enrich"), "hello": "/", "livez": "/livez"}


def stack(name):
    return resolve_stack(name, BUNDLED)


def split(request):
    """Return request line, headers and body of the bytes of a request."""
    stream = BytesIO(request)
    line = stream.readline().decode("ascii")
    return line, dict(parse_headers(stream)), stream.read()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_request_is_http_1_1_to_the_port_asked_for(name):
    line, headers, _ = split(SCENARIOS[name].request(8000))
    method, path, version = line.split(" ")
    assert (method, path, version) == ("GET" if name in GETS else "POST", PATHS[name], "HTTP/1.1\r\n")
    assert headers["Host"] == "127.0.0.1:8000"


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in GETS])
def test_a_body_is_json_of_the_length_and_type_that_the_headers_say(name):
    _, headers, body = split(SCENARIOS[name].request(8000))
    assert (headers["Content-Type"], int(headers["Content-Length"])) == ("application/json", len(body))
    assert json.loads(body) == SCENARIOS[name].document


@pytest.mark.parametrize("name", GETS)
def test_a_request_without_a_body_has_no_headers_for_one(name):
    _, headers, body = split(SCENARIOS[name].request(8000))
    assert body == b""
    assert not {name for name in headers if name.startswith("Content-")}


@pytest.mark.parametrize(("name", "passengers"), [("predict-1", 1), ("predict-4", 4), ("predict-100", 100)])
def test_a_scenario_has_the_passengers_that_its_name_says(name, passengers):
    assert len(SCENARIOS[name].passengers) == passengers


@pytest.mark.parametrize(
    ("name", "requests"), [*((name, 1) for name in SCENARIOS if name != "predict-1"), ("predict-1", PASSENGERS_IN_TURN)]
)
def test_a_scenario_has_so_many_requests_the_first_of_which_is_its_own(name, requests):
    each = SCENARIOS[name].each()
    assert [(one.name, one.path, one.further) for one in each] == [(name, SCENARIOS[name].path, ())] * requests
    assert each[0].request(8000) == SCENARIOS[name].request(8000)


def test_the_passengers_of_predict_1_are_64_different_and_complete_ones():
    asked = [one.passengers for one in SCENARIOS["predict-1"].each()]
    assert {len(passengers) for passengers in asked} == {1}
    assert len({json.dumps(passengers) for passengers in asked}) == 64
    assert all(set(passenger) == {"Age", "Sex", "Embarked"} and None not in passenger.values() for [passenger] in asked)


@pytest.mark.parametrize("name", ENRICH)
def test_an_enquiry_asks_for_one_passenger_after_the_delay_that_its_name_says(name):
    document = SCENARIOS[name].document
    assert name == f"enrich-{document['delay_ms']}ms"
    assert (document["passenger"], SCENARIOS[name].passengers) == (3, None)


def test_the_four_passengers_are_the_example_of_the_contract():
    assert SCENARIOS["predict-4"].passengers == contract.EXAMPLE


@pytest.mark.parametrize("name", ["flask-gthread", "fastapi-uvicorn@pandas", "flask-granian@sklearn"])
def test_exact_engines_are_expected_to_answer_the_example_as_the_article_does(name):
    assert expected_answer(SCENARIOS["predict-4"], stack(name)) == Expected(200, {"prediction": [0, 1, 1, 0]})


def test_each_engine_is_expected_to_answer_in_its_own_way():
    answers = {
        engine: expected_answer(SCENARIOS["predict-100"], stack(f"flask-gthread@{engine}")).value["prediction"]
        for engine in ("numpy", "pandas", "forest", "constant", "spin-5ms")
    }
    assert answers["numpy"] == answers["pandas"] == answers["spin-5ms"]
    assert answers["forest"] != answers["numpy"]
    assert answers["constant"] == [0] * 100


def test_the_article_is_expected_to_answer_without_the_child_feature():
    assert expected_answer(SCENARIOS["predict-4"], stack("article-gthread")) == Expected(200, {"prediction": [0, 1, 0, 0]})


def test_an_invalid_request_is_expected_to_be_refused_with_the_place_of_the_fault():
    answer = expected_answer(SCENARIOS["invalid"], stack("flask-gthread"))
    assert (answer.status, [error["pointer"] for error in answer.value["errors"]]) == (422, ["/0/Embarked"])


@pytest.mark.parametrize(("name", "value"), [("hello", contract.WELCOME), ("livez", contract.OK)])
def test_the_root_is_expected_to_welcome_and_the_health_check_to_be_well(name, value):
    assert expected_answer(SCENARIOS[name], stack("fastapi-def")) == Expected(200, value)


@pytest.mark.parametrize("name", ["flask-gthread", "fastapi-uvicorn@spin-100ms", "article-gthread"])
def test_each_request_of_a_scenario_is_expected_to_be_answered_in_its_own_way(name):
    answers = expected_in_turn("predict-1", stack(name))
    assert answers == [expected_answer(one, stack(name)) for one in SCENARIOS["predict-1"].each()]
    assert {answer.value["prediction"][0] for answer in answers} == {0, 1}


@pytest.mark.parametrize(("name", "scenario", "count"), [("bare-asgi-uvicorn", "predict-1", 64), ("fastapi-def", "livez", 1)])
def test_what_is_not_asked_about_passengers_is_expected_to_answer_each_request_alike(name, scenario, count):
    assert expected_in_turn(scenario, stack(name)) == [expected_answer(SCENARIOS[scenario], stack(name))] * count


@pytest.mark.parametrize(("passenger", "value"), [(1, 0), (2, 1), (3, 1), (4, 0)])
def test_an_enquiry_is_expected_to_be_answered_by_the_record_of_its_passenger(passenger, value):
    scenario = Scenario("some", "/enrich", {"passenger": passenger, "delay_ms": 0})
    assert expected_answer(scenario, stack("fastapi-enrich")) == Expected(200, {"prediction": [value]})
    assert expected_answer(scenario, stack("flask-enrich-8@constant")) == Expected(200, {"prediction": [0]})


@pytest.mark.parametrize("name", FLOORS)
def test_a_floor_is_expected_to_answer_its_fixed_body(name):
    assert expected_answer(SCENARIOS["predict-1"], stack(name)) == Expected(200, json.loads(ANSWER))


@pytest.mark.parametrize("name", FLOORS)
def test_a_floor_is_asked_predict_1_only(name):
    assert check_scenario("predict-1", stack(name)) is SCENARIOS["predict-1"]
    for scenario in SCENARIOS.keys() - {"predict-1"}:
        with pytest.raises(ConfigError, match=rf"Stack '{name}' cannot answer scenario '{scenario}', only predict-1\."):
            check_scenario(scenario, stack(name))


@pytest.mark.parametrize("name", ["invalid", "livez"])
def test_the_article_refuses_nothing_and_has_no_health_check_so_it_is_not_asked_for_either(name):
    with pytest.raises(ConfigError, match=rf"cannot answer scenario '{name}', only hello, predict-1, predict-4, predict-100\."):
        check_scenario(name, stack("article-gthread"))


@pytest.mark.parametrize("name", WAITING)
def test_a_stack_that_asks_the_upstream_service_is_asked_enquiries_only(name):
    assert [check_scenario(scenario, stack(name)).name for scenario in ENRICH] == ENRICH
    for scenario in SCENARIOS.keys() - set(ENRICH):
        with pytest.raises(ConfigError, match=rf"Stack '{name}' cannot answer scenario '{scenario}', only enrich-0ms, enrich-5ms, "):
            check_scenario(scenario, stack(name))


@pytest.mark.parametrize("name", ["flask-gthread", "fastapi-uvicorn@pandas", "article-gthread", "bare-wsgi-gthread"])
def test_no_other_stack_is_asked_an_enquiry(name):
    with pytest.raises(ConfigError, match=rf"Stack '{name}' cannot answer scenario 'enrich-0ms', only [^/]*predict-1"):
        check_scenario("enrich-0ms", stack(name))


def test_an_unknown_scenario_is_refused_with_those_there_are():
    known = "hello, livez, predict-1, predict-4, predict-100, invalid, enrich-0ms, "
    with pytest.raises(ConfigError, match=f"There is no scenario 'predict-2'; there are: {known}"):
        check_scenario("predict-2", stack("flask-gthread"))


@pytest.mark.parametrize("name", STACKS)
def test_whatever_is_asked_before_load_has_an_expected_answer(name):
    measured = "enrich-20ms" if name in WAITING else "predict-1"
    asked = parity_scenarios(stack(name), [measured])
    assert asked[0] is SCENARIOS[measured]
    assert {expected_answer(scenario, stack(name)).status for scenario in asked} == {200}


def test_random_requests_have_one_to_twelve_passengers_some_of_them_with_missing_values():
    asked = [scenario for scenario in parity_scenarios(stack("flask-gthread"), []) if scenario.name.startswith("random")]
    assert [len(scenario.passengers) for scenario in asked] == list(range(1, 13))
    values = [value for scenario in asked for passenger in scenario.passengers for value in passenger.values()]
    assert 0.1 < values.count(None) / len(values) < 0.3


def test_the_article_is_asked_complete_passengers_only():
    asked = parity_scenarios(stack("article-gthread"), ["predict-1"])
    assert all(
        set(passenger) == {"Age", "Sex", "Embarked"} and None not in passenger.values()
        for scenario in asked
        for passenger in scenario.passengers
    )


def test_a_floor_is_asked_before_load_what_it_is_asked_under_load():
    assert parity_scenarios(stack("bare-asgi-uvicorn"), ["predict-1"]) == [SCENARIOS["predict-1"]]


def test_a_stack_that_asks_the_upstream_service_is_asked_before_load_for_every_passenger_of_it():
    asked = parity_scenarios(stack("fastapi-enrich"), ["enrich-20ms"])
    assert [scenario.document["passenger"] for scenario in asked[1:]] == [1, 2, 3, 4]


def test_requests_are_the_same_in_another_process():
    program = (
        "import hashlib; from bench.plan.scenarios import *; from bench.plan.expected import *; from bench.plan.stacks import Stack; "
        "asked = parity_scenarios(Stack('a', ('{port}',)), [*SCENARIOS]); "
        "print(hashlib.sha256(b''.join(one.request(1) for scenario in asked for one in scenario.each())).hexdigest())"
    )
    hashes = {subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert len(hashes) == 1
