"""A run from plan to report: the only module that sees all four rooms."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import BenchError, ConfigError, Interrupted, StackError
from bench.interrupts import shielded, stopped_by_signals
from bench.judge.tables import read_launch
from bench.judge.validity import MARKED, REPEATED, check_launch
from bench.measure.complexity import measure_complexity
from bench.measure.environment import SLOW_UVICORN, Cores, choose_cores, describe_machine, find_spoilers
from bench.measure.launches import measure_launch
from bench.measure.server_timing import measure_server_timing
from bench.measure.start_up import measure_starts
from bench.plan.config import BenchConfig
from bench.plan.schedule import PlannedLaunch, PlannedSlice, count_slices, schedule_launch, schedule_run
from bench.progress import Progress
from bench.records import RunWarning
from bench.run_folder import RESULTS, RunFolder
from bench.saturation import calibrate_loads
from bench.session import Session
from bench.show.report import write_report


def run(config: BenchConfig, command: str, results: Path = RESULTS) -> tuple[RunFolder, BenchError | Interrupted | None]:
    """Run a plan; return its folder and what stopped it early, if anything did: what was measured is kept and reported.

    A stack that ended by itself under load stops nothing, but is returned as an error. Raises `BenchError` or `Interrupted` if
    the run stopped before a launch was measured.
    """
    cores = choose_cores()
    machine = describe_machine(cores)
    spoilers = find_spoilers(machine)
    refuse_slow_parts(config, spoilers)
    with stopped_by_signals(), Progress(len(schedule_run(config.parts)), count_slices(config)) as progress:
        progress.say(f"Profile {config.profile}: {config.purpose}")
        progress.warn(spoilers)
        config = calibrate_loads(config, cores, progress.say)
        progress.expect(count_slices(config))
        with shielded():
            folder = RunFolder.create(config.profile, datetime.now(UTC), results)
            session = Session(config, command, machine, spoilers, folder)
        stopped: BenchError | Interrupted | None = None
        try:
            progress.say(session.opening_line())
            session.keep_starts(measure_starts(config, cores))
            if config.complexity:
                session.keep_timing(measure_server_timing(config, cores))
                session.keep_complexity(*measure_complexity(config, cores, progress.say))
            for planned in schedule_run(config.parts):
                slices = schedule_launch(config, planned.part, planned.ordinal)
                if session.is_enough(planned.part):
                    progress.skip_launch(planned.number, len(slices))
                else:
                    measure(session, planned, slices, cores, progress)
        except (BenchError, Interrupted) as error:
            stopped = error
        if stopped and not session.tables.launches:
            folder.discard()
            raise stopped
        session.write_tables(partial=stopped is not None, finished=datetime.now(UTC))
        write_report(folder)
        folder.point_latest()
    return folder, stopped or (StackError("\n".join(session.deaths)) if session.deaths else None)


def refuse_slow_parts(config: BenchConfig, spoilers: Sequence[RunWarning]) -> None:
    """Raise `ConfigError` if uvicorn would run without its fast parts, unless that was asked for."""
    slow = next((warning for warning in spoilers if warning.code == SLOW_UVICORN), None)
    if slow and not config.allow_unequal:
        message = f"{slow.text} {slow.next_step} Or measure as it is, with --allow-unequal."
        raise ConfigError(message)


def measure(session: Session, planned: PlannedLaunch, slices: Sequence[PlannedSlice], cores: Cores, progress: Progress) -> None:
    """Measure one launch, again while a gate trips, and keep it: its last try is kept whatever the gates say."""
    for attempt in range(1, session.config.repeats + 2):
        progress.begin_launch(planned.number, len(slices))
        result = measure_launch(session.config, planned.number, slices, cores, progress.end_slice)
        measured = read_launch(planned.number, result.planned, result.facts, result.samples)
        is_last = attempt > session.config.repeats
        gates = check_launch(measured.records, measured.settled, attempt, MARKED if is_last else REPEATED)
        if gates and not is_last:
            session.set_aside(result, attempt, gates)
            gate = gates[0]
            progress.say(f"Launch {planned.number} is repeated: {gate.gate} {gate.value:.3g} > {gate.limit:g} in {gate.where}.")
        else:
            session.keep(planned, result, measured, attempt, gates)
            progress.end_launch(session.ratio_so_far())
            return
