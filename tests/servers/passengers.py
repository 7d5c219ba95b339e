"""A service that knows the passengers, for tests of applications that ask it: it may hold requests back, fail, or be down."""

import contextlib
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from serving import Connection, message

from shared_model import contract
from shared_model.enquiry import UPSTREAM_TIMEOUT_S

USERS = 16
HOLD_S = 0.1
PATIENCE_S = 10
PASSENGER = json.dumps(contract.EXAMPLE[0]).encode()
# What is wrong with the answer of `Watch` to a request for this passenger.
MISSING, BROKEN, GARBLED, NO_PASSENGER, CUT, SILENT = range(404, 410)
FAULTS = {MISSING: (404, PASSENGER), BROKEN: (500, PASSENGER), GARBLED: (200, b"<html>"), NO_PASSENGER: (200, b"[]")}


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
