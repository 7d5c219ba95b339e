"""The schedule of a run: which part is launched when, which stack has the load when, and when requests are due. Pure, seeded.

A block holds one slice of every stack in random order and then the same mirrored, so that linear drift cancels within it (a part
that is only explored may do without); cells of several scenarios and loads take their turns block by block,
as often as the part has blocks for the load. The launches of
several parts are spread over the run.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bench.plan.config import BenchConfig
from bench.plan.loads import Load, parse_load
from bench.plan.profiles import Part
from bench.plan.rules import CAPACITY_ANSWERS, LATER_WARM_UP_SHARE, MAX_SLICE_MS, MIN_ANSWERS


@dataclass(frozen=True)
class PlannedLaunch:
    """One launch to come; `number` counts within the run, `ordinal` within the part, both from 1."""

    number: int
    part: Part
    ordinal: int


@dataclass(frozen=True)
class PlannedSlice:
    """One slice to come; `index` counts within the launch, `block` within the part (-1 for a warm-up).

    `length_ms` is None for a counted slice of a closed loop: its warm-up tells how fast answers come, and so how long it must be.
    `offered_rps` and `arrivals`, the seed of its arrivals, belong to an open loop; slices of one turn have the same
    arrivals if they have the same rate.
    """

    index: int
    part: str
    block: int
    stack: str
    scenario: str
    load: str
    warm_up: bool
    length_ms: float | None = None
    offered_rps: float | None = None
    arrivals: str = ""


def schedule_run(parts: Sequence[Part]) -> list[PlannedLaunch]:
    """Return the launches of all parts, those of each spread evenly over the run: drift then hits all parts alike."""
    places = sorted(
        ((ordinal - 0.5) / part.launches, place, ordinal) for place, part in enumerate(parts) for ordinal in range(1, part.launches + 1)
    )
    return [PlannedLaunch(number, parts[place], ordinal) for number, (_, place, ordinal) in enumerate(places, start=1)]


def schedule_launch(config: BenchConfig, part: Part, ordinal: int) -> list[PlannedSlice]:
    """Return the slices of a launch in order: a warm-up of every cell, then the blocks.

    The first load of a stack warms it up; further closed loops of a scenario get a short one, to find the length of their slices,
    and an open loop needs none where the stack has a closed loop of the scenario.
    """
    seed = f"{config.seed}/{part.name}/{ordinal}"
    draw = random.Random(seed)  # noqa: S311 - reproducible order, no secret
    stacks: dict[tuple[str, str], list[str]] = {}
    for key in config.cells():
        if key.part == part.name:
            stacks.setdefault((key.scenario, key.load), []).append(key.stack)
    slices: list[PlannedSlice] = []

    warmed: set[tuple[str, str]] = set()

    def add(cell: tuple[str, str], block: int, order: Sequence[str], turn: str) -> None:
        for stack in order:
            offered = config.offered_rps(stack, cell[1])
            length_ms = open_length_ms(config, offered, parse_load(cell[1])) if offered else None
            if block < 0:
                length_ms = config.warm_up_ms * (LATER_WARM_UP_SHARE if (cell[0], stack) in warmed else 1)
                warmed.add((cell[0], stack))
            arrivals = f"{seed}/{cell}/{turn}/{offered}" if offered else ""
            slices.append(PlannedSlice(len(slices), part.name, block, stack, *cell, block < 0, length_ms, offered, arrivals))

    closed = {(scenario, stack) for (scenario, load), able in stacks.items() if not parse_load(load).is_open for stack in able}
    for cell, able in stacks.items():
        cold = [stack for stack in able if not parse_load(cell[1]).is_open or (cell[0], stack) not in closed]
        add(cell, -1, draw.sample(cold, len(cold)), "warm-up")
    for block in range(max(part.count_blocks(load) for load in part.loads)):
        turns = [cell for cell in stacks if block < part.count_blocks(cell[1])]
        for cell in draw.sample(turns, len(turns)):
            order = draw.sample(stacks[cell], len(stacks[cell]))
            add(cell, block, order, f"{block}/there")
            if part.mirrored:
                add(cell, block, order[::-1], f"{block}/back")
    return slices


def open_length_ms(config: BenchConfig, offered_rps: float, load: Load) -> float:
    """Return the length of a counted slice of an open loop: long enough for the shortest allowed and for enough answers."""
    answers = CAPACITY_ANSWERS if load.is_own else MIN_ANSWERS
    return max(config.slice_ms, min(MAX_SLICE_MS, answers / offered_rps * 1e3))


def count_slices(config: BenchConfig) -> int:
    """Return how many slices a run has, if no launch is repeated and no part ends early."""
    return sum(part.launches * len(schedule_launch(config, part, 1)) for part in config.parts)


def draw_arrivals(load: Load, rate_rps: float, length_ms: float, seed: str) -> list[int]:
    """Return when requests are due, in ns from the start of a slice, in order: a Poisson process, or equal distances.

    Equal distances start at a random point of the first one, lest all slices start in step.
    """
    draw = random.Random(seed)  # noqa: S311 - reproducible arrivals, no secret
    end_ns, gap_ns = length_ms * 1e6, 1e9 / rate_rps
    due: list[int] = []
    at_ns = gap_ns * draw.random() if load.is_constant else draw.expovariate(1 / gap_ns)
    while at_ns < end_ns:
        due.append(int(at_ns))
        at_ns += gap_ns if load.is_constant else draw.expovariate(1 / gap_ns)
    return due
