"""The strict layer of each application, called without a server: what servers of today keep away from it, and what it is without."""

import asyncio
import contextlib
import io
import json
import re
import socket
import threading
import time

import pytest
from serving import JSON, ROOT, message, running

import fastapi_app.app
import flask_app.app
from flask_app.deadlines import Deadlines
from shared_model import Options, contract

BODY = json.dumps(contract.EXAMPLE).encode()
PROBLEM = "application/problem+json"


def ask_flask(app, path="/predict", length=None, body=BODY, **fields):
    """Return status, headers and body that a WSGI application answers; fields as the environment has them."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": length or str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        **fields,
    }
    started = []
    body = b"".join(app(environ, lambda *start: started.append(start)))
    status, headers = started[0][:2]
    return int(status[:3]), {name.lower(): value for name, value in headers}, body


def ask_fastapi(app, path="/predict", length=None, parts=(BODY,), method="POST", **fields):
    """Return status, headers and body that an ASGI application answers, which may raise after its answer."""
    names = {"Content_Type": "application/json", "Content_Length": length or str(sum(map(len, parts))), **fields}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.lower().replace("_", "-").encode(), value.encode("latin-1")) for name, value in names.items()],
    }
    coming = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    coming[-1]["more_body"] = False
    sent = []

    async def receive():
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    async def answer():
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    try:
        asyncio.run(answer())
    except ZeroDivisionError:
        assert sent
    headers = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize("length", ["abc", "-5", "+13", "1 3", "0x0d", "13.0", "13, 13", "\u00b2", "\u00b9\u00b3"])
def test_a_length_that_cannot_be_read_is_malformed(length):
    for status, headers, _ in (ask_flask(flask_app.create_app(), length=length), ask_fastapi(fastapi_app.create_app(), length=length)):
        assert (status, headers["content-type"]) == (400, PROBLEM)


@pytest.mark.parametrize("length", ["1048577", "9" * 20, "9" * 5000])
def test_a_length_over_the_limit_is_too_large_however_long_it_is(length):
    for status, headers, _ in (ask_flask(flask_app.create_app(), length=length), ask_fastapi(fastapi_app.create_app(), length=length)):
        assert (status, headers["content-type"]) == (413, PROBLEM)


def test_an_error_of_ours_is_answered_with_the_request_id_and_raised_on_for_the_log():
    flask, fastapi = flask_app.create_app(), fastapi_app.create_app()
    flask.post("/broken")(lambda: 1 / 0)
    fastapi.post("/broken")(lambda: 1 / 0)
    answers = [ask_flask(flask, "/broken", HTTP_X_REQUEST_ID="r-1"), ask_fastapi(fastapi, "/broken", X_Request_ID="r-1")]
    for status, headers, body in answers:
        assert (status, headers["content-type"], headers["x-request-id"]) == (500, PROBLEM, "r-1")
        assert b"ZeroDivision" not in body


def test_a_refused_path_has_no_times_least_of_all_those_of_the_request_before():
    timed = Options(timing=True)
    asked = [(ask_flask, flask_app.create_app(timed), "//predict"), (ask_fastapi, fastapi_app.create_app(timed), "/predict\n")]
    for ask, app, refused in asked:
        for _ in range(2):
            status, headers, _ = ask(app, refused)
            assert (status, "server-timing" in headers) == (404, False)
            assert "server-timing" in ask(app)[1]


def test_without_it_an_application_predicts_as_well_and_answers_what_its_framework_decides():
    plain = [ask_flask(flask_app.app.create_app()), ask_fastapi(fastapi_app.app.create_app())]
    assert [(status, json.loads(body)) for status, _, body in plain] == [(200, {"prediction": [0, 1, 1, 0]})] * 2
    assert ask_flask(flask_app.app.create_app(), body=b"", length="0")[0] == 400
    assert ask_fastapi(fastapi_app.app.create_app(), parts=[b""])[0] == 422  # FastAPI misses the body, Flask finds no JSON in it


def test_a_read_that_takes_too_long_ends_although_something_comes_now_and_then():
    ours, theirs = socket.socketpair()
    stopped = threading.Event()

    def drip():
        while not stopped.wait(0.02):
            with contextlib.suppress(OSError):
                theirs.sendall(b"x")

    sender = threading.Thread(target=drip)
    sender.start()
    with ours, theirs:
        read = b""
        with Deadlines(limit_s=0.2).over(ours):
            while part := ours.recv(1):
                read += part
        stopped.set()
        sender.join()
    assert len(read) > 1


def test_a_read_in_time_leaves_the_connection_as_it_is():
    ours, theirs = socket.socketpair()
    deadlines = Deadlines(limit_s=0.1)
    with ours, theirs:
        for _ in range(3):
            with deadlines.over(ours):
                theirs.sendall(b"x")
                assert ours.recv(1) == b"x"
        time.sleep(0.3)
        theirs.sendall(b"y")
        assert ours.recv(1) == b"y"


@pytest.mark.slow
def test_bodies_that_never_come_hold_the_threads_of_gunicorn_for_a_time_and_no_longer(tmp_path):
    head = message("POST", "/predict", Content_Type=JSON, Content_Length="13")
    with running("flask-gthread", tmp_path) as server, contextlib.ExitStack() as connections:
        waiting = [connections.enter_context(server.connect()) for _ in range(9)]  # of eight threads
        for connection in waiting:
            connection.socket.sendall(head)
        with server.connect() as other:
            assert other.ask(message("GET", "/livez"), contract.BODY_TIMEOUT_S + 5).status == 200
        waiting[0].socket.settimeout(5)
        assert waiting[0].read_answer().status == 400


# --- what docs/servers.md tells those who run one of them --------------------------------------------------------------


def recipe(framework):
    """Return `create_app` as the page has it."""
    page = (ROOT / "docs" / "servers.md").read_text("utf-8")
    [code] = re.findall(rf"```python\n# {framework}\n(.*?)```", page, flags=re.DOTALL)
    names = {}
    exec(code, names)  # noqa: S102 - our own page
    return names["create_app"]


PREFLIGHT = {"Origin": "https://example.org", "Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type"}


def test_with_the_recipes_a_browser_on_another_origin_may_ask():
    environ = {f"HTTP_{name.upper()}": value for name, value in PREFLIGHT.items()}
    asked = [
        ask_flask(recipe("Flask")(), REQUEST_METHOD="OPTIONS", body=b"", **environ),
        ask_fastapi(recipe("FastAPI")(), method="OPTIONS", parts=[b""], **PREFLIGHT),
    ]
    for status, headers, _ in asked:
        assert status in {200, 204}
        assert headers["access-control-allow-origin"] == "https://example.org"
        assert "POST" in headers["access-control-allow-methods"]
        assert "content-type" in headers["access-control-allow-headers"].lower()
    answered = [ask_flask(recipe("Flask")(), **environ), ask_fastapi(recipe("FastAPI")(), **PREFLIGHT)]
    for status, headers, body in answered:
        assert (status, headers["access-control-allow-origin"]) == (200, "https://example.org")
        assert json.loads(body) == {"prediction": [0, 1, 1, 0]}


def test_without_them_it_may_not():
    assert ask_flask(flask_app.create_app(), REQUEST_METHOD="OPTIONS", body=b"")[0] == 405
    assert ask_fastapi(fastapi_app.create_app(), method="OPTIONS", parts=[b""])[0] == 405
