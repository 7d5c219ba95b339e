"""What exact parity of the HTTP contract costs in FastAPI, on top of `app.py`: `make_strict(app)`.

The body is counted and judged in the order of the contract, and no more of it is taken than is needed; paths are matched to their last
character, HEAD is GET without a body, and a request id is echoed.
"""

import asyncio
import contextlib

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastapi_app.errors import problem_response
from shared_model import contract
from shared_model.contract import Failure, Kind
from shared_model.service import TIMINGS

# What is taken of a body after its refusal, so that a client that sends a little too much can read why: bytes, and seconds.
SURPLUS_BYTES = contract.MAX_BODY_BYTES
SURPLUS_S = 2


def make_strict(app: FastAPI, *, timing: bool = False) -> FastAPI:
    """Return the application with the whole contract on top of what it does by itself; with `timing` it sends Server-Timing."""
    app.router.redirect_slashes = False
    if timing:
        app.add_middleware(send_timing)
    app.add_middleware(strict)
    return app


def strict(inner: ASGIApp) -> ASGIApp:
    """Return the application behind one layer of ASGI."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        headers = Headers(scope=scope)
        body, reply = StrictBody(headers, receive), StrictReply(headers, send, is_head=scope["method"] == "HEAD")
        if scope["path"].endswith("\n"):  # the pattern of a route ends with "$", which lets a last line feed through
            await problem_response(Failure(Kind.NOT_FOUND))(scope, receive, reply.send)
            return
        try:
            await inner({**scope, "method": "GET"} if reply.is_head else scope, body.receive, reply.send)
        except Exception:
            if not reply.status:
                await problem_response(Failure(Kind.INTERNAL))(scope, receive, reply.send)
            raise
        if reply.status == Kind.TOO_LARGE.status:
            await body.take_surplus()
            await reply.end()

    return answer


class StrictBody:
    """The body of a request: counted as it comes, refused in the order of the contract."""

    def __init__(self, headers: Headers, receive: Receive) -> None:
        self._headers = headers
        self._receive = receive
        self._size = 0
        self._has_more = True

    async def receive(self) -> Message:
        """Return the next part of the body; raise `HTTPException`, all that FastAPI lets through, where the contract refuses it."""
        try:
            return await self._take_judged()
        except Failure as failure:
            raise HTTPException(failure.kind.status) from None

    async def take_surplus(self) -> None:
        """Take what is still sent, up to a limit, so that a client that sends a little too much can read why it is refused."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SURPLUS_S):
                while self._has_more and self._size < contract.MAX_BODY_BYTES + SURPLUS_BYTES:
                    await self._take()

    async def _take_judged(self) -> Message:
        if not self._size:
            contract.judge_length(self._headers.get("Content-Length"))
        message = await self._take()
        if self._size > contract.MAX_BODY_BYTES:
            raise Failure(Kind.TOO_LARGE)
        if message["type"] == "http.request" and not self._has_more:
            contract.judge_body(self._size, self._headers.get("Content-Type"), self._headers.get("Content-Encoding"))
        return message

    async def _take(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        self._has_more = message.get("more_body", False)
        return message


class StrictReply:
    """The answer to a request: its headers completed; without a body for HEAD, and the last of its connection if the body was too large."""

    def __init__(self, headers: Headers, send: Send, *, is_head: bool) -> None:
        self._echoed = contract.echoed_headers(headers.get("X-Request-ID"))
        self._send = send
        self.is_head = is_head
        self.status = 0

    async def send(self, message: Message) -> None:
        """Send a part of the answer; a body that was too large leaves it open, until `end`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._complete(MutableHeaders(scope=message))
        elif self.is_head:
            message = {**message, "body": b""}
        elif self.status == Kind.TOO_LARGE.status:
            message = {**message, "more_body": True}
        await self._send(message)

    async def end(self) -> None:
        """End an answer that was left open."""
        await self._send({"type": "http.response.body", "body": b""})

    def _complete(self, headers: MutableHeaders) -> None:
        headers.update(self._echoed)
        if self.status == Kind.METHOD_NOT_ALLOWED.status:
            headers["Allow"] = contract.allowed_methods(headers["Allow"])
        elif self.status == Kind.TOO_LARGE.status:
            headers["Connection"] = "close"


def send_timing(inner: ASGIApp) -> ASGIApp:
    """Return the application behind a layer that sends the times of a prediction."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start" and timings:
                MutableHeaders(scope=message)["Server-Timing"] = timings[0]
            await send(message)

        timings: list[str] = []
        TIMINGS.set(timings)
        await inner(scope, receive, send_timed)

    return answer
