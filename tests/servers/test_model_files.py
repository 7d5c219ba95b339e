"""A server reads its model files once, at its start, and unpickles none for the default engine."""

import json
import shutil
import sys

import pytest
from serving import COMMANDS, message, reserved_port, running

from shared_model import contract
from shared_model.artefacts import DEFAULT_FOLDER, FILES, LINK, SERVING

ASK = message("POST", "/predict", json.dumps(contract.EXAMPLE).encode())
PREDICTED = b'{"prediction":[0,1,1,0]}'
READY = message("GET", "/readyz")
# Nothing can be unpickled; and what training needs cannot be imported either.
NO_PICKLE = """
import pickle

def refuse(*arguments, **options):
    raise AssertionError("something is unpickled")

pickle.load = pickle.loads = pickle._Unpickler.load = refuse
pickle.Unpickler = pickle._Unpickler
"""
NO_JOBLIB = """
import sys
sys.modules.update(dict.fromkeys(("joblib", "sklearn", "pandas", "cloudpickle")))
"""


@pytest.fixture
def folder(tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(DEFAULT_FOLDER, copy, symlinks=True)
    return copy


def predict(server):
    answer = server.ask(ASK)
    assert answer.status == 200
    return answer.body.translate(None, b" \n")


@pytest.mark.parametrize("app", ["flask_app", "fastapi_app", *(pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS)])
def test_the_default_engine_is_served_without_unpickling_anything(tmp_path, app):
    (tmp_path / "sitecustomize.py").write_text(NO_PICKLE + NO_JOBLIB)
    with running(app, tmp_path, env={"PYTHONPATH": str(tmp_path)}) as server:
        assert predict(server) == PREDICTED


def test_an_engine_that_needs_a_pickle_is_not_ready_without(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NO_PICKLE)
    with running("flask_app", tmp_path, env={"PYTHONPATH": str(tmp_path), "SERVE_ENGINE": "sklearn"}) as server:
        assert server.ask(READY).status == 503
        assert "model.joblib cannot be read" in server.log.read_text()


@pytest.mark.parametrize("app", ["flask_app", "fastapi_app"])
def test_files_that_are_damaged_changed_or_gone_while_a_server_runs_change_no_prediction(tmp_path, folder, app):
    with reserved_port() as port:
        command = [sys.executable, "-m", app, str(port), "--model-dir", str(folder)]
    with running(app, tmp_path, command=command, port=port) as server:
        for change in (cut_all, turn_all_predictions, shutil.rmtree):
            assert predict(server) == PREDICTED
            change(folder)
            assert predict(server) == PREDICTED
            assert server.ask(READY).status == 200


def turn_all_predictions(folder):
    serving = json.loads((DEFAULT_FOLDER / LINK / SERVING).read_bytes())
    (folder / LINK / SERVING).write_text(json.dumps({**serving, "coefficients": [-weight for weight in serving["coefficients"]]}))


def cut_all(folder):
    for name in FILES:
        path = folder / LINK / name
        path.write_bytes(path.read_bytes()[:10])
