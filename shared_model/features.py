"""From a passenger to a row of numbers: one-hot columns, flags for missing values, a child feature.

The same columns are made twice: `rows_from_passengers` with plain Python and NumPy for serving, `frame_from_records` with
pandas (the article's `get_dummies` and `reindex`) for training and for the `pandas` engine. A test holds them equal.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from shared_model.contract import Passenger

if TYPE_CHECKING:
    import pandas as pd

Rows = npt.NDArray[np.float64]

INPUTS = ("Age", "Sex", "Embarked")
TARGET = "Survived"
CHILD_AGE_YEARS = 13

COLUMNS = (
    "Age",
    "Age_missing",
    "Child",
    "Child_male",
    "Sex_female",
    "Sex_male",
    "Sex_nan",
    "Embarked_C",
    "Embarked_Q",
    "Embarked_S",
    "Embarked_nan",
)

_SEX: Mapping[str | None, tuple[float, ...]] = {"female": (1.0, 0.0, 0.0), "male": (0.0, 1.0, 0.0), None: (0.0, 0.0, 1.0)}
_EMBARKED: Mapping[str | None, tuple[float, ...]] = {
    "C": (1.0, 0.0, 0.0, 0.0),
    "Q": (0.0, 1.0, 0.0, 0.0),
    "S": (0.0, 0.0, 1.0, 0.0),
    None: (0.0, 0.0, 0.0, 1.0),
}


def rows_from_passengers(passengers: Sequence[Passenger], median_age: float) -> Rows:
    """Return an array of shape (passengers, len(COLUMNS)); each row depends on its own passenger alone.

    A missing age is filled with `median_age` (years, from training) and flagged.
    """
    return np.array([_row(passenger, median_age) for passenger in passengers])


def _row(passenger: Passenger, median_age: float) -> tuple[float, ...]:
    age, sex = passenger.Age, passenger.Sex
    missing = 0.0
    if age is None:
        age, missing = median_age, 1.0
    child = 1.0 if age < CHILD_AGE_YEARS else 0.0
    boy = child if sex == "male" else 0.0
    return (age, missing, child, boy, *_SEX[sex], *_EMBARKED[passenger.Embarked])


def frame_from_records(records: Sequence[Mapping[str, Any]], median_age: float, columns: Sequence[str]) -> "pd.DataFrame":
    """Return the same columns as a data frame, by the article's path: `get_dummies`, then `reindex` to `columns`."""
    import pandas as pd  # noqa: PLC0415 - serving with the default engine must not load pandas

    frame = pd.DataFrame(records, columns=list(INPUTS))
    age = pd.to_numeric(frame["Age"])
    frame["Age_missing"] = age.isna()
    frame["Age"] = age.fillna(median_age).astype(float)
    frame["Child"] = frame["Age"] < CHILD_AGE_YEARS
    frame["Child_male"] = frame["Child"] & (frame["Sex"] == "male")
    query = pd.get_dummies(frame, columns=["Sex", "Embarked"], dummy_na=True)
    return query.reindex(columns=list(columns), fill_value=0).astype(float)
