"""The schedule of a run: which part is launched when, which stack has the load when, and when requests are due. Pure, seeded.

A block holds one slice of every stack and then the same mirrored, so that linear drift cancels within it (a part that is only
explored may do without). In a pass the contender of a pair stands directly between the two copies of its baseline, since noise between
neighbours in time is smaller. The first pair may have further turns in a block. Blocks of several scenarios and loads take turns,
each spread evenly over the launch; the launches of several parts are spread over the run.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.plan.pace import Pace
from bench.plan.plan import Plan
from bench.plan.profiles import Part
from bench.plan.rules import SliceRules
from bench.plan.scenarios import SCENARIOS, Scenario
from bench.plan.stacks import TWIN, Stack
from bench.records.loads import Load, parse_load

# Scenario and load.
Cell = tuple[str, str]
# Baseline, contender, second copy of the baseline.
Trio = tuple[str, str, str]


@dataclass(frozen=True)
class Turn:
    """A launch of a part; `number` counts within the run, `ordinal` within the part, both from 1."""

    number: int
    part: Part
    ordinal: int


@dataclass(frozen=True)
class PlannedSlice:
    """One slice to come; `index` counts within the launch, `block` within the part (-1 for a warm-up).

    `users` is how many connections there are: those of a closed loop, or the most that may be under way in an open one.
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
    users: int = 1
    length_ms: float | None = None
    offered_rps: float | None = None
    arrivals: str = ""


@dataclass(frozen=True)
class PlannedLaunch:
    """All that is needed to measure one launch.

    `stacks` are to be started, `scenarios` are those that each is asked. Of the pairs in `equal` both must serve with equally many
    processes. `engines` are to be timed with the passengers of `timed`; none where there is nothing to draw a curve through.
    """

    number: int
    slices: tuple[PlannedSlice, ...]
    pace: Pace
    stacks: tuple[Stack, ...]
    scenarios: Mapping[str, tuple[str, ...]]
    equal: tuple[tuple[str, str], ...] = ()
    engines: tuple[str, ...] = ()
    timed: Scenario | None = None


def schedule_run(parts: Sequence[Part]) -> list[Turn]:
    """Return the launches of all parts, those of each spread evenly over the run: drift then hits all parts alike."""
    places = sorted(
        ((ordinal - 0.5) / part.launches, place, ordinal) for place, part in enumerate(parts) for ordinal in range(1, part.launches + 1)
    )
    return [Turn(number, parts[place], ordinal) for number, (_, place, ordinal) in enumerate(places, start=1)]


def plan_launch(plan: Plan, turn: Turn) -> PlannedLaunch:
    """Return what is to be measured when a part has its turn."""
    slices = tuple(schedule_slices(plan, turn.part, turn.ordinal))
    scenarios: dict[str, tuple[str, ...]] = {}
    for place in slices:
        scenarios[place.stack] = tuple(dict.fromkeys((*scenarios.get(place.stack, ()), place.scenario)))
    engines = plan.paired_engines(scenarios)
    asked = (SCENARIOS[name] for names in scenarios.values() for name in names)
    timed = next((scenario for scenario in asked if scenario.passengers is not None), None)
    is_timed = len(engines) > 1 and timed is not None
    return PlannedLaunch(
        number=turn.number,
        slices=slices,
        pace=_pace(plan, turn.part),
        stacks=tuple(plan.stacks[name] for name in scenarios),
        scenarios=scenarios,
        equal=() if plan.allow_unequal else tuple(pair.stacks for pair in plan.pairs),
        engines=tuple(engines) if is_timed else (),
        timed=timed if is_timed else None,
    )


