"""Other FastAPI applications that the bench compares with the core one; each is named by `bench/stacks.toml`."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from fastapi_app.app import PassengersBody, echo_request_id
from fastapi_app.body import JSONRequest, JSONRoute
from fastapi_app.errors import register_errors
from shared_model import Service, contract, read_environment


def create_def_app() -> FastAPI:
    """Return the core application with `def` for `async def`: its handlers run in a pool of threads."""
    service = Service(read_environment())
    app = FastAPI(redirect_slashes=False, telemetry={"tracing": False, "metrics": False, "logs": False})
    app.router.route_class = JSONRoute
    app.add_middleware(echo_request_id)
    register_errors(app)

    @app.get("/")
    def home() -> PlainTextResponse:
        return PlainTextResponse(contract.WELCOME)

    @app.post("/predict")
    def predict(passengers: PassengersBody, response: Response) -> contract.Prediction:
        values, timing = service.predict(passengers)
        if timing:
            response.headers["Server-Timing"] = timing
        return contract.Prediction(prediction=values)

    @app.post("/predict_proba")
    def predict_proba(passengers: PassengersBody, response: Response) -> contract.Probability:
        values, timing = service.predict_proba(passengers)
        if timing:
            response.headers["Server-Timing"] = timing
        return contract.Probability(probability=values)

    @app.get("/readyz")
    def readyz() -> dict[str, str]:
        service.check_ready()
        return contract.OK

    return app


def create_raw_app() -> FastAPI:
    """Return the tuned application: the body is decoded and validated in one step, and answers are bytes, not documents.

    It keeps the limit of the body and the order of judgement. There is no timing, no echo and no other route.
    """
    service = Service(read_environment())
    app = FastAPI(redirect_slashes=False, telemetry={"tracing": False, "metrics": False, "logs": False})
    register_errors(app)

    @app.get("/")
    async def home() -> PlainTextResponse:
        return PlainTextResponse(contract.WELCOME)

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        body = await JSONRequest(request.scope, request.receive).get_data()
        values, _ = service.predict(contract.parse(body))
        return Response(contract.prediction_bytes(values), media_type=contract.JSON_TYPE)

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        service.check_ready()
        return contract.OK

    return app
