"""A run from plan to report: the only module that sees all four rooms."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.errors import BenchError, Interrupted
from bench.interrupts import shielded, stopped_by_signals
from bench.judge.tables import Tables
from bench.measure.environment import choose_cores, describe_machine, find_spoilers
from bench.measure.launches import LaunchResult, measure_launch, write_samples
from bench.plan.config import BenchConfig, hash_plan
from bench.plan.schedule import schedule_launch
from bench.progress import Progress
from bench.records import Cell, Comparison, Quantile, RunWarning, SliceRecord
from bench.run_folder import RESULTS, RunFolder, Summary
from bench.show.report import write_report


def run(config: BenchConfig, command: str, results: Path = RESULTS) -> tuple[RunFolder, BenchError | Interrupted | None]:
    """Run a plan; return its folder and what stopped it early, if anything did: what was measured is kept and reported.

    Raises `BenchError` or `Interrupted` if it stopped before a launch was measured.
    """
    cores = choose_cores()
    machine = describe_machine(cores)
    spoilers = find_spoilers(machine)
    slices_per_launch = len(schedule_launch(config.parts, 1, config.seed))
    with stopped_by_signals(), Progress(config.launches, slices_per_launch) as progress:
        stopped: BenchError | Interrupted | None = None
        with shielded():
            session = Session(config, command, machine, spoilers, RunFolder.create(config.profile, datetime.now(UTC), results))
        try:
            progress.say(session.opening_line())
            progress.warn(spoilers)
            for launch in range(1, config.launches + 1):
                progress.begin_launch(launch)
                planned = schedule_launch(config.parts, launch, config.seed)
                session.keep(measure_launch(config, launch, planned, cores, progress.end_slice))
                progress.end_launch(session.ratio_so_far())
        except (BenchError, Interrupted) as error:
            stopped = error
        if stopped and not session.tables.launches:
            session.folder.discard()
            raise stopped
        session.write_tables(partial=stopped is not None, finished=datetime.now(UTC))
        write_report(session.folder)
        session.folder.point_latest()
    return session.folder, stopped


class Session:
    """One run and its folder: everything measured is on disk, and judged, as soon as its launch has ended."""

    def __init__(self, config: BenchConfig, command: str, machine: dict[str, Any], spoilers: list[RunWarning], folder: RunFolder) -> None:
        self.folder = folder
        self.tables = Tables(config)
        self._config = config
        self._command = command
        self._machine = machine
        self._spoilers = spoilers
        self._created = datetime.now(UTC)
        self._plan = config.plan()
        self._conditions: dict[str, dict[str, Any]] = {}
        self._comparisons: Sequence[Comparison] = ()
        self._write_manifest(spoilers, partial=True)

    def opening_line(self) -> str:
        """Return the plan in one line."""
        config = self._config
        return (
            f"Profile {config.profile}: {config.purpose} {len(config.stacks)} stacks, {config.launches} launches, "
            f"plan {hash_plan(self._plan)[:12]}, results in {self.folder.path}"
        )

    def keep(self, result: LaunchResult) -> None:
        """Take in a launch and write everything known so far."""
        write_samples(self.folder.samples_path(result.launch), result.samples)
        self.tables.add_launch(result.launch, result.planned, result.facts, result.samples)
        self._conditions.update(result.conditions)
        self.write_tables(partial=True)

    def ratio_so_far(self) -> str:
        """Return the first throughput ratio without a verdict: it is preliminary."""
        row = next((row for row in self._comparisons if row.metric == "throughput_rps" and row.ratio), None)
        if row is None or row.ratio is None:
            return ""
        interval = f" ({row.ci_low:.3f} to {row.ci_high:.3f})" if row.ci_low and row.ci_high else ""
        return f"Preliminary: {row.contender} / {row.baseline} {row.ratio:.3f}{interval}"

    def write_tables(self, *, partial: bool, finished: datetime | None = None) -> None:
        """Judge what has been measured and write every table of the run."""
        judged = self.tables.judge(self._spoilers, partial=partial)
        self._comparisons = judged.comparisons
        self.folder.write_rows("slices.csv", self.tables.slices, SliceRecord)
        self.folder.write_rows("cells.csv", judged.cells, Cell)
        self.folder.write_rows("comparisons.csv", [*judged.comparisons, *judged.noise_floor], Comparison)
        self.folder.write_rows("distributions.csv", judged.quantiles, Quantile)
        self.folder.write_summary(
            Summary(
                profile=self._config.profile,
                partial=partial,
                environment=self._machine,
                validity=judged.validity,
                cells=judged.cells,
                comparisons=judged.comparisons,
                noise_floor=judged.noise_floor,
            )
        )
        self._write_manifest(judged.validity.warnings, partial=partial, finished=finished)

    def _write_manifest(self, warnings: Sequence[RunWarning], *, partial: bool, finished: datetime | None = None) -> None:
        config, done = self._config, len(self.tables.launches)
        self.folder.write_manifest(
            {
                "tool_version": version("flask-vs-fastapi"),
                "profile": config.profile,
                "command": self._command,
                "created_utc": f"{self._created:%Y-%m-%dT%H:%M:%SZ}",
                "finished_utc": f"{finished:%Y-%m-%dT%H:%M:%SZ}" if finished else None,
                "partial": partial,
                "plan": self._plan,
                "plan_sha256": hash_plan(self._plan),
                "departures": [f"{done} of {config.launches} launches were measured"] if partial else [],
                "environment": self._machine,
                "stacks": {
                    name: {"framework": stack.framework, "server": stack.server, "engine": stack.engine, "label": stack.label}
                    for name, stack in config.stacks.items()
                },
                "conditions": self._conditions,
                "gates": [vars(gate) for gate in self.tables.gates],
                "warnings": [vars(warning) for warning in warnings],
            }
        )
