"""The tuned application: the body is decoded and validated in one step, and answers are bytes, not documents.

It keeps the limit of the body and the order of judgement. There is no timing and no other route.
"""

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from fastapi_app.app import NO_TELEMETRY
from fastapi_app.errors import register_errors
from fastapi_app.strict import make_strict
from shared_model import contract, read_environment, start_service


def create_app() -> FastAPI:
    """Return the application."""
    service = start_service(read_environment())
    app = FastAPI(telemetry=NO_TELEMETRY)
    register_errors(app)

    @app.get("/")
    async def home() -> PlainTextResponse:
        return PlainTextResponse(contract.WELCOME)

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        values = service.predict(contract.parse(await request.body()))
        return Response(contract.prediction_bytes(values), media_type=contract.JSON_TYPE)

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return contract.OK

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        service.check_ready()
        return contract.OK

    return make_strict(app)
