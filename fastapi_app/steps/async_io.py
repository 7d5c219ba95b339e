"""Step `async_io`: another service (SERVE_UPSTREAM) is asked for the passenger first."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse

from shared_model import Service, contract, read_environment, read_upstream, start_service
from shared_model.enquiry import Enquiry, parse_record


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.service = start_service(read_environment())
    async with httpx.AsyncClient(base_url=read_upstream()) as client:
        app.state.client = client
        yield


async def get_service(request: Request) -> Any:
    return request.app.state.service


async def get_client(request: Request) -> Any:
    return request.app.state.client


Model = Annotated[Service, Depends(get_service)]
Client = Annotated[httpx.AsyncClient, Depends(get_client)]


def create_app() -> FastAPI:
    app = FastAPI(lifespan=lifespan)

    @app.get("/", response_class=PlainTextResponse)
    async def home() -> str:
        return contract.WELCOME

    @app.post("/predict")
    async def predict(passengers: contract.Passengers, service: Model) -> contract.Prediction:
        return contract.Prediction(prediction=service.predict(passengers))

    @app.post("/enrich")
    async def enrich(enquiry: Enquiry, service: Model, client: Client) -> contract.Prediction:
        record = await client.get(enquiry.path)
        passenger = parse_record(record.status_code, record.content)
        return contract.Prediction(prediction=service.predict([passenger]))

    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    uvicorn.run(create_app(), port=port)
