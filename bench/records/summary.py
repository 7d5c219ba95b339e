"""The content of summary.json: every number that any output shows."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic.dataclasses import dataclass

from bench.records.answer import Answer
from bench.records.cells import Cell
from bench.records.code import AppCode, AppStep, Feature
from bench.records.comparisons import AaState, Comparison
from bench.records.findings import BreakEven, Capacity, Knee, LadderRow, Probe
from bench.records.record import STRICT, Flat, Interval, Record, adapter
from bench.records.resources import Resources, ServerTiming

# History of the results format:
#   1 (2026-11) first format.
#   2 (2026-11) open loops: response and service time, unfinished and not sent requests, send lag; gates with attempt and place;
#               upper bounds of tail percentiles, kernel share; warm-up curves, starts, memory, resources.
#   3 (2026-11) time of a prediction by engine, break-even, ladder, single changes, capacity, knees, Server-Timing, complexity.
#   4 (2026-11) p99 per launch at each offered rate; overheads of both stacks with each engine.
#   5 (2026-11) rates are counts and ratios are of totals (`method` of the plan); each row has its own A/A in three states and both sides
#               of its ratio; bare servers are named `bare`; no bounds of p99, no kernel time of a step. `former` reads format 4.
RESULTS_SCHEMA = 5


Action = Literal["repeated", "kept and marked"]


@dataclass(frozen=True, config=STRICT)
class Environment(Record):
    """The machine and its installed packages, see `measure.environment`."""

    cpu: str
    cores_allowed: list[int]
    server_cores: list[int]
    generator_cores: list[int]
    memory_bytes: int
    kernel: str
    os: str
    python: str
    commit: str
    packages: dict[str, str]
    governor: str | None
    busy_cores: float
    virtual_machine: bool


@dataclass(frozen=True, config=STRICT)
class Gate(Record):
    """A limit that did not hold at one try of a launch: in which of its slices, and what was done about it."""

    launch: int
    attempt: int
    gate: str
    where: str
    value: float
    limit: float
    action: Action


# The code of the warning that a server answered wrongly: commands have another exit status then.
WRONG_ANSWERS = "wrong-answers"


@dataclass(frozen=True, config=STRICT)
class RunWarning(Record):
    """One entry of the closed list of warnings, with the next step."""

    code: str
    text: str
    next_step: str


@dataclass(frozen=True, config=STRICT)
class Aa(Record):
    """The A/A that belongs to the primary comparison.

    `resolution` is the distance of its interval's far end from 1, as ratio minus 1: this run cannot detect smaller differences.
    """

    state: AaState
    interval: Annotated[Interval | None, Flat("estimate", "ci_low", "ci_high")]
    resolution: float | None = None


@dataclass(frozen=True, config=STRICT)
class Noise(Record):
    """The disturbances that widened the intervals of a run and hit all its stacks alike; None if not known.

    `slice_sd_ratio` is the spread of the rates of slices within a launch, of one stack in the first part's first closed loop. Three
    figures are shares of one core's time under load: `steal_ratio` was taken by the host, `foreign_ratio` is the time of the servers'
    core that other programs used, and for `generator_wait_ratio` the load generator waited for its core. `slowest_ratio` and
    `fastest_ratio` are the speed of a launch relative to the usual one, all stacks of a part together. `launch_speeds` has the speed of
    each launch of the first part, in order.
    """

    slice_sd_ratio: float | None = None
    steal_ratio: float | None = None
    foreign_ratio: float | None = None
    generator_wait_ratio: float | None = None
    slowest_ratio: float | None = None
    fastest_ratio: float | None = None
    launch_speeds: tuple[float, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Validity(Record):
    """Whether verdicts may be given, with the gates, warnings, A/A and noise of the run."""

    valid: bool
    gates: tuple[Gate, ...]
    warnings: tuple[RunWarning, ...]
    aa: Aa
    noise: Noise = Noise()


@dataclass(frozen=True, config=STRICT)
class Summary(Record):
    """The content of summary.json: every number that any output shows. ratio = contender / baseline; null where there is no figure.

    `partial`: the run ended before the end of its plan. `noise_floor` compares second copies with the first ones, `changes` are single
    changes from one start (the manifest's plan names them), both in the shape of a comparison. `probes` are health checks beside a load.
    `answer` comes first in all outputs; a run of an older version has none, and gets one when it is drawn.
    `environment` is an `Environment`, stored as it was found: nothing is computed from it.
    """

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
    capacity: tuple[Capacity, ...]
    knees: tuple[Knee, ...]
    server_timing: tuple[ServerTiming, ...]
    complexity: tuple[AppCode, ...]
    features: tuple[Feature, ...]
    probes: tuple[Probe, ...] = ()
    steps: tuple[AppStep, ...] = ()
    answer: Answer | None = None


def make_schema() -> dict[str, Any]:
    """Return the JSON schema of summary.json, generated from the records."""
    schema = adapter(Summary).json_schema()
    described = {"environment": adapter(Environment).json_schema()}
    properties = {"schema": {"const": RESULTS_SCHEMA}, **schema["properties"], **described}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "summary.json of a run"}
    return head | {**schema, "title": head["title"], "properties": properties, "required": list(properties)}
