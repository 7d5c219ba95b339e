"""What the bench must find out about servers with known behaviour; each function is one group of checks.

The truth comes from the record of the server itself (see `bench.servers.stub`) or from the schedule, never from the bench's samples. The
allowed distance between truth and figure comes from the same requests: no limit depends on the speed or the noise of the machine.
"""

import contextlib
import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import psutil

from bench.errors import StackError
from bench.judge.estimates import hodges_lehmann
from bench.measure.processes import kill_group, pinned
from bench.plan.profiles import JudgedRow, Pair
from bench.plan.schedule import PlannedSlice
from bench.proof.testbed import SCENARIO, Observed, Testbed, make_plan
from bench.records import Cell, Comparison, Metric, SliceRecord
from bench.records.samples import Floats, Ints, percentile
from bench.records.summary import WRONG_ANSWERS
from bench.servers.stub import TRACE_COLUMNS

CONNECTION, READ, ANSWERED, CPU, RIGHT = range(len(TRACE_COLUMNS))
# Share of a time in an open loop for the answer's way from the server to the bench, which the server's record lacks.
WAY_BACK = 0.05
# Allowed difference of a ratio between counts at the server and counts at the client.
RATIO_TOLERANCE = 0.01
COMPARISON_BLOCKS, COMPARISON_SLICE_MS = 4, 100
JUDGED = ("better", "worse", "equivalent", "undecided")


@dataclass(frozen=True)
class Check:
    """One line of the table: the check, the truth, the figure of the bench, and whether they agree."""

    number: int
    what: str
    expected: str
    measured: str
    passed: bool


def check_delays(bed: Testbed) -> Iterator[Check]:
    """For a server that waits, each service time lies between its own time for the request and the time between the answers around it."""
    figures: dict[str, Callable[[Floats], float]] = {"p50": lambda v: percentile(v, 0.5) or 0.0, "mean": lambda v: float(v.mean())}
    for delay_ms in (5, 20):
        name = f"delay-{delay_ms}"
        seen = bed.launch(make_plan(bed.stub(name, f"delay_ms={delay_ms}"), load="closed-4", slice_ms=1000))
        bounds = [_bound_service_ms(bed.record(name), record) for record in seen.slices if not record.warm_up]
        least_ms, most_ms = (np.concatenate(ends) for ends in zip(*bounds, strict=True))
        for what, figure in figures.items():
            found, least, most = figure(seen.times_ms("service")), figure(least_ms), figure(most_ms)
            what_words = f"a delay of {delay_ms} ms, {what} of the service time"
            yield Check(1, what_words, f"{least:.2f} to {most:.2f} ms", f"{found:.2f} ms", least <= found <= most)


def check_stopped_server(bed: Testbed) -> Iterator[Check]:
    """Percentiles of an open loop show a stop of the server, as its own record does; those of a closed loop hide it."""
    stub = bed.stub("stopped-open", "freeze_after=500", "freeze_s=0.5")
    seen = bed.launch(make_plan(stub, load="open-200rps-constant", slice_ms=5000, settle_ms=0, warm_up_ms=0))
    due_ns, answered_ns = _due_and_answered(bed.record("stopped-open"), seen)
    truth_ms = percentile((answered_ns - due_ns) / 1e6, 0.99) or 0.0
    for kind in ("response", "service"):
        found_ms = percentile(seen.times_ms(kind), 0.99) or 0.0
        what = f"server stopped for 0.5 s, {len(due_ns):,} requests at 200/s, p99 of the {kind} time"
        passed = abs(found_ms / truth_ms - 1) <= WAY_BACK
        yield Check(2, what, f"{truth_ms:.0f} ms, 5 % more or less", f"{found_ms:.0f} ms", passed)

    stub = bed.stub("stopped-closed", "delay_ms=1", "freeze_after=2000", "freeze_s=0.5")
    seen = bed.launch(make_plan(stub, load="closed-8", slice_ms=2500))
    ((begin, end),) = bed.events("stopped-closed", "frozen")
    begin_ns, end_ns = int(begin), int(end)
    place = next(record.slice for record in seen.slices if record.start_ns <= begin_ns <= record.drained_ns)
    own = seen.samples["slice"] == place
    sent_ns, done_ns = seen.samples["sent_ns"][own], seen.samples["done_ns"][own]
    service_ms, caught = (done_ns - sent_ns) / 1e6, (sent_ns < end_ns) & (done_ns > begin_ns)
    # The few requests caught by the stop move the rank of p99 by less than half of the requests above it.
    low_ms, high_ms = (percentile(service_ms[~caught], quantile) or 0.0 for quantile in (0.985, 0.995))
    found_ms = percentile(service_ms, 0.99) or 0.0
    what = f"the same in a closed loop of {len(service_ms):,} requests: p99 hides {caught.sum()} of up to {service_ms.max():.0f} ms"
    passed = len(service_ms) >= 200 * caught.sum() > 0 and low_ms <= found_ms <= high_ms
    yield Check(2, what, f"{low_ms:.2f} to {high_ms:.2f} ms, as without the stop", f"{found_ms:.2f} ms", passed)


