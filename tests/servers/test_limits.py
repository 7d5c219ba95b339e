"""What clients can take from a server is bounded, memory and time, on each server that the project names for production.

One start of a server serves all that is seen of it. The bounds are generous: what they exclude is memory that grows with what is sent.
"""

import contextlib
import json
import threading
import time

import psutil
import pytest
from serving import COMMANDS, JSON, message, running

HEALTHY = message("GET", "/livez")
PART = b"10000\r\n" + b" " * 65536 + b"\r\n"
ENDLESS, ENDLESS_S = 16, 1.5  # each of them could send gigabytes
IDLE = 500
SLOW, SLOW_BYTES = 50, 900_000
FLOOD = 300
LARGE = message("POST", "/predict", json.dumps([{"Age": 3}] * 1000).encode())
WAIT_S = 60
# The memory of all that came before may still be held, in whatever order the tests are run.
MOST_MB = 150
SERVERS = ["flask_app", "fastapi_app", *(pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS)]


class Watched:
    """A running server and the memory of its processes since it began to answer."""

    def __init__(self, server):
        self.server, self.name = server, server.name
        for _ in range(50):
            server.ask(LARGE)
        self._before_bytes = self._read_bytes()

    def _read_bytes(self):
        process = psutil.Process(self.server.process.pid)
        return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])

    def growth_mb(self):
        return (self._read_bytes() - self._before_bytes) / 1e6

    def is_healthy(self, timeout_s=WAIT_S):
        with self.server.connect() as connection:
            return connection.ask(HEALTHY, timeout_s).status == 200

    @contextlib.contextmanager
    def connected(self, count):
        with contextlib.ExitStack() as connections:
            yield [connections.enter_context(self.server.connect()) for _ in range(count)]


@pytest.fixture(scope="module", params=SERVERS)
def watched(request, tmp_path_factory):
    with running(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield Watched(server)


def send_without_end(server, end_s):
    while time.monotonic() < end_s:
        with contextlib.suppress(OSError), server.connect() as connection:
            connection.socket.sendall(message("POST", "/predict", Content_Type=JSON, Transfer_Encoding="chunked"))
            while time.monotonic() < end_s:
                connection.socket.sendall(PART)


def test_bodies_without_end_take_little_memory_and_others_are_answered(watched):
    end_s = time.monotonic() + ENDLESS_S
    senders = [threading.Thread(target=send_without_end, args=(watched.server, end_s)) for _ in range(ENDLESS)]
    for sender in senders:
        sender.start()
    grown_mb = []
    while any(sender.is_alive() for sender in senders):
        assert watched.is_healthy()
        grown_mb.append(watched.growth_mb())
    assert max(grown_mb) < MOST_MB
    assert watched.is_healthy()


def test_500_connections_that_ask_now_and_then_keep_nobody_waiting(watched):
    with watched.connected(IDLE) as connections:
        for connection in connections:
            assert connection.ask(HEALTHY, WAIT_S).status == 200
        assert watched.is_healthy()
        assert {connection.ask(HEALTHY, WAIT_S).status for connection in connections} == {200}
        assert watched.growth_mb() < MOST_MB


def test_500_silent_connections_keep_nobody_waiting_but_under_plain_gunicorn(watched):
    with watched.connected(IDLE):
        assert watched.name == "flask-gthread" or watched.is_healthy(10)
        assert watched.growth_mb() < MOST_MB
    assert watched.is_healthy()


def test_slow_bodies_take_no_more_memory_than_they_may_be_large(watched):
    head = message("POST", "/predict", Content_Type=JSON, Content_Length="1000000")
    with watched.connected(SLOW) as connections:
        for connection in connections:
            connection.socket.sendall(head + b" " * SLOW_BYTES)
        assert watched.name.startswith("flask") or watched.is_healthy()  # under WSGI they hold the threads
        assert watched.growth_mb() < MOST_MB
    assert watched.is_healthy()


def test_a_flood_is_answered_whole_and_soon(watched):
    begin_s = time.monotonic()
    with watched.connected(FLOOD) as connections:
        for connection in connections:
            connection.socket.sendall(LARGE)
        for connection in connections:
            connection.socket.settimeout(WAIT_S)
            assert connection.read_answer().status == 200
    assert time.monotonic() - begin_s < WAIT_S
    assert watched.is_healthy()
    assert watched.growth_mb() < MOST_MB


# --- limits of our own ----------------------------------------------------------------------------------------------


def test_heads_that_never_end_hold_the_threads_of_flask_for_a_time_and_no_longer(tmp_path):
    with running("flask_app", tmp_path) as server, contextlib.ExitStack() as connections:
        slow = [connections.enter_context(server.connect()) for _ in range(9)]  # of eight threads
        for connection in slow:
            connection.socket.sendall(HEALTHY[:-2])
        with server.connect() as other:
            assert other.ask(HEALTHY, 30).status == 200
        assert slow[0].is_closed()
        assert "Traceback" not in server.log.read_text()


def test_the_time_for_the_head_ends_with_the_head(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import flask_app.worker\nflask_app.worker.heads._limit_s = 0.5\n")
    with running("flask_app", tmp_path, env={"PYTHONPATH": str(tmp_path)}) as server, server.connect() as connection:
        connection.socket.sendall(LARGE[:-100])
        time.sleep(2)
        assert connection.ask(LARGE[-100:]).status == 200


@pytest.mark.parametrize("name", ["fastapi_app", *(pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS if "fastapi" in name)])
def test_a_body_that_comes_in_parts_for_too_long_is_refused_and_its_connection_closed(tmp_path, name):
    (tmp_path / "sitecustomize.py").write_text("from shared_model import contract\ncontract.BODY_TIMEOUT_S = 1\n")
    with running(name, tmp_path, env={"PYTHONPATH": str(tmp_path)}) as server, server.connect() as connection:
        connection.socket.sendall(message("POST", "/predict", Content_Type=JSON, Content_Length="1000"))
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                connection.socket.sendall(b" ")
                time.sleep(0.05)
        answer = connection.read_answer()
        assert (answer.status, answer.headers["connection"], connection.is_closed()) == (400, "close", True)
        assert "Traceback" not in server.log.read_text()
