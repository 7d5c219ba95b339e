"""The code that exact parity of the HTTP contract needs in FastAPI, on top of `app.py`: `make_strict(app)`.

The body is counted and judged in the order of the contract, and only the needed part of it is read. Paths are matched to their last
character, HEAD is GET without a body, and a request id is echoed.
"""

import asyncio
import contextlib

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastapi_app.access_log import log_requests
from fastapi_app.errors import problem_response
from shared_model import contract
from shared_model.contract import Failure, Kind
from shared_model.service import TIMINGS

# The part of a refused body that is still read, so that a client that sends a little too much can read the answer: bytes, seconds.
SURPLUS_BYTES = contract.MAX_BODY_BYTES
SURPLUS_S = 2


def make_strict(app: FastAPI, *, timing: bool = False, access_log: bool = False) -> FastAPI:
    """Return the application with the whole contract; with `timing` it sends Server-Timing, with `access_log` it logs each request."""
    app.router.redirect_slashes = False
    if timing:
        app.add_middleware(send_timing)
    app.add_middleware(strict)
    if access_log:
        app.add_middleware(log_requests)
    return app


def strict(inner: ASGIApp) -> ASGIApp:
    """Return the application behind one layer of ASGI."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        if scope["path"].endswith("\n"):  # the pattern of a route ends with "$", which accepts a line feed at the end
            await problem_response(Failure(Kind.NOT_FOUND))(scope, receive, exchange.send)
            return
        if scope["method"] == "POST":  # other methods may wait for the end of the connection, and have no body to judge
            receive = exchange.receive
        try:
            await inner({**scope, "method": "GET"} if exchange.is_head else scope, receive, exchange.send)
        except Exception:
            if not exchange.status:
                await problem_response(Failure(Kind.INTERNAL))(scope, receive, exchange.send)
            raise
        if exchange.status == Kind.TOO_LARGE.status:
            await exchange.end()

    return answer


class Exchange:
    """One request and its answer: it counts the body that comes, and completes the answer that goes."""

    _end_s = 0.0  # of the time for a body that comes in parts; it begins with the second

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._fields = dict(reversed(list(scope["headers"])))  # of fields with one name the first, as in Starlette
        self._size, self._has_more = 0, True
        self.is_head = scope["method"] == "HEAD"
        self.status = 0

    async def receive(self) -> Message:
        """Return the next part of the body; raise `HTTPException` if the contract refuses it (FastAPI lets no other error through).

        A body that takes too long is malformed, and its connection is closed.
        """
        try:
            if self._size:
                message = await self._take_in_time()
            else:
                contract.judge_length(self._field(b"content-length"))
                message = await self._take()
            is_end = message["type"] == "http.request" and not self._has_more
            if is_end or self._size > contract.MAX_BODY_BYTES:
                contract.judge_body(self._size, self._field(b"content-type"), self._field(b"content-encoding"))
        except Failure as failure:
            raise HTTPException(failure.kind.status) from None
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer: no body for HEAD, and not yet the end if the body of the request was too large."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._complete(message)
        elif self.is_head:
            message = {**message, "body": b""}
        elif self.status == Kind.TOO_LARGE.status:
            message = {**message, "more_body": True}
        await self._send(message)

    async def end(self) -> None:
        """Read a little more of a body that was too large, so that its client can read the answer; then end answer and connection."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SURPLUS_S):
                while self._has_more and self._size < contract.MAX_BODY_BYTES + SURPLUS_BYTES:
                    await self._take()
        await self._send({"type": "http.response.body", "body": b""})

    async def _take(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        self._has_more = message.get("more_body", False)
        return message

    async def _take_in_time(self) -> Message:
        loop = asyncio.get_running_loop()
        self._end_s = self._end_s or loop.time() + contract.BODY_TIMEOUT_S
        try:
            async with asyncio.timeout_at(self._end_s):
                return await self._take()
        except TimeoutError:
            raise HTTPException(Kind.MALFORMED.status, headers={"Connection": "close"}) from None

    def _complete(self, start: Message) -> None:
        more = contract.echoed_headers(self._field(b"x-request-id"))
        if self.status == Kind.METHOD_NOT_ALLOWED.status:
            more["Allow"] = contract.allowed_methods(MutableHeaders(scope=start).get("Allow", ""))
        if self.status == Kind.TOO_LARGE.status:
            more["Connection"] = "close"
        if more:
            MutableHeaders(scope=start).update(more)

    def _field(self, name: bytes) -> str | None:
        value = self._fields.get(name)
        return None if value is None else value.decode("latin-1")


def send_timing(inner: ASGIApp) -> ASGIApp:
    """Return the application behind a layer that sends the times of a prediction as a header."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start" and timings:
                MutableHeaders(scope=message)["Server-Timing"] = timings[0]
            await send(message)

        timings: list[str] = []
        TIMINGS.set(timings)
        await inner(scope, receive, send_timed)

    return answer
