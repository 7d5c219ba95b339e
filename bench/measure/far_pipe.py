"""The pipe to a reader on another machine: a line of JSON asks, a line answers. The bench and its load generator take turns with it."""

import contextlib
import json
import os
import select
import time
from typing import Any


def ask_reader(write: int, read: int, question: str, *of: Any, timeout_s: float) -> dict[str, Any] | None:
    """Return the reply of a reader on its pipe; None if there is none in time. One process asks at a time."""
    with contextlib.suppress(BrokenPipeError):
        os.write(write, json.dumps({"ask": question, "of": of}).encode() + b"\n")
    received, deadline = b"", time.monotonic() + timeout_s
    while not received.endswith(b"\n"):
        ready, _, _ = select.select([read], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(read, 65536) if ready else b""
        if not piece:
            return None
        received += piece
    reply: dict[str, Any] = json.loads(received)
    return reply
