"""The service that `enrich` stacks ask first: `python -m bench.servers.upstream PORT`. It knows a few passengers and answers with a delay.

`GET /passengers/ID?delay_ms=D` answers the record of a passenger after D ms (0 to 1000), and `GET /readyz` answers 200; all else is
404. The service shares the load generator's core, so it does as little as it can.
"""

import asyncio
import json
import re
import socket
import sys
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from time import monotonic
from typing import Any, NamedTuple, cast

import httptools

# The four passengers of the article.
PASSENGERS: Mapping[int, Mapping[str, Any]] = {
    1: {"Age": 85, "Sex": "male", "Embarked": "S"},
    2: {"Age": 24, "Sex": '"female"', "Embarked": "C"},
    3: {"Age": 3, "Sex": "male", "Embarked": "C"},
    4: {"Age": 21, "Sex": "male", "Embarked": "S"},
}
MAX_DELAY_MS = 1000
# uvloop counts in whole milliseconds: a timer may be early by one, and a shorter one would not wait at all.
LEAST_TIMER_S = 0.001
_RECORD = re.compile(rb"/passengers/([0-9]{1,9})\?delay_ms=([0-9]{1,4})")


class Reply(NamedTuple):
    """The bytes of an answer, and the delay after the request."""

    delay_s: float
    text: bytes


def make_answer(status: bytes, document: object = None, delay_ms: int = 0) -> Reply:
    """Return an answer with a JSON document, or without a body."""
    body = b"" if document is None else json.dumps(document).encode()
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return Reply(delay_ms / 1e3, head + body)


READY = make_answer(b"200 OK", {"status": "ok"})
NOT_FOUND = make_answer(b"404 Not Found")
MALFORMED = make_answer(b"400 Bad Request")


@lru_cache
def find_answer(method: bytes, target: bytes) -> Reply:
    """Return the answer to a request."""
    if method == b"GET" and target == b"/readyz":
        return READY
    asked = _RECORD.fullmatch(target)
    if method != b"GET" or asked is None:
        return NOT_FOUND
    passenger, delay_ms = int(asked[1]), int(asked[2])
    if passenger not in PASSENGERS or delay_ms > MAX_DELAY_MS:
        return NOT_FOUND
    return make_answer(b"200 OK", PASSENGERS[passenger], delay_ms)


class Upstream(asyncio.Protocol):
    """One connection; httptools calls it back. Answers leave in the order of their requests, none before its time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read."""
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._waiting: deque[tuple[float, bytes, bool]] = deque()  # scheduled time (s), the answer, whether it is the last one

    def connection_lost(self, _error: Exception | None) -> None:
        """Drop the answers that no client waits for any more."""
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Take in requests, whole or in pieces."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._transport.is_closing():
                self._transport.pause_reading()
                self._add(MALFORMED, is_last=True)

    def on_url(self, piece: bytes) -> None:
        """Take in the target of a request."""
        self._target += piece

    def on_message_complete(self) -> None:
        """Schedule the answer to a whole request."""
        target, self._target = self._target, b""
        self._add(find_answer(self._parser.get_method(), target), is_last=not self._parser.should_keep_alive())

    def _add(self, answer: Reply, *, is_last: bool) -> None:
        self._waiting.append((monotonic() + answer.delay_s, answer.text, is_last))
        if len(self._waiting) == 1:
            self._send()

    def _send(self) -> None:
        """Send the answers whose time has come, and come back for the rest."""
        while self._waiting:
            due_s, text, is_last = self._waiting[0]
            left_s = due_s - monotonic()
            if left_s > 0:
                self._loop.call_later(max(left_s, LEAST_TIMER_S), self._send)
                return
            self._transport.write(text)
            self._waiting.popleft()
            if is_last:
                self._transport.close()
                self._waiting.clear()


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, family=socket.AF_INET)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(int(sys.argv[1])))
