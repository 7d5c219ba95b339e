"""The use cases of the servers: predict, predict_proba, the model card, readiness. One `Service` per process."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared_model.artefacts import ArtefactError, load_set
from shared_model.contract import EXAMPLE, Failure, Kind, Passenger, validate_passengers
from shared_model.engines import Engine, make_engine
from shared_model.options import Options

SURVIVAL_THRESHOLD = 0.5


class Predictions(NamedTuple):
    """0 = died, 1 = survived, per passenger; `timing` is the value of a Server-Timing header, or None."""

    values: list[int]
    timing: str | None


class Probabilities(NamedTuple):
    """The probability of survival per passenger; `timing` is the value of a Server-Timing header, or None."""

    values: list[float]
    timing: str | None


class Service:
    """The model behind both servers. Without usable model files it exists, but is not ready, and says once why."""

    def __init__(self, options: Options) -> None:
        self._timing = options.timing
        self._engine: Engine | None = None
        self._card: Mapping[str, Any] = {}
        try:
            artefacts = load_set(options.model_dir)
            engine = make_engine(options.engine, artefacts)
        except ArtefactError as error:
            print(f"The model is not ready: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the servers' log
            return
        engine.predict_proba(engine.preprocess(validate_passengers(EXAMPLE)))
        self._engine = engine
        self._card = {**artefacts.card, "engine": options.engine}

    def check_ready(self) -> Engine:
        """Return the engine; raise `Failure` (NOT_READY) while there is none."""
        if self._engine is None:
            raise Failure(Kind.NOT_READY)
        return self._engine

    def model_card(self) -> Mapping[str, Any]:
        """Return the model card; raise `Failure` (NOT_READY) without a model."""
        self.check_ready()
        return self._card

    def predict(self, passengers: Sequence[Passenger]) -> Predictions:
        """Return who survives; raise `Failure` (NOT_READY) without a model."""
        probabilities, timing = self.predict_proba(passengers)
        return Predictions([1 if p > SURVIVAL_THRESHOLD else 0 for p in probabilities], timing)

    def predict_proba(self, passengers: Sequence[Passenger]) -> Probabilities:
        """Return the probabilities of survival; raise `Failure` (NOT_READY) without a model."""
        engine = self.check_ready()
        if not self._timing:
            return Probabilities(engine.predict_proba(engine.preprocess(passengers)), None)
        start_ns = time.perf_counter_ns()
        rows = engine.preprocess(passengers)
        middle_ns = time.perf_counter_ns()
        probabilities = engine.predict_proba(rows)
        end_ns = time.perf_counter_ns()
        preprocess_ms, predict_ms = (middle_ns - start_ns) / 1e6, (end_ns - middle_ns) / 1e6
        return Probabilities(probabilities, f"preprocess;dur={preprocess_ms:.4f}, predict;dur={predict_ms:.4f}")
