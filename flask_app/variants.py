"""Other Flask applications that the bench compares with the core one; each is named by `bench/stacks.toml`."""

import itertools
import traceback
from typing import Any

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

from flask_app.body import JSONRequest
from flask_app.errors import problem_response, register_errors
from shared_model import Service, contract, enquiry, read_environment, read_upstream
from shared_model.artefacts import load_set
from shared_model.contract import Failure, Kind


def create_article_app() -> Flask:
    """Return the article's application: its handler as printed, on today's libraries, plus readiness.

    Three things are changed. The files are those of `shared_model.train`, an estimator fitted on arrays, so it is given
    `query.to_numpy()` (a frame would make it warn at each request), and the predictions become plain integers by `tolist`
    (a list of NumPy integers is no JSON).
    """
    import pandas as pd

    artefacts = load_set(read_environment().model_dir)
    lr: Any = artefacts.load_estimator("model.joblib")
    model_columns: list[str] = artefacts.load_estimator("model_columns.joblib")
    app = Flask(__name__, static_folder=None)

    @app.route("/predict", methods=["POST"])
    def predict() -> ResponseReturnValue:
        if lr:
            try:
                json_ = request.json
                query = pd.get_dummies(pd.DataFrame(json_))
                query = query.reindex(columns=model_columns, fill_value=0)
                prediction = lr.predict(query.to_numpy()).tolist()
                return jsonify({"prediction": prediction})
            except Exception:  # noqa: BLE001 - the article's own: it answers the traceback
                return jsonify({"trace": traceback.format_exc()})
        else:
            return "No model here to use"

    @app.get("/")
    def home() -> ResponseReturnValue:
        return contract.WELCOME

    @app.get("/readyz")
    def readyz() -> ResponseReturnValue:
        return jsonify(contract.OK)

    return app


def create_raw_app() -> Flask:
    """Return the tuned application: the body is decoded and validated in one step, and answers are bytes, not documents.

    It keeps the limit of the body and the order of judgement. There is no timing, no echo and no other route.
    """
    service = Service(read_environment())
    app = Flask(__name__, static_folder=None)
    app.request_class = JSONRequest
    register_errors(app)

    @app.get("/")
    def home() -> ResponseReturnValue:
        return Response(contract.WELCOME, content_type=contract.TEXT_TYPE)

    @app.post("/predict")
    def predict() -> ResponseReturnValue:
        values, _ = service.predict(contract.parse(request.get_data()))
        return Response(contract.prediction_bytes(values), content_type=contract.JSON_TYPE)

    @app.get("/readyz")
    def readyz() -> ResponseReturnValue:
        service.check_ready()
        return jsonify(contract.OK)

    return app


def create_enrich_app() -> Flask:
    """Return the application that first asks another service for the passenger: the thread of a request waits for the answer."""
    import httpx

    service = Service(read_environment())
    # As many connections as requests wait, all of them kept.
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)
    settings: Any = {"base_url": read_upstream(), "timeout": enquiry.UPSTREAM_TIMEOUT_S, "limits": unlimited, "trust_env": False}
    clients = itertools.cycle([httpx.Client(**settings) for _ in range(enquiry.CLIENTS)])
    app = Flask(__name__, static_folder=None)
    app.request_class = JSONRequest
    register_errors(app)

    @app.errorhandler(httpx.HTTPError)
    def answer_no_record(_error: Exception) -> ResponseReturnValue:
        return problem_response(Failure(Kind.NO_RECORD))

    @app.post("/enrich")
    def enrich() -> ResponseReturnValue:
        asked = enquiry.parse_enquiry(request.get_data())
        record = next(clients).get(asked.path)
        values, _ = service.predict([enquiry.parse_record(record.status_code, record.content)])
        return jsonify(prediction=values)

    @app.get("/readyz")
    def readyz() -> ResponseReturnValue:
        service.check_ready()
        return jsonify(contract.OK)

    return app
