"""The place where the bench measures servers with known behaviour: stubs that record what they did, and plans that load them."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from bench.errors import BenchError, Interrupted
from bench.measure.environment import Cores
from bench.measure.launches import measure_launch
from bench.plan.plan import DEFAULT_SEED, Plan
from bench.plan.profiles import Pair, Part
from bench.plan.schedule import PlannedSlice, Turn, plan_launch
from bench.plan.stacks import Stack
from bench.records import SliceRecord
from bench.records.folder import RunFolder
from bench.records.samples import SAMPLE_COLUMNS, Floats, Ints, Settled, settled_requests
from bench.run.loop import run

PART, SCENARIO = "headline", "predict-1"


@dataclass(frozen=True)
class Observed:
    """The bench's view of one launch: its slices with their settled requests, and all samples (columns of `SAMPLE_COLUMNS`)."""

    slices: tuple[SliceRecord, ...]
    settled: tuple[Settled, ...]
    samples: dict[str, Ints]

    def times_ms(self, kind: str) -> Floats:
        """Return the response or service times of all counted slices."""
        counted = [own for record, own in zip(self.slices, self.settled, strict=True) if not record.warm_up]
        return np.concatenate([getattr(own, f"{kind}_ms") for own in counted])


class Testbed:
    """Cores, and a folder for the records of the stubs and for runs."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self.folder = folder
        self.cores = cores

    def stub(self, name: str, *options: str) -> Stack:
        """Return a stack that behaves by these options of `bench.servers.stub` and writes its record into the folder."""
        words = ("{python}", "-m", "bench.servers.stub", name, "{port}", f"record={self.folder}", *options)
        return Stack(name=name, command=words, label=name, fixed=True)

    def launch(self, plan: Plan, on_slice: Callable[[PlannedSlice], None] = lambda _: None) -> Observed:
        """Measure one launch of a plan."""
        path = self.folder / "launch.parquet"
        slices = measure_launch(plan_launch(plan, Turn(1, plan.parts[0], 1)), self.cores, path, on_slice).slices
        table = pq.read_table(path)
        samples = {name: table.column(name).to_numpy() for name in SAMPLE_COLUMNS}
        own = ({name: column[samples["slice"] == record.slice] for name, column in samples.items()} for record in slices)
        settled = tuple(settled_requests(rows, record.settled_ns, record.end_ns) for rows, record in zip(own, slices, strict=True))
        return Observed(slices, settled, samples)

    def run(self, plan: Plan) -> tuple[RunFolder, BenchError | None]:
        """Run a whole plan without output and without a report; return its folder and the error that ended it. Raises `Interrupted`."""
        with open(os.devnull, "w", encoding="utf-8") as nothing, contextlib.redirect_stderr(nothing):  # noqa: PTH123 - no path
            folder, stopped = run(plan, "verify", self.folder / "results", report=lambda _: None)
        if isinstance(stopped, Interrupted):
            raise stopped
        return folder, stopped

    def record(self, stack: str) -> Ints:
        """Return the records of all processes of a stack, in the order of time, one row per request (columns `stub.TRACE_COLUMNS`)."""
        rows: Ints = np.concatenate([np.load(path) for path in self.folder.glob(f"{stack}-[0-9]*.npy")])
        return rows[np.argsort(rows[:, 1], kind="stable")]

    def events(self, stack: str, event: str) -> list[list[str]]:
        """Return the words that follow each event of this kind in a stack's log."""
        lines = (self.folder / "events.log").read_text("utf-8").splitlines()
        return [line.split()[2:] for line in lines if line.split()[:2] == [stack, event]]


def make_plan(*stacks: Stack, load: str, launches: int = 1, blocks: int = 1, pairs: Sequence[Pair] = (), **settings: Any) -> Plan:
    """Return a plan that measures stubs under one load; `settings` are fields of `Plan`, short slices by default."""
    part = Part(PART, tuple(stack.name for stack in stacks), (SCENARIO,), (load,), launches, blocks)
    fields: dict[str, Any] = {"slice_ms": 250, "settle_ms": 20, "warm_up_ms": 100, "repeats": 0, "limit_s": 3600, **settings}
    named = {stack.name: stack for stack in stacks}
    return Plan(
        profile="verify",
        purpose="the bench itself.",
        starts=0,
        seed=DEFAULT_SEED,
        parts=(part,),
        stacks=named,
        pairs=tuple(pairs),
        **fields,
    )
