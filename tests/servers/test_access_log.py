"""The access log, switched on: one line of JSON for each request, with the same fields on every server, and nothing that was sent."""

import json
import select
import sys
from datetime import UTC, datetime, timedelta

import pytest
from serving import COMMANDS, message, reserved_port, running, wait_for

from shared_model import access_log, contract

BODY = json.dumps(contract.EXAMPLE).encode()
FIELDS = ["time", "method", "path", "status", "bytes", "duration_ms", "request_id"]
APPS = ("flask_app", "fastapi_app")
ON = {"SERVE_ACCESS_LOG": "1"}
# How it is switched on: by the variable for a command of the ecosystem, by a flag for ours.
SERVERS = [*APPS, *(pytest.param(name, marks=[pytest.mark.slow] if "granian" in name else []) for name in COMMANDS)]

REQUESTS = [
    message("POST", "/predict", BODY, X_Request_ID='a"b\\c'),
    message("GET", "/livez?token=secret-1"),
    message("HEAD", "/"),
    message("POST", "/predict", b'[{"Sex": "secret-2"}]'),
    message("GET", "/%0A%0D%7B%22status%22%3A200%7D%C3%A9%FF"),
    message("GET", "/" + "x" * 3000),
    message("GET", "/livez", X_Request_ID="caf\xe9"),
]
LINES = [
    ("POST", "/predict", 200, 'a"b\\c'),
    ("GET", "/livez", 200, None),
    ("HEAD", "/", 200, None),
    ("POST", "/predict", 422, None),
    ("GET", '/\n\r{"status":200}\xe9\ufffd', 404, None),
    ("GET", "/" + "x" * 255, 404, None),
    ("GET", "/livez", 200, None),
]


def logged(server):
    return [line for line in server.log.read_text("ascii").splitlines() if line.startswith("{")]


@pytest.mark.parametrize("name", SERVERS)
def test_each_request_is_one_line_with_the_same_fields_on_every_server(tmp_path, name):
    with reserved_port() as port:
        command = [sys.executable, "-m", name, str(port), "--access-log"] if name in APPS else None
    with running(name, tmp_path, env={} if command else ON, command=command, port=port) as server:
        wait_for(lambda: logged(server) != [])  # of the request that found it live
        with server.connect() as connection:
            sizes = [len(connection.ask(request).body) for request in REQUESTS]
        wait_for(lambda: len(logged(server)) == 1 + len(REQUESTS))
        entries = [json.loads(line) for line in logged(server)[1:]]
    assert [list(entry) for entry in entries] == [FIELDS] * len(REQUESTS)
    assert [(entry["method"], entry["path"], entry["status"], entry["request_id"]) for entry in entries] == LINES
    assert [entry["bytes"] for entry in entries] == sizes
    for entry in entries:
        assert abs(datetime.fromisoformat(entry["time"]) - datetime.now(UTC)) < timedelta(minutes=1)
        assert 0 < entry["duration_ms"] < 60_000
    assert "secret" not in server.log.read_text()


@pytest.mark.parametrize("app", APPS)
def test_an_application_writes_no_such_line_by_default(tmp_path, app):
    with running(app, tmp_path) as server:
        assert server.ask(REQUESTS[0]).status == 200
    assert logged(server) == []


@pytest.mark.parametrize("app", APPS)
def test_two_workers_under_load_never_mix_their_lines(tmp_path, app):
    request = message("GET", "/" + "%F0%9F%9A%80" * 300, X_Request_ID='"' * 128)  # the longest line there is
    with reserved_port() as port:
        command = [sys.executable, "-m", app, str(port), "--access-log", "--workers", "2"]
    with running(app, tmp_path, command=command, port=port) as server:
        for _ in range(20):
            with server.connect() as connection:
                connection.socket.sendall(request * 20)
                assert {connection.read_answer().status for _ in range(20)} == {404}
        wait_for(lambda: len(logged(server)) >= 400)
    paths = {json.loads(line)["path"] for line in logged(server)}
    assert paths <= {"/livez", "/" + "\N{ROCKET}" * 255}
    assert max(len(line) + 1 for line in logged(server)) <= select.PIPE_BUF


def test_a_log_that_cannot_be_written_fails_no_request(monkeypatch):
    monkeypatch.setattr(access_log, "STANDARD_ERROR", -1)
    access_log.Entry("GET", "/", None).write()


def test_whatever_a_client_sends_an_entry_is_one_line_of_ascii_that_a_pipe_takes_in_one_piece():
    everything = "".join(map(chr, [*range(0x3000), *range(0xD800, 0xE000), *[0x1F680] * 300]))
    for start in range(0, len(everything), 256):
        line = access_log.Entry(everything[start:], everything[start:], '\\"' * 64).line()
        assert line.isascii()
        assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
        assert len(line) <= select.PIPE_BUF
        assert json.loads(line)["path"] == everything[start : start + 256]
