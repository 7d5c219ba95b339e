"""The content of summary.json: every number that any output shows."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic.dataclasses import dataclass

from bench.records.cells import Cell
from bench.records.code import AppCode, Feature
from bench.records.comparisons import Comparison
from bench.records.findings import BreakEven, Capacity, Knee, LadderRow
from bench.records.record import STRICT, Flat, Interval, Record
from bench.records.resources import Resources, ServerTiming

# History of the results format:
#   1 (2026-11) first format.
#   2 (2026-11) open loops: response and service time, unfinished and not sent requests, send lag; gates with attempt and place;
#               upper bounds of tail percentiles, kernel share; warm-up curves, starts, memory, resources.
#   3 (2026-11) time of a prediction by engine, break-even, ladder, single changes, capacity, knees, Server-Timing, complexity.
#   4 (2026-11) p99 per launch at each offered rate; overheads of both stacks with each engine.
RESULTS_SCHEMA = 4


@dataclass(frozen=True, config=STRICT)
class Gate(Record):
    """A condition that did not hold at one try of a launch, in which of its slices, and what was done about it."""

    launch: int
    attempt: int
    gate: str
    where: str
    value: float
    limit: float
    action: str


@dataclass(frozen=True, config=STRICT)
class RunWarning(Record):
    """One entry of the closed list of warnings, with the next step."""

    code: str
    text: str
    next_step: str


@dataclass(frozen=True, config=STRICT)
class Aa(Record):
    """The A/A that belongs to the primary comparison; `verdict` is pass, fail or not judged."""

    verdict: str
    interval: Annotated[Interval | None, Flat("estimate", "ci_low", "ci_high")]


@dataclass(frozen=True, config=STRICT)
class Validity(Record):
    """Whether verdicts may be given, and what was found on the way."""

    valid: bool
    gates: tuple[Gate, ...]
    warnings: tuple[RunWarning, ...]
    aa: Aa


@dataclass(frozen=True, config=STRICT)
class Summary(Record):
    """The content of summary.json: every number that any output shows."""

    profile: str
    partial: bool
    environment: Mapping[str, Any]
    validity: Validity
    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    noise_floor: tuple[Comparison, ...]
    changes: tuple[Comparison, ...]
    ladder: tuple[LadderRow, ...]
    break_even: tuple[BreakEven, ...]
    resources: tuple[Resources, ...]
    capacity: tuple[Capacity, ...] = ()
    knees: tuple[Knee, ...] = ()
    server_timing: tuple[ServerTiming, ...] = ()
    complexity: tuple[AppCode, ...] = ()
    features: tuple[Feature, ...] = ()
