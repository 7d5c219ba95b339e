"""The schedule of a run: the order of launches, the order of the stacks under load, and the times of requests. Pure, seeded.

A block holds one slice of every stack and then the same mirrored, so that linear drift cancels within it (a part that is only
explored may leave the mirror out). In a pass the contender of a pair stands directly between the two copies of its baseline, since noise
between neighbours in time is smaller. The first pair may have further turns in a block. Blocks of several scenarios and loads take
turns, and each cell's blocks are spread evenly over the launch. The launches of several parts are spread over the run.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.plan.arrivals import Arrivals
from bench.plan.pace import Pace
from bench.plan.places import GENERATOR_ALONE, SERVERS_HERE, LoadPlaces, ServerPlace
from bench.plan.plan import Plan
from bench.plan.profiles import Part
from bench.plan.scenarios import PROBE, SCENARIOS, Scenario
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

    `users` is the number of connections: those of a closed loop, or the most requests that may be under way in an open one.
    `length_ms` is None for a counted slice: its length follows from the rate of answers in its warm-up, or from its own rate. `arrivals`
    belong to an open loop; slices of one turn have the same. A slice that `calibrates` is not counted: rates are found from it. A slice
    that is `beside` the slice before it begins and ends with that slice.
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
    arrivals: Arrivals | None = None
    calibrates: bool = False
    beside: bool = False


@dataclass(frozen=True)
class PlannedLaunch:
    """All data that measuring one launch needs.

    `stacks` are started, and each gets its `scenarios`. Both stacks of a pair in `equal` must serve with the same number of processes.
    `engines` are timed with the passengers of `timed`; there are none if there are too few for a curve.
    """

    number: int
    slices: tuple[PlannedSlice, ...]
    pace: Pace
    stacks: tuple[Stack, ...]
    scenarios: Mapping[str, tuple[str, ...]]
    equal: tuple[tuple[str, str], ...] = ()
    engines: tuple[str, ...] = ()
    timed: Scenario | None = None
    load: LoadPlaces = GENERATOR_ALONE
    servers: ServerPlace = SERVERS_HERE


def schedule_run(parts: Sequence[Part]) -> list[Turn]:
    """Return the launches of all parts in order, those of each part spread evenly over the run, so that drift hits all parts alike."""
    places = sorted(
        ((ordinal - 0.5) / part.launches, place, ordinal) for place, part in enumerate(parts) for ordinal in range(1, part.launches + 1)
    )
    return [Turn(number, parts[place], ordinal) for number, (_, place, ordinal) in enumerate(places, start=1)]


def plan_launch(plan: Plan, turn: Turn) -> PlannedLaunch:
    """Return the launch of a part at its turn."""
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
        equal=() if plan.allow_unequal else tuple(pair.stacks for pair in plan.pairs_of(turn.part)),
        engines=tuple(engines) if is_timed else (),
        timed=timed if is_timed else None,
        load=plan.load,
        servers=plan.servers,
    )


def schedule_slices(plan: Plan, part: Part, ordinal: int) -> list[PlannedSlice]:
    """Return the slices of a launch in order: a warm-up of every stack, calibration slices for its rates, then the blocks."""
    launch = _Launch(plan, part, f"{plan.seed}/{part.name}/{ordinal}")
    launch.warm_up()
    launch.calibrate()
    launch.measure()
    return launch.slices


class _Launch:
    """The slices of one launch, as they are planned one after the other."""

    def __init__(self, plan: Plan, part: Part, seed: str) -> None:
        self.slices: list[PlannedSlice] = []
        self._plan, self._part, self._seed = plan, part, seed
        self._draw = random.Random(seed)  # noqa: S311 - reproducible order, no secret
        self._stacks: dict[Cell, list[str]] = {}
        for key in plan.loaded_cells(part):
            self._stacks.setdefault((key.scenario, key.load), []).append(key.stack)

    def warm_up(self) -> None:
        """Warm every stack up under its first closed loop of a scenario, or under the load of the rules if it has none.

        Further closed loops of the scenario get a short warm-up, which gives the length of their slices.
        """
        rules, warmed = self._plan.rules, set[tuple[str, str]]()
        for cell, able in self._stacks.items():
            if parse_load(cell[1]).is_open:
                continue
            for stack in self._sample(able):
                share = rules.slices.later_warm_up_share if (cell[0], stack) in warmed else 1
                warmed.add((cell[0], stack))
                self._add(cell, [stack], "warm-up", length_ms=share * self._plan.warm_up_ms)
        for scenario in dict.fromkeys(scenario for scenario, _ in self._stacks):
            cold = [stack for stack in self._part.stacks if (scenario, stack) not in warmed]
            self._add((scenario, rules.rates.load), self._sample(cold), "warm-up", length_ms=self._plan.warm_up_ms)

    def calibrate(self) -> None:
        """Plan the slices that give the rates: busy shares need the copies of the first pair's baseline, own shares every stack."""
        found: dict[Cell, list[str]] = {}
        for (scenario, load), able in self._stacks.items():
            if parse_load(load).is_busy:
                found[scenario, load] = reference_stacks(self._plan, self._part)
            elif parse_load(load).is_own:
                own = found.setdefault((scenario, self._plan.rules.rates.load), [])
                own += [stack for stack in able if stack not in own]
        for cell, stacks in found.items():
            order = self._sample(stacks)
            for turn, own in (("there", order), ("back", order[::-1])):
                self._add(cell, own, f"calibration/{turn}", length_ms=self._plan.rules.rates.slice_ms, calibrates=True)

    def measure(self) -> None:
        """Plan the blocks of all cells, in turns."""
        part, draw, stacks = self._part, self._draw, self._stacks
        pairs = [pair.stacks for pair in self._plan.pairs_of(part)]
        for cell, block in _take_turns({cell: part.count_blocks(cell[1]) for cell in stacks}, draw):
            trios = find_trios(pairs, stacks[cell])
            further = [trios[:1]] * (part.trio_turns.get(cell[1], 1) - 1) if trios else []
            for number, passed in enumerate([(trios, _others(trios, stacks[cell])), *((first, []) for first in further)]):
                order = order_pass(*passed, draw)
                self._add(cell, order, f"{block}/{number}/there", block)
                if part.mirrored:
                    self._add(cell, order[::-1], f"{block}/{number}/back", block)

    def _add(
        self, cell: Cell, order: Sequence[str], turn: str, block: int = -1, *, length_ms: float | None = None, calibrates: bool = False
    ) -> None:
        load = parse_load(cell[1])
        arrivals = _arrivals(load, f"{self._seed}/{cell}/{turn}") if load.is_open else None
        users = load.users or self._plan.rules.open_loop.max_in_flight
        for stack in order:
            place = (len(self.slices), self._part.name, block, stack, *cell, block < 0)
            self.slices.append(PlannedSlice(*place, users, length_ms, arrivals, calibrates))
            if block >= 0 and self._part.probe:
                self._add_probe(stack, block, turn)

    def _add_probe(self, stack: str, block: int, turn: str) -> None:
        load = self._part.probe or ""
        arrivals = _arrivals(parse_load(load), f"{self._seed}/{PROBE}/{turn}")
        place = (len(self.slices), self._part.name, block, stack, PROBE, load, False)
        self.slices.append(PlannedSlice(*place, self._plan.rules.open_loop.max_in_flight, None, arrivals, beside=True))

    def _sample(self, stacks: Sequence[str]) -> list[str]:
        return self._draw.sample(stacks, len(stacks))


