"""A time limit for reading from a client, for servers that give the connection to the application and have no limit of their own."""

import contextlib
import socket
import threading
import time

LOOK_EVERY_S = 1.0


class Deadline:
    """The time limit of a block that reads from a connection."""

    def __init__(self, ends_s: dict[socket.socket, float], connection: socket.socket | None, end_s: float) -> None:
        self._ends_s, self._connection, self._end_s = ends_s, connection, end_s

    def __enter__(self) -> None:
        if self._connection is not None:
            self._ends_s[self._connection] = self._end_s

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._ends_s.pop(self._connection, None)


class Deadlines:
    """Ends reads from a connection that take longer than `limit_s`: the reading code goes on as if the client had closed.

    One thread per process looks each second. A limit for each single read would not end a client that sends a byte now and then.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._ends_s: dict[socket.socket, float] = {}
        self._watch: threading.Thread | None = None

    def over(self, connection: socket.socket | None) -> "Deadline":
        """Return the time limit of a block that reads from a connection; there is none without a connection."""
        if connection is not None and self._watch is None:
            self._watch = threading.Thread(target=self._end_late_ones, daemon=True)
            self._watch.start()
        return Deadline(self._ends_s, connection, time.monotonic() + self._limit_s)

    def lift(self, connection: socket.socket) -> None:
        """End the time limit of a block before the block ends."""
        self._ends_s.pop(connection, None)

    def _end_late_ones(self) -> None:
        while True:
            time.sleep(min(LOOK_EVERY_S, self._limit_s))
            now_s = time.monotonic()
            for connection, end_s in list(self._ends_s.items()):
                if end_s < now_s:
                    read_no_more(connection)


def read_no_more(connection: socket.socket) -> None:
    """Close a connection for reading alone. An encrypted connection still encrypts its answer; its own `shutdown` would end that."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RD)