def schedule_slices(plan: Plan, part: Part, ordinal: int) -> list[PlannedSlice]:
    """Return the slices of a launch in order: a warm-up of every cell, then the blocks.

    The first load of a stack warms it up; further closed loops of a scenario get a short one, to find the length of their slices,
    and an open loop needs none where the stack has a closed loop of the scenario.
    """
    seed = f"{plan.seed}/{part.name}/{ordinal}"
    draw = random.Random(seed)  # noqa: S311 - reproducible order, no secret
    rules, slice_ms = plan.rules, part.slice_ms or plan.slice_ms
    stacks: dict[Cell, list[str]] = {}
    for key in plan.cells():
        if key.part == part.name:
            stacks.setdefault((key.scenario, key.load), []).append(key.stack)
    slices: list[PlannedSlice] = []

    warmed: set[tuple[str, str]] = set()

    def add(cell: Cell, block: int, order: Sequence[str], turn: str) -> None:
        load = parse_load(cell[1])
        for stack in order:
            offered = plan.offered_rps(stack, load.name)
            length_ms = open_length_ms(rules.slices, slice_ms, offered, load) if offered else None
            if block < 0:
                length_ms = plan.warm_up_ms * (rules.slices.later_warm_up_share if (cell[0], stack) in warmed else 1)
                warmed.add((cell[0], stack))
            arrivals = f"{seed}/{cell}/{turn}/{offered}" if offered else ""
            users = load.users or rules.open_loop.max_in_flight
            slices.append(PlannedSlice(len(slices), part.name, block, stack, *cell, block < 0, users, length_ms, offered, arrivals))

    closed = {(scenario, stack) for (scenario, load), able in stacks.items() if not parse_load(load).is_open for stack in able}
    for cell, able in stacks.items():
        cold = [stack for stack in able if not parse_load(cell[1]).is_open or (cell[0], stack) not in closed]
        add(cell, -1, draw.sample(cold, len(cold)), "warm-up")
    for cell, block in _take_turns({cell: part.count_blocks(cell[1]) for cell in stacks}, draw):
        trios = find_trios([pair.stacks for pair in plan.pairs], stacks[cell])
        further = [trios[:1]] * (part.trio_turns.get(cell[1], 1) - 1) if trios else []
        for number, passed in enumerate([(trios, _others(trios, stacks[cell])), *((first, []) for first in further)]):
            order = order_pass(*passed, draw)
            add(cell, block, order, f"{block}/{number}/there")
            if part.mirrored:
                add(cell, block, order[::-1], f"{block}/{number}/back")
    return slices


def find_trios(pairs: Iterable[tuple[str, str]], stacks: Collection[str]) -> list[Trio]:
    """Return baseline, contender and second copy of the baseline, for each [contender, baseline] of which all three are among the stacks.

    A stack has one place in a pass: of a pair that shares one with an earlier pair there is no trio.
    """
    trios: list[Trio] = []
    for contender, baseline in pairs:
        trio = (baseline, contender, f"{baseline}{TWIN}")
        placed = {name for other in trios for name in other}
        # A contender with a copy of its own is the baseline of another pair and has its place there.
        if set(trio) <= set(stacks) and f"{contender}{TWIN}" not in stacks and not placed & set(trio):
            trios.append(trio)
    return trios


def order_pass(trios: Sequence[Trio], others: Sequence[str], draw: random.Random) -> list[str]:
    """Return the order of one pass: the trios beside each other, their order and that of their copies random; the others at its ends."""
    middle: list[str] = []
    for trio in draw.sample(trios, len(trios)):
        middle += trio[:: draw.choice((1, -1))]
    ends = draw.sample(others, len(others))
    split = draw.randint(0, len(ends))
    return [*ends[:split], *middle, *ends[split:]]


def _others(trios: Iterable[Trio], stacks: Sequence[str]) -> list[str]:
    placed = {name for trio in trios for name in trio}
    return [name for name in stacks if name not in placed]


def _take_turns(blocks: Mapping[Cell, int], draw: random.Random) -> list[tuple[Cell, int]]:
    """Return every block of every cell in order, those of each cell spread evenly; which comes first of two at one place is random."""
    places = [((block + 0.5) / count, draw.random(), cell, block) for cell, count in blocks.items() for block in range(count)]
    return [(cell, block) for _, _, cell, block in sorted(places)]


def open_length_ms(rules: SliceRules, slice_ms: float, offered_rps: float, load: Load) -> float:
    """Return the length of a counted slice of an open loop: long enough for the shortest allowed and for enough answers."""
    answers = rules.capacity_answers if load.is_own else rules.min_answers
    return max(slice_ms, rules.open_slice_ms, min(rules.max_slice_ms, answers / offered_rps * 1e3))


def count_slices(plan: Plan) -> int:
    """Return how many slices a run has, if no launch is repeated and no part ends early."""
    return sum(part.launches * len(schedule_slices(plan, part, 1)) for part in plan.parts)


def _pace(plan: Plan, part: Part) -> Pace:
    rules, share = plan.rules.slices, 1.0 if part.mirrored else plan.rules.slices.explored_share
    return Pace(
        slice_ms=part.slice_ms or plan.slice_ms,
        settle_ms=plan.settle_ms,
        min_answers=share * rules.min_answers,
        drains_per_slice=share * rules.drains_per_slice,
        max_slice_ms=rules.max_slice_ms,
        drain_timeout_s=plan.rules.open_loop.drain_timeout_s,
    )


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
