"""Step `async_io`: another service (SERVE_UPSTREAM) is asked for the passenger first."""

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
    client = httpx.Client(base_url=read_upstream())

    @app.get("/")
    def home() -> ResponseReturnValue:
        return contract.WELCOME, {"Content-Type": "text/plain; charset=utf-8"}

    @app.post("/predict")
    def predict() -> ResponseReturnValue:
        passengers = contract.PASSENGERS.validate_python(request.get_json())
        return {"prediction": service.predict(passengers)}

    @app.post("/enrich")
    def enrich() -> ResponseReturnValue:
        enquiry = Enquiry.model_validate(request.get_json())
        record = client.get(enquiry.path)
        passenger = parse_record(record.status_code, record.content)
        return {"prediction": service.predict([passenger])}

    @app.errorhandler(ValidationError)
    def answer_invalid(error: ValidationError) -> ResponseReturnValue:
        return {"detail": error.errors(include_url=False, include_input=False)}, 422

    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    create_app().run(port=port)
