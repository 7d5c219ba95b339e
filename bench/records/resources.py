"""The needs of a stack beside CPU time per request, and measurements while nothing is under load. Units are in the names."""

from pydantic.dataclasses import dataclass

from bench.records.record import STRICT, Record


@dataclass(frozen=True, config=STRICT)
class StartUp(Record):
    """One start of a stack, alone on the machine: seconds from the start of its process; memory at rest. One row of starts.csv."""

    stack: str
    start: int
    ready_s: float
    first_prediction_s: float
    rss_bytes: int
    pss_bytes: int


@dataclass(frozen=True, config=STRICT)
class Memory(Record):
    """The memory of a stack's process tree in one launch, before its first load and after its last. One row of memory.csv."""

    launch: int
    stack: str
    rest_rss_bytes: int
    rest_pss_bytes: int
    loaded_rss_bytes: int
    loaded_pss_bytes: int


@dataclass(frozen=True, config=STRICT)
class ModelTime(Record):
    """How long one prediction of an engine took in a process of its own, on the servers' core. One row of model_times.csv."""

    launch: int
    part: str
    engine: str
    model_ms: float


@dataclass(frozen=True, config=STRICT)
class Resources(Record):
    """The needs of a stack beside CPU time per request: medians, each over `starts` or `launches`, None if not measured.

    `ready_s` and `first_prediction_s` count from the start of its process, alone on the machine, to readiness and to its first correct
    answer; memory at rest is measured then. `loaded_*` is the memory at the end of a launch, beside the other stacks. All figures are of
    the whole process tree: RSS counts shared pages in every process, PSS divides them among the processes of the machine.
    """

    stack: str
    starts: int
    ready_s: float | None
    first_prediction_s: float | None
    launches: int
    rest_rss_bytes: int | None
    rest_pss_bytes: int | None
    loaded_rss_bytes: int | None
    loaded_pss_bytes: int | None


@dataclass(frozen=True, config=STRICT)
class ServerTiming(Record):
    """The times that a stack itself reports: medians of the Server-Timing header over `requests`. One row of server_timing.csv."""

    stack: str
    scenario: str
    requests: int
    preprocess_us: float
    predict_us: float
