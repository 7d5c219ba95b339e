"""Everything that can go wrong, answered as application/problem+json."""

import json

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
        faults = error.errors()
        if any(fault["type"] == "json_invalid" for fault in faults):
            return problem_response(Failure(Kind.MALFORMED))
        return problem_response(Failure(Kind.INVALID, [fault["loc"][1:] for fault in faults]))

    @app.exception_handler(HTTPException)
    async def answer_http_exception(_request: Request, error: HTTPException) -> Response:
        if error.status_code == Kind.NOT_FOUND.status:
            return problem_response(Failure(Kind.NOT_FOUND))
        if error.status_code == Kind.METHOD_NOT_ALLOWED.status:
            allow = contract.WRITE_METHODS if "POST" in (error.headers or {}).get("Allow", "") else contract.READ_METHODS
            return problem_response(Failure(Kind.METHOD_NOT_ALLOWED), {"Allow": allow})
        return problem_response(Failure(Kind.MALFORMED))

    @app.exception_handler(Exception)
    async def answer_exception(request: Request, _error: Exception) -> Response:
        return problem_response(Failure(Kind.INTERNAL), contract.echoed_headers(request.headers.get("X-Request-ID")))


def problem_response(failure: Failure, headers: dict[str, str] | None = None) -> Response:
    """Return the problem document of a failure as a response."""
    return Response(
        json.dumps(failure.document()),
        status_code=failure.kind.status,
        media_type=contract.PROBLEM_TYPE,
        headers={**failure.headers, **(headers or {})},
    )
