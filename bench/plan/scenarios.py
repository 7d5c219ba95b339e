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
from bench.upstream import PASSENGERS
from shared_model import Options, Service, contract
from shared_model.contract import Failure

RANDOM_REQUESTS = 12
MISSING_SHARE = 0.2
DELAYS_MS = (0, 5, 20, 50, 100)
PREDICT, ENRICH = "/predict", "/enrich"
_SEED = 40945


@dataclass(frozen=True)
class Scenario:
    """One kind of request: a POST of `document` as JSON to `path`, or a GET where there is none."""

    name: str
    path: str
    document: Any = None

    @property
    def passengers(self) -> Sequence[Mapping[str, Any]] | None:
        """The passengers whose survival is asked for; None for a request that names none."""
        return self.document if self.path == PREDICT else None

    @property
    def method(self) -> str:
        """The request's method."""
        return "GET" if self.document is None else "POST"

    @property
    def body(self) -> bytes:
        """The request's body."""
        return b"" if self.document is None else json.dumps(self.document).encode()

    def request(self, port: int) -> bytes:
        """Return the whole request as it goes over the wire to this port of the loopback address."""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        if self.document is not None:
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
        Scenario("predict-1", PREDICT, [{"Age": 35, "Sex": "male", "Embarked": "S"}]),
        Scenario("predict-4", PREDICT, contract.EXAMPLE),
        Scenario("predict-100", PREDICT, _draw_passengers(100, "predict-100", complete=True)),
        Scenario("invalid", PREDICT, [{"Age": 35, "Sex": "male", "Embarked": "Southampton"}]),
        *(Scenario(f"enrich-{delay_ms}ms", ENRICH, {"passenger": 3, "delay_ms": delay_ms}) for delay_ms in DELAYS_MS),
    )
}


def check_scenario(name: str, stack: Stack) -> Scenario:
    """Return the scenario; raise `ConfigError` if there is none of this name or the stack cannot answer it."""
    if name not in SCENARIOS:
        message = f"There is no scenario {name!r}; there are: {', '.join(SCENARIOS)}."
        raise ConfigError(message)
    able = _answerable(stack)
    if name not in able:
        message = f"Stack {stack.name!r} cannot answer scenario {name!r}, only {', '.join(able)}."
        raise ConfigError(message)
    return SCENARIOS[name]


def _answerable(stack: Stack) -> list[str]:
    if stack.fixed:
        return ["predict-1"]
    refused = {"invalid"} if stack.engine == "article" else set()  # the article's handler refuses nothing
    return [name for name, scenario in SCENARIOS.items() if (scenario.path == ENRICH) == stack.upstream and name not in refused]


def parity_scenarios(stack: Stack, names: Sequence[str]) -> list[Scenario]:
    """Return the scenarios to check before load: those to be measured, golden ones, and random ones from a fixed seed."""
    chosen = [SCENARIOS[name] for name in names]
    if stack.fixed:
        return chosen
    if stack.upstream:
        golden = [Scenario(f"golden-{number}", ENRICH, {"passenger": number, "delay_ms": 0}) for number in PASSENGERS]
        return [*chosen, *golden]
    complete = stack.engine == "article"  # the article's handler fails on missing values
    if not complete:
        chosen += [SCENARIOS["predict-4"], Scenario("golden-missing", PREDICT, [{}, {"Age": 0.5}, {"Sex": None, "Embarked": "q"}])]
    for number in range(RANDOM_REQUESTS):
        chosen.append(Scenario(f"random-{number}", PREDICT, _draw_passengers(1 + number, f"random-{number}", complete=complete)))
    return chosen


def expected_answer(scenario: Scenario, stack: Stack) -> Answer:
    """Return what the stack must answer."""
    if stack.fixed:
        return Answer(200, json.loads(ANSWER))
    if scenario.document is None:
        return Answer(200, contract.WELCOME)
    asked = [PASSENGERS[scenario.document["passenger"]]] if scenario.passengers is None else list(scenario.passengers)
    try:
        passengers = contract.validate_passengers(asked)
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
