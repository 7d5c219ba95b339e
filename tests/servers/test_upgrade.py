"""`python -m fastapi_app` ignores an offer to switch to HTTP/2, whichever way the request comes, and goes on with the next one."""

import contextlib
import json
import time

import pytest
from serving import JSON, message, running

from shared_model import contract

pytestmark = pytest.mark.xdist_group("upgrade")
BODY = json.dumps(contract.EXAMPLE).encode()
PREDICTED = (200, JSON, {"prediction": [0, 1, 1, 0]})
OK = (200, JSON, {"status": "ok"})
OFFER = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running("fastapi_app", tmp_path_factory.mktemp("upgrade")) as started:
        yield started


def offer(framing, **fields):
    """Return head and body of a prediction that offers HTTP/2."""
    framed = {"Content_Length": str(len(BODY))} if framing == "length" else {"Transfer_Encoding": "chunked"}
    head = message("POST", "/predict", **{"Content_Type": JSON, **framed, **OFFER, **fields})
    return head, BODY if framing == "length" else b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


def send_in(connection, *segments):
    for segment in segments:
        connection.socket.sendall(segment)
        time.sleep(0.05)


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_prediction_that_offers_http_2_is_answered_and_so_is_the_next(server, framing):
    head, body = offer(framing)
    for segments in [(head + body,), (head, body), (head[:40], head[40:] + body[:9], body[9:])]:
        with server.connect() as connection:
            send_in(connection, *segments)
            assert connection.read_answer().value() == PREDICTED
            assert connection.ask(message("GET", "/livez")).value() == OK
            assert connection.ask(head + body).value() == PREDICTED


def test_several_offers_in_one_segment_are_answered_in_order(server):
    with server.connect() as connection:
        whole = b"".join(offer("length"))
        connection.socket.sendall(whole + message("GET", "/livez", **OFFER) + b"".join(offer("chunks")) + message("GET", "/readyz") + whole)
        assert [connection.read_answer().value() for _ in range(5)] == [PREDICTED, OK, PREDICTED, OK, PREDICTED]


@pytest.mark.parametrize("fields", [{"Connection": "keep-alive, upgrade"}, {"Connection": "UPGRADE", "Upgrade": "TLS/1.0, h2c"}])
def test_other_ways_to_offer_are_ignored_as_well(server, fields):
    assert server.ask(b"".join(offer("length", **fields))).value() == PREDICTED


def test_other_wishes_for_the_connection_are_kept(server):
    with server.connect() as connection:
        assert connection.ask(b"".join(offer("length", Connection="close, Upgrade"))).value() == PREDICTED
        assert connection.is_closed()


def test_a_broken_body_behind_an_offer_is_refused(server):
    head, _ = offer("chunks")
    answer = server.ask(head + b"zz\r\n")
    assert (answer.status, answer.headers["connection"]) == (400, "close")


def test_a_request_for_a_websocket_is_what_it_was(server):
    key = {"Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}
    assert server.ask(message("GET", "/livez", Connection="Upgrade", Upgrade="websocket", **key)).status == 403


def test_a_request_for_a_tunnel_ends_the_connection_and_nothing_else(server):
    with server.connect() as connection, contextlib.suppress(ConnectionError):
        assert connection.ask(message("CONNECT", "localhost:80")).status == 400
    assert server.ask(message("GET", "/livez")).value() == OK
