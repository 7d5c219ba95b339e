"""The engines: ways to compute a prediction. All share the two steps `preprocess` and `predict_proba`.

`numpy`, `sklearn` and `pandas` are three ways to the same probabilities. `forest` is a heavier model. `article` computes as the article's
handler does, which cleans no input. `constant` computes nothing, and `spin-Xms` takes X ms longer.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from shared_model.artefacts import Artefacts
from shared_model.contract import Passenger
from shared_model.features import Rows, frame_from_records, rows_from_passengers

DEFAULT_ENGINE = "numpy"
MAX_SPIN_MS = 1000.0
_SPIN = re.compile(r"spin-([0-9]{1,4}(?:\.[0-9]{1,3})?)ms")


class EngineNameError(ValueError):
    """There is no engine of this name; the message lists the known ones."""

    def __init__(self, name: str) -> None:
        known = ", ".join([*ENGINES, f"spin-Xms (X up to {MAX_SPIN_MS:g})"])
        super().__init__(f"There is no engine {name!r}; choose one of: {known}.")


Prepared = Any  # from the first step to the second: an array, for the engine `constant` the number of passengers


class Engine(Protocol):
    """One way to compute: `preprocess` makes the input of `predict_proba`, which gives one probability per passenger."""

    def preprocess(self, passengers: Sequence[Passenger]) -> Prepared:
        """Return the passengers in the form that `predict_proba` takes."""

    def predict_proba(self, rows: Prepared) -> list[float]:
        """Return the probability of survival for each row."""


class NumpyEngine:
    """Coefficients and NumPy; needs neither scikit-learn nor pandas."""

    def __init__(self, artefacts: Artefacts) -> None:
        serving = artefacts.serving
        self._median_age = serving.median_age
        self._half_weights = 0.5 * np.array(serving.coefficients)
        self._half_intercept = 0.5 * serving.intercept

    def preprocess(self, passengers: Sequence[Passenger]) -> Rows:
        """Return rows of shape (passengers, columns)."""
        return rows_from_passengers(passengers, self._median_age)

    def predict_proba(self, rows: Rows) -> list[float]:
        """Return 1 / (1 + exp(-z)) for each row, written as (1 + tanh(z/2)) / 2, which cannot overflow.

        einsum sums each row by itself, where BLAS would depend on the shape.
        """
        half_z = np.einsum("ij,j->i", rows, self._half_weights)
        half_z += self._half_intercept
        probabilities: list[float] = (0.5 + 0.5 * np.tanh(half_z)).tolist()
        return probabilities


class SklearnEngine(NumpyEngine):
    """NumPy rows into the scikit-learn estimator of a joblib file."""

    def __init__(self, artefacts: Artefacts, file: str = "model.joblib") -> None:
        super().__init__(artefacts)
        self._estimator = artefacts.load_estimator(file)

    def predict_proba(self, rows: Rows) -> list[float]:
        """Return the estimator's probability of class 1 for each row."""
        probabilities: list[float] = self._estimator.predict_proba(rows)[:, 1].tolist()
        return probabilities


class ForestEngine(SklearnEngine):
    """The same rows into a random forest."""

    def __init__(self, artefacts: Artefacts) -> None:
        super().__init__(artefacts, "forest.joblib")


class PandasEngine:
    """The article's way, made correct: a data frame, `get_dummies`, `reindex` to the remembered columns, the estimator."""

    def __init__(self, artefacts: Artefacts) -> None:
        self._median_age = artefacts.serving.median_age
        self._estimator = artefacts.load_estimator("model.joblib")
        self._columns: list[str] = artefacts.load_estimator("model_columns.joblib")

    def preprocess(self, passengers: Sequence[Passenger]) -> Rows:
        """Return a float array of shape (passengers, columns)."""
        records = [vars(passenger) for passenger in passengers]
        rows: Rows = frame_from_records(records, self._median_age, self._columns).to_numpy()
        return rows

    def predict_proba(self, rows: Rows) -> list[float]:
        """Return the estimator's probability of class 1 for each row."""
        probabilities: list[float] = self._estimator.predict_proba(rows)[:, 1].tolist()
        return probabilities


class ArticleEngine(PandasEngine):
    """The article's handler: `get_dummies` on the request as it came, so no missing value is filled or flagged."""

    def preprocess(self, passengers: Sequence[Passenger]) -> Rows:
        """Return a float array of shape (passengers, columns)."""
        import pandas as pd  # noqa: PLC0415 - serving with the default engine must not load pandas

        query = pd.get_dummies(pd.DataFrame([vars(passenger) for passenger in passengers]))
        rows: Rows = query.reindex(columns=self._columns, fill_value=0).to_numpy(dtype=float)
        return rows


class ConstantEngine:
    """No inference at all: always the share of survivors in the training data."""

    def __init__(self, artefacts: Artefacts) -> None:
        self._base_rate = artefacts.serving.base_rate

    def preprocess(self, passengers: Sequence[Passenger]) -> int:
        """Return the number of passengers."""
        return len(passengers)

    def predict_proba(self, rows: int) -> list[float]:
        """Return the same probability for each."""
        return [self._base_rate] * rows


class SpinEngine(NumpyEngine):
    """The default engine and X milliseconds of busy CPU, by the CPU clock of the working thread."""

    def __init__(self, artefacts: Artefacts, spin_ms: float) -> None:
        super().__init__(artefacts)
        self._spin_ns = round(spin_ms * 1e6)

    def predict_proba(self, rows: Rows) -> list[float]:
        """Return the default engine's probabilities after the busy time."""
        end_ns = time.thread_time_ns() + self._spin_ns
        while time.thread_time_ns() < end_ns:
            pass
        return super().predict_proba(rows)


ENGINES: Mapping[str, Callable[[Artefacts], Engine]] = {
    "numpy": NumpyEngine,
    "sklearn": SklearnEngine,
    "pandas": PandasEngine,
    "forest": ForestEngine,
    "article": ArticleEngine,
    "constant": ConstantEngine,
}


def check_engine_name(name: str) -> str:
    """Return `name`; raise `EngineNameError` if there is no such engine."""
    spin = _SPIN.fullmatch(name)
    if name in ENGINES or (spin and 0 < float(spin[1]) <= MAX_SPIN_MS):
        return name
    raise EngineNameError(name)


def make_engine(name: str, artefacts: Artefacts) -> Engine:
    """Return the engine of this name on these model files; raises `EngineNameError` or `ArtefactError`."""
    check_engine_name(name)
    spin = _SPIN.fullmatch(name)
    return SpinEngine(artefacts, float(spin[1])) if spin else ENGINES[name](artefacts)
