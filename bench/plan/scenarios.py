"""Scenarios: the bytes of a request and the answer expected of each stack. The only room that knows the shared model.

A scenario's expected answer is computed here, offline, with the engine of the stack that will be asked.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from bench.errors import ConfigError
from bench.floors import ANSWER
from bench.plan.stacks import Stack
from shared_model import Options, Service, contract
from shared_model.contract import Failure

RANDOM_REQUESTS = 12
MISSING_SHARE = 0.2
_SEED = 40945


@dataclass(frozen=True)
class Scenario:
    """One kind of request. `passengers` is the document of a POST to `/predict`; None makes it a GET of `path`."""

    name: str
    path: str
    passengers: Sequence[Mapping[str, Any]] | None = None

    @property
    def body(self) -> bytes:
        """The request's body."""
        return b"" if self.passengers is None else json.dumps(self.passengers).encode()

    def request(self, port: int) -> bytes:
        """Return the whole request as it goes over the wire to this port of the loopback address."""
        method = "GET" if self.passengers is None else "POST"
        head = f"{method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        if self.passengers is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n"
        return head.encode() + b"\r\n" + self.body


@dataclass(frozen=True)
class Answer:
    """What a stack must answer: the status and the value of the body (JSON where it is JSON, else text)."""

    status: int
    value: Any


def _draw_passenger(draw: random.Random, *, complete: bool) -> dict[str, Any]:
    values = {
        "Age": draw.choice([draw.randint(0, 80), round(draw.uniform(0, 80), 1)]),
        "Sex": draw.choice(["male", "female"]),
        "Embarked": draw.choice(["C", "Q", "S"]),
    }
    if complete:
        return values
    return {name: None if draw.random() < MISSING_SHARE else value for name, value in values.items()}


def _draw_passengers(count: int, seed: str, *, complete: bool) -> list[dict[str, Any]]:
    draw = random.Random(f"{_SEED}/{seed}")  # noqa: S311 - reproducible test data, no secret
    return [_draw_passenger(draw, complete=complete) for _ in range(count)]


SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("hello", "/"),
        Scenario("predict-1", "/predict", [{"Age": 35, "Sex": "male", "Embarked": "S"}]),
        Scenario("predict-4", "/predict", contract.EXAMPLE),
        Scenario("predict-100", "/predict", _draw_passengers(100, "predict-100", complete=True)),
        Scenario("invalid", "/predict", [{"Age": 35, "Sex": "male", "Embarked": "Southampton"}]),
    )
}


def check_scenario(name: str, stack: Stack) -> Scenario:
    """Return the scenario; raise `ConfigError` if there is none of this name or the stack cannot answer it."""
    if name not in SCENARIOS:
        message = f"There is no scenario {name!r}; there are: {', '.join(SCENARIOS)}."
        raise ConfigError(message)
    able = ("predict-1",) if stack.fixed else ("hello", "predict-1", "predict-4", "predict-100") if stack.engine == "article" else SCENARIOS
    if name not in able:
        message = f"Stack {stack.name!r} cannot answer scenario {name!r}, only {', '.join(able)}."
        raise ConfigError(message)
    return SCENARIOS[name]


def parity_scenarios(stack: Stack, names: Sequence[str]) -> list[Scenario]:
    """Return the scenarios to check before load: those to be measured, golden ones, and random ones from a fixed seed."""
    chosen = [SCENARIOS[name] for name in names]
    if stack.fixed:
        return chosen
    complete = stack.engine == "article"  # the article's handler fails on missing values
    if not complete:
        chosen += [SCENARIOS["predict-4"], Scenario("golden-missing", "/predict", [{}, {"Age": 0.5}, {"Sex": None, "Embarked": "q"}])]
    for number in range(RANDOM_REQUESTS):
        chosen.append(Scenario(f"random-{number}", "/predict", _draw_passengers(1 + number, f"random-{number}", complete=complete)))
    return chosen


def expected_answer(scenario: Scenario, stack: Stack) -> Answer:
    """Return what the stack must answer."""
    if stack.fixed:
        return Answer(200, json.loads(ANSWER))
    if scenario.passengers is None:
        return Answer(200, contract.WELCOME)
    try:
        passengers = contract.validate_passengers(list(scenario.passengers))
    except Failure as failure:
        return Answer(failure.kind.status, failure.document())
    return Answer(200, {"prediction": _service(stack.engine).predict(passengers).values})


@cache
def _service(engine: str) -> Service:
    # The busy time of a spin engine changes no answer.
    service = Service(Options(engine="numpy" if engine.startswith("spin-") else engine))
    try:
        service.check_ready()
    except Failure:
        message = "There is no usable model to compute the expected answers with; run 'make train'."
        raise ConfigError(message) from None
    return service
