"""The request body: counted while it is read, checked in the order of judgement, decoded and validated."""

import re
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from shared_model import contract
from shared_model.contract import Failure, Kind


class JSONRequest(Request):
    """A request whose body is read once, and no further than the chunk that crosses the limit."""

    async def stream(self) -> AsyncIterator[bytes]:  # type: ignore[override]  # Starlette says generator, needs iterator
        """Yield the body; raise `Failure` if it is too large."""
        if int(self.headers.get("Content-Length", "0")) > contract.MAX_BODY_BYTES:
            raise Failure(Kind.TOO_LARGE)
        size = 0
        async for chunk in super().stream():
            size += len(chunk)
            if size > contract.MAX_BODY_BYTES:
                raise Failure(Kind.TOO_LARGE)
            yield chunk

    async def get_data(self) -> bytes:
        """Return the body; raise `Failure` if it is too large, broken off, not JSON by its headers, or empty."""
        try:
            body = await self.body()
        except ClientDisconnect:
            raise Failure(Kind.MALFORMED) from None
        contract.judge_body(body, self.headers.get("Content-Type"), self.headers.get("Content-Encoding"))
        return body


class JSONRoute(APIRoute):
    """A route that judges the body before FastAPI decodes and validates it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.path_regex = re.compile(self.path_regex.pattern.replace("$", r"\Z"))  # "$" lets /predict%0A through

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler behind our check of the body; raises `Failure` as `contract.judge_body` does."""
        answer = super().get_route_handler()
        if self.body_field is None:
            return answer

        async def judge_and_answer(request: Request) -> Response:
            checked = JSONRequest(request.scope, request.receive)
            await checked.get_data()
            return await answer(checked)

        return judge_and_answer
