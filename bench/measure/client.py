"""The lean HTTP client: it sends pre-built bytes over a kept-alive socket on gevent's loop, checks answers and records time stamps.

Only the generator's process imports it. Three things make it lean: one write and one read per request, one persistent loop watcher
per connection instead of one wait per read, and no parsing of an answer that equals, byte for byte, an answer that was parsed and
accepted before. (The Date header changes once a second, so an answer is parsed anew then.)
"""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter_ns
from typing import Any

import gevent
import gevent.socket
import httptools
from gevent.hub import get_hub
from gevent.monkey import get_original

from bench.measure.answers import READ_BYTES, Answer, agree

CONNECT_TIMEOUT_S = 5.0
# A server that is gone must not be asked again at the speed of a refused connection.
PAUSE_AFTER_ERROR_S = 0.01
# A connection unused for longer is opened anew: servers close idle connections, and a request must not meet that. This is half of the
# keep-alive time of every stack.
MAX_IDLE_NS = 30_000_000_000
_READABLE = 1
_PlainSocket: type[socket.socket] = get_original("socket", "socket")

# connection, intended_ns, sent_ns, first_byte_ns, done_ns, status, correct
SampleTuple = tuple[int, int, int, int, int, int, int]


@dataclass
class Exchange:
    """A request and its right answer: an answer of another status or value is an error. `known` holds the bytes of a right answer."""

    request: bytes
    status: int
    body: bytes
    known: bytes | None = None

    def accepts(self, status: int, body: bytes) -> bool:
        """Whether an answer is right: its bytes are equal, or its JSON value is, as with keys in another order."""
        if status != self.status or not (body == self.body or self._agrees(body)):
            return False
        self.body = body
        return True

    def _agrees(self, body: bytes) -> bool:
        with contextlib.suppress(ValueError, RecursionError):
            return agree(json.loads(body), self._value)
        return False

    @cached_property
    def _value(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One user's connection to one stack. The first request opens it, and it is opened anew after the server closes it.

    `opened` counts how often it was opened, `received` the bytes that came.
    """

    def __init__(self, number: int, host: str, port: int) -> None:
        self._number = number
        self._address = host, port
        self._socket: socket.socket | None = None
        self._watcher: Any = None
        self._wait: Callable[[], object] = get_hub().switch
        self._used_ns = 0
        self._is_aborted = False
        self.opened = self.received = 0

    def run_closed(self, exchanges: Iterator[Exchange], end_ns: int, samples: list[SampleTuple]) -> None:
        """Send the next request, wait for its answer, and so on until `end_ns`; append a sample for each request.

        It waits for the answer under way at `end_ns`. The watcher is active only here: nothing else may wake us.
        """
        number = self._number
        self._refresh()
        try:
            while (sent_ns := perf_counter_ns()) < end_ns:
                first_byte_ns, done_ns, status, correct = self._exchange(next(exchanges))
                samples.append((number, sent_ns, sent_ns, first_byte_ns, done_ns, status, correct))
                if not status:
                    gevent.sleep(PAUSE_AFTER_ERROR_S)
        finally:
            self._rest()

    def run_once(self, exchange: Exchange, due_ns: int, samples: list[SampleTuple]) -> None:
        """Send one request that was scheduled for `due_ns`, wait for its answer and append its sample."""
        self._refresh()
        try:
            sent_ns = perf_counter_ns()
            samples.append((self._number, due_ns, sent_ns, *self._exchange(exchange)))
        finally:
            self._rest()

    def abort(self) -> None:
        """End a request that waits for its answer, unfinished: its sample gets no `done_ns`."""
        if self._socket is not None and self._watcher.active:
            self._is_aborted = True
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _refresh(self) -> None:
        if self._socket is not None and perf_counter_ns() - self._used_ns > MAX_IDLE_NS:
            self.close()

    def _rest(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._used_ns = perf_counter_ns()

    def _open(self) -> socket.socket:
        cooperative = gevent.socket.create_connection(self._address, timeout=CONNECT_TIMEOUT_S)
        plain = _PlainSocket(fileno=cooperative.detach())
        plain.settimeout(0)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watcher = get_hub().loop.io(plain.fileno(), _READABLE)
        self._socket = plain
        self.opened += 1
        return plain

    def _exchange(self, exchange: Exchange) -> tuple[int, int, int, int]:
        """Return first_byte_ns, done_ns (0: unfinished), status (0: failed) and correct (0 or 1) of one request."""
        try:
            plain = self._socket or self._open()
            if not self._watcher.active:
                self._watcher.start(gevent.getcurrent().switch)
            sent = plain.send(exchange.request)
            if sent < len(exchange.request):
                self._send_rest(plain, exchange.request[sent:])
            data = self._receive(plain)
            first_byte_ns = perf_counter_ns()
            self.received += len(data)
            if data == exchange.known:
                return first_byte_ns, first_byte_ns, exchange.status, 1
            return self._read_answer(plain, exchange, data, first_byte_ns)
        except (OSError, httptools.HttpParserError):
            self.close()
            is_aborted, self._is_aborted = self._is_aborted, False
            return 0, 0 if is_aborted else perf_counter_ns(), 0, 0

    def _receive(self, plain: socket.socket) -> bytes:
        while True:
            self._wait()
            try:
                return plain.recv(READ_BYTES)
            except BlockingIOError:
                continue

    def _send_rest(self, plain: socket.socket, rest: bytes) -> None:
        self._watcher.stop()
        while rest:
            gevent.socket.wait_write(plain.fileno())
            with contextlib.suppress(BlockingIOError):
                rest = rest[plain.send(rest) :]
        self._watcher.start(gevent.getcurrent().switch)

    def _read_answer(self, plain: socket.socket, exchange: Exchange, data: bytes, first_byte_ns: int) -> tuple[int, int, int, int]:
        answer, received = Answer(), data
        answer.feed(data)
        while not answer.is_complete:
            data = self._receive(plain)
            self.received += len(data)
            received += data
            answer.feed(data)
        done_ns = perf_counter_ns()
        correct = exchange.accepts(answer.status, answer.body)
        if answer.is_last:
            self.close()
        elif correct:
            exchange.known = received
        return first_byte_ns, done_ns, answer.status, int(correct)
