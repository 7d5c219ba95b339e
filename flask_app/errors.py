"""All errors, answered as application/problem+json."""

from flask import Flask, Response, json
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from shared_model import contract
from shared_model.contract import Failure, Kind


def register_errors(app: Flask) -> None:
    """Give the application one handler per source of errors."""

    @app.errorhandler(Failure)
    def answer_failure(error: Failure) -> ResponseReturnValue:
        return problem_response(error)

    @app.errorhandler(ValidationError)
    def answer_invalid(error: ValidationError) -> ResponseReturnValue:
        return problem_response(contract.invalid(contract.plain_errors(error)))

    @app.errorhandler(HTTPException)
    def answer_http_exception(error: HTTPException) -> ResponseReturnValue:
        methods = error.valid_methods if isinstance(error, MethodNotAllowed) else None
        return problem_response(Failure(Kind.of_status(error.code)), {"Allow": ", ".join(methods)} if methods else None)

    @app.errorhandler(Exception)
    def answer_exception(error: Exception) -> ResponseReturnValue:
        app.logger.error("Unhandled exception", exc_info=error)
        return problem_response(Failure(Kind.INTERNAL))


def problem_response(failure: Failure, headers: dict[str, str] | None = None) -> Response:
    """Return the problem document of a failure as a response."""
    return Response(
        json.dumps(failure.document()),
        status=failure.kind.status,
        content_type=contract.PROBLEM_TYPE,
        headers={**failure.headers, **(headers or {})},
    )
