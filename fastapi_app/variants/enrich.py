"""The applications that first ask another service for the passenger: with a client that waits beside others, or one that blocks."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, Request, Response

from fastapi_app.app import NO_TELEMETRY
from fastapi_app.errors import problem_response, register_errors
from fastapi_app.strict import make_strict
from shared_model import Service, contract, enquiry, read_environment, read_upstream, start_service
from shared_model.contract import Failure, Kind


async def read_enquiry(request: Request) -> enquiry.Enquiry:
    """Return the validated body; a dependency, so that handlers with `def`, which cannot read it, have it too."""
    return enquiry.parse_enquiry(await request.body())


EnquiryBody = Annotated[enquiry.Enquiry, Depends(read_enquiry)]


def create_app() -> FastAPI:
    """Return the application that waits for the other service beside others: `async def` and a client made for it."""
    opened = [httpx.AsyncClient(**client_settings()) for _ in range(enquiry.CLIENTS)]
    clients = itertools.cycle(opened)

    @contextlib.asynccontextmanager
    async def keep_open(_app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as exits:
            for client in opened:
                await exits.enter_async_context(client)
            yield

    service = start_service(read_environment())
    app = create_app_without_enrich(service, keep_open)

    @app.post("/enrich")
    async def enrich(asked: EnquiryBody) -> contract.Prediction:
        record = await next(clients).get(asked.path)
        values = service.predict([enquiry.parse_record(record.status_code, record.content)])
        return contract.Prediction(prediction=values)

    return app


def create_def_app() -> FastAPI:
    """Return the same application with `def` and a client that blocks: a thread of the pool waits, of which there are 40."""
    service = start_service(read_environment())
    clients = open_blocking_clients()
    app = create_app_without_enrich(service)

    @app.post("/enrich")
    def enrich(asked: EnquiryBody) -> contract.Prediction:
        record = next(clients).get(asked.path)
        values = service.predict([enquiry.parse_record(record.status_code, record.content)])
        return contract.Prediction(prediction=values)

    return app


def create_trap_app() -> FastAPI:
    """Return the same application with `async def` around the client that blocks: nobody is served while a request waits."""
    service = start_service(read_environment())
    clients = open_blocking_clients()
    app = create_app_without_enrich(service)

    @app.post("/enrich")
    async def enrich(asked: EnquiryBody) -> contract.Prediction:
        record = next(clients).get(asked.path)
        values = service.predict([enquiry.parse_record(record.status_code, record.content)])
        return contract.Prediction(prediction=values)

    return app


def open_blocking_clients() -> Iterator[httpx.Client]:
    """Return clients that block, in turn, for ever."""
    return itertools.cycle([httpx.Client(**client_settings()) for _ in range(enquiry.CLIENTS)])


def client_settings() -> dict[str, Any]:
    """Return how a client asks the other service: with as many connections as requests wait, all of them kept."""
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)
    return {"base_url": read_upstream(), "timeout": enquiry.UPSTREAM_TIMEOUT_S, "limits": unlimited, "trust_env": False}


def create_app_without_enrich(service: Service, lifespan: Any = None) -> FastAPI:
    """Return what the applications above share: all but the handler that asks and answers."""
    app = FastAPI(telemetry=NO_TELEMETRY, lifespan=lifespan)
    register_errors(app)

    @app.exception_handler(httpx.HTTPError)
    async def answer_no_record(_request: Request, _error: Exception) -> Response:
        return problem_response(Failure(Kind.NO_RECORD))

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        service.check_ready()
        return contract.OK

    return make_strict(app)
