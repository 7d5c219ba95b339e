"""The times that stacks report themselves in the Server-Timing header, which is off while anything else is measured."""

import contextlib
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from http.client import HTTPConnection, HTTPException

from bench.errors import StackError
from bench.measure.environment import Cores
from bench.measure.processes import RunningStack, pinned
from bench.measure.services import launched_alone
from bench.plan.scenarios import SCENARIOS
from bench.plan.stacks import Stack
from bench.records import ServerTiming

SCENARIO = SCENARIOS["predict-1"]
REQUESTS = 300
WARM_UP_REQUESTS = 50
TIMEOUT_S = 10.0
STEPS = ("preprocess", "predict")
ON = {"SERVE_TIMING": "1"}
_DURATION = re.compile(r"([\w-]+)\s*;\s*dur=(\d+(?:\.\d+)?)")


def measure_server_timing(stacks: Iterable[Stack], cores: Cores) -> Iterator[ServerTiming]:
    """Ask each stack, started alone; a stack that sends no such header has no row.

    Raises `StackError` if one does not start or answer.
    """
    for stack in stacks:
        yield from measure_timing(stack, cores)


def measure_timing(stack: Stack, cores: Cores) -> Iterator[ServerTiming]:
    """Start one stack, send it requests one after another, and stop it; yield the medians of its times, if it reports any."""
    timed = replace(stack, environment={**stack.environment, **ON})
    with launched_alone(timed, cores) as running, pinned(cores.generator):
        said = [parse_timing(header) for header in _ask_in_turn(running)][WARM_UP_REQUESTS:]
    if said and all(set(STEPS) <= set(times) for times in said):
        preprocess_us, predict_us = (statistics.median(times[step] for times in said) for step in STEPS)
        yield ServerTiming(stack.name, SCENARIO.name, len(said), preprocess_us, predict_us)


def parse_timing(header: str) -> Mapping[str, float]:
    """Return the microseconds of each step that a Server-Timing header names; the header has milliseconds."""
    return {step: round(float(milliseconds) * 1000, 3) for step, milliseconds in _DURATION.findall(header)}


def _ask_in_turn(running: RunningStack) -> Iterator[str]:
    """Yield the Server-Timing header of each answer; only that of the first answer if it is empty."""
    with contextlib.closing(HTTPConnection("127.0.0.1", running.port, timeout=TIMEOUT_S)) as connection:
        for _ in range(REQUESTS):
            try:
                connection.request("POST", SCENARIO.path, SCENARIO.body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                response.read()
            except (OSError, HTTPException) as error:
                message = f"{running.stack.name} does not answer {SCENARIO.name} with Server-Timing on ({type(error).__name__}: {error})."
                raise StackError(message) from None
            header = response.headers.get("Server-Timing", "")
            yield header
            if not header:
                return
