"""The use cases behind both servers, and what they do not load."""

import gc
import re
import subprocess
import sys

import pytest

from shared_model import Options, Service
from shared_model.artefacts import load_set
from shared_model.contract import EXAMPLE, Failure, Kind, validate_passengers
from shared_model.service import TIMINGS

PASSENGERS = validate_passengers(EXAMPLE)

# Makes an application, lets it answer /predict without a server, and prints the answer and what was imported for it.
FLASK = """
import sys
from flask_app import create_app
from shared_model.contract import EXAMPLE
answer = create_app().test_client().post("/predict", json=EXAMPLE)
print(answer.json["prediction"])
"""
FASTAPI = """
import asyncio, json, sys
from fastapi_app import create_app
from shared_model.contract import EXAMPLE
scope = {
    "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
    "path": "/predict", "raw_path": b"/predict", "root_path": "", "query_string": b"",
    "headers": [(b"content-type", b"application/json")],
}
async def receive():
    return {"type": "http.request", "body": json.dumps(EXAMPLE).encode()}
async def send(message):
    if "body" in message:
        print(json.loads(message["body"])["prediction"])
async def answer():
    app = create_app()
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
asyncio.run(answer())
"""
IMPORTED = "print(sorted({'sklearn', 'pandas', 'scipy', 'joblib'} & sys.modules.keys()))"

POOLS = """
import scipy.linalg, sklearn.ensemble
from threadpoolctl import threadpool_info
print(sorted({(pool["user_api"], pool["num_threads"]) for pool in threadpool_info()}))
"""


def python(code, **env):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env).stdout.splitlines()


@pytest.fixture
def unready(tmp_path):
    return Service(Options(model_dir=tmp_path))


@pytest.mark.parametrize("code", [FLASK, FASTAPI], ids=["flask", "fastapi"])
def test_serving_with_the_default_engine_imports_neither_scikit_learn_nor_pandas(code):
    assert python(code + IMPORTED) == ["[0, 1, 1, 0]", "[]"]


@pytest.mark.parametrize("code", [FLASK, pytest.param(FASTAPI, marks=pytest.mark.slow)], ids=["flask", "fastapi"])
def test_the_engine_pandas_is_seen_to_import_them_and_its_thread_pools_have_one_thread_whatever_the_environment_says(code):
    wide = {"OMP_NUM_THREADS": "8", "OPENBLAS_NUM_THREADS": "8", "MKL_NUM_THREADS": "8"}
    predicted, imported, pools = python(code + IMPORTED + POOLS, SERVE_ENGINE="pandas", **wide)
    assert (predicted, imported) == ("[0, 1, 1, 0]", "['joblib', 'pandas', 'scipy', 'sklearn']")
    assert pools == "[('blas', 1), ('openmp', 1)]"


def test_a_prediction_is_1_where_the_probability_is_above_a_half():
    service = Service(Options())
    values = service.predict_proba(PASSENGERS)
    assert service.predict(PASSENGERS) == [int(value > 0.5) for value in values] == [0, 1, 1, 0]


def test_records_that_nobody_has_checked_are_predicted_or_refused():
    service = Service(Options())
    assert service.predict_records(EXAMPLE) == service.predict(PASSENGERS)
    with pytest.raises(Failure) as caught:
        service.predict_records([{"Age": -1}])
    assert (caught.value.kind, caught.value.errors[0].pointer) == (Kind.INVALID, "/0/Age")


@pytest.fixture
def timings():
    kept = []
    token = TIMINGS.set(kept)
    yield kept
    TIMINGS.reset(token)


def test_timing_is_off_unless_asked_for(timings):
    Service(Options()).predict(PASSENGERS)
    assert timings == []


def test_timing_names_both_steps_and_changes_no_answer(timings):
    timed = Service(Options(timing=True)).predict_proba(PASSENGERS)
    assert timed == Service(Options()).predict_proba(PASSENGERS)
    [value] = timings
    steps = dict(step.split(";dur=") for step in value.split(", "))
    assert steps.keys() == {"preprocess", "predict"}
    assert all(float(milliseconds) > 0 for milliseconds in steps.values())


def test_the_steps_of_a_spinning_engine_show_where_the_time_goes(timings):
    Service(Options(timing=True, engine="spin-5ms")).predict(PASSENGERS)
    assert float(timings[0].partition("predict;dur=")[2]) >= 5.0


def test_timing_without_anybody_who_sends_it_is_no_error():
    assert Service(Options(timing=True)).predict(PASSENGERS) == [0, 1, 1, 0]


def test_the_card_names_the_engine():
    card = Service(Options(engine="constant")).model_card()
    assert (card["engine"], card["name"]) == ("constant", "Titanic survival")


def test_a_service_without_a_model_knows_why_and_what_to_run(tmp_path):
    line = Service(Options(model_dir=tmp_path)).describe()
    assert line.startswith(f"The model is not ready: There is no trained model in {tmp_path} ")
    assert line.endswith(f"Run: python -m shared_model.train --out {tmp_path}")


# A process of its own: what is frozen stays so.
START = """
import gc
from shared_model import read_environment, start_service
start_service(read_environment())
print(gc.get_freeze_count() > 1000, gc.get_threshold())
"""


@pytest.mark.parametrize(("freeze", "is_frozen"), [("", True), ("1", True), ("0", False)])
def test_a_service_that_starts_says_its_model_and_freezes_what_is_loaded_by_then(freeze, is_frozen):
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True, env={"SERVE_FREEZE": freeze})
    assert done.stdout == f"{is_frozen} {gc.get_threshold()}\n"
    assert re.fullmatch(rf"Process \d+ serves model {load_set().digest[:12]} with engine numpy\.\n", done.stderr)


@pytest.mark.parametrize("use", [Service.check_ready, Service.model_card, lambda service: service.predict(PASSENGERS)])
def test_a_service_without_a_model_refuses_every_use(unready, use):
    with pytest.raises(Failure) as caught:
        use(unready)
    assert caught.value.kind is Kind.NOT_READY
