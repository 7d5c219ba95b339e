"""The records of a run's slices, written by measure. Units are in the names: `_ns` are nanoseconds of the machine's monotonic clock."""

from pydantic.dataclasses import dataclass

from bench.records.record import STRICT, Record


def rate_of(answers: int, length_ns: int) -> float | None:
    """Return answers per second; None if there were none."""
    return answers / length_ns * 1e9 if answers and length_ns > 0 else None


@dataclass(frozen=True, config=STRICT)
class CellKey(Record):
    """The key of one row of the results."""

    part: str
    stack: str
    scenario: str
    load: str


@dataclass(frozen=True, config=STRICT)
class SliceRecord(Record):
    """One measured slice: exactly one stack had all the load. One row of slices.csv.

    Every request is one of `answers` (correct), `errors` (wrong or failed), `unfinished` and `not_sent`. Of the answers,
    `settled_answers` came between settling and the end; `throughput_rps` is their number over that time, None if there were none.
    `server_cpu_ns` (whole process tree) covers all answers from start to drained, None if one of its processes ended. Its split into user
    and kernel time comes in ticks of 10 ms. `generator_cpu_ns` is of the load generator, of its busiest process if it has several.
    `send_lag_p99_ms` (sent - intended) belongs to open loops.

    The ratios are shares of the time from start to drained: the generator waited for its core, the host kept the machine from its cores
    (steal), tasks of this machine waited for a core (pressure), the servers' cores worked for other programs than this stack (foreign; in
    ticks, like the split; None if not measured). `connections` were opened in the slice, and `received_bytes` were received, heads of
    answers included; None in older runs.
    """

    launch: int
    slice: int
    part: str
    block: int
    stack: str
    scenario: str
    load: str
    warm_up: bool
    offered_rps: float | None
    start_ns: int
    settled_ns: int
    end_ns: int
    drained_ns: int
    answers: int
    settled_answers: int
    errors: int
    unfinished: int
    not_sent: int
    throughput_rps: float | None
    send_lag_p99_ms: float | None
    server_cpu_ns: int | None
    server_user_ns: int | None
    server_kernel_ns: int | None
    generator_cpu_ns: int
    generator_wait_ratio: float
    steal_ratio: float
    pressure_ratio: float
    foreign_ratio: float | None = None
    connections: int | None = None
    received_bytes: int | None = None

    @property
    def settled_time_ns(self) -> int:
        """The length of the counted time of this slice in ns."""
        return self.end_ns - self.settled_ns

    @property
    def failures(self) -> int:
        """The requests that got no correct answer in time."""
        return self.errors + self.unfinished + self.not_sent

    @property
    def key(self) -> CellKey:
        """The cell that this slice belongs to."""
        return CellKey(self.part, self.stack, self.scenario, self.load)
