"""The features of a running stack: each is tried on the live server, and the report shows nothing but the answer.

A probe is data: the name of a feature, a description of the request, and the function that sends it. No probe says what a framework
could do, only what this application on this server did.
"""

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import NamedTuple

from bench.measure.answers import read_value
from bench.measure.environment import Cores
from bench.measure.processes import POLL_S, RunningStack, count_listeners
from bench.measure.services import launched_alone
from bench.plan.scenarios import SCENARIOS
from bench.plan.stacks import Stack
from bench.records import Feature

TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 5.0
TOO_LARGE_BYTES = 1024 * 1024 + 1
PAGES = ("/", "/livez", "/readyz", "/model")
PREDICT = "/predict"
VALID = SCENARIOS["predict-1"].body
WRONG_SEX = b'[{"Age": 35, "Sex": "man", "Embarked": "S"}]'
POINTER = "/0/Sex"
REQUEST_ID = "probe-1"
JSON = {"Content-Type": "application/json"}


class Finding(NamedTuple):
    """Whether a stack has the feature, and the answer that shows it."""

    has: bool
    found: str


@dataclass(frozen=True)
class Probe:
    """One feature and the way to test it; `ask` returns None if there is nothing to test."""

    feature: str
    words: str
    ask: Callable[[RunningStack], Finding]


