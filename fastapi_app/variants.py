"""Other FastAPI applications that the bench compares with the core one; each is named by `bench/stacks.toml`."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from fastapi_app.app import PassengersBody, echo_request_id
from fastapi_app.body import JSONRequest, JSONRoute
from fastapi_app.errors import problem_response, register_errors
from shared_model import Service, contract, enquiry, read_environment, read_upstream
from shared_model.contract import Failure, Kind

if TYPE_CHECKING:
    import httpx


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


async def read_enquiry(request: Request) -> enquiry.Enquiry:
    """Return the validated body; a dependency, so that handlers with `def`, which cannot read it, have it too."""
    return enquiry.parse_enquiry(await JSONRequest(request.scope, request.receive).get_data())


EnquiryBody = Annotated[enquiry.Enquiry, Depends(read_enquiry)]


def create_enrich_app() -> FastAPI:
    """Return the application that first asks another service for the passenger: others are served while a request waits."""
    import httpx

    opened = [httpx.AsyncClient(**client_settings()) for _ in range(enquiry.CLIENTS)]
    clients = itertools.cycle(opened)

    @contextlib.asynccontextmanager
    async def keep_open(_app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as exits:
            for client in opened:
                await exits.enter_async_context(client)
            yield

    service = Service(read_environment())
    app = create_app_to_enrich(service, keep_open)

    @app.post("/enrich")
    async def enrich(asked: EnquiryBody) -> contract.Prediction:
        record = await next(clients).get(asked.path)
        values, _ = service.predict([enquiry.parse_record(record.status_code, record.content)])
        return contract.Prediction(prediction=values)

    return app


def create_enrich_def_app() -> FastAPI:
    """Return the same application with `def` and a client that blocks: a thread of the pool waits, of which there are 40."""
    service = Service(read_environment())
    clients = open_blocking_clients()
    app = create_app_to_enrich(service)

    @app.post("/enrich")
    def enrich(asked: EnquiryBody) -> contract.Prediction:
        record = next(clients).get(asked.path)
        values, _ = service.predict([enquiry.parse_record(record.status_code, record.content)])
        return contract.Prediction(prediction=values)

    return app


def create_enrich_trap_app() -> FastAPI:
    """Return the same application with `async def` around the client that blocks: nobody is served while a request waits."""
    service = Service(read_environment())
    clients = open_blocking_clients()
    app = create_app_to_enrich(service)

    @app.post("/enrich")
    async def enrich(asked: EnquiryBody) -> contract.Prediction:
        record = next(clients).get(asked.path)
        values, _ = service.predict([enquiry.parse_record(record.status_code, record.content)])
        return contract.Prediction(prediction=values)

    return app


def open_blocking_clients() -> "Iterator[httpx.Client]":
    """Return clients that block, in turn, for ever."""
    import httpx

    return itertools.cycle([httpx.Client(**client_settings()) for _ in range(enquiry.CLIENTS)])


def client_settings() -> dict[str, Any]:
    """Return how a client asks the other service: with as many connections as requests wait, all of them kept."""
    import httpx

    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)
    return {"base_url": read_upstream(), "timeout": enquiry.UPSTREAM_TIMEOUT_S, "limits": unlimited, "trust_env": False}


def create_app_to_enrich(service: Service, lifespan: Any = None) -> FastAPI:
    """Return what the applications above share: all but the handler that asks and answers."""
    import httpx

    app = FastAPI(redirect_slashes=False, telemetry={"tracing": False, "metrics": False, "logs": False}, lifespan=lifespan)
    register_errors(app)

    @app.exception_handler(httpx.HTTPError)
    async def answer_no_record(_request: Request, _error: Exception) -> Response:
        return problem_response(Failure(Kind.NO_RECORD))

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        service.check_ready()
        return contract.OK

    return app
