"""One run and its folder: everything measured is on disk, and judged, as soon as its launch has ended."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from bench.findings import AppCode, Feature, ServerTiming
from bench.judge.comparisons import is_precise
from bench.judge.resources import summarise_resources
from bench.judge.tables import MeasuredLaunch, Tables
from bench.measure.launches import LaunchResult, write_samples
from bench.plan.config import BenchConfig, hash_plan
from bench.plan.profiles import Part
from bench.plan.rules import LOOK_EVERY
from bench.plan.schedule import PlannedLaunch
from bench.records import Cell, Comparison, Gate, Memory, ModelTime, Quantile, RunWarning, SliceRecord, StartUp, WarmUpPoint
from bench.run_folder import RunFolder, Summary


class Session:
    """What a run has measured so far, in its folder."""

    def __init__(
        self, config: BenchConfig, command: str, machine: dict[str, Any], spoilers: Sequence[RunWarning], folder: RunFolder
    ) -> None:
        self.config = config
        self.folder = folder
        self.tables = Tables(config)
        self.deaths: list[str] = []
        self._command = command
        self._machine = machine
        self._spoilers = list(spoilers)
        self._created = datetime.now(UTC)
        self._plan = config.plan()
        self._conditions: dict[str, dict[str, Any]] = {}
        self._comparisons: Sequence[Comparison] = ()
        self._starts: list[StartUp] = []
        self._memory: list[Memory] = []
        self._timing: list[ServerTiming] = []
        self._code: list[AppCode] = []
        self._features: list[Feature] = []
        self._launches: list[dict[str, Any]] = []
        self._done: dict[str, int] = {part.name: 0 for part in config.parts}
        self._ended: dict[str, str] = {}
        self._write_manifest(spoilers, partial=True)

    def opening_line(self) -> str:
        """Return the plan in one line."""
        launches = ", ".join(f"{part.name} {part.launches}" for part in self.config.parts)
        offered = {load: rate for key in self.config.cells() if (rate := self.config.offered_rps(key.stack, load := key.load))}
        rates = "".join(f", {load} = {rate:,.0f} req/s" for load, rate in offered.items() if load.startswith("open"))
        return (
            f"{len(self.config.stacks)} stacks, launches: {launches}{rates}. "
            f"Plan {hash_plan(self._plan)[:12]}, results in {self.folder.path}"
        )

    def keep_starts(self, starts: Iterable[StartUp]) -> None:
        """Take in the starts of single stacks, one by one."""
        self._starts += starts
        self.folder.write_rows("starts.csv", self._starts, StartUp)

    def keep_timing(self, rows: Iterable[ServerTiming]) -> None:
        """Take in what stacks say of their own time."""
        self._timing += rows
        self.folder.write_rows("server_timing.csv", self._timing, ServerTiming)

    def keep_complexity(self, code: Iterable[AppCode], features: Iterable[Feature], diff: str) -> None:
        """Take in the code of the applications, what probes found on their servers, and the difference of their sources."""
        self._code += code
        self._features += features
        self.folder.write_rows("complexity.csv", self._code, AppCode)
        self.folder.write_rows("features.csv", self._features, Feature)
        self.folder.write_text("adapters.diff", diff)

    def is_enough(self, part: Part) -> bool:
        """Return whether a part needs no more launches: at its looks, if every judged row is precise enough."""
        done = self._done[part.name]
        if part.name in self._ended:
            return True
        if part.first_look is None or done < part.first_look or (done - part.first_look) % LOOK_EVERY:
            return False
        if is_precise([row for row in self._comparisons if row.part == part.name]):
            self._ended[part.name] = f"{part.name} was precise enough after {done} of {part.launches} launches"
        return part.name in self._ended

    def set_aside(self, result: LaunchResult, attempt: int, gates: Sequence[Gate]) -> None:
        """Keep the samples of a try that is repeated, apart, and the gates that it did not pass."""
        write_samples(self.folder.samples_path(result.launch, attempt), result.samples)
        self.tables.gates += gates
        self._log(result, attempt, kept=False)

    def keep(self, planned: PlannedLaunch, result: LaunchResult, measured: MeasuredLaunch, attempt: int, gates: Sequence[Gate]) -> None:
        """Take in a launch and write everything known so far."""
        write_samples(self.folder.samples_path(result.launch), result.samples)
        self.tables.add_launch(result.launch, measured, gates)
        self._done[planned.part.name] += 1
        self._conditions.update(result.conditions)
        self._memory += result.memory
        self.tables.add_model_times(ModelTime(result.launch, planned.part.name, engine, ms) for engine, ms in result.model_ms.items())
        for stack, death in result.deaths.items():
            self.deaths.append(f"Launch {result.launch}: {death}")
            text = f"{stack} ended by itself in launch {result.launch}; its requests failed from then on."
            self._spoilers.append(RunWarning("stack-died", text, f"Look at the end of its log. {death}"))
        self._log(result, attempt, kept=True)
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
        write = self.folder.write_rows
        write("slices.csv", self.tables.slices, SliceRecord)
        write("cells.csv", judged.cells, Cell)
        write("comparisons.csv", [*judged.comparisons, *judged.noise_floor], Comparison)
        write("distributions.csv", judged.quantiles, Quantile)
        write("warm_up.csv", judged.warm_up, WarmUpPoint)
        write("memory.csv", self._memory, Memory)
        write("model_times.csv", self.tables.model_times, ModelTime)
        self.folder.write_summary(
            Summary(
                profile=self.config.profile,
                partial=partial,
                environment=self._machine,
                validity=judged.validity,
                cells=judged.cells,
                comparisons=judged.comparisons,
                noise_floor=judged.noise_floor,
                changes=judged.changes,
                ladder=judged.ladder,
                break_even=judged.break_even,
                capacity=judged.capacity,
                knees=judged.knees,
                server_timing=tuple(self._timing),
                complexity=tuple(self._code),
                features=tuple(self._features),
                resources=tuple(summarise_resources(self._starts, self._memory)),
            )
        )
        self._write_manifest(judged.validity.warnings, partial=partial, finished=finished)

    def _log(self, result: LaunchResult, attempt: int, *, kept: bool) -> None:
        seconds = {name: round(getattr(result, name), 3) for name in ("start_s", "load_s", "total_s")}
        self._launches.append({"launch": result.launch, "part": result.planned[0].part, "attempt": attempt, "kept": kept, **seconds})

    def _departures(self, *, partial: bool) -> list[str]:
        short = [
            f"{part.name}: {self._done[part.name]} of {part.launches} launches were measured"
            for part in self.config.parts
            if partial and self._done[part.name] < part.launches and part.name not in self._ended
        ]
        left_out = [f"{key.part}: {reason}, so it is not measured" for key, reason in self.config.left_out()]
        return [*short, *left_out]

    def _write_manifest(self, warnings: Sequence[RunWarning], *, partial: bool, finished: datetime | None = None) -> None:
        config = self.config
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
                "departures": self._departures(partial=partial),
                "ended": list(self._ended.values()),
                "environment": self._machine,
                "stacks": {
                    name: {"framework": stack.framework, "server": stack.server, "engine": stack.engine, "label": stack.label}
                    for name, stack in config.stacks.items()
                },
                "conditions": self._conditions,
                "launches": self._launches,
                "gates": [vars(gate) for gate in self.tables.gates],
                "warnings": [vars(warning) for warning in warnings],
            }
        )
