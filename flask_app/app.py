"""The Flask application, written as in Flask's own documentation: a blueprint, and a factory that loads the model."""

from flask import Blueprint, Flask, current_app, request
from flask.typing import ResponseReturnValue

from flask_app.errors import register_errors
from shared_model import Options, Service, contract, read_environment, start_service

routes = Blueprint("model", __name__)


def get_service() -> Service:
    """Return the model of the current application."""
    service: Service = current_app.extensions["model"]
    return service


@routes.get("/")
def home() -> ResponseReturnValue:
    return contract.WELCOME, {"Content-Type": contract.TEXT_TYPE}


@routes.post("/predict")
def predict() -> ResponseReturnValue:
    passengers = contract.PASSENGERS.validate_python(request.get_json())
    return {"prediction": get_service().predict(passengers)}


@routes.post("/predict_proba")
def predict_proba() -> ResponseReturnValue:
    passengers = contract.PASSENGERS.validate_python(request.get_json())
    return {"probability": get_service().predict_proba(passengers)}


@routes.get("/livez")
def livez() -> ResponseReturnValue:
    return contract.OK


@routes.get("/readyz")
def readyz() -> ResponseReturnValue:
    get_service().check_ready()
    return contract.OK


@routes.get("/model")
def model() -> ResponseReturnValue:
    return dict(get_service().model_card())


def create_app(options: Options | None = None) -> Flask:
    """Return the application; without options they come from the environment (SERVE_ENGINE, ...)."""
    app = Flask(__name__, static_folder=None)
    app.extensions["model"] = start_service(options or read_environment())
    app.register_blueprint(routes)
    register_errors(app)
    return app
