"""The time until a stack can serve, and its memory then: each start alone on the machine."""

import random
import time
from collections.abc import Iterator, Sequence

from bench.measure.conditions import read_memory
from bench.measure.environment import Cores
from bench.measure.parity import check_answer
from bench.measure.services import launched_alone
from bench.plan.expected import expected_answer
from bench.plan.scenarios import SCENARIOS
from bench.plan.stacks import Stack
from bench.records import StartUp


def measure_starts(stacks: Sequence[Stack], scenario: str, starts: int, seed: int, cores: Cores) -> Iterator[StartUp]:
    """Start each stack `starts` times, in turns of random order; raise `StackError` or `ParityError`."""
    draw = random.Random(f"{seed}/starts")  # noqa: S311 - reproducible order, no secret
    for start in range(1, starts + 1):
        for stack in draw.sample(stacks, len(stacks)):
            yield measure_start(stack, start, scenario, cores)


def measure_start(stack: Stack, start: int, scenario_name: str, cores: Cores) -> StartUp:
    """Start one stack, ask it for its first answer of a scenario, and stop it again."""
    scenario = SCENARIOS[scenario_name]
    expected_answer(scenario, stack)  # computed beforehand: it must not count
    with launched_alone(stack, cores) as running:
        check_answer(running, scenario)
        first_prediction_s = (time.perf_counter_ns() - running.started_ns) / 1e9
        return StartUp(stack.name, start, running.ready_s, first_prediction_s, *read_memory(running))
