"""The applications that ask another service first: the same answers, and as many requests that wait as each can let wait."""

import contextlib
import dataclasses
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
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
USERS = 16
HOLD_S = 0.1
PATIENCE_S = 10
PASSENGER = json.dumps(contract.EXAMPLE[0]).encode()
NO_ENQUIRY = (422, PROBLEM_TYPE, Failure(Kind.NO_ENQUIRY).document())
NO_RECORD = (502, PROBLEM_TYPE, Failure(Kind.NO_RECORD).document())
# What is wrong with the answer of `Watch` to a request for this passenger.
MISSING, BROKEN, GARBLED, NO_PASSENGER, CUT, SILENT = range(404, 410)
FAULTS = {MISSING: (404, PASSENGER), BROKEN: (500, PASSENGER), GARBLED: (200, b"<html>"), NO_PASSENGER: (200, b"[]")}
pytestmark = pytest.mark.xdist_group("enrich")


class Watch(ThreadingHTTPServer):
    """A service before that of the bench: it knows of each request when it comes and when it is answered, and fails if it is to.

    It holds all requests back until `awaited` wait at once.
    """

    daemon_threads = True
    request_queue_size = 2 * USERS  # who comes later waits a second

    def __init__(self, port, behind):
        super().__init__(("127.0.0.1", port), Watchman)
        self.behind = behind
        self.turn = threading.Condition()
        self.open_connections = set()
        self.expect(0)
        self.waiting = 0

    def expect(self, awaited):
        self.connections = self.most = 0
        self.awaited, self.is_open = awaited, False

    def hold(self):
        with self.turn:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            self.is_open |= self.waiting >= self.awaited
            self.turn.notify_all()
            self.turn.wait_for(lambda: self.is_open, PATIENCE_S)
        if self.awaited:
            time.sleep(HOLD_S)
        with self.turn:
            self.waiting -= 1

    def hang_up(self):
        for connection in list(self.open_connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Watchman(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections += 1
        self.server.open_connections.add(self.connection)

    def finish(self):
        self.server.open_connections.discard(self.connection)
        super().finish()

    def do_GET(self):
        passenger = int(self.path.removeprefix("/passengers/").partition("?")[0])
        self.server.hold()
        if passenger == SILENT:
            time.sleep(UPSTREAM_TIMEOUT_S + 2)
        if passenger in {CUT, SILENT}:
            self.close_connection = True
            return
        if passenger in FAULTS:
            status, body = FAULTS[passenger]
            headers = {"Content-Length": str(len(body))}
        else:
            with Connection(self.server.behind) as behind:
                status, headers, body = behind.ask(message("GET", self.path))
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Place:
    """The address at which the applications look for the service; it may be up or down."""

    def __init__(self, port, behind):
        self.port, self.behind = port, behind
        self.exits = contextlib.ExitStack()

    def come_up(self):
        self.service = self.exits.enter_context(Watch(self.port, self.behind))
        thread = threading.Thread(target=self.service.serve_forever, args=(0.01,))
        thread.start()
        self.exits.callback(thread.join)
        self.exits.callback(self.service.hang_up)
        self.exits.callback(self.service.shutdown)

    def go_down(self):
        self.exits.close()


def enquiry(passenger, delay_ms=0):
    return message("POST", "/enrich", json.dumps({"passenger": passenger, "delay_ms": delay_ms}).encode())


def ask(running, request_bytes):
    """Return status, media type and value of an answer on a fresh connection."""
    with Connection(running.port) as connection:
        return connection.ask(request_bytes).value()


def ask_at_once(running, request_bytes, users=USERS):
    with ThreadPoolExecutor(users) as pool:
        return [answer.result() for answer in [pool.submit(ask, running, request_bytes) for _ in range(users)]]


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
