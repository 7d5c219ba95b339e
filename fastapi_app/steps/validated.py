"""Step `validated`: the body is checked against a model before the handler uses it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse

from shared_model import Service, contract, read_environment, start_service


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.service = start_service(read_environment())
    yield


async def get_service(request: Request) -> Any:
    return request.app.state.service


Model = Annotated[Service, Depends(get_service)]


def create_app() -> FastAPI:
    app = FastAPI(lifespan=lifespan)

    @app.get("/", response_class=PlainTextResponse)
    async def home() -> str:
        return contract.WELCOME

    @app.post("/predict")
    async def predict(passengers: contract.Passengers, service: Model) -> contract.Prediction:
        return contract.Prediction(prediction=service.predict(passengers))

    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    uvicorn.run(create_app(), port=port)
