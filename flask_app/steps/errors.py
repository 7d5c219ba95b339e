"""Step `errors`: whatever goes wrong is answered as a problem document (RFC 9457)."""

import sys

from flask import Flask, Response, json, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from shared_model import contract, read_environment, start_service
from shared_model.contract import Failure, Kind


def problem_response(failure: Failure) -> Response:
    body = json.dumps(failure.document())
    return Response(body, failure.kind.status, content_type=contract.PROBLEM_TYPE)


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
        return problem_response(contract.invalid(error.errors()))

    @app.errorhandler(HTTPException)
    def answer_http_exception(error: HTTPException) -> ResponseReturnValue:
        response = error.get_response()  # it names the allowed methods
        response.data = json.dumps(Failure(Kind.of_status(error.code)).document())
        response.content_type = contract.PROBLEM_TYPE
        return response

    @app.errorhandler(Exception)
    def answer_exception(error: Exception) -> ResponseReturnValue:
        app.logger.error("Unhandled exception", exc_info=error)
        return problem_response(Failure(Kind.INTERNAL))

    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    create_app().run(port=port)
