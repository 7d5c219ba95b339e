"""The request body: counted while it is read, checked in the order of judgement, decoded and validated."""

from typing import Any, NoReturn, cast

from flask import Request, request

from shared_model import contract
from shared_model.contract import Failure, Kind, Passenger


class JSONRequest(Request):
    """A request whose body is read once, and no further than one byte beyond the limit."""

    def get_data(self, *args: Any, **kwargs: Any) -> bytes:  # type: ignore[override]  # text is never asked for
        """Return the body; raise `Failure` if it is too large, not JSON by its headers, or empty."""
        if (self.content_length or 0) > contract.MAX_BODY_BYTES:
            raise Failure(Kind.TOO_LARGE)
        body = self.stream.read(contract.MAX_BODY_BYTES + 1)
        contract.judge_body(body, self.headers.get("Content-Type"), self.headers.get("Content-Encoding"))
        return body

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
