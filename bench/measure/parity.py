"""The parity gate: before load, every stack must answer golden and random requests as computed offline."""

import json
import socket
from collections.abc import Sequence
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple

from bench.errors import ParityError
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
        status, body = exchange(running.port, request)
    except (OSError, HTTPException) as error:
        raise ParityError(_describe(running, scenario, expected, f"no answer ({type(error).__name__}: {error})")) from None
    value = read_value(body)
    if status != expected.status or value != expected.value:
        raise ParityError(_describe(running, scenario, expected, f"{status} {_shorten(value)}"))
    return Accepted(request, status, body)


def exchange(port: int, request: bytes) -> tuple[int, bytes]:
    """Return status and body of one request on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        connection.sendall(request)
        response = HTTPResponse(connection)
        response.begin()
        return response.status, response.read()


def read_value(body: bytes) -> Any:
    """Return the JSON value of a body, or its text where it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", errors="replace")


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
