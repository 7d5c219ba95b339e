"""Whether a run may give verdicts, and the closed list of what it must warn of. Pure."""

from collections.abc import Iterable, Sequence

from bench.judge.cells import GENERATOR_LIMIT
from bench.judge.comparisons import judge_noise_floor
from bench.plan.config import AA_TOLERANCE
from bench.records import Cell, Comparison, Gate, RunWarning, SliceRecord
from bench.run_folder import Validity

STEAL_LIMIT = 0.02
MARKED_SHARE_LIMIT = 0.25
# The warnings that withhold every verdict, as a reason in a few words.
INVALIDATING = {
    "one-core": "servers and load generator shared a core",
    "noise-floor": "two copies of the baseline differed too much",
    "marked-launches": "too many launches did not pass a gate",
}


def check_launch(slices: Sequence[SliceRecord]) -> list[Gate]:
    """Return the gates that a launch did not pass. In this version it is kept and marked, never repeated."""
    counted = [record for record in slices if not record.warm_up]
    elapsed_ns = sum(record.drained_ns - record.start_ns for record in counted)
    if not elapsed_ns:
        return []
    steal = sum(record.steal_ratio * (record.drained_ns - record.start_ns) for record in counted) / elapsed_ns
    if steal <= STEAL_LIMIT:
        return []
    return [Gate(counted[0].launch, "steal_ratio", steal, STEAL_LIMIT, "kept and marked")]


def judge_validity(
    *,
    cells: Sequence[Cell],
    comparisons: Sequence[Comparison],
    noise_floor: Sequence[Comparison],
    gates: Sequence[Gate],
    launches: int,
    spoilers: Sequence[RunWarning],
    partial: bool,
) -> Validity:
    """Return whether verdicts hold, with every reason against them as a warning."""
    aa, row = judge_noise_floor(noise_floor, comparisons)
    warnings = [*spoilers, *_warn(cells, gates, launches, aa, row, partial=partial)]
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


def _warn(
    cells: Sequence[Cell], gates: Sequence[Gate], launches: int, aa: str, floor: Comparison | None, *, partial: bool
) -> Iterable[RunWarning]:
    if partial:
        yield RunWarning(
            "partial", f"The run was stopped after {launches} launches; what it had measured is kept.", "Run it again to its end."
        )
    if aa == "fail" and floor is not None and floor.ratio is not None:
        yield RunWarning(
            "noise-floor",
            f"Two copies of {floor.baseline} differed by a factor of {floor.ratio:.3f}, more than {AA_TOLERANCE:.0%} from 1.",
            "Find what else runs on this machine and repeat the run; until then verdicts are withheld.",
        )
    marked = len({gate.launch for gate in gates})
    if launches and marked / launches > MARKED_SHARE_LIMIT:
        yield RunWarning(
            "marked-launches",
            f"{marked} of {launches} launches did not pass a gate; more than one in four.",
            "Look at the gates; run again when the machine is quieter; until then verdicts are withheld.",
        )
    failed = [cell for cell in cells if cell.errors]
    if failed:
        worst = max(failed, key=lambda cell: cell.errors)
        yield RunWarning(
            "errors",
            f"{sum(cell.errors for cell in failed)} wrong or failed answers, most of them in {worst.stack} {worst.scenario}.",
            "They count in no figure; find their cause in the servers before trusting those cells.",
        )
    limited = [cell.stack for cell in cells if cell.generator_limited]
    if limited:
        yield RunWarning(
            "generator-limited",
            f"The load generator used more than {GENERATOR_LIMIT:.0%} of its core against {', '.join(dict.fromkeys(limited))}.",
            "Read their throughput as a lower bound.",
        )