def check_stopped_generator(bed: Testbed) -> Iterator[Check]:
    """A stop of the generator shows in the response time and not in the service time, and its launch is void."""

    def stop_later(ended: PlannedSlice) -> None:
        if ended.warm_up:
            threading.Timer(0.7, _stop_generator, [0.3]).start()

    seen = bed.launch(make_plan(bed.stub("steady"), load="open-200rps", slice_ms=2000, warm_up_ms=0), stop_later)
    shown, hidden = (percentile(seen.times_ms(kind), 0.99) or 0.0 for kind in ("response", "service"))
    yield Check(3, "generator stopped for 0.3 s, p99 of the response time", "over 100 ms", f"{shown:.0f} ms", shown > 100)  # noqa: PLR2004
    # The overdue requests are sent at once and wait for each other: that is service time, far less than the stop.
    yield Check(3, "the same, p99 of the service time", f"under {shown / 3:.0f} ms, a third", f"{hidden:.2f} ms", hidden < shown / 3)
    late_ms = percentile(np.concatenate([own.send_lag_ms for own in seen.settled]), 0.99) or 0.0
    yield Check(3, "the same, p99 of how late requests were sent", "over 100 ms", f"{late_ms:.0f} ms", late_ms > 100)  # noqa: PLR2004


def check_comparisons(bed: Testbed) -> Iterator[Check]:
    """Two copies of one server get no verdict of difference; a known extra cost is found in its true size.

    The judged copy is a third one. A twin has its own ratio as its A/A, so it could never be called better or worse, and the check could
    never fail. Two more servers do the same work: one answers requests in any order, one pauses. Neither may be measured as faster than
    its own record says.
    """
    extra = {
        "base": (),
        "base-twin": (),
        "copy": (),
        "extra-10": ("extra=0.12", "seed=1"),
        "extra-5": ("extra=0.06", "seed=2"),
        "shuffled": ("shuffled=1",),
        "pausing": ("work=1000", "pause_every=3500", "pause_ms=25"),
    }
    stubs = [bed.stub(name, "work=8000", *options) for name, options in extra.items()]
    pairs = (
        Pair("copy", "copy", "base", (_judged("throughput_rps"), _judged("cpu_us_per_request", "secondary"))),
        *(Pair(name, name, "base") for name in ("extra-10", "extra-5", "shuffled", "pausing")),
    )
    settings = {"launches": 12, "blocks": COMPARISON_BLOCKS, "slice_ms": COMPARISON_SLICE_MS, "repeats": 2}
    plan = make_plan(*stubs, load="closed-16", pairs=pairs, **settings)
    folder, _ = bed.run(plan)
    summary = folder.read_summary()
    rows = {(row.contender, row.metric): row for row in (*summary.comparisons, *summary.noise_floor)}
    slices = [record for record in folder.read_rows("slices.csv", SliceRecord) if not record.warm_up]
    for metric in ("throughput_rps", "cpu_us_per_request"):
        row = rows["copy", metric]
        passed = row.verdict in ("equivalent", "undecided")
        yield Check(4, f"two copies of one server, {metric}", "equivalent or undecided", f"{row.verdict}, {_ratio(row)}", passed)
    wanted: tuple[tuple[str, str, Metric], ...] = (
        ("extra-10", "10 % more work", "throughput_rps"),
        ("extra-5", "5 % more work", "cpu_us_per_request"),
    )
    for name, what, metric in wanted:
        yield _check_extra(rows[name, metric], f"{what}, {metric}", _true_ratio(bed, slices, name, metric))
    for name, what in (("shuffled", "any request that waits is answered next"), ("pausing", "a pause of 25 ms each 3,500 answers")):
        row, truth = rows[name, "throughput_rps"], _true_ratio(bed, slices, name, "throughput_rps")
        passed = row.ratio is not None and _is_near(row.ratio, truth)
        yield Check(5, f"{what}, throughput_rps", f"{truth:.4f} to {RATIO_TOLERANCE}", _ratio(row), passed)


