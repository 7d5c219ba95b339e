"""The access log of both servers: one line of JSON on standard error for each request that reaches the application.

It holds no body and no query. Text of a client is cut and written in ASCII, so that a request makes one line, whatever it holds, and a
line is short enough that the lines of several processes never mix.
"""

import contextlib
import json
import os
import time
from datetime import UTC, datetime

from shared_model.contract import echoed_headers

STANDARD_ERROR = 2
# With 12 bytes for a character at most, a line stays below the 4,096 bytes that a pipe takes in one piece.
MAX_METHOD, MAX_PATH = 32, 256


class Entry:
    """The entry of one request: it is made when the request begins, and written when the answer has ended."""

    def __init__(self, method: str, path: str, request_id: str | None) -> None:
        self._begin_s = time.perf_counter()
        self._asked = {"method": method[:MAX_METHOD], "path": path[:MAX_PATH]}
        self._request_id = echoed_headers(request_id).get("X-Request-ID")
        self.status: int | None = None
        self.size = 0

    def line(self) -> bytes:
        """Return the entry as a line; the status is null if the client has gone before its answer."""
        fields = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **self._asked,
            "status": self.status,
            "bytes": self.size,
            "duration_ms": round((time.perf_counter() - self._begin_s) * 1e3, 3),
            "request_id": self._request_id,
        }
        return json.dumps(fields).encode() + b"\n"

    def write(self) -> None:
        """Write the line in one piece. A log that cannot be written fails no request."""
        with contextlib.suppress(OSError):
            os.write(STANDARD_ERROR, self.line())
