"""Writes the measurements of a run to disk as soon as a launch has ended, and judges nothing.

A run is measured in one sitting or, if it was cut off and taken up again, in several. Its time limit holds for all of them together,
without the time between them. The wall clock only names and dates things.
"""

import contextlib
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

from bench.errors import STOPPED_EARLY, BenchError, GeneratorError, Interrupted, RunFolderError, StackError, UnfinishedError
from bench.measure.environment import find_shared_cores
from bench.measure.interrupts import shielded
from bench.measure.launches import LaunchResult
from bench.plan.described import describe, hash_plan
from bench.plan.plan import Plan
from bench.plan.profiles import Part
from bench.plan.schedule import Turn
from bench.plan.seconds import conclusion_s
from bench.plan.served import digest_bench
from bench.records import AppCode, AppStep, Feature, Gate, Memory, ModelTime, RunWarning, ServerTiming, SliceRecord, StartUp
from bench.records.folder import RunFolder, resume_command
from bench.records.record import adapter

# The code of the warning that a stack ended by itself under load.
STACK_DIED = "stack-died"
# The code of the warning that the load generator failed, whatever became of its launch.
GENERATOR_FAILED = "generator-failed"


class Recorder:
    """One run and its folder. `stopped` is the error that ended it early, or that is reported at its end; None without one."""

    def __init__(self, plan: Plan, command: str, machine: dict[str, Any], warnings: Sequence[RunWarning], folder: RunFolder) -> None:
        self.folder = folder
        self.slices: list[SliceRecord] = []
        self.stopped: BenchError | Interrupted | None = None
        self._plan = plan
        self._document = describe(plan)
        self._command = command
        self._bench = digest_bench()
        self._machine = machine
        self._warnings = list(warnings)
        self._created = datetime.now(UTC)
        self._finished: datetime | None = None
        self._is_partial = True
        self._conditions: dict[str, dict[str, Any]] = {}
        self._memory: list[Memory] = []
        self._times: list[ModelTime] = []
        self._gates: list[Gate] = []
        self._deaths: list[str] = []
        self._launches: list[dict[str, Any]] = []
        self._done: dict[str, int] = {part.name: 0 for part in plan.parts}
        self._ended: dict[str, str] = {}
        self._short: set[str] = set()
        self._sittings: list[dict[str, Any]] = []
        self._sitting: dict[str, Any] = {"begin_utc": _in_utc(datetime.now(UTC)), "end_utc": None, "measured_s": 0.0, "launches": []}
        self._begin_s = time.monotonic()

    @classmethod
    def begin(cls, plan: Plan, command: str, machine: dict[str, Any], warnings: Sequence[RunWarning], results: Path) -> "Recorder":
        """Make the folder of a run, with its plan; raise `RunFolderError` if it cannot be made, and leave none behind."""
        with contextlib.ExitStack() as exits:
            with shielded():
                created = datetime.now(UTC)
                folder = RunFolder.create(plan.profile, created, results)
                exits.callback(folder.discard)
                folder.lock()
                recorder = cls(plan, command, machine, warnings, folder)
                recorder._created = created  # the name of the folder says the same
                recorder._write()
            exits.pop_all()
        return recorder

    @classmethod
    def resume(cls, plan: Plan, warnings: Sequence[RunWarning], folder: RunFolder) -> "Recorder":
        """Take up a run that was cut off: all that its manifest names counts. Raises `RunFolderError` if a file of it is missing."""
        folder.clear_leftovers()
        manifest = folder.read_manifest()
        recorder = cls(plan, manifest["command"], manifest["environment"], [], folder)
        recorder._take_up(manifest, warnings)
        recorder._write()
        return recorder

    def _take_up(self, manifest: Mapping[str, Any], warnings: Sequence[RunWarning]) -> None:
        self._launches = manifest["launches"]
        kept = {row["launch"] for row in self._launches if row["kept"]}
        for launch in sorted(kept):
            if not (path := self.folder.samples_path(launch)).exists():
                message = f"{path} is missing, so this run cannot go on; start a new one."
                raise RunFolderError(message)
        self.slices = [record for record in self.folder.read_rows_if_any("slices.csv", SliceRecord) if record.launch in kept]
        self._memory = [row for row in self.folder.read_rows_if_any("memory.csv", Memory) if row.launch in kept]
        self._times = [row for row in self.folder.read_rows_if_any("model_times.csv", ModelTime) if row.launch in kept]
        for row in self._launches:
            self._done[row["part"]] += row["kept"]
        self._created = datetime.fromisoformat(manifest["created_utc"])
        self._conditions, self._short = manifest["conditions"], set(manifest["gave_way"])
        self._sittings = [sitting for sitting in manifest["sittings"] if sitting["launches"]]
        self._gates = [Gate(**gate) for gate in manifest["gates"]]
        self._warnings = list(dict.fromkeys([*(RunWarning(**warning) for warning in manifest["warnings"]), *warnings]))
        self._deaths = [warning.text for warning in self._warnings if warning.code == STACK_DIED]

    def opening(self) -> str:
        """Return the plan in one line, and a second line if `results/latest` cannot point at this run."""
        launches = ", ".join(f"{part.name} {part.launches}" for part in self._plan.parts)
        resumed = f" {sum(self._done.values())} launches are measured already." if self._sittings else ""
        plan = f"Plan {hash_plan(self._document)[:12]}, results in {self.folder.path}"
        line = f"{len(self._plan.stacks)} stacks, launches: {launches}.{resumed} {plan}"
        return "\n".join(filter(None, [line, self.folder.why_not_latest()]))

    def lacks(self, name: str) -> bool:
        """Whether a file of what is measured once in a run is not there yet."""
        return not (self.folder.path / name).exists()

    def has_measured(self, turn: Turn) -> bool:
        """Whether the launch of a turn counts already."""
        return any(row["launch"] == turn.number and row["kept"] for row in self._launches)

    def count_tries(self, turn: Turn) -> int:
        """Return how often the launch of a turn was tried so far."""
        return sum(row["launch"] == turn.number for row in self._launches)

    def keep_starts(self, starts: Iterable[StartUp]) -> None:
        """Write the starts of single stacks."""
        self.folder.write_rows("starts.csv", list(starts), StartUp)

    def keep_timing(self, rows: Iterable[ServerTiming]) -> None:
        """Write the times that stacks report themselves."""
        self.folder.write_rows("server_timing.csv", list(rows), ServerTiming)

    def keep_complexity(self, code: Sequence[AppCode], features: Sequence[Feature], steps: Sequence[AppStep], diff: str) -> None:
        """Write the figures of the applications' code, the findings of the probes, the steps, and the difference of the sources."""
        self.folder.write_rows("complexity.csv", code, AppCode)
        self.folder.write_rows("features.csv", features, Feature)
        self.folder.write_rows("steps.csv", steps, AppStep)
        self.folder.write_text("adapters.diff", diff)

    def is_look(self, part: Part) -> bool:
        """Whether a part may end now if it is precise enough: at its first look, and then every `look_every` launches."""
        done = self._done[part.name]
        is_first = part.first_look is not None and not self.has_ended(part) and done >= part.first_look
        return is_first and (done - (part.first_look or 0)) % self._plan.rules.look_every == 0

    def has_ended(self, part: Part) -> bool:
        """Whether a part needs no more launches."""
        return part.name in self._ended

    def end_part(self, part: Part) -> None:
        """Note that a part is precise enough."""
        self._ended[part.name] = f"{part.name} was precise enough after {self._done[part.name]} of {part.launches} launches"

    def may_repeat(self, turn: Turn, result: LaunchResult) -> bool:
        """Whether there is time to measure a launch again: the run, judged and drawn, must still end within its limit."""
        usual_s = self._usual_s((turn.part.name, result.total_s))
        parts = [part for part in self._plan.parts if not self.has_ended(part) and part.name not in self._short]
        to_come = {part.name: part.launches - self._done[part.name] for part in parts}
        other_s = mean(usual_s.values())
        return self._is_within(sum(count * usual_s.get(name, other_s) for name, count in to_come.items()))

    def gives_way(self, turn: Turn) -> bool:
        """Whether an explored launch would leave too little of the run's time for the judged part; if so, its part has no more launches."""
        judged, usual_s = self._plan.parts[0], self._usual_s()
        if turn.part.name in (judged.name, *self._short) or turn.part.name not in usual_s or judged.name not in usual_s:
            return turn.part.name in self._short
        left = 0 if self.has_ended(judged) else judged.launches - self._done[judged.name]
        if not self._is_within(usual_s[turn.part.name] + left * usual_s[judged.name]):
            self._short.add(turn.part.name)
        return turn.part.name in self._short

    def _usual_s(self, *last: tuple[str, float]) -> dict[str, float]:
        """Return the mean seconds of a launch of each part so far, with the `last` one (part, seconds) that is not logged yet."""
        seconds: dict[str, list[float]] = {}
        for part, total_s in (*((tried["part"], tried["total_s"]) for tried in self._launches if "total_s" in tried), *last):
            seconds.setdefault(part, []).append(total_s)
        return {name: mean(own) for name, own in seconds.items()}

    def _is_within(self, left_s: float) -> bool:
        passed_s: float = sum(sitting["measured_s"] for sitting in self._sittings) + time.monotonic() - self._begin_s
        return passed_s + left_s + conclusion_s(self._plan) <= self._plan.limit_s

    def set_aside(self, turn: Turn, result: LaunchResult, attempt: int, gates: Sequence[Gate]) -> None:
        """Move the samples of a repeated try aside, and record the gates that it did not pass."""
        self.folder.samples_path(turn.number).replace(self.folder.samples_path(turn.number, attempt))
        self._gates += gates
        self._log(turn, result, attempt, kept=False)
        self._write()

    def note_failure(self, turn: Turn, attempt: int, error: GeneratorError, *, is_last: bool) -> None:
        """Record a try of a launch in which the load generator failed: nothing of it is kept."""
        text = f"Launch {turn.number}: {str(error).partition(' Its last output')[0]}"
        self._warnings.append(RunWarning(GENERATOR_FAILED, text, "The run ended there." if is_last else "The launch was measured again."))
        self._launches.append({"launch": turn.number, "part": turn.part.name, "attempt": attempt, "kept": False, "failure": str(error)})
        self._write()

    def keep(self, turn: Turn, result: LaunchResult, attempt: int, gates: Sequence[Gate]) -> None:
        """Record a launch, and write everything known of the run so far."""
        self.slices += result.slices
        self._gates += gates
        self._done[turn.part.name] += 1
        self._conditions.update(result.conditions)
        self._memory += result.memory
        self._times += [ModelTime(turn.number, turn.part.name, engine, ms) for engine, ms in result.model_ms.items()]
        for stack, death in result.deaths.items():
            self._deaths.append(f"Launch {turn.number}: {death}")
            text = f"{stack} ended by itself in launch {turn.number}; its later requests failed."
            self._warnings.append(RunWarning(STACK_DIED, text, f"Look at the end of its log. {death}"))
        if result.load_places and "load_places" not in self._machine:
            self._machine["load_places"] = list(result.load_places)
            shared = find_shared_cores(self._machine, result.load_places)
            self._warnings += [shared] if shared else []
        self._log(turn, result, attempt, kept=True)
        self._sitting["launches"].append(turn.number)
        self._write()

    def stop(self, error: BenchError | Interrupted) -> None:
        """Note the error that ended the run early; if no launch was measured, remove the folder and raise the error."""
        if not self.slices:
            self.folder.discard()
            raise error
        self.stopped = error

    def finish(self) -> None:
        """Note the end of measuring; raise `RunFolderError` if that cannot be written."""
        self._finished = datetime.now(UTC)
        self._is_partial = self.stopped is not None
        if self._deaths and not self._is_partial:
            self.stopped = StackError("\n".join(self._deaths))
        self._write()

    def leave(self, error: BenchError | Interrupted) -> None:
        """Note that tables or report are incomplete, and how to make them: the measurements are safe, unless somebody removed them."""
        path, rest = shlex.quote(str(self.folder.path)), resume_command(self.folder.path)
        causes = ". ".join(dict.fromkeys(str(cause).rstrip(".") for cause in (self.stopped, error) if cause is not None))
        state = f"The measurements are safe in {path}; its tables and its report are incomplete. To make them: "
        if self.lacks("manifest.json"):
            state = f"{path} has gone, and with it what was measured. To measure again: {self._command}"
        elif self._is_partial:
            state += f"python -m bench judge {path}; python -m bench report {path}. To measure the rest: {rest}"
        else:
            state += f"python -m bench judge {path}; python -m bench report {path}"
        self.stopped = UnfinishedError(f"{causes}. {state}", error.exit_status if isinstance(error, Interrupted) else STOPPED_EARLY)

    def _log(self, turn: Turn, result: LaunchResult, attempt: int, *, kept: bool) -> None:
        seconds = {name: round(getattr(result, name), 3) for name in ("start_s", "load_s", "total_s")}
        self._launches.append({"launch": turn.number, "part": turn.part.name, "attempt": attempt, "kept": kept, **seconds})

    def _departures(self) -> list[str]:
        return [
            f"{part.name}: {self._done[part.name]} of {part.launches} launches were measured{self._reason(part)}"
            for part in self._plan.parts
            if (self._is_partial or part.name in self._short) and self._done[part.name] < part.launches and part.name not in self._ended
        ]

    def _reason(self, part: Part) -> str:
        return f", so that the run ends within {self._plan.limit_s} s" if part.name in self._short else ""

    @shielded()
    def _write(self) -> None:
        """Write the slices and the tables that samples cannot give, then the manifest, so that all files that it names exist."""
        self._sitting |= {"end_utc": _in_utc(datetime.now(UTC)), "measured_s": round(time.monotonic() - self._begin_s, 3)}
        self.folder.write_rows("slices.csv", self.slices, SliceRecord)
        self.folder.write_rows("memory.csv", self._memory, Memory)
        self.folder.write_rows("model_times.csv", self._times, ModelTime)
        plan = self._plan
        self.folder.write_manifest(
            {
                "tool_version": version("flask-vs-fastapi"),
                "bench_sha256": self._bench,
                "profile": plan.profile,
                "command": self._command,
                "created_utc": _in_utc(self._created),
                "finished_utc": _in_utc(self._finished) if self._finished else None,
                "sittings": [*self._sittings, self._sitting],
                "partial": self._is_partial,
                "plan": self._document,
                "plan_sha256": hash_plan(self._document),
                "departures": self._departures(),
                "ended": list(self._ended.values()),
                "gave_way": sorted(self._short),
                "environment": self._machine,
                "stacks": {
                    name: {key: getattr(stack, key) for key in ("framework", "server", "server_note", "engine", "label")}
                    for name, stack in plan.stacks.items()
                },
                "conditions": self._conditions,
                "launches": self._launches,
                "gates": [adapter(Gate).dump_python(gate) for gate in self._gates],
                "warnings": [adapter(RunWarning).dump_python(warning) for warning in self._warnings],
            }
        )


def _in_utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