class Reply(NamedTuple):
    """An answer with its whole body."""

    status: int
    headers: Message
    body: bytes

    @property
    def media_type(self) -> str:
        """The type of the body without parameters; empty if it has none."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def probe_stack(stack: Stack, cores: Cores) -> Iterator[Feature]:
    """Start a stack alone and test each feature in turn; the last probe stops the stack. Raises `StackError` if it does not start."""
    with launched_alone(stack, cores) as running:
        for probe in PROBES:
            finding = _try(probe, running)
            yield Feature(stack.name, probe.feature, probe.words, finding.has, finding.found)


def ask_documentation(running: RunningStack) -> Finding:
    """Ask for a page in HTML."""
    reply = _ask(running, "GET", "/docs")
    has = reply.status == HTTPStatus.OK and reply.media_type == "text/html"
    return Finding(has, f"{reply.status} {reply.media_type}" if reply.status == HTTPStatus.OK else f"{reply.status}")


def ask_schema(running: RunningStack) -> Finding:
    """Ask for a description of the paths."""
    reply = _ask(running, "GET", "/openapi.json")
    document = read_value(reply.body)
    paths = document.get("paths") if isinstance(document, dict) else None
    has = reply.status == HTTPStatus.OK and isinstance(paths, dict)
    return Finding(has, f"{reply.status}, {len(paths or ())} paths" if has else f"{reply.status}")


def ask_validation(running: RunningStack) -> Finding:
    """Send a wrong field and look for its name in the refusal."""
    reply = _ask(running, "POST", PREDICT, WRONG_SEX, JSON)
    is_named = POINTER.encode() in reply.body
    return Finding(
        reply.status == HTTPStatus.UNPROCESSABLE_ENTITY and is_named, f"{reply.status}, {POINTER if is_named else 'the field is not named'}"
    )


def ask_error_format(running: RunningStack) -> Finding:
    """Ask for an address that does not exist."""
    reply = _ask(running, "GET", "/no-such-address")
    has = reply.status == HTTPStatus.NOT_FOUND and reply.media_type == "application/problem+json"
    return Finding(has, f"{reply.status} {reply.media_type}")


def ask_size_limit(running: RunningStack) -> Finding:
    """Announce a body that is too large and send it only if the server waits for it; the server may close before it has read all."""
    with _connect(running) as connection:
        connection.sendall(_head_of(TOO_LARGE_BYTES))
        try:
            connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            with contextlib.suppress(ConnectionError):
                connection.sendall(VALID.ljust(TOO_LARGE_BYTES))
        status = _read_response(connection).status
    return Finding(status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{status}")


def ask_type_check(running: RunningStack) -> Finding:
    """Send JSON that is called plain text."""
    reply = _ask(running, "POST", PREDICT, VALID, {"Content-Type": "text/plain"})
    return Finding(reply.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{reply.status}")


def ask_head(running: RunningStack) -> Finding:
    """Ask for the head of each page."""
    answered = [_ask(running, "HEAD", path).status for path in PAGES].count(HTTPStatus.OK)
    return Finding(answered == len(PAGES), f"200 on {answered} of {len(PAGES)}")


def ask_options(running: RunningStack) -> Finding:
    """Ask which methods an address takes."""
    reply = _ask(running, "OPTIONS", PREDICT)
    return Finding("Allow" in reply.headers, _describe_allow(reply))


def ask_wrong_method(running: RunningStack) -> Finding:
    """Use a method that an address does not take."""
    reply = _ask(running, "PUT", PREDICT)
    return Finding(reply.status == HTTPStatus.METHOD_NOT_ALLOWED and "Allow" in reply.headers, _describe_allow(reply))


def ask_request_id(running: RunningStack) -> Finding:
    """Send an id and look for it in the answer."""
    echoed = _ask(running, "GET", "/", headers={"X-Request-ID": REQUEST_ID}).headers.get("X-Request-ID")
    return Finding(echoed == REQUEST_ID, f"X-Request-ID: {echoed}" if echoed else "no X-Request-ID")


def ask_keep_alive(running: RunningStack) -> Finding:
    """Send a second request on the same connection, unless the server says that it closes it."""
    request = _head_of(len(VALID)) + VALID
    with _connect(running) as connection:
        connection.sendall(request)
        first = _read_response(connection)
        if first.will_close:
            return Finding(has=False, found=f"{first.status}, then the connection is closed")
        connection.sendall(request)
        second = _read_response(connection)
    return Finding(first.status == second.status == HTTPStatus.OK, f"{first.status} and {second.status}")


def ask_graceful_stop(running: RunningStack) -> Finding:
    """Stop the server while it reads a body.

    The server shows with `100 Continue` that it reads, and by closing a listening socket that it has received the signal. Only then the
    rest of the body is sent. A server that does neither gets the rest after a while.
    """
    half, listeners = len(VALID) // 2, count_listeners(running)
    with _connect(running) as connection:
        connection.sendall(_head_of(len(VALID), {"Expect": "100-continue"}))
        with contextlib.suppress(TimeoutError):
            connection.recv(1, socket.MSG_PEEK)
        connection.sendall(VALID[:half])
        running.process.send_signal(signal.SIGTERM)
        begin_s = time.monotonic()
        while count_listeners(running) >= listeners and time.monotonic() < begin_s + TIMEOUT_S:
            time.sleep(POLL_S)
        connection.sendall(VALID[half:])
        status = _read_response(connection).status
    try:
        running.process.wait(max(0.0, begin_s + STOP_TIMEOUT_S - time.monotonic()))
    except subprocess.TimeoutExpired:
        return Finding(has=False, found=f"{status}, still running after {STOP_TIMEOUT_S:g} s")
    return Finding(status == HTTPStatus.OK, f"{status}, then it ended")


PROBES = (
    Probe("interactive documentation", "GET /docs is 200 and HTML", ask_documentation),
    Probe("OpenAPI schema", "GET /openapi.json is 200 and JSON with paths", ask_schema),
    Probe("validation errors that name the field", "POST /predict with a wrong Sex is 422 and names /0/Sex", ask_validation),
    Probe("errors as problem documents", "GET of an unknown address is 404 in application/problem+json", ask_error_format),
    Probe("request size limit", "POST /predict with a Content-Length over 1 MiB is 413", ask_size_limit),
    Probe("JSON type check", "POST /predict in text/plain is 415", ask_type_check),
    Probe("HEAD on pages", f"HEAD is 200 on {', '.join(PAGES)}", ask_head),
    Probe("methods named by OPTIONS", "OPTIONS /predict is answered with Allow", ask_options),
    Probe("methods named by 405", "PUT /predict is 405 with Allow", ask_wrong_method),
    Probe("request id echoed", "GET / with X-Request-ID is answered with it", ask_request_id),
    Probe("keep-alive", "two POST /predict on one connection are 200", ask_keep_alive),
    Probe(
        "graceful stop",
        f"SIGTERM while a body is half sent: the request is 200 once it is whole, and the server ends within {STOP_TIMEOUT_S:g} s",
        ask_graceful_stop,
    ),
)


def _try(probe: Probe, running: RunningStack) -> Finding:
    try:
        return probe.ask(running)
    except TimeoutError:
        return Finding(has=False, found=f"no answer in {TIMEOUT_S:g} s")
    except (OSError, HTTPException):
        return Finding(has=False, found="no answer")


def _ask(running: RunningStack, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    with contextlib.closing(HTTPConnection("127.0.0.1", running.port, timeout=TIMEOUT_S)) as connection:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())


def _connect(running: RunningStack) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), TIMEOUT_S)


def _head_of(length_bytes: int, more: Mapping[str, str] | None = None) -> bytes:
    """Return the head of a POST to `/predict` whose body is yet to be sent."""
    fields = {"Host": "127.0.0.1", **JSON, "Content-Length": str(length_bytes), **(more or {})}
    return "".join([f"POST {PREDICT} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n"]).encode()


def _read_response(connection: socket.socket) -> HTTPResponse:
    """Read the next answer to its end, past any `100 Continue`."""
    with HTTPResponse(connection) as response:
        response.begin()
        response.read()
        return response


def _describe_allow(reply: Reply) -> str:
    allow = reply.headers.get("Allow")
    return f"{reply.status}, Allow: {allow}" if allow else f"{reply.status}, no Allow"
