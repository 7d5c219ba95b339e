"""The Flask application: each route hands its request to the shared model and its answer back."""

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

from flask_app.body import JSONRequest, read_passengers
from flask_app.errors import register_errors
from shared_model import Options, Service, contract, read_environment
from shared_model.contract import Failure, Kind


def create_app(options: Options | None = None) -> Flask:
    """Return the application; without options it takes them from the environment (SERVE_ENGINE, ...)."""
    service = Service(options or read_environment())
    app = Flask(__name__, static_folder=None)
    app.request_class = JSONRequest
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.after_request(echo_request_id)
    register_errors(app)

    @app.before_request
    def refuse_extra_slashes() -> None:
        if request.environ["PATH_INFO"].startswith("//"):  # Werkzeug takes //predict for /predict
            raise Failure(Kind.NOT_FOUND)

    @app.get("/")
    def home() -> ResponseReturnValue:
        return Response(contract.WELCOME, content_type=contract.TEXT_TYPE)

    @app.post("/predict")
    def predict() -> ResponseReturnValue:
        values, timing = service.predict(read_passengers())
        response = jsonify(prediction=values)
        if timing:
            response.headers["Server-Timing"] = timing
        return response

    @app.post("/predict_proba")
    def predict_proba() -> ResponseReturnValue:
        values, timing = service.predict_proba(read_passengers())
        response = jsonify(probability=values)
        if timing:
            response.headers["Server-Timing"] = timing
        return response

    @app.get("/livez")
    def livez() -> ResponseReturnValue:
        return jsonify(contract.OK)

    @app.get("/readyz")
    def readyz() -> ResponseReturnValue:
        service.check_ready()
        return jsonify(contract.OK)

    @app.get("/model")
    def model() -> ResponseReturnValue:
        return jsonify(service.model_card())

    return app


def echo_request_id(response: Response) -> Response:
    """Answer with the X-Request-ID that the client sent, if it may be echoed."""
    request_id = request.headers.get("X-Request-ID")
    if request_id is not None:
        response.headers.update(contract.echoed_headers(request_id))
    return response
