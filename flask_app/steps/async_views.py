"""Step `async_views`: as `async_io`, with a coroutine; each request has its own client."""

import sys

import httpx
from flask import Flask, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from shared_model import contract, read_environment, read_upstream, start_service
from shared_model.enquiry import Enquiry, parse_record


def create_app() -> Flask:
    app = Flask(__name__)
    service = start_service(read_environment())
    upstream = read_upstream()

    @app.get("/")
    def home() -> ResponseReturnValue:
        return contract.WELCOME, {"Content-Type": "text/plain; charset=utf-8"}

    @app.post("/predict")
    def predict() -> ResponseReturnValue:
        passengers = contract.PASSENGERS.validate_python(request.get_json())
        return {"prediction": service.predict(passengers)}

    @app.post("/enrich")
    async def enrich() -> ResponseReturnValue:
        enquiry = Enquiry.model_validate(request.get_json())
        async with httpx.AsyncClient(base_url=upstream) as client:
            record = await client.get(enquiry.path)
        passenger = parse_record(record.status_code, record.content)
        return {"prediction": service.predict([passenger])}

    @app.errorhandler(ValidationError)
    def answer_invalid(error: ValidationError) -> ResponseReturnValue:
        return {"detail": error.errors(include_url=False, include_input=False)}, 422

    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    create_app().run(port=port)
