"""The use cases of the servers: predict, predict_proba, the model card, readiness. One `Service` per process."""

import gc
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from shared_model.artefacts import ArtefactError, load_set
from shared_model.contract import EXAMPLE, Failure, Kind, Passenger, validate_passengers
from shared_model.engines import Engine, make_engine
from shared_model.options import Options

SURVIVAL_THRESHOLD = 0.5
SHOWN_DIGITS = 12
# An adapter that sends Server-Timing puts a list here; the service appends the value of that header for its request.
TIMINGS: ContextVar[list[str]] = ContextVar("timings")


def start_service(options: Options) -> "Service":
    """Return the service of a serving process, log its model or the reason for having none, and freeze all loaded objects.

    These objects live as long as the process. A full collection of garbage stops all requests (`docs/studies/garbage.py`); it no longer
    walks frozen objects. SERVE_FREEZE=0 leaves the freeze out.
    """
    service = Service(options)
    print(service.describe(), file=sys.stderr, flush=True)  # noqa: T201 - the servers' log
    if options.freeze:
        gc.collect()
        gc.freeze()
    return service


class Service:
    """The model behind both servers. Without usable model files the service exists, but is not ready, and knows the reason."""

    def __init__(self, options: Options) -> None:
        self._timing = options.timing
        self._engine: Engine | None = None
        self._card: Mapping[str, Any] = {}
        try:
            artefacts = load_set(options.model_dir)
            engine = make_engine(options.engine, artefacts)
        except ArtefactError as error:
            self._description = f"The model is not ready: {error}"
            return
        engine.predict_proba(engine.preprocess(validate_passengers(EXAMPLE)))
        self._engine = engine
        self._card = {**artefacts.card, "engine": options.engine}
        self._description = f"Process {os.getpid()} serves model {artefacts.digest[:SHOWN_DIGITS]} with engine {options.engine}."

    def describe(self) -> str:
        """Return a line that names the model by the first digits of its checksum, or the reason why there is none."""
        return self._description

    def check_ready(self) -> Engine:
        """Return the engine; raise `Failure` (NOT_READY) while there is none."""
        if self._engine is None:
            raise Failure(Kind.NOT_READY)
        return self._engine

    def model_card(self) -> Mapping[str, Any]:
        """Return the model card; raise `Failure` (NOT_READY) without a model."""
        self.check_ready()
        return self._card

    def predict(self, passengers: Sequence[Passenger]) -> list[int]:
        """Return the prediction for each passenger, 0 = died, 1 = survived; raise `Failure` (NOT_READY) without a model."""
        return [1 if p > SURVIVAL_THRESHOLD else 0 for p in self.predict_proba(passengers)]

    def predict_records(self, records: Any) -> list[int]:
        """Return who survives of decoded JSON that nobody has checked; raise `Failure` (INVALID, NOT_READY)."""
        return self.predict(validate_passengers(records))

    def predict_proba(self, passengers: Sequence[Passenger]) -> list[float]:
        """Return the probabilities of survival; raise `Failure` (NOT_READY) without a model."""
        engine = self.check_ready()
        if not self._timing:
            return engine.predict_proba(engine.preprocess(passengers))
        start_ns = time.perf_counter_ns()
        rows = engine.preprocess(passengers)
        middle_ns = time.perf_counter_ns()
        probabilities = engine.predict_proba(rows)
        end_ns = time.perf_counter_ns()
        preprocess_ms, predict_ms = (middle_ns - start_ns) / 1e6, (end_ns - middle_ns) / 1e6
        TIMINGS.get([]).append(f"preprocess;dur={preprocess_ms:.4f}, predict;dur={predict_ms:.4f}")
        return probabilities
