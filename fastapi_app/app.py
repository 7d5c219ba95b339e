"""The FastAPI application, written as in FastAPI's own documentation: a router, and a lifespan that loads the model."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse

from fastapi_app.errors import register_errors
from shared_model import Options, Service, contract, read_environment, start_service

NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False}
routes = APIRouter(responses={"default": contract.PROBLEM_ANSWER})


async def get_service(request: Request) -> Service:
    """Return the model of the current application."""
    service: Service = request.app.state.model
    return service


Model = Annotated[Service, Depends(get_service)]
Passengers = Annotated[contract.Passengers, Body(examples=[contract.EXAMPLE])]


@routes.get("/", response_class=PlainTextResponse)
async def home() -> str:
    return contract.WELCOME


@routes.post("/predict")
async def predict(passengers: Passengers, service: Model) -> contract.Prediction:
    return contract.Prediction(prediction=service.predict(passengers))


@routes.post("/predict_proba")
async def predict_proba(passengers: Passengers, service: Model) -> contract.Probability:
    return contract.Probability(probability=service.predict_proba(passengers))


@routes.get("/livez")
async def livez() -> dict[str, str]:
    return contract.OK


@routes.get("/readyz")
async def readyz(service: Model) -> dict[str, str]:
    service.check_ready()
    return contract.OK


@routes.get("/model")
async def model(service: Model) -> Mapping[str, Any]:
    return service.model_card()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model before the first request."""
    app.state.model = start_service(app.state.options)
    yield


def create_app(options: Options | None = None) -> FastAPI:
    """Return the application; without options they come from the environment (SERVE_ENGINE, ...)."""
    app = FastAPI(title="Titanic survival", lifespan=lifespan, redoc_url=None, telemetry=NO_TELEMETRY)
    app.state.options = options or read_environment()
    app.include_router(routes)
    register_errors(app)
    return app
