"""The article's application: its handler as printed, on today's libraries, plus readiness."""

import traceback
from typing import Any

import pandas as pd
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from shared_model import contract, read_environment
from shared_model.artefacts import load_set


def create_app() -> Flask:
    """Return the application.

    Three things are changed. The files are those of `shared_model.train`, an estimator fitted on arrays, so it is given
    `query.to_numpy()` (a frame would make it warn at each request), and the predictions become plain integers by `tolist`
    (a list of NumPy integers is no JSON).
    """
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
