"""The tuned application: the body is decoded and validated in one step, and answers are bytes, not documents.

It keeps the limit of the body and the order of judgement. There is no timing and no other route.
"""

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

from flask_app.errors import register_errors
from flask_app.strict import make_strict
from shared_model import contract, read_environment, start_service


def create_app() -> Flask:
    """Return the application."""
    service = start_service(read_environment())
    app = Flask(__name__, static_folder=None)
    register_errors(app)

    @app.get("/")
    def home() -> ResponseReturnValue:
        return Response(contract.WELCOME, content_type=contract.TEXT_TYPE)

    @app.post("/predict")
    def predict() -> ResponseReturnValue:
        values = service.predict(contract.parse(request.get_data()))
        return Response(contract.prediction_bytes(values), content_type=contract.JSON_TYPE)

    @app.get("/livez")
    def livez() -> ResponseReturnValue:
        return jsonify(contract.OK)

    @app.get("/readyz")
    def readyz() -> ResponseReturnValue:
        service.check_ready()
        return jsonify(contract.OK)

    return make_strict(app)
