"""The planned time of a run, part by part, judging and drawing included. Pure.

The time of a launch beside its load was measured on a virtual machine with two cores: 0.2 to 0.4 s per stack from its start until it is
checked, and 0.9 to 1.3 s for the rest. A faster machine ends earlier.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.plan.pace import Pace
from bench.plan.plan import Plan
from bench.plan.profiles import Part
from bench.plan.schedule import PlannedSlice, Turn, count_slices, plan_launch
from bench.records import CellKey
from bench.records.loads import parse_load

START_S, START_PER_STACK_S = 0.3, 0.33
TIMING_S, TIMING_PER_ENGINE_S = 1.0, 0.45
STOP_S, STOP_PER_STACK_S = 0.8, 0.04
BETWEEN_SLICES_S = 0.01  # the drain, and the work between two slices
ALONE_S = 0.6
COMPLEXITY_S = 6.0
CONCLUSION_S, CONCLUSION_PER_SLICE_S = 6.0, 0.0015

# Answers per second of a cell where they are known, by stack, scenario and load.
Rates = Mapping[tuple[str, str, str], float]


@dataclass(frozen=True)
class PartSeconds:
    """The planned seconds of one part: of all its launches, of its counted load, and of that load by cell."""

    part: str
    launches: int
    total_s: float
    load_s: float
    cells_s: Mapping[CellKey, float]


def plan_seconds(plan: Plan, rates: Rates) -> list[PartSeconds]:
    """Return the planned seconds of each part; a slice whose rate is not known has the shortest length."""
    return [_part_seconds(plan, part, rates) for part in plan.parts]


def conclusion_s(plan: Plan) -> float:
    """Return how long judging and drawing take."""
    return CONCLUSION_S + CONCLUSION_PER_SLICE_S * count_slices(plan)


def alone_s(plan: Plan) -> float:
    """Return the seconds for measuring single stacks: their starts, and with `complexity` their code and the times that they report."""
    return plan.starts * len(plan.started_alone()) * ALONE_S + plan.complexity * COMPLEXITY_S


def total_s(plan: Plan, rates: Rates) -> float:
    """Return how long the whole run takes."""
    return alone_s(plan) + sum(part.total_s for part in plan_seconds(plan, rates)) + conclusion_s(plan)


def _part_seconds(plan: Plan, part: Part, rates: Rates) -> PartSeconds:
    launch = plan_launch(plan, Turn(1, part, 1))
    slices = [place for place in launch.slices if not place.beside]
    planned = [(place, _length_ms(place, launch.pace, rates)) for place in slices]
    closed: dict[tuple[str, str], list[float]] = {}
    for place, length_ms in planned:
        if place.length_ms is None and not parse_load(place.load).is_open:
            closed.setdefault((place.scenario, place.load), []).append(length_ms)
    stretches = {cell: launch.pace.stretch(own) for cell, own in closed.items()}
    cells_s: dict[CellKey, float] = {}
    for place, length_ms in planned:
        if not place.warm_up:
            key = CellKey(part.name, place.stack, place.scenario, place.load)
            kept = max(1 / stretches.get((place.scenario, place.load), 1.0), 1 / part.count_blocks(place.load))
            cells_s[key] = cells_s.get(key, 0.0) + part.launches * length_ms / 1e3 * kept
    warm_up_s = sum(length_ms for place, length_ms in planned if place.warm_up) / 1e3
    stacks = len(launch.stacks)
    beside_s = (
        START_S
        + STOP_S
        + stacks * (START_PER_STACK_S + STOP_PER_STACK_S)
        + bool(launch.engines) * TIMING_S
        + TIMING_PER_ENGINE_S * len(launch.engines)
    )
    between_s = BETWEEN_SLICES_S * len(slices)
    load_s = sum(cells_s.values())
    return PartSeconds(part.name, part.launches, load_s + part.launches * (beside_s + warm_up_s + between_s), load_s, cells_s)


def _length_ms(place: PlannedSlice, pace: Pace, rates: Rates) -> float:
    """Return the length of a slice in ms: as planned, or by the rate of its cell where that decides it."""
    if place.length_ms is not None:
        return place.length_ms
    load, rate = parse_load(place.load), rates.get((place.stack, place.scenario, place.load))
    return pace.open_length_ms(rate, is_own=load.is_own) if load.is_open else pace.length_ms(rate, place.users)
