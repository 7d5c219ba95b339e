"""The parity gate: before load, every stack must answer golden and random requests as computed offline."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from httptools import HttpParserError

from bench.errors import ParityError
from bench.measure.answers import agree, exchange, read_value
from bench.measure.processes import RunningStack
from bench.plan.expected import Expected, expected_answer, parity_scenarios
from bench.plan.scenarios import Scenario

TIMEOUT_S = 10.0
SHOWN_CHARACTERS = 400


class Accepted(NamedTuple):
    """The request as it was sent, and the answer that passed: during load every other answer is an error."""

    request: bytes
    status: int
    body: bytes


def check_stack(running: RunningStack, scenarios: Sequence[str]) -> dict[str, Accepted]:
    """Return the accepted answer of each scenario; raise `ParityError`, both answers shown, at the first mismatch."""
    answers = {scenario.name: check_answer(running, scenario) for scenario in parity_scenarios(running.stack, scenarios)}
    return {name: answers[name] for name in scenarios}


def check_answer(running: RunningStack, scenario: Scenario) -> Accepted:
    """Return the answer to a scenario; raise `ParityError`, both answers shown, if it is not the one expected."""
    expected = expected_answer(scenario, running.stack)
    request = scenario.request(running.port)
    try:
        status, body = exchange(running.port, request, TIMEOUT_S)
    except (OSError, HttpParserError) as error:
        raise ParityError(_describe(running, scenario, expected, f"no answer ({type(error).__name__}: {error})")) from None
    value = read_value(body)
    if status != expected.status or not agree(value, expected.value):
        raise ParityError(_describe(running, scenario, expected, f"{status} {_shorten(value)}"))
    return Accepted(request, status, body)


def _describe(running: RunningStack, scenario: Scenario, expected: Expected, got: str) -> str:
    return (
        f"{running.stack.name} answers {scenario.name} differently than its engine {running.stack.engine!r}, so nothing was measured.\n"
        f"    request:  {_shorten(scenario.document)}\n"
        f"    expected: {expected.status} {_shorten(expected.value)}\n"
        f"    got:      {got}"
    )


def _shorten(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
