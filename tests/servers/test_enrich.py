"""The applications that ask another service first: the same answers, and as many requests that wait as each can let wait."""

import contextlib
import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from passengers import BROKEN, CUT, GARBLED, HOLD_S, MISSING, NO_PASSENGER, SILENT, USERS, Place, ask, ask_at_once, enquiry
from serving import JSON, Connection, message, reserved_port

import fastapi_app.variants.enrich
import flask_app.variants.enrich
from bench.measure.environment import Cores
from bench.measure.ready import launch_stacks
from bench.measure.services import ADDRESS, launch_upstream
from bench.plan.expected import expected_answer, parity_scenarios
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from shared_model import OptionError, contract
from shared_model.contract import PROBLEM_TYPE, Failure, Kind
from shared_model.enquiry import CLIENTS, UPSTREAM_TIMEOUT_S

STACKS = load_stacks(BUNDLED_STACKS)
NAMES = ("flask-enrich-8", "fastapi-enrich", "fastapi-enrich-def", "fastapi-enrich-trap")
FACTORIES = (
    flask_app.variants.enrich.create_app,
    fastapi_app.variants.enrich.create_app,
    fastapi_app.variants.enrich.create_def_app,
    fastapi_app.variants.enrich.create_trap_app,
)
NO_ENQUIRY = (422, PROBLEM_TYPE, Failure(Kind.NO_ENQUIRY).document())
NO_RECORD = (502, PROBLEM_TYPE, Failure(Kind.NO_RECORD).document())
pytestmark = pytest.mark.xdist_group("enrich")


@pytest.fixture(scope="module")
def place_and_applications(tmp_path_factory):
    """The applications, each launched while the service is down, which then comes up."""
    folder = tmp_path_factory.mktemp("enrich")
    with contextlib.ExitStack() as exits:
        port = exits.enter_context(reserved_port())
        told = [dataclasses.replace(STACKS[name], environment={ADDRESS: f"http://127.0.0.1:{port}"}) for name in NAMES]
        running = {application.stack.name: application for application in launch_stacks(told, (), folder, exits)}
        [behind] = launch_upstream(told, Cores((), ()), folder, exits)
        place = Place(port, behind.port)
        exits.callback(place.go_down)
        place.come_up()
        yield place, running


@pytest.fixture
def place(place_and_applications):
    """Where the service is, expecting nothing."""
    place, _ = place_and_applications
    place.service.expect(0)
    return place


@pytest.fixture
def applications(place_and_applications):
    return place_and_applications[1]


@pytest.fixture(params=NAMES)
def application(request, place, applications):  # noqa: ARG001 - the service expects nothing
    return applications[request.param]


# --- answers --------------------------------------------------------------------------------------------------------


def test_what_is_asked_before_load_is_answered_as_expected(application):
    scenarios = parity_scenarios(application.stack, ["enrich-0ms", "enrich-20ms"])
    for scenario in scenarios:
        expected = expected_answer(scenario, application.stack)
        assert ask(application, scenario.request(application.port)) == (expected.status, JSON, expected.value)


def test_the_articles_passengers_have_the_articles_predictions(application):
    values = [ask(application, enquiry(number)) for number in (1, 2, 3, 4)]
    assert values == [(200, JSON, {"prediction": [value]}) for value in (0, 1, 1, 0)]


def test_the_answer_comes_after_that_of_the_service(application):
    start_s = time.monotonic()
    assert ask(application, enquiry(2, 200))[0] == 200
    assert time.monotonic() - start_s >= 0.2


def test_a_connection_is_kept(application):
    with Connection(application.port) as connection:
        assert [connection.ask(enquiry(3)).status for _ in range(5)] == [200] * 5


def test_it_is_ready(application):
    assert ask(application, message("GET", "/readyz")) == (200, JSON, {"status": "ok"})


# --- what is refused ------------------------------------------------------------------------------------------------


