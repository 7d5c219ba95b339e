"""Where the bench measures servers with a known truth: stubs that keep a record of what they did, and plans that load them."""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError, Interrupted
from bench.judge.estimates import Ints
from bench.judge.tables import MeasuredLaunch, read_launch
from bench.measure.environment import Cores
from bench.measure.launches import LaunchResult, measure_launch
from bench.plan.config import DEFAULT_SEED, BenchConfig
from bench.plan.profiles import Part
from bench.plan.schedule import PlannedSlice, schedule_launch
from bench.plan.stacks import Stack
from bench.run_folder import RunFolder
from bench.runner import run

PART, SCENARIO = "headline", "predict-1"


class Testbed:
    """Cores, and a folder for the records of the stubs and for runs."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self.folder = folder
        self.cores = cores

    def stub(self, name: str, *options: str) -> Stack:
        """Return a stack that behaves as the options of `bench.stub` say and keeps its record in the folder."""
        words = ("{python}", "-m", "bench.stub", name, "{port}", f"record={self.folder}", *options)
        return Stack(name=name, command=words, label=name, fixed=True)

    def launch(self, config: BenchConfig, on_slice: Callable[[PlannedSlice], None] = lambda _: None) -> tuple[LaunchResult, MeasuredLaunch]:
        """Measure one launch of a plan."""
        result = measure_launch(config, 1, schedule_launch(config, config.parts[0], 1), self.cores, on_slice)
        return result, read_launch(1, result.planned, result.facts, result.samples)

    def run(self, config: BenchConfig) -> tuple[RunFolder, BenchError | None]:
        """Run a whole plan without a word; return its folder and what it ended with. Raises `Interrupted`."""
        with open(os.devnull, "w", encoding="utf-8") as nothing, contextlib.redirect_stderr(nothing):  # noqa: PTH123 - no path
            folder, stopped = run(config, "verify", self.folder / "results")
        if isinstance(stopped, Interrupted):
            raise stopped
        return folder, stopped

    def record(self, stack: str) -> Ints:
        """Return what all processes of a stack have recorded, in the order of time (see `stub.RECORD_COLUMNS`)."""
        rows: Ints = np.concatenate([np.load(path) for path in self.folder.glob(f"{stack}-[0-9]*.npy")])
        return rows[np.argsort(rows[:, 1], kind="stable")]

    def events(self, stack: str, event: str) -> list[list[str]]:
        """Return the words after each event of a kind that a stack has logged."""
        lines = (self.folder / "events.log").read_text("utf-8").splitlines()
        return [line.split()[2:] for line in lines if line.split()[:2] == [stack, event]]


def make_plan(*stacks: Stack, load: str, launches: int = 1, blocks: int = 1, **settings: Any) -> BenchConfig:
    """Return a plan that measures stubs under one load; `settings` are fields of `BenchConfig`, short slices by default."""
    part = Part(PART, tuple(stack.name for stack in stacks), (SCENARIO,), (load,), launches, blocks)
    fields: dict[str, Any] = {"slice_ms": 250, "settle_ms": 40, "warm_up_ms": 100, "pairs": (), "roles": {}, "repeats": 0, **settings}
    named = {stack.name: stack for stack in stacks}
    return BenchConfig(profile="verify", purpose="the bench itself.", starts=0, seed=DEFAULT_SEED, parts=(part,), stacks=named, **fields)


def pairs_of(names: Sequence[str], baseline: str) -> tuple[tuple[str, str], ...]:
    """Return each of the names paired with the baseline."""
    return tuple((name, baseline) for name in names)
