"""Step `predict`: the model, loaded once at the start, answers to decoded JSON."""

import sys

from flask import Flask, request
from flask.typing import ResponseReturnValue

from shared_model import contract, read_environment, start_service


def create_app() -> Flask:
    app = Flask(__name__)
    service = start_service(read_environment())

    @app.get("/")
    def home() -> ResponseReturnValue:
        return contract.WELCOME, {"Content-Type": "text/plain; charset=utf-8"}

    @app.post("/predict")
    def predict() -> ResponseReturnValue:
        return {"prediction": service.predict_records(request.get_json())}

    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    create_app().run(port=port)
