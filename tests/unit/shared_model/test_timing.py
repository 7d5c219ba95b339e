"""Engines are timed in turns, each for long enough: the time of one is a mean, pauses included, without what happens only once."""

import json

import pytest

from shared_model import timing
from shared_model.contract import EXAMPLE
from shared_model.engines import EngineNameError
from shared_model.timing import LEAST_CALLS, LEAST_S, ROUND_S, Timer

MS = 1_000_000


class Clock:
    """A clock that moves only while an engine is at work; `calls` are the names of the engines that were."""

    def __init__(self):
        self.now_ns = 0
        self.calls = []

    def perf_counter_ns(self):
        return self.now_ns


class Engine:
    """An engine whose predictions take the times that it is given, the last of them from then on."""

    def __init__(self, name, clock, *times_ms):
        self._name, self._clock, self._times_ms = name, clock, list(times_ms)

    def preprocess(self, passengers):
        return passengers

    def predict_proba(self, _):
        self._clock.now_ns += int((self._times_ms.pop(0) if len(self._times_ms) > 1 else self._times_ms[0]) * MS)
        self._clock.calls.append(self._name)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


@pytest.fixture
def time_engines(clock, monkeypatch):
    """Return a function from the times of engines (ms per prediction) to the times that are found of them."""

    def time_engines(**times_ms):
        monkeypatch.setattr(timing, "make_engine", lambda name, _: Engine(name, clock, *times_ms[name]))
        return timing.main(list(times_ms), json.dumps(EXAMPLE).encode())

    return time_engines


@pytest.mark.parametrize(
    ("times_ms", "mean_ms"),
    [
        pytest.param((2.0,), 2.0, id="all alike"),
        pytest.param((500.0, 2.0), 2.0, id="the first prediction is not timed"),
        pytest.param((2.0, 102.0, 2.0), (102 + 150 * 2) / 151, id="a pause counts as much as it took"),
    ],
)
def test_the_time_of_an_engine_is_the_mean_of_its_predictions_but_the_first(time_engines, times_ms, mean_ms):
    assert time_engines(some=times_ms) == {"some": pytest.approx(mean_ms, rel=0.01)}


@pytest.mark.parametrize(
    ("each_ms", "calls"),
    [
        pytest.param(0.5, 1 + 2 * LEAST_S * 1e3, id="a fast one for long enough"),
        pytest.param(100.0, 1 + LEAST_CALLS, id="a slow one often enough"),
    ],
)
def test_an_engine_is_timed_until_both_time_and_number_of_its_predictions_suffice(time_engines, clock, each_ms, calls):
    time_engines(some=(each_ms,))
    assert len(clock.calls) == calls


def test_engines_take_turns_until_each_is_done_so_that_drift_hits_all_alike(time_engines, clock):
    assert time_engines(fast=(5.0,), slow=(60.0,)) == {"fast": 5.0, "slow": 60.0}
    a_round = ["fast"] * round(ROUND_S * 1e3 / 5) + ["slow"]
    rounds = round(LEAST_S / ROUND_S)
    assert clock.calls == ["fast", "slow", *a_round * rounds, *["slow"] * (LEAST_CALLS - rounds)]


def test_a_round_ends_with_the_prediction_under_way(clock):
    timer = Timer(Engine("some", clock, 30.0), EXAMPLE)
    timer.run_round()
    assert clock.calls == ["some"] * (1 + 2)
    assert (timer.ms, timer.is_done) == (30.0, False)


def test_real_engines_are_timed_by_name(monkeypatch):
    monkeypatch.setattr(timing, "LEAST_S", 0.01)
    monkeypatch.setattr(timing, "ROUND_S", 0.005)
    found = timing.main(["spin-1ms", "constant"], json.dumps(EXAMPLE).encode())
    assert list(found) == ["spin-1ms", "constant"]
    assert found["spin-1ms"] >= 1 > found["constant"] > 0


def test_an_unknown_engine_is_refused():
    with pytest.raises(EngineNameError, match="There is no engine 'torch'"):
        timing.main(["torch"], json.dumps(EXAMPLE).encode())
