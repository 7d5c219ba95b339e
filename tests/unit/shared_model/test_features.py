"""Passengers become the same rows by both ways: plain Python for serving, pandas for training."""

import pytest
from hypothesis import given, settings
from strategies import REQUESTS

from shared_model.contract import validate_passengers
from shared_model.features import COLUMNS, frame_from_records, rows_from_passengers

pytestmark = pytest.mark.xdist_group("scikit-learn")
MEDIAN_AGE = 28.5


def row(record):
    [values] = rows_from_passengers(validate_passengers([record]), MEDIAN_AGE).tolist()
    return dict(zip(COLUMNS, values, strict=True))


@settings(deadline=None)
@given(REQUESTS)
def test_rows_for_serving_equal_the_frame_for_training(request_document):
    passengers = validate_passengers(request_document)
    frame = frame_from_records([vars(passenger) for passenger in passengers], MEDIAN_AGE, COLUMNS)
    assert frame.columns.tolist() == list(COLUMNS)
    assert rows_from_passengers(passengers, MEDIAN_AGE).tolist() == frame.to_numpy().tolist()


def test_a_passenger_has_one_flag_of_sex_and_one_of_port():
    flags = {name for name, value in row({"Age": 30, "Sex": "female", "Embarked": "Q"}).items() if value == 1.0}
    assert flags == {"Sex_female", "Embarked_Q"}


def test_missing_sex_and_port_have_flags_of_their_own():
    flags = {name for name, value in row({"Age": 30}).items() if value == 1.0}
    assert flags == {"Sex_nan", "Embarked_nan"}


def test_a_missing_age_is_the_median_and_flagged():
    values = row({"Age": None})
    assert (values["Age"], values["Age_missing"]) == (MEDIAN_AGE, 1.0)


def test_age_zero_is_not_missing():
    values = row({"Age": 0})
    assert (values["Age"], values["Age_missing"]) == (0.0, 0.0)


@pytest.mark.parametrize(("age", "child"), [(0, 1.0), (12.999, 1.0), (13, 0.0), (80, 0.0)])
def test_a_child_is_younger_than_13(age, child):
    assert row({"Age": age})["Child"] == child


@pytest.mark.parametrize(("sex", "boy"), [("male", 1.0), ("female", 0.0), (None, 0.0)])
def test_only_a_male_child_is_a_boy(sex, boy):
    assert row({"Age": 3, "Sex": sex})["Child_male"] == boy
