"""Step `validated`: the body is checked against a model before the handler uses it."""

import sys

from flask import Flask, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from shared_model import contract, read_environment, start_service


def create_app() -> Flask:
    app = Flask(__name__)
    service = start_service(read_environment())

    @app.get("/")
    def home() -> ResponseReturnValue:
        return contract.WELCOME, {"Content-Type": "text/plain; charset=utf-8"}

    @app.post("/predict")
    def predict() -> ResponseReturnValue:
        passengers = contract.PASSENGERS.validate_python(request.get_json())
        return {"prediction": service.predict(passengers)}

    @app.errorhandler(ValidationError)
    def answer_invalid(error: ValidationError) -> ResponseReturnValue:
        return {"detail": error.errors(include_url=False, include_input=False)}, 422

    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    create_app().run(port=port)
