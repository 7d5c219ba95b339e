"""The upstream service answers with the article's passengers, each when it is asked to, in the order of the requests of a connection."""

import contextlib
import json
import time

import pytest
from serving import JSON, message, running

from bench.servers.upstream import MAX_DELAY_MS, PASSENGERS
from shared_model import contract, enquiry

pytestmark = pytest.mark.xdist_group("upstream")
CLIENTS = 16


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    with running("bench.servers.upstream", tmp_path_factory.mktemp("upstream")) as server:
        yield server


def ask_for(passenger, delay_ms=0):
    return message("GET", f"/passengers/{passenger}?delay_ms={delay_ms}")


def test_its_passengers_are_those_of_the_article():
    assert list(PASSENGERS.values()) == contract.EXAMPLE
    assert list(PASSENGERS) == [1, 2, 3, 4]


def test_it_waits_as_long_as_an_enquiry_may_ask_it_to():
    assert MAX_DELAY_MS == enquiry.MAX_DELAY_MS


def test_a_passenger_is_answered_as_json(upstream):
    assert [upstream.ask(ask_for(number)).value() for number in PASSENGERS] == [(200, JSON, record) for record in PASSENGERS.values()]


def test_it_says_that_it_is_ready(upstream):
    assert upstream.ask(message("GET", "/readyz")).value() == (200, JSON, {"status": "ok"})


@pytest.mark.parametrize("delay_ms", [0, 1, 5, 20, 100])
def test_no_answer_comes_before_it_is_due(upstream, delay_ms):
    with upstream.connect() as connection:
        for _ in range(20):
            start_s = time.monotonic()
            connection.ask(ask_for(3, delay_ms))
            assert time.monotonic() - start_s >= delay_ms / 1e3


def test_the_longest_delay_is_a_second_and_those_who_wait_for_it_hold_up_nobody(upstream):
    with contextlib.ExitStack() as exits:
        start_s = time.monotonic()
        clients = [exits.enter_context(upstream.connect()) for _ in range(CLIENTS)]
        for client in clients:
            client.socket.sendall(ask_for(1, MAX_DELAY_MS))
        assert upstream.ask(ask_for(2)).value() == (200, JSON, PASSENGERS[2])
        assert [client.read_answer().value() for client in clients] == [(200, JSON, PASSENGERS[1])] * CLIENTS
        assert 1 <= time.monotonic() - start_s < CLIENTS, "one waited for another"


def test_all_else_is_not_found_and_the_connection_is_kept(upstream):
    for request in [
        *(message("GET", path) for path in ("/", "/passengers", "/passengers/1", "/passengers/1/?delay_ms=0", "/readyz?x", "//readyz")),
        *(message("GET", f"/passengers/{number}?delay_ms=0") for number in ("0", "5", "-1", "01x", "", "%31", "9" * 10)),
        *(message("GET", f"/passengers/1?delay_ms={delay}") for delay in ("", "-1", "1.5", "1001", "5&x=1", "+5", "9" * 40)),
        message("GET", "http://localhost/passengers/1?delay_ms=0"),
        message("POST", "/passengers/1?delay_ms=0", b'{"passenger": 1}'),
        message("PUT", "/readyz", b"{}"),
        message("OPTIONS", "*"),
    ]:
        with upstream.connect() as connection:
            answer = connection.ask(request)
            assert (answer.status, answer.body) == (404, b""), request
            assert connection.ask(ask_for(4)).value() == (200, JSON, PASSENGERS[4]), request


def test_a_head_request_gets_no_body(upstream):
    with upstream.connect() as connection:
        assert connection.ask(message("HEAD", "/passengers/1?delay_ms=0")).status == 404
        assert connection.ask(ask_for(1)).status == 200


def test_requests_that_come_at_once_are_answered_in_their_order(upstream):
    with upstream.connect() as connection:
        connection.socket.sendall(ask_for(1, 50) + ask_for(2) + message("GET", "/nope") + ask_for(3, 20) + ask_for(4))
        answers = [connection.read_answer() for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 404, 200, 200]
    assert [json.loads(answer.body) for answer in answers if answer.body] == list(PASSENGERS.values())


def test_a_request_that_comes_in_pieces_is_one_request(upstream):
    with upstream.connect() as connection:
        for place in range(len(ask_for(2))):
            connection.socket.sendall(ask_for(2)[place : place + 1])
        assert connection.read_answer().value() == (200, JSON, PASSENGERS[2])


def test_a_client_that_asks_for_it_is_left_after_its_answer(upstream):
    with upstream.connect() as connection:
        assert connection.ask(message("GET", "/passengers/1?delay_ms=20", Connection="close")).status == 200
        assert connection.is_closed()


@pytest.mark.parametrize("text", [b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n", b"\x16\x03\x01\x02\x00"])
def test_what_is_no_http_is_refused_after_the_answers_before_it(upstream, text):
    with upstream.connect() as connection:
        connection.socket.sendall(ask_for(1, 20) + text)
        assert [connection.read_answer().status for _ in range(2)] == [200, 400]
        assert connection.is_closed()


def test_a_client_that_goes_away_while_it_waits_disturbs_nobody(upstream):
    with upstream.connect() as connection:
        connection.socket.sendall(ask_for(1, 50))
    with upstream.connect() as connection:
        assert connection.ask(ask_for(2, 100)).status == 200
    assert upstream.process.poll() is None
    assert upstream.log.read_text() == ""
