"""The applications that ask another service first: the same answers, and as many requests that wait as each can let wait."""

import contextlib
import dataclasses
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from serving import JSON, Connection, message, reserved_port

import fastapi_app.variants
import flask_app.variants
from bench.measure.environment import Cores
from bench.measure.processes import launch_stacks
from bench.measure.services import ADDRESS, launch_upstream, tell_address
from bench.plan.expected import expected_answer, parity_scenarios
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from shared_model import OptionError, contract
from shared_model.contract import PROBLEM_TYPE, Failure, Kind
from shared_model.enquiry import CLIENTS, UPSTREAM_TIMEOUT_S

STACKS = load_stacks(BUNDLED_STACKS)
NAMES = ("flask-enrich-8", "fastapi-enrich", "fastapi-enrich-def", "fastapi-enrich-trap")
FACTORIES = (
    flask_app.variants.create_enrich_app,
    fastapi_app.variants.create_enrich_app,
    fastapi_app.variants.create_enrich_def_app,
    fastapi_app.variants.create_enrich_trap_app,
)
USERS = 16
HOLD_S = 0.1
PATIENCE_S = 10
NO_ENQUIRY = (422, PROBLEM_TYPE, Failure(Kind.NO_ENQUIRY).document())
NO_RECORD = (502, PROBLEM_TYPE, Failure(Kind.NO_RECORD).document())
# What is wrong with the answer of `Upstream` to a request for this passenger.
MISSING, BROKEN, GARBLED, NO_PASSENGER, CUT, SILENT = range(404, 410)


