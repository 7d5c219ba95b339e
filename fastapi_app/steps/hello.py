"""Step `hello`: one address that answers plain text."""

import sys

import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

WELCOME = "Welcome to machine learning model APIs!"


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/", response_class=PlainTextResponse)
    async def home() -> str:
        return WELCOME

    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    uvicorn.run(create_app(), port=port)
