"""The parity gate: before load, every stack must give the answers that were computed offline to golden and random requests."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from httptools import HttpParserError

from bench.errors import ParityError
from bench.measure.answers import agree, exchange, read_value
from bench.plan.expected import Expected, expected_answer, expected_in_turn, parity_scenarios
from bench.plan.scenarios import SCENARIOS, Scenario
from bench.plan.stacks import Stack

TIMEOUT_S = 10.0
SHOWN_CHARACTERS = 400


class Accepted(NamedTuple):
    """A request and its right answer: during load, an answer of another status, or of other bytes and JSON value, is an error."""

    request: bytes
    status: int
    body: bytes


class Served(Protocol):
    """A stack that is asked, wherever it runs."""

    stack: Stack
    host: str
    port: int


def check_stack(running: Served, scenarios: Sequence[str]) -> dict[str, list[Accepted]]:
    """Return the requests of each scenario with their right answers; raise `ParityError` with both answers at the first mismatch.

    The first request of a scenario is sent, and so are golden and random ones. For the others the answers are computed offline.
    """
    answers = {scenario.name: check_answer(running, scenario) for scenario in parity_scenarios(running.stack, scenarios)}
    return {name: [answers[name], *_computed(running, SCENARIOS[name])] for name in scenarios}


def _computed(running: Served, scenario: Scenario) -> Iterable[Accepted]:
    """Yield the further requests of a scenario with the right answers of a stack."""
    for one, expected in zip(scenario.each()[1:], expected_in_turn(scenario.name, running.stack)[1:], strict=True):
        yield Accepted(one.request(running.port), expected.status, json.dumps(expected.value).encode())


def check_answer(running: Served, scenario: Scenario) -> Accepted:
    """Return the answer to a scenario; raise `ParityError` with both answers if it is not the expected one."""
    expected = expected_answer(scenario, running.stack)
    request = scenario.request(running.port)
    try:
        status, body = exchange(running.host, running.port, request, TIMEOUT_S)
    except (OSError, HttpParserError) as error:
        raise ParityError(_describe(running, scenario, expected, f"no answer ({type(error).__name__}: {error})")) from None
    value = read_value(body)
    if status != expected.status or not agree(value, expected.value):
        raise ParityError(_describe(running, scenario, expected, f"{status} {_shorten(value)}"))
    return Accepted(request, status, body)


def _describe(running: Served, scenario: Scenario, expected: Expected, got: str) -> str:
    return (
        f"{running.stack.name} answers {scenario.name} differently than its engine {running.stack.engine!r}, so nothing was measured.\n"
        f"    request:  {_shorten(scenario.document)}\n"
        f"    expected: {expected.status} {_shorten(expected.value)}\n"
        f"    got:      {got}"
    )


def _shorten(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
