"""Step `errors`: whatever goes wrong is answered as a problem document (RFC 9457)."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from shared_model import Service, contract, read_environment, start_service
from shared_model.contract import Failure, Kind


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.service = start_service(read_environment())
    yield


async def get_service(request: Request) -> Any:
    return request.app.state.service


Model = Annotated[Service, Depends(get_service)]


def problem_response(failure: Failure) -> Response:
    body = json.dumps(failure.document())
    return Response(body, failure.kind.status, media_type=contract.PROBLEM_TYPE)


def create_app() -> FastAPI:
    app = FastAPI(lifespan=lifespan)

    @app.get("/", response_class=PlainTextResponse)
    async def home() -> str:
        return contract.WELCOME

    @app.post("/predict")
    async def predict(passengers: contract.Passengers, service: Model) -> contract.Prediction:
        return contract.Prediction(prediction=service.predict(passengers))

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(_request: Request, error: RequestValidationError) -> Response:
        if isinstance(error.body, bytes):  # FastAPI does not decode what is not sent as JSON
            return problem_response(Failure(Kind.NOT_JSON))
        return problem_response(contract.invalid(error.errors(), below=1))

    @app.exception_handler(HTTPException)
    async def answer_http_exception(_request: Request, error: HTTPException) -> Response:
        response = problem_response(Failure(Kind.of_status(error.status_code)))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def answer_exception(_request: Request, _error: Exception) -> Response:
        return problem_response(Failure(Kind.INTERNAL))

    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    uvicorn.run(create_app(), port=port)
