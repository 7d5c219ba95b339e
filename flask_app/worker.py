"""The gunicorn worker of `python -m flask_app`: a client that is slow with the head of its request occupies no thread for long.

gunicorn's own gthread worker gives a new connection a thread for 5 s while nothing comes, so that a few hundred silent connections stop a
server for minutes. And it waits for the rest of a head without limit, so that as many slow clients as there are threads stop it for good.
"""

import selectors
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]  # it has no types

from flask_app.deadlines import Deadlines

# As long as gunicorn waits for the first byte of a head with a thread.
HEAD_TIMEOUT_S = 5
heads = Deadlines(HEAD_TIMEOUT_S)


class Worker(ThreadWorker):  # type: ignore[misc]  # see above
    """Serves as gunicorn's own does, but a thread takes a connection only when its first byte is there, and a head has a time limit."""

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection to a thread, or to the poller until something comes."""
        if conn.initialized or conn.wait_for_data(0):
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)  # noqa: FBT003 - as the socket has it
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: Any) -> Any:
        """Handle a connection, with a time limit until its head has come."""
        with heads.over(conn.sock):
            return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Handle a request whose head has come; its body has a limit of its own."""
        heads.lift(conn.sock)
        return bool(super().handle_request(req, conn))

    def _cap_keepalive(self, deadline: float) -> None:
        """Let a stopping worker wait for silent connections no longer than for idle ones."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
