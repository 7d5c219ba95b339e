"""A protocol for uvicorn that answers, at a stop, the requests that are on their way on kept connections, as gunicorn does.

uvicorn's own closes each connection that is idle when the stop begins. A request that arrives at that moment gets no answer.
"""

from typing import Any

from fastapi_app.upgrade import DecliningProtocol

LINGER_S = 0.5


class LingeringProtocol(DecliningProtocol):
    """Leaves an idle connection open for a moment at a stop, and closes it after its next answer."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._is_ending = False

    def shutdown(self) -> None:
        """Begin the end of the connection."""
        self._is_ending = True
        if getattr(self.cycle, "response_complete", True):  # there is no cycle before the first request
            self.loop.call_later(LINGER_S, super().shutdown)
        else:
            super().shutdown()

    def on_headers_complete(self) -> None:
        """Begin the answer; it is the last one if the connection ends."""
        super().on_headers_complete()
        if self._is_ending and not self._is_declined():
            self.cycle.keep_alive = False
