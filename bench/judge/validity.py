"""Whether a run may give verdicts, and the closed list of what it must warn of. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.judge.cells import starved_share
from bench.judge.index import SlicesByCell
from bench.judge.ladder import find_impossible
from bench.judge.speed import launch_speeds, slice_spread, still_warming
from bench.plan.rules import GateRules, Rules
from bench.records import Aa, Cell, CellKey, Comparison, Gate, LadderRow, Noise, RunWarning, SliceRecord, Validity
from bench.records.loads import parse_load
from bench.records.summary import WRONG_ANSWERS, Action

FORMER_GATES = ("steal_ratio", "send_lag_p99_ms", "generator_wait_ratio")
STARVED = "starved_slices_ratio"
REPEATED: Action = "repeated"
MARKED: Action = "kept and marked"
# The warnings that withhold every verdict, as a reason in a few words: what makes numbers wrong, not what makes their intervals wide.
INVALIDATING = {
    "one-core": "servers and load generator shared a core",
    "starved-generator": "the load generator did not have its core, so rates are lower bounds",
    WRONG_ANSWERS: "answers were wrong",
}

# All warnings that judging itself gives; others were given while measuring.
JUDGED = frozenset({
    "partial", "repeated-launches", "starved-generator", "copies-differ", "coarse", "errors", "not-sent", "generator-limited", "not-warm",
    "unsteady", "layering", "steal", "foreign-work", "generator-waited", WRONG_ANSWERS,
})  # fmt: skip


def check_launch(slices: Sequence[SliceRecord], rules: GateRules, attempt: int, action: Action) -> list[Gate]:
    """Return the gates that a try of a launch, of these slices, did not pass: faults of the generator, never of a server.

    Taken over the launch as a whole: on a virtual machine a core is taken away for some milliseconds a few times a second, so that some
    slice of some cell always has its share of that. What hits all stacks alike, such as steal, is no gate: it is warned of. A generator
    that is busy in a closed loop is no fault either: the server outruns it, and the cell is marked as a lower bound.
    """
    every = [record for record in slices if not record.warm_up]
    open_loops = [record for record in every if parse_load(record.load).is_open]
    found = (
        (STARVED, "all slices", starved_share(every, rules), rules.starved_slices),
        ("generator_cpu_ratio", "open loops", _share(open_loops, _generator_cpu_ratio), rules.generator_cpu_ratio),
    )
    launch = every[0].launch if every else 0
    return [Gate(launch, attempt, gate, where, value, limit, action) for gate, where, value, limit in found if value > limit]


@dataclass(frozen=True)
class Evidence:
    """What warnings are made from: the gates of a run's launches, what was judged so far, and what was warned of while measuring.

    `wrong` are the answers whose status or value was not the accepted one; the other failures had no whole answer.
    """

    rules: Rules
    cells: Sequence[Cell]
    slices: SlicesByCell
    ladder: Sequence[LadderRow]
    aa: Aa
    comparisons: Sequence[Comparison]
    gates: Sequence[Gate]
    launches: int
    warned: Sequence[RunWarning]
    partial: bool
    wrong: int = 0


def judge_validity(found: Evidence) -> Validity:
    """Return whether verdicts hold, with every reason against them as a warning."""
    warnings = [
        *found.warned,
        *_warn_of_run(found),
        *_warn_of_aa(found),
        *_warn_of_machine(found),
        *_warn_of_cells(found.cells, found.rules),
        *_warn_of_wrong_answers(found.wrong),
        *_warn_of_warm_up(found),
        *_warn_of_speed(found),
        *find_impossible(found.ladder),
    ]
    return Validity(
        valid=not any(warning.code in INVALIDATING for warning in warnings),
        gates=tuple(found.gates),
        warnings=tuple(warnings),
        aa=found.aa,
        noise=measure_noise(found),
    )


def measure_noise(found: Evidence) -> Noise:
    """Return what widened the intervals: measured in all slices, whatever it did."""
    records = _all_slices(found.slices)
    if not records:
        return Noise()
    by_part = launch_speeds(found.slices, found.rules)
    speeds = [speed for own in by_part.values() for speed in own]
    foreign = [record for record in records if record.foreign_ratio is not None]
    return Noise(
        slice_sd_ratio=slice_spread(found.slices, records[0].part),
        steal_ratio=_share(records, lambda record: record.steal_ratio),
        # Counted in ticks, a core that works for the servers alone may come out a little below what their own clocks say.
        foreign_ratio=max(0.0, _share(foreign, lambda record: record.foreign_ratio or 0.0)) if foreign else None,
        generator_wait_ratio=_share(records, lambda record: record.generator_wait_ratio),
        slowest_ratio=min(speeds, default=None),
        fastest_ratio=max(speeds, default=None),
        launch_speeds=tuple(by_part.get(records[0].part, ())),
    )


def reasons_against(validity: Validity) -> list[str]:
    """Return why a run is not valid, a few words each."""
    return [INVALIDATING[warning.code] for warning in validity.warnings if warning.code in INVALIDATING]


def _all_slices(slices: SlicesByCell) -> list[SliceRecord]:
    return [record for launches in slices.values() for own in launches.values() for record in own]


def _share(records: Sequence[SliceRecord], ratio: Callable[[SliceRecord], float]) -> float:
    """Return the mean of a ratio over slices, by their length."""
    lengths = [record.drained_ns - record.start_ns for record in records]
    return sum(ratio(record) * length for record, length in zip(records, lengths, strict=True)) / sum(lengths) if sum(lengths) else 0.0


def _generator_cpu_ratio(record: SliceRecord) -> float:
    return record.generator_cpu_ns / (record.drained_ns - record.start_ns)


def _warn_of_run(found: Evidence) -> Iterable[RunWarning]:
    if found.partial:
        yield RunWarning(
            "partial", f"The run was stopped after {found.launches} launches; its finished launches are used.", "Run it again to its end."
        )
    gates = [gate for gate in found.gates if gate.gate not in FORMER_GATES]
    repeated = len({(gate.launch, gate.attempt) for gate in gates if gate.action == REPEATED})
    if repeated:
        yield RunWarning(
            "repeated-launches",
            f"Launches were repeated {repeated} time{'s' * (repeated != 1)} because of the load generator, not of a server.",
            "Their samples are saved and not used; the gates say why.",
        )
    marked = [gate for gate in gates if gate.action == MARKED]
    if _is_starved(found):
        count = len({gate.launch for gate in marked})
        is_starved = any(gate.gate == STARVED for gate in marked)
        had = f"of the time that it asked for its core, the load generator had it for {_share_had(found.slices):.0%}"
        used = f"in open loops the load generator used up to {max(gate.value for gate in marked):.0%} of its core"
        yield RunWarning(
            "starved-generator",
            f"The load generator was disturbed in {count} of {found.launches} launches, more than one in four: "
            f"{had if is_starved else used}. Rates are lower bounds.",
            f"{'Stop what else runs on its core' if is_starved else 'Offer lower rates'}, and run again; until then verdicts are withheld.",
        )


def _is_starved(found: Evidence) -> bool:
    """Whether so many launches did not pass a gate that rates are lower bounds."""
    marked = {gate.launch for gate in found.gates if gate.action == MARKED and gate.gate not in FORMER_GATES}
    return bool(found.launches) and len(marked) / found.launches > found.rules.gates.marked_share


def _share_had(slices: SlicesByCell) -> float:
    """Return for which share of the time that it asked for its core the generator had it, over all slices."""
    had_ns = waited_ns = 0.0
    for record in _all_slices(slices):
        had_ns += record.generator_cpu_ns
        waited_ns += record.generator_wait_ratio * (record.drained_ns - record.start_ns)
    return had_ns / (had_ns + waited_ns) if had_ns else 0.0


def _warn_of_aa(found: Evidence) -> Iterable[RunWarning]:
    judged = [row for row in found.comparisons if row.role != "exploratory"]
    differed = {(row.baseline, row.metric, row.load): row for row in judged if row.aa_state == "unequal"}
    for row in differed.values():
        yield RunWarning(
            "copies-differ",
            f"Two copies of {row.baseline} differed in {row.metric} under {row.load}: {_aa_words(row)}.",
            "Every verdict on these rows had to clear that difference. Find out what else runs on this machine, and run again.",
        )
    if found.aa.state == "coarse" and found.aa.resolution is not None:
        yield RunWarning(
            "coarse",
            f"Two copies of the primary baseline may differ by up to {found.aa.resolution:.1%}.",
            "This run cannot detect smaller differences; more launches or a quieter machine can.",
        )


def _aa_words(row: Comparison) -> str:
    return f"their ratio is {row.aa_low:.3f} to {row.aa_high:.3f}"


def _warn_of_machine(found: Evidence) -> Iterable[RunWarning]:
    every, launches = _all_slices(found.slices), dict[int, list[SliceRecord]]()
    for record in every:
        launches.setdefault(record.launch, []).append(record)
    limits = (
        (
            "steal",
            found.rules.gates.steal_ratio,
            lambda record: record.steal_ratio,
            "The host took cores from this virtual machine: of one core's time under load",
            "It makes intervals wider, not wrong, since ratios compare neighbouring slices. Run again when the host is quieter.",
        ),
        (
            "foreign-work",
            found.rules.foreign_ratio,
            lambda record: record.foreign_ratio or 0.0,
            "Other programs used the servers' core: of its time under load",
            "It makes intervals wider and rates lower. Stop those programs, and run again.",
        ),
        (
            "generator-waited",
            found.rules.generator_wait_ratio,
            lambda record: record.generator_wait_ratio,
            "The load generator had to wait for its core: of the time under load",
            "A fast stack may lose that much of its answers and a slow one less. Stop what else runs on that core, and run again.",
        ),
    )
    for code, limit, ratio, what, next_step in limits:
        shares = {launch: _share(records, ratio) for launch, records in launches.items()}
        worst = max(shares, key=lambda launch: shares[launch], default=None)
        is_covered = code == "generator-waited" and _is_starved(found)
        if worst is not None and shares[worst] > limit and not is_covered:
            whole = _share(every, ratio)
            yield RunWarning(code, f"{what} {whole:.1%}, in launch {worst} {shares[worst]:.1%}.", next_step)


def _warn_of_wrong_answers(wrong: int) -> Iterable[RunWarning]:
    if wrong:
        yield RunWarning(
            WRONG_ANSWERS,
            f"{wrong:,} answer{'s' * (wrong != 1)} under load had another status or value than before it.",
            "See what the server answers under load: a server that answers wrongly is not to be compared.",
        )


def _warn_of_cells(cells: Sequence[Cell], rules: Rules) -> Iterable[RunWarning]:
    failed = [cell for cell in cells if cell.errors or cell.unfinished]
    if failed:
        kinds = (("errors", "wrong or failed answer"), ("unfinished", "unfinished request"))
        sums = [(sum(getattr(cell, name) for cell in failed), words) for name, words in kinds]
        counts = [f"{count:,} {words}{'s' * (count != 1)}" for count, words in sums if count]
        worst = max(failed, key=lambda cell: cell.errors + cell.unfinished)
        yield RunWarning(
            "errors",
            f"{', '.join(counts)}, most of them in {_name(worst)}.",
            f"A row with wrong answers, or without an answer to more than {rules.unanswered_share:.0%} of its requests, gets no verdict; "
            "find their cause in the servers.",
        )
    crowded = [cell for cell in cells if cell.not_sent]
    if crowded:
        worst = max(crowded, key=lambda cell: cell.not_sent)
        yield RunWarning(
            "not-sent",
            f"{sum(cell.not_sent for cell in crowded):,} requests not sent, since {rules.open_loop.max_in_flight} were under way already, "
            f"most of them in {_name(worst)}.",
            "The server fell behind the rate for a while; such requests count as slower than any other.",
        )
    limited = [cell.stack for cell in cells if cell.generator_limited]
    if limited:
        yield RunWarning(
            "generator-limited",
            f"The load generator used more than {rules.gates.generator_cpu_ratio:.0%} of its core, or had to wait for it, "
            f"against {', '.join(dict.fromkeys(limited))}.",
            "Read their throughput as a lower bound, or make the load with more processes: --load-processes.",
        )


def _name(cell: Cell | CellKey) -> str:
    return f"{cell.stack} {cell.scenario} {cell.load}"


def _warn_of_warm_up(found: Evidence) -> Iterable[RunWarning]:
    cold = still_warming(found.slices, found.rules)
    if cold:
        key, ratio = max(cold, key=lambda pair: pair[1])
        yield RunWarning(
            "not-warm",
            f"{len(cold)} cell{'s' * (len(cold) != 1)} got faster while measured, most of all {_name(key)} (x {ratio:.2f}).",
            "Take a longer warm_up_ms, and look at warm_up.csv.",
        )


def _warn_of_speed(found: Evidence) -> Iterable[RunWarning]:
    speeds = launch_speeds(found.slices, found.rules)
    if not speeds:
        return
    part, own = max(speeds.items(), key=lambda item: max(item[1]) / min(item[1]))
    if max(own) / min(own) > found.rules.steady_range:
        yield RunWarning(
            "unsteady",
            f"The machine was not equally fast all the time: all stacks of part {part} together answered {min(own):.2f} to {max(own):.2f} "
            "times what is usual for them, launch by launch.",
            "Ratios compare neighbouring slices, so they hold. Requests per second and milliseconds are valid for that hour only, tails "
            "above all. Run again when the machine is quieter for narrower intervals.",
        )
