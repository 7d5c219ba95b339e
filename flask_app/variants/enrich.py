"""The application that first asks another service for the passenger: the thread of a request waits for the answer."""

import itertools
from typing import Any

import httpx
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from flask_app.errors import problem_response, register_errors
from flask_app.strict import make_strict
from shared_model import contract, enquiry, read_environment, read_upstream, start_service
from shared_model.contract import Failure, Kind


def create_app() -> Flask:
    """Return the application."""
    service = start_service(read_environment())
    # As many connections as requests wait, all of them kept.
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)
    settings: Any = {"base_url": read_upstream(), "timeout": enquiry.UPSTREAM_TIMEOUT_S, "limits": unlimited, "trust_env": False}
    clients = itertools.cycle([httpx.Client(**settings) for _ in range(enquiry.CLIENTS)])
    app = Flask(__name__, static_folder=None)
    register_errors(app)

    @app.errorhandler(httpx.HTTPError)
    def answer_no_record(_error: Exception) -> ResponseReturnValue:
        return problem_response(Failure(Kind.NO_RECORD))

    @app.post("/enrich")
    def enrich() -> ResponseReturnValue:
        asked = enquiry.parse_enquiry(request.get_data())
        record = next(clients).get(asked.path)
        values = service.predict([enquiry.parse_record(record.status_code, record.content)])
        return jsonify(prediction=values)

    @app.get("/readyz")
    def readyz() -> ResponseReturnValue:
        service.check_ready()
        return jsonify(contract.OK)

    return make_strict(app)