def check_starved_generator(bed: Testbed) -> Iterator[Check]:
    """A generator that must share its core makes the run invalid, and the run names the share that the generator had."""
    with pinned(bed.cores.generator):
        rival = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        stubs = [bed.stub("starved"), bed.stub("starved-twin")]
        pair = Pair("starved", "starved-twin", "starved", (_judged("throughput_rps"),))
        summary = bed.run(make_plan(*stubs, load="closed-16", launches=2, pairs=(pair,)))[0].read_summary()
    finally:
        kill_group(rival)
    found = summary.validity
    gates = ", ".join(dict.fromkeys(gate.gate for gate in found.gates)) or "no gate"
    verdicts = {row.verdict for row in summary.comparisons}
    said = next((warning.text.partition(", the load")[2] for warning in found.warnings if warning.code == "starved-generator"), "")
    measured = f"{'valid' if found.valid else 'invalid'} ({gates}{said}), {', '.join(sorted(verdicts))}"
    passed = not found.valid and bool(said) and not verdicts & set(JUDGED)
    yield Check(6, "a generator that shares its core", "invalid, its share of the core named, no verdict", measured, passed)


def check_wrong_answers(bed: Testbed) -> Iterator[Check]:
    """Each wrong or cut answer is counted; wrong ones make the run invalid, and their rows say why."""
    stubs = [
        bed.stub("right"),
        bed.stub("wrong", "wrong_every=1000", "start_after=20"),
        bed.stub("cut", "cut_every=1000", "start_after=20"),
    ]
    pairs = tuple(Pair(name, name, "right") for name in ("wrong", "cut"))
    folder, _ = bed.run(make_plan(*stubs, load="closed-16", pairs=pairs, slice_ms=500))
    summary = folder.read_summary()
    cells = {cell.stack: cell for cell in summary.cells}
    for name, what in (("wrong", "1 wrong answer in 1,000"), ("cut", "1 answer in 1,000 cut short")):
        rows, found = bed.record(name), cells[name].errors
        kept = [record for record in folder.read_rows("slices.csv", SliceRecord) if record.stack == name]  # a launch may be repeated
        is_kept = sum((rows[:, ANSWERED] >= record.start_ns) & (rows[:, ANSWERED] < record.drained_ns) for record in kept)
        truth = int(((rows[:, RIGHT] == 0) & (is_kept > 0)).sum())
        reasons = {row.reason for row in summary.comparisons if row.contender == name}
        said = [warning.text for warning in summary.validity.warnings if warning.code == WRONG_ANSWERS]
        told = name != "wrong" or (said and all(f"{truth} wrong answers" in reason for reason in reasons))
        expected = f"{truth} errors{', each row says so, the run is invalid' if name == 'wrong' else ''}"
        measured = f"{found} errors; {'; '.join(sorted(reasons))}{'' if summary.validity.valid else '; invalid'}"
        yield Check(7, what, expected, measured, bool(truth == found > 0 and told and not summary.validity.valid))


def check_dead_and_silent(bed: Testbed) -> Iterator[Check]:
    """A server that dies fails only its own cell; the slice of a server that never answers ends in time, without a figure."""
    stubs = [bed.stub("well"), bed.stub("dies", "die_after=3000")]
    folder, stopped = bed.run(make_plan(*stubs, load="closed-16", launches=2, pairs=(Pair("dies", "dies", "well"),)))
    summary = folder.read_summary()
    cells = {cell.stack: cell for cell in summary.cells}
    told = isinstance(stopped, StackError) and "I am about to die" in str(stopped) and stopped.exit_status != 0
    passed = told and cells["dies"].failures > 0 and _is_whole(cells["well"]) and not summary.partial
    measured = f"{cells['dies'].failures} failures, log {'shown' if told else 'not shown'}; the other: {cells['well'].samples:,} answers"
    yield Check(8, "a server killed under load", "failures, the end of its log; the other whole", measured, passed)

    plan = make_plan(bed.stub("silent", "silent_after=1"), load="closed-16")
    slices = bed.launch(plan).slices
    limit_s = 2 * plan.rules.open_loop.drain_timeout_s + 1
    waited_s = max((record.drained_ns - record.end_ns) / 1e9 for record in slices)
    answers = sum(record.answers for record in slices)
    nothing = not answers and all(record.throughput_rps is None for record in slices if not record.warm_up)
    measured = f"{answers} answers, {'no rate' if nothing else 'a rate'}, {waited_s:.1f} s"
    expected = f"0 answers, no rate, a wait under {limit_s:g} s"
    yield Check(8, "a server that never answers", expected, measured, nothing and waited_s < limit_s)


CHECKS: dict[str, Callable[[Testbed], Iterator[Check]]] = {
    "delays": check_delays,
    "a stopped server": check_stopped_server,
    "a stopped generator": check_stopped_generator,
    "two copies, and known extra costs": check_comparisons,
    "a starved generator": check_starved_generator,
    "wrong answers": check_wrong_answers,
    "dead and silent servers": check_dead_and_silent,
}


