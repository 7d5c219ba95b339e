"""Start real servers for tests and talk to them: free port, own process group, readiness awaited, always stopped again."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
ANSWER_TIMEOUT_S = 10
# How many requests `make fuzz` asks for; 0 in the tests, which always try the same ones.
FUZZ_REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "0"))
JSON = "application/json"

GUNICORN = "{bin}/gunicorn --bind 127.0.0.1:{port} --keep-alive 60 --no-control-socket"
UVICORN = "{bin}/uvicorn --host 127.0.0.1 --port {port} --timeout-keep-alive 60 --no-access-log"
GRANIAN = "{bin}/granian --host 127.0.0.1 --port {port} --http1-header-read-timeout 60000 --factory"

# The four headline stacks: each adapter under its production server and under granian.
COMMANDS = {
    "flask-gthread": f"{GUNICORN} --worker-class gthread --threads 8 flask_app:create_app()",
    "fastapi-uvicorn": f"{UVICORN} --loop uvloop --http httptools --factory fastapi_app:create_app",
    "flask-granian": f"{GRANIAN} --interface wsgi --blocking-threads 1 flask_app:create_app",
    "fastapi-granian": f"{GRANIAN} --interface asgi --loop uvloop fastapi_app:create_app",
}


class Answer(NamedTuple):
    """What came back: status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def value(self) -> Any:
        """Return status, media type and JSON value: what the contract compares."""
        return self.status, self.headers.get("content-type"), json.loads(self.body)


def message(method: str, path: str, body: bytes = b"", **fields: str) -> bytes:
    """Return a request as bytes; fields are headers (`Content_Type="..."`), and a body comes as JSON unless they say otherwise."""
    headers = {"Host": "localhost", **({"Content_Type": JSON, "Content_Length": str(len(body))} if body else {}), **fields}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class Connection:
    """A raw HTTP connection, kept open: what is sent is given byte by byte, each answer is read to its end and no further."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.statuses: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, request: bytes, timeout_s: float = ANSWER_TIMEOUT_S) -> Answer:
        """Send a whole request and return its answer; raise `TimeoutError` if none comes in time."""
        self.socket.settimeout(timeout_s)
        self.socket.sendall(request)
        return self.read_answer(has_body=not request.startswith(b"HEAD "))

    def ask_patiently(self, request: bytes) -> Answer:
        """Send a request as far as the server takes it and return its answer: it may close as soon as it has judged."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(request)
        return self.read_answer()

    def end_sending(self) -> None:
        """Close our half of the connection."""
        self.socket.shutdown(socket.SHUT_WR)

    def read_interim(self) -> None:
        """Wait for `100 Continue`."""
        assert self._read_head()[0] == 100

    def read_answer(self, *, has_body: bool = True) -> Answer:
        """Return the next final answer; raise `ConnectionError` if the connection ends before it."""
        status, fields = self._read_head()
        while status < 200:
            status, fields = self._read_head()
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        length = int(headers.get("content-length", "0")) if has_body else 0
        while len(self.received) < length:
            self._receive()
        body, self.received = self.received[:length], self.received[length:]
        return Answer(status, headers, body)

    def is_closed(self) -> bool:
        """Say whether the server ends the connection without another byte; wait for the one or the other."""
        try:
            self._receive()
        except ConnectionError:
            return not self.received
        return False

    def _read_head(self) -> tuple[int, list[str]]:
        while b"\r\n\r\n" not in self.received:
            self._receive()
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        status_line, *fields = head.decode("latin-1").split("\r\n")
        self.statuses.append(int(status_line.split(" ")[1]))
        return self.statuses[-1], fields

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            message = "the server closed the connection"
            raise ConnectionError(message)
        self.received += data


@dataclass
class Server:
    """A running server under test."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Return the answer to one request on a fresh connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def connect(self) -> Connection:
        """Return a raw connection."""
        return Connection(self.port)

    def ask(self, request: bytes) -> Answer:
        """Return the answer to a request given as bytes, on a fresh connection."""
        with self.connect() as connection:
            return connection.ask(request)


@contextlib.contextmanager
def reserved_port(port: int = 0) -> Iterator[int]:
    """Keep a port, or any free one, from being given to others; a server that sets SO_REUSEADDR, as all of ours do, can listen on it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        yield holder.getsockname()[1]


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with reserved_port() as port:
        return port


def command_line(name: str, port: int) -> list[str]:
    """Return the command of a headline stack, or of `python -m NAME` for any other name."""
    template = COMMANDS.get(name, "{python} -m " + name + " {port}")
    return [part.format(bin=BIN, python=sys.executable, port=port) for part in template.split()]


@contextlib.contextmanager
def running(
    name: str,
    folder: Path,
    *,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    command: list[str] | None = None,
    port: int = 0,
) -> Iterator[Server]:
    """Run a server until the block ends; its output goes to a file in `folder`."""
    with contextlib.ExitStack() as stops:
        with reserved_port(port) as reserved:
            log = folder / f"{name.replace('/', '_')}-{reserved}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    command or command_line(name, reserved),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(env or {})},
                    cwd=cwd or folder,
                    start_new_session=True,
                )
            stops.callback(stop, process)
            server = Server(name, reserved, process, log)
            wait_until_live(server)
        yield server


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail if it does not in time."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_until_live(server: Server) -> None:
    """Wait for an answer of `/livez`, whatever its status; fail with the server's log if none comes."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.process.poll() is None:
        with contextlib.suppress(OSError, HTTPException):
            server.request("GET", "/livez")
            return
        time.sleep(0.02)
    message = f"{server.name} did not start:\n{server.log.read_text(errors='replace')[-2000:]}"
    raise AssertionError(message)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and whatever is left of its process group."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
