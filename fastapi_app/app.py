"""The FastAPI application: each route hands its request to the shared model and its answer back."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Body, FastAPI, Response
from fastapi.responses import PlainTextResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastapi_app.body import JSONRoute
from fastapi_app.errors import register_errors
from shared_model import Options, Service, contract, read_environment

EXAMPLES: Any = {"article": {"summary": "The article's four passengers", "value": contract.EXAMPLE}}
PassengersBody = Annotated[contract.Passengers, Body(openapi_examples=EXAMPLES)]


def create_app(options: Options | None = None) -> FastAPI:
    """Return the application; without options it takes them from the environment (SERVE_ENGINE, ...)."""
    service = Service(options or read_environment())
    no_telemetry: Any = {"tracing": False, "metrics": False, "logs": False}
    app = FastAPI(title="Titanic survival", redirect_slashes=False, redoc_url=None, telemetry=no_telemetry)
    app.router.route_class = JSONRoute
    app.add_middleware(echo_request_id)
    register_errors(app)

    @app.head("/", include_in_schema=False)
    @app.get("/")
    async def home() -> PlainTextResponse:
        return PlainTextResponse(contract.WELCOME)

    @app.post("/predict")
    async def predict(passengers: PassengersBody, response: Response) -> contract.Prediction:
        values, timing = service.predict(passengers)
        if timing:
            response.headers["Server-Timing"] = timing
        return contract.Prediction(prediction=values)

    @app.post("/predict_proba")
    async def predict_proba(passengers: PassengersBody, response: Response) -> contract.Probability:
        values, timing = service.predict_proba(passengers)
        if timing:
            response.headers["Server-Timing"] = timing
        return contract.Probability(probability=values)

    @app.head("/livez", include_in_schema=False)
    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return contract.OK

    @app.head("/readyz", include_in_schema=False)
    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        service.check_ready()
        return contract.OK

    @app.head("/model", include_in_schema=False)
    @app.get("/model")
    async def model() -> Mapping[str, Any]:
        return service.model_card()

    return app


def echo_request_id(inner: ASGIApp) -> ASGIApp:
    """Answer with the X-Request-ID that the client sent, if it may be echoed."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_echo(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(echoed)
            await send(message)

        echoed = contract.echoed_headers(Headers(scope=scope).get("X-Request-ID")) if scope["type"] == "http" else {}
        await inner(scope, receive, send_echo if echoed else send)

    return answer
