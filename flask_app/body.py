"""The request body: counted while it is read, checked in the order of judgement, decoded and validated."""

import contextlib
from typing import Any, NoReturn

from flask import Request, request

from shared_model import contract
from shared_model.contract import Failure, Kind, Passenger


class JSONRequest(Request):
    """A request whose body is read once, and no further than one byte beyond the limit."""

    is_body_judged = False

    def get_data(self, *_args: Any, **_kwargs: Any) -> bytes:  # type: ignore[override]  # text is never asked for
        """Return the body; raise `Failure` if it is too large, broken off, not JSON by its headers, or empty."""
        self.is_body_judged = True
        announced = self.content_length or 0
        if announced > contract.MAX_BODY_BYTES:
            raise Failure(Kind.TOO_LARGE)
        try:
            body = self.stream.read(contract.MAX_BODY_BYTES + 1)
        except Exception as error:  # each server has its own errors for a body that breaks off
            raise Failure(Kind.MALFORMED) from error
        contract.judge_body(body, self.headers.get("Content-Type"), self.headers.get("Content-Encoding"))
        if len(body) < announced:
            raise Failure(Kind.MALFORMED)
        return body

    def close(self) -> None:
        """Read a body that nobody asked for before the answer goes out; what a WSGI server does with the rest differs."""
        if not self.is_body_judged:
            with contextlib.suppress(Exception):
                self.stream.read(contract.MAX_BODY_BYTES + 1)
        super().close()

    def on_json_loading_failure(self, e: ValueError | None) -> NoReturn:
        """Answer malformed JSON by the contract, not by Werkzeug's page."""
        raise Failure(Kind.MALFORMED) from e


def read_passengers() -> list[Passenger]:
    """Return the validated passengers of the current request; raise `Failure` if there are none."""
    try:
        document = request.get_json(force=True)
    except RecursionError:  # nested deeper than the parser goes; get_json lets it through
        raise Failure(Kind.MALFORMED) from None
    return contract.validate_passengers(document)
