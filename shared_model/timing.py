"""How long a prediction takes without any server: `python -m shared_model.timing ENGINE ... < BODY` prints JSON, ms by engine."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from shared_model.artefacts import DEFAULT_FOLDER, load_set
from shared_model.contract import Passenger, validate_passengers
from shared_model.engines import Engine, make_engine

LEAST_S = 0.1
LEAST_CALLS = 10


def measure_engine(engine: Engine, passengers: Sequence[Passenger]) -> float:
    """Return the milliseconds of one prediction, from checked passengers to probabilities: the median of many, one after another."""
    engine.predict_proba(engine.preprocess(passengers))
    times_ns: list[int] = []
    begin_ns = time.perf_counter_ns()
    while len(times_ns) < LEAST_CALLS or time.perf_counter_ns() - begin_ns < LEAST_S * 1e9:
        call_ns = time.perf_counter_ns()
        engine.predict_proba(engine.preprocess(passengers))
        times_ns.append(time.perf_counter_ns() - call_ns)
    return median(times_ns) / 1e6


def main(names: Sequence[str], body: bytes, folder: Path = DEFAULT_FOLDER) -> dict[str, float]:
    """Return the time of each engine, by name; raises `EngineNameError` or `ArtefactError`."""
    artefacts = load_set(folder)
    passengers = validate_passengers(json.loads(body))
    return {name: measure_engine(make_engine(name, artefacts), passengers) for name in names}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:], sys.stdin.buffer.read())))  # noqa: T201 - a command's answer