def _judged(metric: Metric, role: str = "primary") -> JudgedRow:
    return JudgedRow(role, metric, SCENARIO, "closed-16")  # type: ignore[arg-type]  # checked when it is made


def _bound_service_ms(rows: Ints, record: SliceRecord) -> tuple[Floats, Floats]:
    """Return the least and the most possible service time of each request of a closed loop in ms, by the server's record.

    A user sends a request after the server has sent the answer before it, and has its answer before the server reads the next request.
    So the least time is from read to answered, the most from the answer before to the request after.
    """
    least, most = [], []
    for connection in np.unique(rows[:, CONNECTION]):
        own = rows[rows[:, CONNECTION] == connection]
        before, here, after = own[:-2], own[1:-1], own[2:]
        within = (here[:, READ] >= record.settled_ns) & (here[:, READ] < record.end_ns)
        least.append((here[:, ANSWERED] - here[:, READ])[within] / 1e6)
        most.append((after[:, READ] - before[:, ANSWERED])[within] / 1e6)
    return np.concatenate(least), np.concatenate(most)


def _due_and_answered(rows: Ints, seen: Observed) -> tuple[Ints, Ints]:
    """Return scheduled and answered times (ns) of the counted slices of an open loop: requests are answered in their scheduled order."""
    counted = [record for record in seen.slices if not record.warm_up]
    due_ns = np.sort(seen.samples["intended_ns"][np.isin(seen.samples["slice"], [record.slice for record in counted])])
    answered_ns = rows[rows[:, READ] >= counted[0].start_ns, ANSWERED]
    return due_ns, answered_ns[: len(due_ns)]


def _stop_generator(seconds: float) -> None:
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # another child that ends at this moment
            if "bench.measure.generator" in child.cmdline():
                child.send_signal(signal.SIGSTOP)
                time.sleep(seconds)
                child.send_signal(signal.SIGCONT)


def _ratio(row: Comparison) -> str:
    return "{:.4f} ({:.4f} to {:.4f})".format(row.ratio or 0.0, *row.ends) if row.ends else "no interval"


def _is_whole(cell: Cell) -> bool:
    return cell.samples > 0 and not cell.failures


def _check_extra(row: Comparison, what: str, truth: float) -> Check:
    """Compare the ratio of a server that works more with the truth, and with 1 if the noise allows that."""
    wide = hodges_lehmann(np.log(row.launch_ratios), 0.999)
    if row.ratio is None or row.ends is None or wide is None or wide.ends is None:
        return Check(5, what, f"{truth:.4f}", "no interval", passed=False)
    is_true = _is_near(row.ratio, truth) and wide.ends[0] <= math.log(truth) <= wide.ends[1]
    low, high = row.ends
    # An interval this narrow must exclude 1; a wider one need not, and the check says so.
    is_narrow = math.log(high / low) / 2 < abs(math.log(truth)) / 2
    passed = is_true and (not is_narrow or not low <= 1 <= high)
    told = "1 outside" if is_narrow else "too noisy here to exclude 1"
    return Check(5, what, f"{truth:.4f} to {RATIO_TOLERANCE}; {told}", f"{row.ratio:.4f} ({low:.4f} to {high:.4f})", passed)


def _is_near(ratio: float, truth: float) -> bool:
    return abs(math.log(ratio / truth)) <= RATIO_TOLERANCE


def _true_ratio(
    bed: Testbed, slices: Sequence[SliceRecord], contender: str, metric: Metric, baselines: Sequence[str] = ("base", "base-twin")
) -> float:
    """Return the ratio by the stubs' records of the same slices, by the bench's method: totals by launch, then over launches."""
    logs: dict[str, dict[int, float]] = {}
    for name in (contender, *baselines):
        rows = bed.record(name)
        totals: dict[int, tuple[float, float]] = {}
        for record in slices:
            if record.stack == name:
                done, cost = totals.get(record.launch, (0.0, 0.0))
                own = rows[(rows[:, ANSWERED] >= record.settled_ns) & (rows[:, ANSWERED] < record.end_ns)]
                spent = (own[-1, CPU] - own[0, CPU], len(own) - 1) if metric == "cpu_us_per_request" else (len(own), record.settled_time_ns)
                totals[record.launch] = done + spent[0], cost + spent[1]
        logs[name] = {launch: math.log(done / cost) for launch, (done, cost) in totals.items()}
    ratios = [logs[contender][launch] - float(np.mean([logs[name][launch] for name in baselines])) for launch in logs[contender]]
    interval = hodges_lehmann(np.array(ratios), 0.95)
    assert interval is not None  # noqa: S101 - there are launches
    return math.exp(interval.estimate)
