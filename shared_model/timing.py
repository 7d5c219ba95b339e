"""The time of a prediction without any server: `python -m shared_model.timing ENGINE ... < BODY` prints JSON, ms by engine."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from shared_model.artefacts import DEFAULT_FOLDER, load_set
from shared_model.contract import Passenger, validate_passengers
from shared_model.engines import Engine, make_engine

LEAST_S = 0.4
ROUND_S = 0.05
LEAST_CALLS = 10


class Timer:
    """One engine that is timed round by round: the total time and the number of its predictions."""

    def __init__(self, engine: Engine, passengers: Sequence[Passenger]) -> None:
        """Predict once, so that work done only the first time is not timed."""
        self._engine, self._passengers = engine, passengers
        self._calls = self._total_ns = 0
        engine.predict_proba(engine.preprocess(passengers))

    def run_round(self) -> None:
        """Predict for a while, one prediction after another."""
        begin_ns = end_ns = time.perf_counter_ns()
        while end_ns - begin_ns < ROUND_S * 1e9:
            self._engine.predict_proba(self._engine.preprocess(self._passengers))
            self._calls, end_ns = self._calls + 1, time.perf_counter_ns()
        self._total_ns += end_ns - begin_ns

    @property
    def is_done(self) -> bool:
        """Whether there were enough predictions, over a long enough time."""
        return self._calls >= LEAST_CALLS and self._total_ns >= LEAST_S * 1e9

    @property
    def ms(self) -> float:
        """The mean time of one prediction in ms, from checked passengers to probabilities, pauses included: a server has them, too."""
        return self._total_ns / self._calls / 1e6


def main(names: Sequence[str], body: bytes, folder: Path = DEFAULT_FOLDER) -> dict[str, float]:
    """Return the time of each engine in ms by name, timed in turns; raises `EngineNameError` or `ArtefactError`."""
    artefacts = load_set(folder)
    passengers = validate_passengers(json.loads(body))
    timers = {name: Timer(make_engine(name, artefacts), passengers) for name in names}
    while waiting := [timer for timer in timers.values() if not timer.is_done]:
        for timer in waiting:
            timer.run_round()
    return {name: timer.ms for name, timer in timers.items()}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:], sys.stdin.buffer.read())))  # noqa: T201 - a command's answer
