"""Bare applications: they show the cost of a server without framework and model. They are launched like any stack.

`wsgi_app` and `asgi_app` run on the four headline servers. `python -m bench.servers.bare PORT` is a responder that only a fast client
can saturate: it measures the load generator itself.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, cast

ANSWER = b'{"prediction":[0]}'
_WSGI_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(ANSWER)))]
_ASGI_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())],
}
_ASGI_BODY = {"type": "http.response.body", "body": ANSWER}
_RAW = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)


def wsgi_app(environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """Read the body and answer `ANSWER`."""
    environ["wsgi.input"].read()
    start_response("200 OK", list(_WSGI_HEADERS))
    return [ANSWER]


async def asgi_app(
    _scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Read the body and answer `ANSWER`."""
    while (await receive()).get("more_body"):
        pass
    await send(dict(_ASGI_START))
    await send(dict(_ASGI_BODY))


class Responder(asyncio.Protocol):
    """Answers each chunk that ends a request with the same bytes, without looking at it.

    It handles only clients that send a whole request at once and wait for the answer.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._write = cast("asyncio.Transport", transport).write

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - the point is not to look
        """Answer."""
        self._write(_RAW)


async def _respond(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Responder, "127.0.0.1", port, family=socket.AF_INET)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_respond(int(sys.argv[1])))
