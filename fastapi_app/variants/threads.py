"""The core application with `def` for `async def`: its handlers run in a pool of threads."""

from fastapi import APIRouter, FastAPI
from fastapi.responses import PlainTextResponse

from fastapi_app.app import NO_TELEMETRY, Model, Passengers, lifespan
from fastapi_app.errors import register_errors
from fastapi_app.strict import make_strict
from shared_model import contract, read_environment

routes = APIRouter()


@routes.get("/", response_class=PlainTextResponse)
def home() -> str:
    return contract.WELCOME


@routes.post("/predict")
def predict(passengers: Passengers, service: Model) -> contract.Prediction:
    return contract.Prediction(prediction=service.predict(passengers))


@routes.post("/predict_proba")
def predict_proba(passengers: Passengers, service: Model) -> contract.Probability:
    return contract.Probability(probability=service.predict_proba(passengers))


@routes.get("/livez")
def livez() -> dict[str, str]:
    return contract.OK


@routes.get("/readyz")
def readyz(service: Model) -> dict[str, str]:
    service.check_ready()
    return contract.OK


def create_app() -> FastAPI:
    """Return the application."""
    app = FastAPI(lifespan=lifespan, telemetry=NO_TELEMETRY)
    app.state.options = options = read_environment()
    app.include_router(routes)
    register_errors(app)
    return make_strict(app, timing=options.timing)