class Upstream(ThreadingHTTPServer):
    """A service that knows of each request when it comes and when it is answered; it holds all back until `awaited` wait at once."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.turn = threading.Condition()
        self.connections = self.waiting = self.most = 0
        self.awaited = 1
        self.is_open = False

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


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        passenger = int(self.path.removeprefix("/passengers/").partition("?")[0])
        self.server.hold()
        if passenger == SILENT:
            time.sleep(UPSTREAM_TIMEOUT_S + 2)
        if passenger in {CUT, SILENT}:
            self.close_connection = True
            return
        bodies = {GARBLED: b"<html>", NO_PASSENGER: b"[]"}
        body = bodies.get(passenger, json.dumps(contract.EXAMPLE[0]).encode())
        self.send_response({MISSING: 404, BROKEN: 500}.get(passenger, 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def enquiry(passenger, delay_ms=0):
    return message("POST", "/enrich", json.dumps({"passenger": passenger, "delay_ms": delay_ms}).encode())


def ask(running, request_bytes):
    """Return status, media type and value of an answer on a fresh connection."""
    with Connection(running.port) as connection:
        return connection.ask(request_bytes).value()


def ask_at_once(running, request_bytes, users=USERS):
    with ThreadPoolExecutor(users) as pool:
        return [answer.result() for answer in [pool.submit(ask, running, request_bytes) for _ in range(users)]]


@contextlib.contextmanager
def launched(address, folder):
    """Run all applications, each asking the service at this address."""
    told = [dataclasses.replace(STACKS[name], environment={ADDRESS: address}) for name in NAMES]
    with contextlib.ExitStack() as exits:
        yield {running.stack.name: running for running in launch_stacks(told, (), folder, exits)}


@pytest.fixture(scope="module")
def applications(tmp_path_factory):
    """The applications beside the upstream service of the bench."""
    folder, stacks = tmp_path_factory.mktemp("enrich"), [STACKS[name] for name in NAMES]
    with contextlib.ExitStack() as exits:
        services = launch_upstream(stacks, Cores((), ()), folder, exits)
        yield {running.stack.name: running for running in launch_stacks(tell_address(stacks, services), (), folder, exits)}


@pytest.fixture(scope="module")
def watched_applications(tmp_path_factory):
    with Upstream() as upstream:
        thread = threading.Thread(target=upstream.serve_forever)
        thread.start()
        with launched(f"http://127.0.0.1:{upstream.server_port}", tmp_path_factory.mktemp("watched")) as running:
            yield upstream, running
        upstream.shutdown()
        thread.join()


@pytest.fixture
def watched(watched_applications):
    """An upstream service that tells what it was asked, and the applications beside it."""
    watched_applications[0].expect(0)
    return watched_applications


@pytest.fixture(params=NAMES)
def application(request, applications):
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


@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"[]", b"{}", b"null", b'{"passenger": 3}', b'[{"passenger": 3, "delay_ms": 20}]', b"\xff"),
        *(b'{"passenger": %b, "delay_ms": 0}' % value for value in (b"0", b"1000001", b"3.0", b'"3"', b"true")),
        *(b'{"passenger": 3, "delay_ms": %b}' % value for value in (b"-1", b"1001", b"20.0", b"null")),
    ],
)
def test_what_is_no_enquiry_is_refused(application, body):
    assert ask(application, message("POST", "/enrich", body)) == NO_ENQUIRY


@pytest.mark.parametrize(
    ("kind", "request_bytes"),
    [
        (Kind.MALFORMED, message("POST", "/enrich", Content_Type=JSON, Content_Length="0")),
        (Kind.NOT_FOUND, message("POST", "/predict", b"[]")),
        (Kind.METHOD_NOT_ALLOWED, message("GET", "/enrich")),
        (Kind.TOO_LARGE, message("POST", "/enrich", Content_Type=JSON, Content_Length=str(contract.MAX_BODY_BYTES + 1))),
        (Kind.NOT_JSON, message("POST", "/enrich", b"{}", Content_Type="text/plain")),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_all_else_is_refused_as_the_contract_has_it(application, kind, request_bytes):
    assert ask(application, request_bytes) == (kind.status, PROBLEM_TYPE, Failure(kind).document())


# --- a service that fails -------------------------------------------------------------------------------------------


def test_a_passenger_that_the_service_does_not_know_is_its_failure(application):
    assert ask(application, enquiry(5)) == NO_RECORD


@pytest.mark.parametrize("passenger", [MISSING, BROKEN, GARBLED, NO_PASSENGER, CUT])
@pytest.mark.parametrize("name", NAMES)
def test_a_service_that_answers_wrongly_is_a_bad_gateway(watched, name, passenger):
    _, running = watched
    assert ask(running[name], enquiry(passenger)) == NO_RECORD
    assert ask(running[name], enquiry(1))[0] == 200
    assert "Traceback" not in running[name].log.read_text()


def test_a_service_that_does_not_answer_in_time_is_a_bad_gateway(watched):
    _, running = watched
    start_s = time.monotonic()
    with ThreadPoolExecutor(len(NAMES)) as pool:
        assert list(pool.map(lambda name: ask(running[name], enquiry(SILENT)), NAMES)) == [NO_RECORD] * len(NAMES)
    assert time.monotonic() - start_s >= UPSTREAM_TIMEOUT_S


def test_a_service_that_is_down_is_a_bad_gateway_and_the_application_is_ready_all_the_same(tmp_path):
    with reserved_port() as port, launched(f"http://127.0.0.1:{port}", tmp_path) as running:
        for application in running.values():
            assert ask(application, enquiry(1)) == NO_RECORD
            assert ask(application, message("GET", "/readyz"))[0] == 200
            assert "Traceback" not in application.log.read_text()


@pytest.mark.parametrize("create", FACTORIES, ids=lambda create: f"{create.__module__}.{create.__name__}")
def test_an_application_that_is_not_told_of_a_service_does_not_start(create, monkeypatch):
    monkeypatch.delenv(ADDRESS, raising=False)
    with pytest.raises(OptionError, match=r"^SERVE_UPSTREAM is ''; set it to the address of the passenger service, such as http://"):
        create()


# --- requests that wait ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "at_once"), [("flask-enrich-8", 8), ("fastapi-enrich", USERS), ("fastapi-enrich-def", USERS), ("fastapi-enrich-trap", 1)]
)
def test_as_many_requests_wait_at_once_as_there_are_threads_all_in_async_def_and_one_where_that_blocks(watched, name, at_once):
    upstream, running = watched
    upstream.expect(at_once)
    start_s = time.monotonic()
    assert {status for status, _, _ in ask_at_once(running[name], enquiry(1))} == {200}
    assert upstream.most == at_once
    assert time.monotonic() - start_s >= HOLD_S * USERS / at_once


@pytest.mark.parametrize("name", NAMES)
def test_connections_to_the_service_are_kept_one_for_each_client(watched, name):
    upstream, running = watched
    for _ in range(3 * CLIENTS):
        ask(running[name], enquiry(1))
    assert upstream.connections <= CLIENTS
    assert upstream.most == 1
