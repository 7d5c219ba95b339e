"""All errors, answered as application/problem+json."""

import json
from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from shared_model import contract
from shared_model.contract import Failure, Kind


def register_errors(app: FastAPI) -> None:
    """Give the application one handler per source of errors."""

    @app.exception_handler(Failure)
    async def answer_failure(_request: Request, error: Failure) -> Response:
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(_request: Request, error: RequestValidationError) -> Response:
        return problem_response(contract.invalid(error.errors(), below=1))

    @app.exception_handler(HTTPException)
    async def answer_http_exception(_request: Request, error: HTTPException) -> Response:
        return problem_response(Failure(Kind.of_status(error.status_code)), error.headers)

    @app.exception_handler(Exception)
    async def answer_exception(_request: Request, _error: Exception) -> Response:
        return problem_response(Failure(Kind.INTERNAL))


def problem_response(failure: Failure, headers: Mapping[str, str] | None = None) -> Response:
    """Return the problem document of a failure as a response."""
    return Response(
        json.dumps(failure.document()),
        status_code=failure.kind.status,
        media_type=contract.PROBLEM_TYPE,
        headers={**failure.headers, **(headers or {})},
    )
