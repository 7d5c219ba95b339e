"""What the bench must find out about servers with a known truth; each function is one group of checks.

The truth comes from the record of the server itself (see `bench.stub`) or from the schedule, never from the bench's samples.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import psutil

from bench.errors import StackError
from bench.judge.estimates import Floats, exponential, hodges_lehmann, percentile
from bench.judge.validity import MARKED, check_launch
from bench.measure.launches import LaunchResult
from bench.measure.processes import kill_group, pinned
from bench.plan.schedule import PlannedSlice
from bench.records import SAMPLE_COLUMNS, Cell, Comparison, Metric, SliceRecord
from bench.stub import RECORD_COLUMNS
from bench.testbed import PART, SCENARIO, Testbed, make_plan, pairs_of

SLICE, _, INTENDED, SENT, _, DONE, _, _ = range(len(SAMPLE_COLUMNS))
READ, ANSWERED, CPU, RIGHT = range(len(RECORD_COLUMNS))
DELAY_TOLERANCE_MS = 0.3
FREEZE_TOLERANCE = 0.05
RATIO_TOLERANCE = 0.015
# With one block the interval of 99.9 % was, in noisy minutes, too wide to tell 5 % more work from none.
COMPARISON_BLOCKS = 3
JUDGED = ("better", "worse", "equivalent", "undecided")


@dataclass(frozen=True)
class Check:
    """One line of the table: what, the truth, what the bench made of it, and whether they agree."""

    number: int
    what: str
    expected: str
    measured: str
    passed: bool


def check_delays(bed: Testbed) -> Iterator[Check]:
    """Service times of a server that waits are the delays that it recorded."""
    figures: dict[str, Callable[[Floats], float]] = {"p50": lambda v: percentile(v, 0.5) or 0.0, "mean": lambda v: float(v.mean())}
    for delay_ms in (5, 20):
        name = f"delay-{delay_ms}"
        _, measured = bed.launch(make_plan(bed.stub(name, f"delay_ms={delay_ms}"), load="closed-4", slice_ms=1000))
        rows, delays, services = bed.record(name), [], []
        for record, settled in zip(measured.records, measured.settled, strict=True):
            if not record.warm_up:
                own = rows[(rows[:, READ] >= record.settled_ns) & (rows[:, READ] < record.end_ns)]
                delays.append((own[:, ANSWERED] - own[:, READ]) / 1e6)
                services.append(settled.service_ms)
        for what, figure in figures.items():
            truth, found = figure(np.concatenate(delays)), figure(np.concatenate(services))
            expected = f"{truth:.2f} ms, at most {DELAY_TOLERANCE_MS} more"
            passed = abs(found - truth) <= DELAY_TOLERANCE_MS
            yield Check(1, f"a delay of {delay_ms} ms, {what} of the service time", expected, f"{found:.2f} ms", passed)


def check_stopped_server(bed: Testbed) -> Iterator[Check]:
    """A stop of the server is in the percentiles of an open loop, as the schedule says, and hidden by those of a closed one."""
    stub = bed.stub("stopped-open", "freeze_after=500", "freeze_s=0.5")
    result, measured = bed.launch(make_plan(stub, load="open-200rps-constant", slice_ms=5000, settle_ms=0))
    begin_ns, end_ns = _freeze_of(bed, "stopped-open")
    usual_ms = float(np.median(result.samples[:, DONE] - result.samples[:, INTENDED])) / 1e6
    counted = [place for place, record in enumerate(measured.records) if not record.warm_up]
    due_ns = result.samples[np.isin(result.samples[:, SLICE], counted), INTENDED]
    caught = (due_ns >= begin_ns) & (due_ns < end_ns)
    truth_ms = percentile(np.where(caught, (end_ns - due_ns) / 1e6, 0) + usual_ms, 0.99) or 0.0
    for kind in ("response", "service"):
        found_ms = percentile(np.concatenate([getattr(measured.settled[place], f"{kind}_ms") for place in counted]), 0.99) or 0.0
        what = f"server stopped for 0.5 s, {len(due_ns):,} requests at 200/s, p99 of the {kind} time"
        passed = abs(found_ms / truth_ms - 1) <= FREEZE_TOLERANCE
        yield Check(2, what, f"{truth_ms:.0f} ms, 5 % more or less", f"{found_ms:.0f} ms", passed)

    stub = bed.stub("stopped-closed", "delay_ms=1", "freeze_after=4000", "freeze_s=0.5")
    result, _ = bed.launch(make_plan(stub, load="closed-8", slice_ms=2500))
    begin_ns, end_ns = _freeze_of(bed, "stopped-closed")
    rows = result.samples[result.samples[:, SLICE] == _slice_at(result, begin_ns)]
    service_ms = (rows[:, DONE] - rows[:, SENT]) / 1e6
    caught = (rows[:, SENT] < end_ns) & (rows[:, DONE] > begin_ns)
    truth_ms, found_ms = percentile(service_ms[~caught], 0.99) or 0.0, percentile(service_ms, 0.99) or 0.0
    what = f"the same in a closed loop of {len(rows):,} requests: p99 hides {caught.sum()} of up to {service_ms.max():.0f} ms"
    passed = len(rows) >= 5000 and abs(found_ms / truth_ms - 1) <= FREEZE_TOLERANCE  # noqa: PLR2004 - enough to hide 8
    yield Check(2, what, f"{truth_ms:.2f} ms, as without the stop", f"{found_ms:.2f} ms", passed)


def check_stopped_generator(bed: Testbed) -> Iterator[Check]:
    """A stop of the generator is in the response time and not in the service time, and its launch is void."""

    def stop_later(ended: PlannedSlice) -> None:
        if ended.warm_up:
            threading.Timer(0.7, _stop_generator, [0.3]).start()

    _, measured = bed.launch(make_plan(bed.stub("steady"), load="open-200rps", slice_ms=2000), stop_later)
    figures = {}
    for kind in ("response", "service"):
        figures[kind] = percentile(np.concatenate([getattr(own, f"{kind}_ms") for own in measured.settled]), 0.99) or 0.0
    shown, hidden = figures["response"], figures["service"]
    yield Check(3, "generator stopped for 0.3 s, p99 of the response time", "over 100 ms", f"{shown:.0f} ms", shown > 100)  # noqa: PLR2004
    # The requests that had become due are sent at once and wait for each other: that is service time, far less than the stop.
    yield Check(3, "the same, p99 of the service time", "under 30 ms, a tenth of the stop", f"{hidden:.2f} ms", hidden < 30)  # noqa: PLR2004
    gates = [gate.gate for gate in check_launch(measured.records, measured.settled, 1, MARKED)]
    yield Check(3, "the same, gates of the launch", "send_lag_p99_ms", ", ".join(gates) or "none", "send_lag_p99_ms" in gates)


def check_comparisons(bed: Testbed) -> Iterator[Check]:
    """Two copies of one server get no verdict of difference; a known extra cost is found, as large as it is.

    The copy that is judged is a third one: compared with the twin's own ratio as its noise floor, a twin could never be called
    better or worse, and the check could never fail.
    """
    extra = {"base": (), "base-twin": (), "copy": (), "extra-10": ("extra=0.12", "seed=1"), "extra-5": ("extra=0.06", "seed=2")}
    stubs = [bed.stub(name, "work=8000", *options) for name, options in extra.items()]
    copy = (PART, "copy", "base", SCENARIO, "closed-16")
    roles = {(*copy, "throughput_rps"): "primary", (*copy, "cpu_us_per_request"): "secondary"}
    pairs = pairs_of(("copy", "extra-10", "extra-5"), "base")
    folder, _ = bed.run(make_plan(*stubs, load="closed-16", launches=12, blocks=COMPARISON_BLOCKS, repeats=2, pairs=pairs, roles=roles))
    rows = {(row.contender, row.metric): row for row in folder.read_summary().comparisons}
    for metric in ("throughput_rps", "cpu_us_per_request"):
        row = rows["copy", metric]
        passed = row.verdict in ("equivalent", "undecided")
        yield Check(4, f"two copies of one server, {metric}", "equivalent or undecided", f"{row.verdict}, {_ratio(row)}", passed)
    slices = [record for record in folder.read_rows("slices.csv", SliceRecord) if not record.warm_up]
    wanted: tuple[tuple[str, str, Metric], ...] = (
        ("extra-10", "10 % more work", "throughput_rps"),
        ("extra-5", "5 % more work", "cpu_us_per_request"),
    )
    for name, what, metric in wanted:
        truth = _true_ratio(bed, slices, name, metric)
        interval = hodges_lehmann(np.log(rows[name, metric].launch_ratios), 0.999)
        wide = exponential(interval) if interval else None
        own = rows[name, metric]
        expected = f"{truth:.4f} to {RATIO_TOLERANCE} and in the 99.9 % interval; 1 outside the bench's own interval"
        if wide is None or wide.low is None or wide.high is None or own.ci_low is None or own.ci_high is None:
            yield Check(5, f"{what}, {metric}", expected, "no interval", passed=False)
            continue
        passed = abs(wide.estimate - truth) <= RATIO_TOLERANCE and wide.low <= truth <= wide.high and not own.ci_low <= 1 <= own.ci_high
        measured = f"{wide.estimate:.4f} ({wide.low:.4f} to {wide.high:.4f}); own: {own.ci_low:.4f} to {own.ci_high:.4f}"
        yield Check(5, f"{what}, {metric}", expected, measured, passed)


def check_starved_generator(bed: Testbed) -> Iterator[Check]:
    """A generator that must share its core makes the run invalid."""
    with pinned(bed.cores.generator):
        rival = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        stubs = [bed.stub("starved"), bed.stub("starved-twin")]
        row = (PART, "starved-twin", "starved", SCENARIO, "closed-16", "throughput_rps")
        plan = make_plan(*stubs, load="closed-16", launches=2, pairs=(("starved-twin", "starved"),), roles={row: "primary"})
        summary = bed.run(plan)[0].read_summary()
    finally:
        kill_group(rival)
    found = summary.validity
    gates = ", ".join(dict.fromkeys(gate.gate for gate in found.gates)) or "no gate"
    verdicts = {row.verdict for row in summary.comparisons}
    measured = f"{'valid' if found.valid else 'invalid'} ({gates}), {', '.join(sorted(verdicts))}"
    yield Check(6, "a generator that shares its core", "invalid, no verdict", measured, not found.valid and not verdicts & set(JUDGED))


def check_wrong_answers(bed: Testbed) -> Iterator[Check]:
    """Wrong and cut answers are counted, each one, and their rows get no verdict."""
    stubs = [
        bed.stub("right"),
        bed.stub("wrong", "wrong_every=1000", "start_after=20"),
        bed.stub("cut", "cut_every=1000", "start_after=20"),
    ]
    folder, _ = bed.run(make_plan(*stubs, load="closed-16", pairs=pairs_of(("wrong", "cut"), "right"), slice_ms=500))
    summary = folder.read_summary()
    cells = {cell.stack: cell for cell in summary.cells}
    for name, what in (("wrong", "1 wrong answer in 1,000"), ("cut", "1 answer in 1,000 cut short")):
        rows, found = bed.record(name), cells[name].errors
        kept = [record for record in folder.read_rows("slices.csv", SliceRecord) if record.stack == name]  # a launch may be repeated
        is_kept = sum((rows[:, ANSWERED] >= record.start_ns) & (rows[:, ANSWERED] < record.drained_ns) for record in kept)
        truth = int(((rows[:, RIGHT] == 0) & (is_kept > 0)).sum())
        reasons = {row.reason for row in summary.comparisons if row.contender == name}
        passed = truth == found > 0 and all("without a correct answer" in reason for reason in reasons)
        yield Check(7, what, f"{truth} errors, no verdict", f"{found} errors; {'; '.join(sorted(reasons))}", passed)


def check_dead_and_silent(bed: Testbed) -> Iterator[Check]:
    """A server that dies fails its cell and no other; one that never answers ends in time, without a figure."""
    stubs = [bed.stub("well"), bed.stub("dies", "die_after=3000")]
    folder, stopped = bed.run(make_plan(*stubs, load="closed-16", launches=2, pairs=(("dies", "well"),)))
    summary = folder.read_summary()
    cells = {cell.stack: cell for cell in summary.cells}
    told = isinstance(stopped, StackError) and "I am about to die" in str(stopped) and stopped.exit_status != 0
    passed = told and cells["dies"].failures > 0 and _is_whole(cells["well"]) and not summary.partial
    measured = f"{cells['dies'].failures} failures, log {'shown' if told else 'not shown'}; the other: {cells['well'].samples:,} answers"
    yield Check(8, "a server killed under load", "failures, the end of its log; the other whole", measured, passed)

    begin_s = time.monotonic()
    _, measured_launch = bed.launch(make_plan(bed.stub("silent", "silent_after=1"), load="closed-16"))
    took_s = time.monotonic() - begin_s
    answers = sum(record.answers for record in measured_launch.records)
    nothing = not answers and all(record.throughput_rps is None for record in measured_launch.records if not record.warm_up)
    measured = f"{answers} answers, {'no rate' if nothing else 'a rate'}, {took_s:.0f} s"
    yield Check(8, "a server that never answers", "0 answers, no rate, under 60 s", measured, nothing and took_s < 60)  # noqa: PLR2004


CHECKS: dict[str, Callable[[Testbed], Iterator[Check]]] = {
    "delays": check_delays,
    "a stopped server": check_stopped_server,
    "a stopped generator": check_stopped_generator,
    "two copies, and known extra costs": check_comparisons,
    "a starved generator": check_starved_generator,
    "wrong answers": check_wrong_answers,
    "dead and silent servers": check_dead_and_silent,
}


def _freeze_of(bed: Testbed, stack: str) -> tuple[int, int]:
    ((begin_ns, end_ns),) = bed.events(stack, "frozen")
    return int(begin_ns), int(end_ns)


def _stop_generator(seconds: float) -> None:
    for child in psutil.Process().children():
        if "bench.measure.generator" in child.cmdline():
            child.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            child.send_signal(signal.SIGCONT)


def _slice_at(result: LaunchResult, at_ns: int) -> int:
    return next(place for place, fact in enumerate(result.facts) if fact["start_ns"] <= at_ns <= fact["drained_ns"])


def _ratio(row: Comparison) -> str:
    return f"{row.ratio:.4f} ({row.ci_low:.4f} to {row.ci_high:.4f})" if row.ratio and row.ci_low and row.ci_high else "no interval"


def _is_whole(cell: Cell) -> bool:
    return cell.samples > 0 and not cell.failures


def _true_ratio(bed: Testbed, slices: list[SliceRecord], contender: str, metric: Metric) -> float:
    """Return the ratio by the records of the stubs in the same slices, put together as the bench does: per launch, then over all."""
    logs: dict[str, dict[int, list[float]]] = {}
    for name in (contender, "base", "base-twin"):
        rows = bed.record(name)
        for record in slices:
            if record.stack == name:
                own = rows[(rows[:, ANSWERED] >= record.start_ns) & (rows[:, ANSWERED] < record.drained_ns)]
                gaps, column = len(own) - 1, ANSWERED if metric == "throughput_rps" else CPU
                cost_ns = (own[-1, column] - own[0, column]) / gaps
                logs.setdefault(name, {}).setdefault(record.launch, []).append(float(np.log(cost_ns)))
    sign = -1 if metric == "throughput_rps" else 1
    base = {launch: np.mean([*values, *logs["base-twin"][launch]]) for launch, values in logs["base"].items()}
    ratios = [sign * (np.mean(values) - base[launch]) for launch, values in logs[contender].items()]
    interval = hodges_lehmann(np.array(ratios), 0.95)
    assert interval is not None  # noqa: S101 - there are launches
    return float(np.exp(interval.estimate))
