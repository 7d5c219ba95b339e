"""The code that exact parity of the HTTP contract needs in Flask, on top of `app.py`: `make_strict(app)`.

The body is counted and judged in the order of the contract, and no thread waits for it for ever. Paths with more slashes are other
paths, OPTIONS is a method like any other, and a request id is echoed.
"""

import contextlib
from typing import Any

from flask import Flask, Request, Response, request

from flask_app.access_log import log_requests
from flask_app.deadlines import Deadlines, read_no_more
from shared_model import contract
from shared_model.contract import Failure, Kind
from shared_model.service import TIMINGS

deadlines = Deadlines(contract.BODY_TIMEOUT_S)


def make_strict(app: Flask, *, timing: bool = False, access_log: bool = False) -> Flask:
    """Return the application with the whole contract; with `timing` it sends Server-Timing, with `access_log` it logs each request."""
    app.debug = False  # whatever FLASK_DEBUG says
    app.request_class = StrictRequest
    app.url_map.merge_slashes = False
    for rule in app.url_map.iter_rules():
        (rule.methods or set()).discard("OPTIONS")
    if timing:  # first, since a function that refuses a request skips those after it
        app.before_request(begin_timing)
        app.after_request(send_timing)
    app.before_request(refuse_slashes)
    app.after_request(complete_headers)
    if access_log:
        app.wsgi_app = log_requests(app.wsgi_app)  # type: ignore[assignment,method-assign]  # as in Flask's documentation
    return app


class StrictRequest(Request):
    """A request whose body is read once, in time, and no further than one byte beyond the limit."""

    is_json = True  # the type is judged after the size, with the body
    is_body_judged = False

    def get_json(self, *args: Any, **options: Any) -> Any:
        """Return the document; raise `Failure` if it is nested too deep for the parser, an error that Flask lets through."""
        try:
            return super().get_json(*args, **options)
        except RecursionError:
            raise Failure(Kind.MALFORMED) from None

    def get_data(self, *_args: Any, **_options: Any) -> bytes:  # type: ignore[override]  # text is never asked for
        """Return the body; raise `Failure` if it is too large, broken off, late, not JSON by its headers, or empty."""
        self.is_body_judged = True
        try:
            announced = contract.judge_length(self.environ.get("CONTENT_LENGTH"))
            body = self.read_in_time()
            contract.judge_body(len(body), self.environ.get("CONTENT_TYPE"), self.environ.get("HTTP_CONTENT_ENCODING"))
        except Failure as failure:
            if failure.kind is Kind.TOO_LARGE and "werkzeug.socket" in self.environ:
                read_no_more(self.environ["werkzeug.socket"])  # Werkzeug would read on after the answer, up to 10 GB
            raise
        if len(body) < announced:
            raise Failure(Kind.MALFORMED)
        return body

    def read_in_time(self) -> bytes:
        """Return the needed part of the body; raise `Failure` (MALFORMED) if the body breaks off or takes too long."""
        connection = self.environ.get("gunicorn.socket") or self.environ.get("werkzeug.socket")  # granian keeps its own
        try:
            with deadlines.over(connection):
                return self.stream.read(contract.MAX_BODY_BYTES + 1)
        except Exception as error:  # each server has its own errors for a body that breaks off
            raise Failure(Kind.MALFORMED) from error

    def close(self) -> None:
        """Read a body that no handler has read, before the answer goes out: WSGI servers treat an unread rest differently."""
        if not self.is_body_judged:
            with contextlib.suppress(Failure):
                self.read_in_time()
        super().close()


def refuse_slashes() -> None:
    """Raise `Failure` for //predict: Werkzeug takes it for /predict, and its server for the name of a host."""
    environ = request.environ
    if environ["PATH_INFO"].startswith("//") or environ.get("REQUEST_URI", "").startswith("//"):
        raise Failure(Kind.NOT_FOUND)


def complete_headers(response: Response) -> Response:
    """Name the allowed methods as the contract does, and echo the client's X-Request-ID if the contract allows it."""
    if response.status_code == Kind.METHOD_NOT_ALLOWED.status:
        response.headers["Allow"] = contract.allowed_methods(response.headers.get("Allow", ""))
    request_id = request.environ.get("HTTP_X_REQUEST_ID")
    if request_id is not None:
        response.headers.update(contract.echoed_headers(request_id))
    return response


def begin_timing() -> None:
    """Give the service a list for its times, from which `send_timing` reads them."""
    TIMINGS.set([])


def send_timing(response: Response) -> Response:
    """Send the times of a prediction."""
    timings = TIMINGS.get()
    if timings:
        response.headers["Server-Timing"] = timings[0]
    return response