def test_what_is_no_enquiry_is_refused(application):
    for body in [
        *(b"{", b"[]", b"{}", b"null", b'{"passenger": 3}', b'[{"passenger": 3, "delay_ms": 20}]', b"\xff"),
        *(b'{"passenger": %b, "delay_ms": 0}' % value for value in (b"0", b"1000001", b"3.0", b'"3"', b"true")),
        *(b'{"passenger": 3, "delay_ms": %b}' % value for value in (b"-1", b"1001", b"20.0", b"null")),
    ]:
        assert ask(application, message("POST", "/enrich", body)) == NO_ENQUIRY, body


def test_all_else_is_refused_as_the_contract_has_it(application):
    for kind, request in [
        (Kind.MALFORMED, message("POST", "/enrich", Content_Type=JSON, Content_Length="0")),
        (Kind.NOT_FOUND, message("POST", "/predict", b"[]")),
        (Kind.METHOD_NOT_ALLOWED, message("GET", "/enrich")),
        (Kind.TOO_LARGE, message("POST", "/enrich", Content_Type=JSON, Content_Length=str(contract.MAX_BODY_BYTES + 1))),
        (Kind.NOT_JSON, message("POST", "/enrich", b"{}", Content_Type="text/plain")),
    ]:
        assert ask(application, request) == (kind.status, PROBLEM_TYPE, Failure(kind).document()), request


# --- a service that fails -------------------------------------------------------------------------------------------


def test_a_passenger_that_the_service_does_not_know_is_its_failure(application):
    assert ask(application, enquiry(5)) == NO_RECORD


def test_a_service_that_answers_wrongly_is_a_bad_gateway(application):
    for passenger in (MISSING, BROKEN, GARBLED, NO_PASSENGER, CUT):
        assert ask(application, enquiry(passenger)) == NO_RECORD, passenger
        assert ask(application, enquiry(1))[0] == 200, passenger
    assert "Traceback" not in application.log.read_text()


@pytest.mark.usefixtures("place")
def test_a_service_that_does_not_answer_in_time_is_a_bad_gateway(applications):
    start_s = time.monotonic()
    with ThreadPoolExecutor(len(NAMES)) as pool:
        assert list(pool.map(lambda name: ask(applications[name], enquiry(SILENT)), NAMES)) == [NO_RECORD] * len(NAMES)
    assert time.monotonic() - start_s >= UPSTREAM_TIMEOUT_S


def test_a_service_that_is_down_is_a_bad_gateway_until_it_is_back_and_the_application_is_ready_all_the_same(place, applications):
    place.go_down()
    try:
        for name, application in applications.items():
            assert ask(application, enquiry(1)) == NO_RECORD, name
            assert ask(application, message("GET", "/readyz"))[0] == 200, name
            assert "Traceback" not in application.log.read_text(), name
    finally:
        place.come_up()
    assert [ask(application, enquiry(1))[0] for application in applications.values()] == [200] * len(NAMES)


@pytest.mark.parametrize("create", FACTORIES, ids=lambda create: f"{create.__module__}.{create.__name__}")
def test_an_application_that_is_not_told_of_a_service_does_not_start(create, monkeypatch):
    monkeypatch.delenv(ADDRESS, raising=False)
    with pytest.raises(OptionError, match=r"^SERVE_UPSTREAM is ''; set it to the address of the passenger service, such as http://"):
        create()


# --- requests that wait ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "at_once"), [("flask-enrich-8", 8), ("fastapi-enrich", USERS), ("fastapi-enrich-def", USERS), ("fastapi-enrich-trap", 1)]
)
def test_as_many_requests_wait_at_once_as_there_are_threads_all_in_async_def_and_one_where_that_blocks(place, applications, name, at_once):
    place.service.expect(at_once)
    start_s = time.monotonic()
    assert {status for status, _, _ in ask_at_once(applications[name], enquiry(1))} == {200}
    assert place.service.most == at_once
    assert time.monotonic() - start_s >= HOLD_S * USERS / at_once


def test_connections_to_the_service_are_kept_one_for_each_client(place, application):
    for _ in range(3 * CLIENTS):
        ask(application, enquiry(1))
    assert place.service.connections <= CLIENTS
    assert place.service.most == 1
