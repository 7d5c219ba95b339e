"""Whether a run may give verdicts, and the closed list of what it must warn of. Pure."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from bench.findings import LadderRow
from bench.judge.cells import Settled
from bench.judge.comparisons import judge_noise_floor
from bench.judge.estimates import percentile
from bench.judge.ladder import find_impossible
from bench.judge.warm_up import launch_speeds, still_warming
from bench.plan.loads import parse_load
from bench.plan.rules import (
    AA_TOLERANCE,
    GENERATOR_CPU_LIMIT,
    GENERATOR_WAIT_LIMIT,
    MARKED_SHARE_LIMIT,
    MAX_IN_FLIGHT,
    SEND_LAG_LIMIT_MS,
    STEAL_LIMIT,
)
from bench.records import Cell, CellKey, Comparison, Gate, RunWarning, SliceRecord
from bench.run_folder import Validity

REPEATED, MARKED = "repeated", "kept and marked"
# The warnings that withhold every verdict, as a reason in a few words.
INVALIDATING = {
    "one-core": "servers and load generator shared a core",
    "noise-floor": "two copies of the baseline differed too much",
    "marked-launches": "too many launches did not pass a gate",
}

# A machine is unsteady where all stacks of a part together were faster in one launch than in another by more than this.
STEADY_RANGE = 1.25


def check_launch(records: Sequence[SliceRecord], settled: Sequence[Settled], attempt: int, action: str) -> list[Gate]:
    """Return the gates that a try of a launch did not pass: faults of the generator or of the machine, never of a server.

    All are taken over the launch as a whole: on a virtual machine a core is taken away for some milliseconds a few times a second,
    so that some slice of some cell always has its share of that. A generator that is busy in a closed loop is no fault: the server
    outruns it, and the cell is marked as a lower bound.
    """
    counted = [(record, own) for record, own in zip(records, settled, strict=True) if not record.warm_up]
    every = [record for record, _ in counted]
    open_loops = [record for record in every if parse_load(record.load).is_open]
    lags = [own.send_lag_ms for record, own in counted if parse_load(record.load).is_open]
    found = (
        ("steal_ratio", "all slices", _share(every, lambda record: record.steal_ratio), STEAL_LIMIT),
        ("generator_wait_ratio", "all slices", _share(every, lambda record: record.generator_wait_ratio), GENERATOR_WAIT_LIMIT),
        ("generator_cpu_ratio", "open loops", _share(open_loops, _generator_cpu_ratio), GENERATOR_CPU_LIMIT),
        # Whatever their number: a gate must not stay open because a launch is small.
        ("send_lag_p99_ms", "open loops", (percentile(np.concatenate(lags), 0.99) if lags else None) or 0.0, SEND_LAG_LIMIT_MS),
    )
    launch = every[0].launch if every else 0
    return [Gate(launch, attempt, gate, where, value, limit, action) for gate, where, value, limit in found if value > limit]


def judge_validity(
    *,
    cells: Sequence[Cell],
    comparisons: Sequence[Comparison],
    noise_floor: Sequence[Comparison],
    slices: Sequence[SliceRecord],
    ladder: Sequence[LadderRow],
    gates: Sequence[Gate],
    launches: int,
    spoilers: Sequence[RunWarning],
    partial: bool,
) -> Validity:
    """Return whether verdicts hold, with every reason against them as a warning."""
    aa, row = judge_noise_floor(noise_floor, comparisons)
    warnings = [
        *spoilers,
        *_warn_of_run(gates, launches, partial=partial),
        *_warn_of_noise_floor(aa, row),
        *_warn_of_cells(cells),
        *_warn_of_warm_up(slices),
        *_warn_of_speed(slices),
        *find_impossible(ladder),
    ]
    return Validity(
        valid=not any(warning.code in INVALIDATING for warning in warnings),
        aa=aa,
        aa_estimate=row.ratio if row else None,
        aa_ci_low=row.ci_low if row else None,
        aa_ci_high=row.ci_high if row else None,
        gates=tuple(gates),
        warnings=tuple(warnings),
    )


def reasons_against(validity: Validity) -> list[str]:
    """Return why a run is not valid, a few words each."""
    return [INVALIDATING[warning.code] for warning in validity.warnings if warning.code in INVALIDATING]


def _share(records: Sequence[SliceRecord], ratio: Callable[[SliceRecord], float]) -> float:
    """Return the mean of a ratio over slices, by their length."""
    lengths = [record.drained_ns - record.start_ns for record in records]
    return sum(ratio(record) * length for record, length in zip(records, lengths, strict=True)) / sum(lengths) if sum(lengths) else 0.0


def _generator_cpu_ratio(record: SliceRecord) -> float:
    return record.generator_cpu_ns / (record.drained_ns - record.start_ns)


def _warn_of_run(gates: Sequence[Gate], launches: int, *, partial: bool) -> Iterable[RunWarning]:
    if partial:
        yield RunWarning(
            "partial", f"The run was stopped after {launches} launches; what it had measured is kept.", "Run it again to its end."
        )
    repeated = len({(gate.launch, gate.attempt) for gate in gates if gate.action == REPEATED})
    if repeated:
        yield RunWarning(
            "repeated-launches",
            f"Launches were repeated {repeated} time{'s' * (repeated != 1)} because of the load generator or the machine, not of a server.",
            "Their samples are kept beside the others; the gates say why.",
        )
    marked = len({gate.launch for gate in gates if gate.action == MARKED})
    if launches and marked / launches > MARKED_SHARE_LIMIT:
        yield RunWarning(
            "marked-launches",
            f"{marked} of {launches} launches did not pass a gate; more than one in four.",
            "Look at the gates; run again when the machine is quieter; until then verdicts are withheld.",
        )


def _warn_of_noise_floor(aa: str, floor: Comparison | None) -> Iterable[RunWarning]:
    if aa == "fail" and floor is not None and floor.ratio is not None:
        yield RunWarning(
            "noise-floor",
            f"Two copies of {floor.baseline} differed by a factor of {floor.ratio:.3f}, more than {AA_TOLERANCE:.0%} from 1.",
            "Find what else runs on this machine and repeat the run; until then verdicts are withheld.",
        )


def _warn_of_cells(cells: Sequence[Cell]) -> Iterable[RunWarning]:
    failed = [cell for cell in cells if cell.errors or cell.unfinished]
    if failed:
        kinds = (("errors", "wrong or failed answer"), ("unfinished", "unfinished request"))
        sums = [(sum(getattr(cell, name) for cell in failed), words) for name, words in kinds]
        said = [f"{count:,} {words}{'s' * (count != 1)}" for count, words in sums if count]
        worst = max(failed, key=lambda cell: cell.errors + cell.unfinished)
        yield RunWarning(
            "errors",
            f"{', '.join(said)}, most of them in {_name(worst)}.",
            "Their rows get no verdict; find their cause in the servers before trusting those cells.",
        )
    crowded = [cell for cell in cells if cell.not_sent]
    if crowded:
        worst = max(crowded, key=lambda cell: cell.not_sent)
        yield RunWarning(
            "not-sent",
            f"{sum(cell.not_sent for cell in crowded):,} requests not sent, since {MAX_IN_FLIGHT} were under way already, "
            f"most of them in {_name(worst)}.",
            "The server fell behind the rate for a while; such requests count as slower than any other, and their rows get no verdict.",
        )
    limited = [cell.stack for cell in cells if cell.generator_limited]
    if limited:
        yield RunWarning(
            "generator-limited",
            f"The load generator used more than {GENERATOR_CPU_LIMIT:.0%} of its core against {', '.join(dict.fromkeys(limited))}.",
            "Read their throughput as a lower bound.",
        )


def _name(cell: Cell | CellKey) -> str:
    return f"{cell.stack} {cell.scenario} {cell.load}"


def _warn_of_warm_up(slices: Sequence[SliceRecord]) -> Iterable[RunWarning]:
    cold = still_warming(slices)
    if cold:
        key, ratio = max(cold, key=lambda pair: pair[1])
        yield RunWarning(
            "not-warm",
            f"{len(cold)} cell{'s' * (len(cold) != 1)} got faster while measured, most of all {_name(key)} (x {ratio:.2f}).",
            "Take a longer warm_up_ms, and look at warm_up.csv.",
        )


def _warn_of_speed(slices: Sequence[SliceRecord]) -> Iterable[RunWarning]:
    speeds = launch_speeds(slices)
    if not speeds:
        return
    part, own = max(speeds.items(), key=lambda item: max(item[1]) / min(item[1]))
    if max(own) / min(own) > STEADY_RANGE:
        yield RunWarning(
            "unsteady",
            f"The machine was not equally fast all the time: all stacks of part {part} together answered {min(own):.2f} to {max(own):.2f} "
            "times what is usual for them, launch by launch.",
            "Ratios are taken within a launch and hold; read requests per second and milliseconds as of that hour, and run again when the "
            "machine is quieter for narrower intervals.",
        )
