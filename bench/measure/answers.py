"""When an answer is whole and when two answers agree: one rule for readiness, the parity gate and the load."""

import errno
import json
import socket
from collections.abc import Callable
from typing import Any

import httptools

READ_BYTES = 65536
FINAL_STATUS = 200  # a lower status only announces the answer to come, such as 100 and 103


class Answer:
    """One answer, fed as it arrives; interim answers before it are skipped.

    `is_last`: the connection carries no further answer. An answer that gives neither a length nor chunks ends with its connection.
    """

    def __init__(self) -> None:
        self.body = b""
        self.status = 0
        self.is_complete = False
        self.is_last = False
        self._has_end = False
        self._parser: Any = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take received bytes; no bytes mean the end of the connection.

        Raises `ConnectionResetError` if the answer ends before it is whole, `httptools.HttpParserError` if it is no HTTP.
        """
        if data:
            self._parser.feed_data(data)
        elif self.status and not self._has_end:
            self.is_complete = self.is_last = True
        else:
            raise ConnectionResetError(errno.ECONNRESET, "closed before the answer was whole")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note whether the header marks the end of the body; called by the parser."""
        self._has_end |= name.lower() == b"content-length" or (name.lower() == b"transfer-encoding" and b"chunked" in value.lower())

    def on_headers_complete(self) -> None:
        """Take the status; called by the parser."""
        status = self._parser.get_status_code()
        self.status = status if status >= FINAL_STATUS else 0

    def on_body(self, chunk: bytes) -> None:
        """Take a part of the body; called by the parser."""
        self.body += chunk

    def on_message_complete(self) -> None:
        """Note that the answer is whole, unless it is an interim answer; called by the parser."""
        if self.status:
            self.is_complete = True
            self.is_last = not self._parser.should_keep_alive()  # known only now: the parser forgets it afterwards
        else:
            self._has_end = False


def read_answer(receive: Callable[[], bytes]) -> Answer:
    """Return the next answer from the bytes of `receive`; raises as `Answer.feed` does."""
    answer = Answer()
    while not answer.is_complete:
        answer.feed(receive())
    return answer


def exchange(host: str, port: int, request: bytes, timeout_s: float) -> tuple[int, bytes]:
    """Return status and body of one request on a connection of its own; raise `OSError` or `httptools.HttpParserError`."""
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(request)
        answer = read_answer(lambda: connection.recv(READ_BYTES))
        return answer.status, answer.body


def read_value(body: bytes) -> Any:
    """Return the JSON value of a body, or its text if it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", errors="replace")


def agree(got: Any, expected: Any) -> bool:
    """Whether a JSON value is the expected one: the order of keys is free, and an integer equals no other kind of number and no boolean."""
    if isinstance(expected, dict):
        return isinstance(got, dict) and got.keys() == expected.keys() and all(agree(got[key], value) for key, value in expected.items())
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(map(agree, got, expected))
    if isinstance(expected, float):
        return isinstance(got, int | float) and not isinstance(got, bool) and got == expected
    return type(got) is type(expected) and got == expected
