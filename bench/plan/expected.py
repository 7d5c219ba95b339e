"""The expected answers of each stack, computed offline with its own engine. Only this module and `scenarios` know the shared model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from bench.errors import ConfigError
from bench.plan.scenarios import ENRICH, LIVENESS, PREDICT, PROBE, SCENARIOS, Scenario, draw_passengers
from bench.plan.stacks import Stack
from bench.servers.bare import ANSWER
from bench.servers.upstream import PASSENGERS
from shared_model import Options, Service, contract
from shared_model.contract import Failure

RANDOM_REQUESTS = 12


@dataclass(frozen=True)
class Expected:
    """An expected answer: the status and the value of the body (JSON if the body is JSON, else text)."""

    status: int
    value: Any


def check_scenario(name: str, stack: Stack) -> Scenario:
    """Return the scenario of this name; raise `ConfigError` if there is none or the stack cannot answer it."""
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
    refused = {"invalid", PROBE} if stack.engine == "article" else set()  # it refuses nothing, and has no health check
    return [name for name, scenario in SCENARIOS.items() if (scenario.path == ENRICH) == stack.upstream and name not in refused]


def parity_scenarios(stack: Stack, names: Sequence[str]) -> list[Scenario]:
    """Return the scenarios to check before load: the measured ones (`names`), golden ones, and random ones from a fixed seed."""
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
        chosen.append(Scenario(f"random-{number}", PREDICT, draw_passengers(1 + number, f"random-{number}", complete=complete)))
    return chosen


def expected_answer(scenario: Scenario, stack: Stack) -> Expected:
    """Return the expected answer of a stack to the first request of a scenario."""
    return Expected(200, json.loads(ANSWER)) if stack.fixed else _answer_of(scenario, stack.engine)


def expected_in_turn(name: str, stack: Stack) -> list[Expected]:
    """Return the expected answers of a stack to the requests of a scenario, one by one."""
    asked = SCENARIOS[name].each()
    return [expected_answer(asked[0], stack)] * len(asked) if stack.fixed else list(_answers_in_turn(name, stack.engine))


@cache
def _answers_in_turn(name: str, engine: str) -> tuple[Expected, ...]:
    return tuple(_answer_of(scenario, engine) for scenario in SCENARIOS[name].each())


def _answer_of(scenario: Scenario, engine: str) -> Expected:
    if scenario.document is None:
        return Expected(200, contract.OK if scenario.path == LIVENESS else contract.WELCOME)
    asked = [PASSENGERS[scenario.document["passenger"]]] if scenario.passengers is None else list(scenario.passengers)
    try:
        passengers = contract.validate_passengers(asked)
    except Failure as failure:
        return Expected(failure.kind.status, failure.document())
    return Expected(200, {"prediction": _service(engine).predict(passengers)})


@cache
def _service(engine: str) -> Service:
    # The busy time of a spin engine changes no answer.
    service = Service(Options(engine="numpy" if engine.startswith("spin-") else engine))
    try:
        service.check_ready()
    except Failure:
        message = "There is no usable model to compute the expected answers with. Run 'make train'."
        raise ConfigError(message) from None
    return service
