"""The engines compute the same model, whoever else is in the request."""

import importlib
import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import RECORDS, REQUESTS

from shared_model import Options, Service
from shared_model.artefacts import Artefacts, Serving, load_set
from shared_model.contract import EXAMPLE, validate_passengers
from shared_model.engines import ENGINES, EngineNameError, NumpyEngine, check_engine_name, make_engine
from shared_model.features import COLUMNS

pytestmark = pytest.mark.xdist_group("scikit-learn")
SAME_MODEL = ("numpy", "sklearn", "pandas")
# What one record more or less in the request may change: nothing where each row is summed by itself, rounding elsewhere.
TOLERANCE = {"numpy": 0.0, "sklearn": 1e-12, "pandas": 1e-12, "forest": 1e-12}
SERVICES = {}
# How many requests are tried with the engines that take a millisecond and more for each.
FEW_OR_MANY = pytest.mark.parametrize("count", [25, pytest.param(100, marks=pytest.mark.slow)])


def service(engine):
    if engine not in SERVICES:
        SERVICES[engine] = Service(Options(engine=engine))
    return SERVICES[engine]


def probabilities(engine, records):
    return service(engine).predict_proba(validate_passengers(records))


def predictions(engine, records):
    return service(engine).predict(validate_passengers(records))


@pytest.mark.parametrize("engine", SAME_MODEL)
def test_the_article_gets_its_answer(engine):
    assert predictions(engine, EXAMPLE) == [0, 1, 1, 0]


@FEW_OR_MANY
@pytest.mark.parametrize("engine", SAME_MODEL[1:])
def test_engines_agree_with_the_default_one(engine, count):
    @settings(deadline=None, max_examples=count)
    @given(records=REQUESTS)
    def assert_agreement(records):
        assert probabilities(engine, records) == pytest.approx(probabilities("numpy", records), rel=0, abs=1e-6)
        assert predictions(engine, records) == predictions("numpy", records)

    assert_agreement()


@FEW_OR_MANY
@pytest.mark.parametrize("engine", TOLERANCE)
def test_an_answer_does_not_depend_on_the_other_records(engine, count):
    @settings(deadline=None, max_examples=count)
    @given(record=RECORDS, before=st.lists(RECORDS, max_size=20), after=st.lists(RECORDS, max_size=20))
    def assert_independence(record, before, after):
        together = [*before, record, *after]
        alone = probabilities(engine, [record])
        assert probabilities(engine, together)[len(before)] == pytest.approx(alone[0], rel=0, abs=TOLERANCE[engine])
        assert predictions(engine, together)[len(before)] == predictions(engine, [record])[0]

    assert_independence()


@pytest.mark.parametrize("engine", TOLERANCE)
def test_an_answer_does_not_depend_on_its_place_among_a_thousand(engine):
    record = {"Age": 24, "Sex": "female", "Embarked": "Q"}
    records = [EXAMPLE[place % 4] for place in range(1000)]
    for place in (0, 499, 999):
        records[place] = record
    alone = probabilities(engine, [record])
    answers = probabilities(engine, records)
    assert [answers[0], answers[499], answers[999]] == pytest.approx(alone * 3, rel=0, abs=TOLERANCE[engine])


def test_every_bundled_passenger_has_one_probability_alone_and_among_the_others():
    train = importlib.import_module("shared_model.train")
    records = train.read_training_file(train.DEFAULT_DATA).records
    assert probabilities("numpy", records[:1000]) == [probabilities("numpy", [record])[0] for record in records[:1000]]


@pytest.mark.parametrize("engine", [*ENGINES, "spin-0.5ms"])
def test_probabilities_are_plain_floats_and_predictions_plain_integers(engine):
    assert {type(value) for value in probabilities(engine, EXAMPLE)} == {float}
    assert {type(value) for value in predictions(engine, EXAMPLE)} == {int}
    assert all(0.0 <= value <= 1.0 for value in probabilities(engine, EXAMPLE))


def test_the_article_engine_leaves_out_the_child_feature():
    assert predictions("article", EXAMPLE) == [0, 1, 0, 0]


def test_the_constant_engine_answers_the_share_of_survivors():
    assert probabilities("constant", EXAMPLE) == [500 / 1309] * 4


def test_spin_5ms_uses_five_milliseconds_of_this_threads_cpu():
    engine = make_engine("spin-5ms", load_set())
    rows = engine.preprocess(validate_passengers(EXAMPLE))
    start_ns = time.thread_time_ns()
    engine.predict_proba(rows)
    assert time.thread_time_ns() - start_ns >= 5_000_000


def test_spinning_changes_no_probability():
    assert probabilities("spin-0.5ms", EXAMPLE) == probabilities("numpy", EXAMPLE)


def test_an_extreme_model_gives_0_or_1_and_no_warning():
    weights = (1000.0, *(0.0 for _ in COLUMNS[1:]))
    serving = Serving(COLUMNS, weights, -50_000.0, median_age=28.0, base_rate=0.5)
    engine = NumpyEngine(Artefacts(load_set().folder, serving, {}, "", {}))
    with warnings.catch_warnings(action="error"):
        assert engine.predict_proba(engine.preprocess(validate_passengers([{"Age": 0}, {"Age": 100}]))) == [0.0, 1.0]


def test_an_engine_name_is_known():
    for name in (*ENGINES, "spin-1ms", "spin-0.001ms", "spin-2.5ms", "spin-1000ms"):
        assert check_engine_name(name) == name


def test_an_unknown_engine_name_is_refused_with_those_there_are():
    for name in [
        "",
        "Numpy",
        "numpy ",
        "torch",
        "spin",
        "spin-ms",
        "spin-0ms",
        "spin--1ms",
        "spin-1001ms",
        "spin-1e2ms",
        "spin-1ms\n",
        "spin-\u0661ms",
    ]:
        with pytest.raises(EngineNameError) as caught:
            check_engine_name(name)
        assert str(caught.value) == (
            f"There is no engine {name!r}; choose one of: numpy, sklearn, pandas, forest, article, constant, spin-Xms (X up to 1000)."
        )


def test_no_engine_is_made_under_an_unknown_name():
    with pytest.raises(EngineNameError):
        make_engine("torch", load_set())
