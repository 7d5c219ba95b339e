"""Scenarios: the bytes of each kind of request. `expected` has the right answers."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared_model import contract

MISSING_SHARE = 0.2
PASSENGERS_IN_TURN = 64
DELAYS_MS = (0, 5, 20, 50, 100)
PREDICT, ENRICH, LIVENESS = "/predict", "/enrich", "/livez"
# The health check that a part with a probe sends beside its load: is the process alive?
PROBE = "livez"
_SEED = 40945


@dataclass(frozen=True)
class Scenario:
    """One kind of request: a POST of `document` as JSON to `path`, or a GET without one. `further` documents are sent in turn with it.

    Requests vary, so that a server that remembers its last answer gains nothing. A server that stores answers by body would gain, but it
    would be another application than the one required.
    """

    name: str
    path: str
    document: Any = None
    further: tuple[Any, ...] = ()

    def each(self) -> list["Scenario"]:
        """Return its requests one by one."""
        return [replace(self, document=document, further=()) for document in (self.document, *self.further)]

    @property
    def passengers(self) -> Sequence[Mapping[str, Any]] | None:
        """The passengers whose survival is asked; None for a request that names none."""
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
        """Return the bytes of the whole request to this port of the loopback address."""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        if self.document is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n"
        return head.encode() + b"\r\n" + self.body


def _draw_passenger(draw: random.Random, *, complete: bool) -> dict[str, Any]:
    values = {
        "Age": draw.choice([draw.randint(0, 80), round(draw.uniform(0, 80), 1)]),
        "Sex": draw.choice(["male", "female"]),
        "Embarked": draw.choice(["C", "Q", "S"]),
    }
    if complete:
        return values
    return {name: None if draw.random() < MISSING_SHARE else value for name, value in values.items()}


def draw_passengers(count: int, seed: str, *, complete: bool) -> list[dict[str, Any]]:
    """Return passengers drawn from a seed; some values are missing unless `complete`."""
    draw = random.Random(f"{_SEED}/{seed}")  # noqa: S311 - reproducible test data, no secret
    return [_draw_passenger(draw, complete=complete) for _ in range(count)]


def _passengers_in_turn(count: int) -> tuple[Any, ...]:
    return tuple([passenger] for passenger in draw_passengers(count, "predict-1", complete=True))


SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("hello", "/"),
        Scenario(PROBE, LIVENESS),
        Scenario("predict-1", PREDICT, [{"Age": 35, "Sex": "male", "Embarked": "S"}], further=_passengers_in_turn(PASSENGERS_IN_TURN - 1)),
        Scenario("predict-4", PREDICT, contract.EXAMPLE),
        Scenario("predict-100", PREDICT, draw_passengers(100, "predict-100", complete=True)),
        Scenario("invalid", PREDICT, [{"Age": 35, "Sex": "male", "Embarked": "Southampton"}]),
        *(Scenario(f"enrich-{delay_ms}ms", ENRICH, {"passenger": 3, "delay_ms": delay_ms}) for delay_ms in DELAYS_MS),
    )
}
