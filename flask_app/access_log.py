"""The access log in Flask: a layer of WSGI around the application, which is there only when the log is switched on."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from shared_model.access_log import Entry

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def log_requests(inner: "WSGIApplication") -> "WSGIApplication":
    """Return the application with a line in the log for each request."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Logged":
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        entry = Entry(environ["REQUEST_METHOD"], path, environ.get("HTTP_X_REQUEST_ID"))

        def start(status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None) -> Callable[[bytes], object]:
            entry.status = int(status[:3])
            return start_response(status, headers, exc_info)

        return Logged(inner(environ, start), entry)

    return answer


class Logged:
    """The body of an answer, counted; the entry is written when the server closes it."""

    def __init__(self, body: Iterable[bytes], entry: Entry) -> None:
        self._body, self._entry = body, entry

    def __iter__(self) -> Iterator[bytes]:
        for part in self._body:
            self._entry.size += len(part)
            yield part

    def close(self) -> None:
        """Close the body and write the entry."""
        getattr(self._body, "close", lambda: None)()
        self._entry.write()
