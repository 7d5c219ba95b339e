"""How long a stack takes until it can serve, and what it then holds in memory: each start alone on the machine."""

import random
import time
from collections.abc import Iterator, Sequence

from bench.measure.environment import Cores
from bench.measure.parity import check_answer
from bench.measure.processes import read_memory
from bench.measure.upstream import launched_alone
from bench.plan.config import BenchConfig
from bench.plan.scenarios import SCENARIOS, expected_answer
from bench.plan.stacks import TWIN, Stack
from bench.records import StartUp


def measure_starts(config: BenchConfig, cores: Cores) -> Iterator[StartUp]:
    """Start each stack of the first part `config.starts` times, in turns of random order; twins and floors are left out.

    Raises `StackError` or `ParityError`.
    """
    draw = random.Random(f"{config.seed}/starts")  # noqa: S311 - reproducible order, no secret
    part = config.parts[0]
    names = [name for name in part.stacks if not name.endswith(TWIN) and not config.stacks[name].fixed]
    for start in range(1, config.starts + 1):
        for name in draw.sample(names, len(names)):
            yield measure_start(config.stacks[name], start, part.scenarios, cores)


def measure_start(stack: Stack, start: int, scenarios: Sequence[str], cores: Cores) -> StartUp:
    """Start one stack, ask it for its first answer of the first scenario, and stop it again."""
    scenario = SCENARIOS[scenarios[0]]
    expected_answer(scenario, stack)  # computed beforehand: it must not count
    with launched_alone(stack, cores) as running:
        check_answer(running, scenario)
        first_prediction_s = (time.perf_counter_ns() - running.started_ns) / 1e9
        return StartUp(stack.name, start, running.ready_s, first_prediction_s, *read_memory(running))
