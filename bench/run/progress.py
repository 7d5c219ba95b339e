"""The progress of a run on the terminal: a live display, or plain lines. Decided once, drawn between slices.

Progress goes to stderr; the answer goes to stdout, so that `make bench > answer.txt` holds the answer alone.
"""

import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bench.errors import GeneratorError
from bench.plan.plan import Plan
from bench.plan.schedule import PlannedSlice
from bench.records import Comparison, Gate, RunWarning

LINE_EVERY_S = 50.0  # at least one a minute, though a slice and its drain take some seconds more
REDRAW_EVERY_S = 0.5
BAR_WIDTH = 24


class Progress:
    """Follows launches and slices; shows how far the run is and how long it will take."""

    def __init__(self, launches: int, slices: int, stream: TextIO | None = None) -> None:
        self._launches = launches
        self._total = slices
        self._stream = stream or sys.stderr
        self._launch = 0
        self._done = self._done_before = 0
        self._start_s = self._spoken_s = self._drawn_s = time.monotonic()
        self._first_launch_s: float | None = None
        self._note = ""
        self._coming = 0
        self._last: PlannedSlice | None = None
        console = Console(file=self._stream)
        self._live: Live | None = None
        if self._stream.isatty() and console.is_interactive and not os.environ.get("CI"):
            self._live = Live("", console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        """Start the display."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the display."""
        if self._live:
            self._live.stop()

    def begin_run(self, plan: Plan, warnings: Sequence[RunWarning]) -> None:
        """Print the profile of the run, and the warnings about this machine."""
        self.say(f"Profile {plan.profile}: {plan.purpose}")
        for warning in warnings:
            self.say(f"Warning: {warning.text} {warning.next_step}")

    def say(self, text: str) -> None:
        """Print a line that stays."""
        if self._live:
            self._live.console.print(Text(text))
        else:
            print(text, file=self._stream, flush=True)

    def begin_launch(self, launch: int, slices: int) -> None:
        """A launch of `slices` slices starts, or starts again: its servers are being started."""
        self._first_launch_s = self._first_launch_s or time.monotonic()
        self._launch, self._last = launch, None
        self._done, self._coming = self._done_before, slices
        self._draw(force=True)

    def end_slice(self, planned: PlannedSlice) -> None:
        """A slice has ended."""
        self._done += 1
        self._last = planned
        if self._live:
            self._draw()
        elif time.monotonic() - self._spoken_s > LINE_EVERY_S:
            self._speak()

    def repeat_launch(self, launch: int, gates: Sequence[Gate]) -> None:
        """A launch is measured again, since it did not pass these gates."""
        gate = gates[0]
        self.say(f"Launch {launch} is repeated: {gate.gate} {gate.value:.3g} > {gate.limit:g} in {gate.where}.")

    def repeat_failed_launch(self, launch: int, error: GeneratorError) -> None:
        """A launch is measured again, since the load generator failed."""
        self.say(f"Launch {launch} is repeated: {error}")

    def end_launch(self, row: Comparison | None) -> None:
        """A launch counts; `row` is the ratio so far. It is preliminary, so it is shown without a verdict."""
        self._note = _preliminary(row) if row else ""
        self._done = self._done_before = self._done_before + self._coming
        if self._live:
            self._draw(force=True)
        else:
            self._speak()

    def skip_launch(self, launch: int, slices: int) -> None:
        """A planned launch is left out: its part is precise enough, or time is short."""
        self._launch = launch
        self._total -= slices

    def _speak(self) -> None:
        self._spoken_s = time.monotonic()
        self.say(f"{datetime.now(UTC):%H:%M:%S}Z  launch {self._launch} of {self._launches}, {self._left()} left. {self._note}".rstrip())

    def _draw(self, *, force: bool = False) -> None:
        now_s = time.monotonic()
        if not self._live or not (force or now_s - self._drawn_s > REDRAW_EVERY_S):
            return
        self._drawn_s = now_s
        filled = round(BAR_WIDTH * self._done / self._total)
        doing = f"{self._last.stack} {self._last.scenario} {self._last.load}" if self._last else "starting servers"
        lines = [
            f"launch {self._launch}/{self._launches}  {doing}",
            f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {_clock(now_s - self._start_s)}, {self._left()} left",
            self._note,
        ]
        self._live.update(Text("\n".join(line for line in lines if line)), refresh=True)

    def _left(self) -> str:
        """Return the time of the remaining slices at the pace so far; work before the first launch is not part of that pace."""
        if not self._done or self._first_launch_s is None:
            return "some time"
        elapsed_s = time.monotonic() - self._first_launch_s
        return _clock(elapsed_s / self._done * (self._total - self._done))


def _preliminary(row: Comparison) -> str:
    interval = " ({:.3f} to {:.3f})".format(*row.ends) if row.ends else ""
    return f"Preliminary: {row.contender} / {row.baseline} {row.ratio:.3f}{interval}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min"
