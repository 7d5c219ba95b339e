"""The gunicorn worker of `python -m flask_app`: a client that is slow with the head of its request occupies no thread for long.

gunicorn's own gthread worker gives a new connection a thread for 5 s while nothing comes, so that a few hundred silent connections stop a
server for minutes. And it waits for the rest of a head without limit, so that as many slow clients as there are threads stop it for good.
"""

from typing import Any

from gunicorn.workers import gthread  # type: ignore[import-untyped]  # it has no types

from flask_app.deadlines import Deadlines

# As long as gunicorn waits for the first byte of a head with a thread.
HEAD_TIMEOUT_S = 5
heads = Deadlines(HEAD_TIMEOUT_S)


class Worker(gthread.ThreadWorker):  # type: ignore[misc]  # see above
    """Serves as gunicorn's own does, with a time limit for each head."""

    def handle(self, conn: Any) -> Any:
        """Handle a connection, or give it back to the poller until its first byte comes."""
        if not conn.initialized and not conn.wait_for_data(0):
            return gthread._DEFER  # noqa: SLF001 - gunicorn's answer after its own 5 s
        with heads.over(conn.sock):
            return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Handle a request whose head has come; its body has a limit of its own."""
        heads.lift(conn.sock)
        return bool(super().handle_request(req, conn))
