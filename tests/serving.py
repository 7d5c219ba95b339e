"""Start real servers for tests: free port, own process group, readiness awaited, always stopped again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15

# The four headline stacks: each adapter under its production server and under granian.
COMMANDS = {
    "flask-gthread": "{bin}/gunicorn --bind 127.0.0.1:{port} --worker-class gthread --threads 8 --keep-alive 60 --no-control-socket flask_app:create_app()",
    "fastapi-uvicorn": "{bin}/uvicorn --host 127.0.0.1 --port {port} --loop uvloop --http httptools --timeout-keep-alive 60 --no-access-log --factory fastapi_app:create_app",
    "flask-granian": "{bin}/granian --host 127.0.0.1 --port {port} --interface wsgi --factory --blocking-threads 1 --http1-header-read-timeout 60000 flask_app:create_app",
    "fastapi-granian": "{bin}/granian --host 127.0.0.1 --port {port} --interface asgi --factory --loop uvloop --http1-header-read-timeout 60000 fastapi_app:create_app",
}


@dataclass
class Server:
    """A running server under test."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None):
        """Return (status, headers as a dict with lower-case names, body) of one request on a fresh connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command_line(name: str, port: int) -> list[str]:
    """Return the command of a headline stack, or of `python -m NAME` for any other name."""
    template = COMMANDS.get(name, "{python} -m " + name + " {port}")
    return [part.format(bin=BIN, python=sys.executable, port=port) for part in template.split()]


@contextlib.contextmanager
def running(name: str, folder: Path, *, env: dict[str, str] | None = None, cwd: Path | None = None, command: list[str] | None = None, port: int | None = None) -> Iterator[Server]:
    """Run a server until the block ends; its output goes to a file in `folder`."""
    port = port or free_port()
    log = folder / f"{name.replace('/', '_')}-{port}.log"
    environment = {**os.environ, **(env or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command or command_line(name, port), stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, cwd=cwd or folder, start_new_session=True
        )
    server = Server(name, port, process, log)
    try:
        wait_until_live(server)
        yield server
    finally:
        stop(process)


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
