"""A run from plan to report, written as a loop: a gate after each launch, and a look before the next.

The only module that sees all rooms. It calls them in the order of the flow and computes nothing.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.errors import BenchError, GeneratorError, Interrupted, as_bench_error
from bench.judge.judgement import is_precise, judge, preliminary_ratio
from bench.judge.validity import MARKED, REPEATED, check_launch
from bench.measure.complexity import measure_complexity
from bench.measure.elsewhere import reach
from bench.measure.environment import Cores, choose_cores, describe_machine, find_spoilers, refuse_slow_uvicorn, refuse_system
from bench.measure.interrupts import heed_signals, interruptible, stopped_by_signals
from bench.measure.launches import measure_launch
from bench.measure.room import refuse_lack_of_room
from bench.measure.server_timing import measure_server_timing
from bench.measure.start_up import measure_starts
from bench.plan.plan import Plan
from bench.plan.schedule import Turn, count_slices, plan_launch, schedule_run
from bench.records.folder import RESULTS, RunFolder
from bench.run.progress import Progress
from bench.run.rates import last_rates
from bench.run.recorder import Recorder
from bench.run.resume import count_measured, refuse_differences
from bench.show.report import write_report


def run(
    plan: Plan,
    command: str,
    results: Path = RESULTS,
    begun: RunFolder | None = None,
    report: Callable[[RunFolder], None] = write_report,
) -> tuple[RunFolder, BenchError | Interrupted | None]:
    """Run a plan; return its folder and the error that stopped it early, if any. The launches so far are judged and reported.

    A run that was `begun` and cut off goes on with what it lacks, in its own folder. A stack that ended by itself under load stops
    nothing, but is returned as an error. So is the cause of incomplete tables or an incomplete report (`UnfinishedError`). Raises
    `BenchError` or `Interrupted` if the run stopped before a launch was measured.
    """
    refuse_system()
    refuse_lack_of_room(plan.launch_sizes(), count_slices(plan) - count_measured(begun), begun.path if begun else results)
    cores = choose_cores(load_processes=plan.load.count_here())
    machine = describe_machines(plan, cores)
    if begun:
        refuse_differences(begun, plan, machine)
    spoilers = find_spoilers(machine)
    refuse_slow_uvicorn(spoilers, is_allowed=plan.allow_unequal)
    with stopped_by_signals(), Progress(len(schedule_run(plan.parts)), count_slices(plan)) as progress:
        progress.begin_run(plan, spoilers)
        recorder = Recorder.resume(plan, spoilers, begun) if begun else Recorder.begin(plan, command, machine, spoilers, results)
        try:
            progress.say(recorder.opening())
            with interruptible():
                measure_alone(plan, recorder, cores, progress)
            for turn in schedule_run(plan.parts):
                with interruptible():
                    measure_turn(plan, turn, recorder, cores, progress)
        except (BenchError, Interrupted) as error:
            recorder.stop(error)
        except OSError as error:
            recorder.stop(as_bench_error(error))
        conclude(recorder, report)
    return recorder.folder, recorder.stopped


def describe_machines(plan: Plan, cores: Cores) -> dict[str, Any]:
    """Return the facts of this machine, and of the machine of the servers if it is another one, whose core is the servers' core then."""
    machine = describe_machine(cores, plan.stacks.values())
    if not plan.servers.template:
        return machine
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, reach(plan.servers, Path(folder)) as far:
        servers = far.describe_machine(plan.stacks.values())
    return {**machine, "server_cores": servers["server_cores"], "physical_cores": "apart", "servers_machine": servers}


def conclude(recorder: Recorder, report: Callable[[RunFolder], None]) -> None:
    """Judge and report the measurements. A signal or a full disk can stop this; the measurements are safe then."""
    try:
        recorder.finish()
        recorder.folder.point_latest()
        heed_signals()
        with interruptible():
            judge(recorder.folder)
            report(recorder.folder)
    except (BenchError, Interrupted) as error:
        recorder.leave(error)
    except OSError as error:
        recorder.leave(as_bench_error(error))
    finally:
        recorder.folder.unlock()


def measure_alone(plan: Plan, recorder: Recorder, cores: Cores, progress: Progress) -> None:
    """Measure single stacks, unless that is done: their starts, the times that they report themselves, their code.

    Of servers on another machine only the code is looked at, which is the same here.
    """
    is_here = not plan.servers.template
    if recorder.lacks("starts.csv"):
        stacks = plan.started_alone() if is_here else []
        recorder.keep_starts(measure_starts(stacks, plan.parts[0].scenarios[0], plan.starts, plan.seed, cores))
    if plan.complexity and recorder.lacks("adapters.diff"):
        recorder.keep_timing(measure_server_timing(plan.timed_stacks() if is_here else [], cores))
        recorder.keep_complexity(*measure_complexity(plan.first_pair(), cores, progress.say))


def measure_turn(plan: Plan, turn: Turn, recorder: Recorder, cores: Cores, progress: Progress) -> None:
    """Measure a launch unless it counts, its part is precise enough or time is short.

    It is repeated while the load generator fails, or does not pass a gate: of these tries the last one counts.
    """
    launch = plan_launch(plan, turn)
    if recorder.has_measured(turn):
        progress.skip_launch(turn.number, len(launch.slices))
        return
    if recorder.is_look(turn.part) and is_precise(recorder.folder, plan, turn.part.name):
        recorder.end_part(turn.part)
    if recorder.has_ended(turn.part) or recorder.gives_way(turn):
        progress.skip_launch(turn.number, len(launch.slices))
        return
    last_rps = last_rates(recorder.slices, turn.part.name)
    last = plan.repeats + 1
    for attempt in range(min(recorder.count_tries(turn) + 1, last), last + 1):
        progress.begin_launch(turn.number, len(launch.slices))
        try:
            result = measure_launch(launch, cores, recorder.folder.samples_path(turn.number), progress.end_slice, last_rps)
        except GeneratorError as error:
            recorder.note_failure(turn, attempt, error, is_last=attempt == last)
            if attempt == last:
                raise
            progress.repeat_failed_launch(turn.number, error)
            continue
        action = REPEATED if attempt < last and recorder.may_repeat(turn, result) else MARKED
        gates = check_launch(result.slices, plan.rules.gates, attempt, action)
        if not gates or action == MARKED:
            break
        recorder.set_aside(turn, result, attempt, gates)
        progress.repeat_launch(turn.number, gates)
    recorder.keep(turn, result, attempt, gates)
    progress.end_launch(preliminary_ratio(plan, recorder.slices))
