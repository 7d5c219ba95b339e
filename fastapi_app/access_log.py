"""The access log in FastAPI: a layer of ASGI around the application, which is there only when the log is switched on."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared_model.access_log import Entry


def log_requests(inner: ASGIApp) -> ASGIApp:
    """Return the application with a line in the log for each request."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        request_id = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), None)
        entry = Entry(scope["method"], scope["path"], request_id)

        async def start(message: Message) -> None:
            entry.status = message.get("status", entry.status)
            entry.size += len(message.get("body", b""))
            await send(message)

        try:
            await inner(scope, receive, start)
        finally:
            entry.write()

    return answer