def reference_stacks(plan: Plan, part: Part) -> list[str]:
    """Return the stacks of a part whose busy share decides the rates: the copies of the first pair's baseline."""
    baseline = plan.pairs[0].baseline
    return [name for name in (baseline, f"{baseline}{TWIN}") if name in part.stacks]


def _arrivals(load: Load, seed: str) -> Arrivals:
    share = None if load.percent is None else load.percent / 100
    return Arrivals(
        seed,
        rate_rps=load.rate_rps,
        busy_share=share if load.is_busy else None,
        own_share=share if load.is_own else None,
        is_constant=load.is_constant,
    )


def find_trios(pairs: Iterable[tuple[str, str]], stacks: Collection[str]) -> list[Trio]:
    """Return baseline, contender and second copy of the baseline for each [contender, baseline], if all three are among the stacks.

    A stack has one place in a pass: a pair that shares a stack with an earlier pair has no trio.
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
    """Return the order of one pass: the trios beside each other, in random order and direction, and the others at the ends."""
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
    """Return every block of every cell in order, those of each cell spread evenly; ties are broken at random."""
    places = [((block + 0.5) / count, draw.random(), cell, block) for cell, count in blocks.items() for block in range(count)]
    return [(cell, block) for _, _, cell, block in sorted(places)]


def count_slices(plan: Plan) -> int:
    """Return how many slices a run has, if no launch is repeated and no part ends early."""
    return sum(part.launches * len(schedule_slices(plan, part, 1)) for part in plan.parts)


def _pace(plan: Plan, part: Part) -> Pace:
    rules = plan.rules.slices
    share = 1.0 if part.name == plan.parts[0].name else rules.explored_share / (1 + part.mirrored)
    return Pace(
        slice_ms=part.slice_ms or plan.slice_ms,
        settle_ms=plan.settle_ms if part.settle_ms is None else part.settle_ms,
        min_answers=share * rules.min_answers,
        own_answers=rules.own_answers,
        drains_per_slice=share * rules.drains_per_slice,
        max_slice_ms=rules.max_slice_ms,
        open_slice_ms=rules.open_slice_ms,
        own_slice_ms=rules.own_slice_ms,
        drain_timeout_s=plan.rules.open_loop.drain_timeout_s,
    )
