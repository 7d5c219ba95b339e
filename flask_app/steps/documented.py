"""Step `documented`: an OpenAPI document, and a page that shows it without internet."""

import sys
from typing import Any

from flask import Response, json, redirect, request
from flask.typing import ResponseReturnValue
from flask_openapi import Info, OpenAPI
from pydantic import Field, RootModel, ValidationError
from werkzeug.exceptions import HTTPException

from shared_model import contract, read_environment, start_service
from shared_model.contract import Failure, Kind

KINDS = (Kind.MALFORMED, Kind.NOT_JSON, Kind.INVALID, Kind.INTERNAL)
PROBLEM = {contract.PROBLEM_TYPE: {"schema": contract.Problem.model_json_schema()}}
PROBLEMS: Any = {kind.status: {"description": kind.title, "content": PROBLEM} for kind in KINDS}
TEXT = {"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}}


class Passengers(RootModel[contract.Passengers]):
    """The passengers of one request."""

    root: contract.Passengers = Field(examples=[contract.EXAMPLE])

    @classmethod
    def model_validate_json(cls, json_data: Any, **_: Any) -> "Passengers":
        """Check a JSON string as what it is; the extension would decode it a second time."""
        return cls.model_validate(json_data)


def problem_response(failure: Failure) -> Response:
    body = json.dumps(failure.document())
    return Response(body, failure.kind.status, content_type=contract.PROBLEM_TYPE)


def create_app() -> OpenAPI:
    info = Info(title="Titanic survival", version="1.0.0")
    app = OpenAPI(__name__, info=info, validation_error_model=contract.Problem)
    app.openapi_version = "3.1.0"
    service = start_service(read_environment())

    @app.get("/", responses={200: TEXT})
    def home() -> Response:
        return Response(contract.WELCOME, content_type="text/plain; charset=utf-8")

    @app.post("/predict", responses={200: contract.Prediction, **PROBLEMS})
    def predict(body: Passengers) -> dict[str, list[int]]:
        return {"prediction": service.predict(body.root)}

    @app.route("/openapi.json")  # the extension leaves out what Flask's own `route` adds
    def openapi() -> ResponseReturnValue:
        return app.api_doc

    @app.route("/docs")
    def docs() -> ResponseReturnValue:
        return redirect("/openapi/swagger")

    def answer_invalid(error: ValidationError) -> Response:
        request.get_json()  # raises for another type or no JSON, which the extension ignores
        return problem_response(contract.invalid(error.errors()))

    app.validation_error_callback = answer_invalid

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

    del app.api_doc["paths"]["/"]["get"]["responses"]["422"]  # the extension adds it everywhere
    return app


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    create_app().run(port=port)
