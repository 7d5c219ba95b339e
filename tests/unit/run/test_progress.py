"""What the terminal shows: plain lines or a live display, decided once, drawn when a slice has ended."""

import io
import os
import pty
import re
import select
import sys
import threading
from types import SimpleNamespace

import pytest

from bench.commands.main import prepare_streams
from bench.plan.schedule import PlannedSlice
from bench.records import Gate, RunWarning
from bench.run import progress as progress_module
from bench.run.progress import LINE_EVERY_S, REDRAW_EVERY_S, Progress

SLICE = PlannedSlice(0, "headline", 0, "flask-gthread", "predict-1", "closed-16", warm_up=False)
ROW = SimpleNamespace(contender="a", baseline="b", ratio=1.1, ends=None)
DECIDING = ("CI", "FORCE_COLOR", "NO_COLOR", "TERM", "TTY_INTERACTIVE", "TTY_COMPATIBLE", "COLUMNS", "LINES")
PLAIN_LINE = re.compile(r"\d\d:\d\d:\d\dZ  launch \d of \d, (some time|\d+:\d\d min) left\.( .*)?")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now_s = 1000.0

    def monotonic(self):
        return self.now_s


class Terminal:
    """A pseudo-terminal: what is written to `stream`, as its other end sees it."""

    def __init__(self):
        self._outside, inside = pty.openpty()
        self.stream = os.fdopen(inside, "w", encoding="ascii", errors="strict")

    def read(self):
        """Return what has been written since the last time."""
        self.stream.flush()
        seen = b""
        while select.select([self._outside], [], [], 0)[0]:
            seen += os.read(self._outside, 65536)
        return seen.decode("ascii")

    def close(self):
        self.stream.close()
        os.close(self._outside)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Let nothing of the terminal that the tests run in decide."""
    for name in DECIDING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return monkeypatch


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()


def run_through(progress, clock, launches=2, slices=4, slice_s=1.0):
    """Tell of a whole run."""
    with progress:
        progress.begin_run(SimpleNamespace(profile="smoke", purpose="3 stacks"), [RunWarning("busy", "Busy.", "Wait.")])
        for launch in range(1, launches + 1):
            progress.begin_launch(launch, slices)
            for _ in range(slices):
                clock.now_s += slice_s
                progress.end_slice(SLICE)
            progress.end_launch(ROW)


# --- plain lines ----------------------------------------------------------------------------------------------------


def test_a_pipe_gets_one_line_per_launch_after_plan_and_warnings(clock):
    stream = io.StringIO()
    run_through(Progress(2, 8, stream), clock)
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["Profile smoke: 3 stacks", "Warning: Busy. Wait."]
    assert len(lines) == 4
    assert all(PLAIN_LINE.fullmatch(line) for line in lines[2:])
    assert lines[2].endswith("launch 1 of 2, 0:04 min left. Preliminary: a / b 1.100")


@pytest.mark.parametrize(
    ("name", "value"),
    [("FORCE_COLOR", "1"), ("TTY_COMPATIBLE", "1"), ("TTY_INTERACTIVE", "1"), ("NO_COLOR", "1"), ("TERM", "dumb"), ("CI", "true")],
)
def test_a_pipe_gets_neither_escapes_nor_carriage_returns_whatever_the_environment_says(environment, clock, name, value):
    environment.setenv(name, value)
    stream = io.StringIO()
    run_through(Progress(2, 8, stream), clock)
    assert not set(stream.getvalue()) & {"\r", "\x1b"}
    assert len(stream.getvalue().splitlines()) == 4


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TERM", "unknown"), ("CI", "true"), ("TTY_INTERACTIVE", "0")])
def test_a_terminal_that_should_not_be_redrawn_gets_plain_lines(environment, clock, terminal, name, value):
    environment.setenv(name, value)
    run_through(Progress(2, 8, terminal.stream), clock)
    seen = terminal.read()
    assert "\x1b" not in seen
    assert sum(PLAIN_LINE.fullmatch(line) is not None for line in seen.splitlines()) == 2


def test_a_stream_that_knows_ascii_only_is_no_obstacle(clock):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict", write_through=True)
    run_through(Progress(2, 8, stream), clock)
    assert len(stream.buffer.getvalue().decode("ascii").splitlines()) == 4


def test_a_sign_that_a_stream_cannot_show_is_replaced(monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict", write_through=True))
    prepare_streams()
    with Progress(1, 1) as progress:
        progress.say("Café ± 1 %")
        stream = sys.stderr
    assert stream.buffer.getvalue() == b"Caf? ? 1 %\n"


def test_progress_goes_to_the_stderr_of_the_moment(capsys):
    with Progress(1, 1) as progress:
        progress.say("here")
    assert capsys.readouterr() == ("", "here\n")


def test_a_long_launch_gives_a_line_at_least_each_minute(clock):
    stream = io.StringIO()
    spoken_s = []

    def end_slice():
        before = stream.tell()
        progress.end_slice(SLICE)
        if stream.tell() > before:
            spoken_s.append(clock.now_s)

    with Progress(1, 100, stream) as progress:
        progress.begin_launch(1, 100)
        started_s = clock.now_s
        for _ in range(100):
            clock.now_s += 7.0
            end_slice()
    gaps = [after - before for before, after in zip([started_s, *spoken_s], [*spoken_s, clock.now_s], strict=True)]
    assert LINE_EVERY_S <= max(gaps) <= 60
    assert 10 <= len(spoken_s) <= 14


def test_time_left_is_that_of_the_slices_left_at_their_mean(clock):
    stream = io.StringIO()
    with Progress(3, 30, stream) as progress:
        progress.begin_launch(1, 10)
        for _ in range(10):
            clock.now_s += 6.5
            progress.end_slice(SLICE)
        progress.end_launch(None)
    assert stream.getvalue().splitlines()[-1].endswith("launch 1 of 3, 2:10 min left.")


def last_line(stream):
    return stream.getvalue().splitlines()[-1]


def measure(progress, clock, launch, slices, slice_s=1.0, *, kept=True):
    """Tell of one try of a launch."""
    progress.begin_launch(launch, slices)
    for _ in range(slices):
        clock.now_s += slice_s
        progress.end_slice(SLICE)
    if kept:
        progress.end_launch(None)


def test_launches_of_different_sizes_count_by_their_slices(clock):
    stream = io.StringIO()
    with Progress(3, 20, stream) as progress:
        measure(progress, clock, 1, 14)
        assert last_line(stream).endswith("launch 1 of 3, 0:06 min left.")
        measure(progress, clock, 2, 4)
        assert last_line(stream).endswith("launch 2 of 3, 0:02 min left.")
        measure(progress, clock, 3, 2)
        assert last_line(stream).endswith("launch 3 of 3, 0:00 min left.")


def test_a_launch_that_is_repeated_counts_once_and_its_time_is_part_of_the_pace(clock):
    stream = io.StringIO()
    with Progress(2, 20, stream) as progress:
        measure(progress, clock, 1, 10, kept=False)
        progress.repeat_launch(1, [Gate(1, 1, "generator_wait_ratio", "all slices", 0.05, 0.02, "repeated")])
        assert last_line(stream) == "Launch 1 is repeated: generator_wait_ratio 0.05 > 0.02 in all slices."
        measure(progress, clock, 1, 10)
        assert last_line(stream).endswith("launch 1 of 2, 0:20 min left.")
        measure(progress, clock, 2, 10)
        assert last_line(stream).endswith("launch 2 of 2, 0:00 min left.")


def test_a_try_that_was_stopped_midway_counts_nothing(clock, terminal):
    with Progress(2, 8, terminal.stream) as progress:
        progress.begin_launch(1, 4)
        clock.now_s += 1.0
        progress.end_slice(SLICE)
        terminal.read()
        progress.begin_launch(1, 4)
        assert "[........................] 0:01 min, some time left" in text_of(terminal.read())


def test_launches_that_are_not_needed_shorten_the_run(clock):
    stream = io.StringIO()
    with Progress(4, 40, stream) as progress:
        measure(progress, clock, 1, 10)
        assert last_line(stream).endswith("launch 1 of 4, 0:30 min left.")
        progress.skip_launch(2, 10)
        progress.skip_launch(3, 10)
        measure(progress, clock, 4, 10)
        assert last_line(stream).endswith("launch 4 of 4, 0:00 min left.")
    assert len(stream.getvalue().splitlines()) == 2  # nothing to say of what is not done


def test_what_comes_before_the_first_launch_is_not_taken_for_its_pace(clock):
    stream = io.StringIO()
    with Progress(2, 20, stream) as progress:
        clock.now_s += 120.0  # calibration, starts of single stacks
        measure(progress, clock, 1, 10)
    assert last_line(stream).endswith("launch 1 of 2, 0:10 min left.")


# --- the live display -----------------------------------------------------------------------------------------------


def text_of(seen):
    """Return what a terminal shows of it: without escapes and carriage returns."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", seen)


def test_a_terminal_shows_launch_stack_bar_time_left_and_the_ratio_so_far(clock, terminal):
    with Progress(2, 8, terminal.stream) as progress:
        progress.begin_launch(1, 4)
        clock.now_s += 2.0
        progress.end_slice(SLICE)
        clock.now_s += 2.0
        terminal.read()
        progress.end_slice(SLICE)
        lines = text_of(terminal.read()).splitlines()
        assert "launch 1/2  flask-gthread predict-1 closed-16" in lines[0]
        assert lines[1] == "[######..................] 0:04 min, 0:12 min left"
        progress.end_launch(ROW)
        assert "Preliminary: a / b 1.100" in text_of(terminal.read())


def test_a_terminal_is_told_that_servers_are_being_started(terminal):
    with Progress(2, 8, terminal.stream) as progress:
        progress.begin_launch(1, 4)
        lines = text_of(terminal.read()).splitlines()
    assert lines == ["launch 1/2  starting servers", "[........................] 0:00 min, some time left"]


def test_nothing_is_drawn_between_the_edges_of_slices(clock, terminal):
    with Progress(1, 4, terminal.stream) as progress:
        progress.begin_launch(1, 4)
        clock.now_s += 5.0
        progress.end_slice(SLICE)
        terminal.read()
        clock.now_s += 60.0
        assert terminal.read() == ""


def test_the_display_has_no_thread_of_its_own(terminal):
    before = threading.enumerate()
    with Progress(1, 4, terminal.stream) as progress:
        progress.begin_launch(1, 4)
        assert threading.enumerate() == before


def test_the_display_is_redrawn_at_most_twice_a_second(clock, terminal):
    with Progress(1, 100, terminal.stream) as progress:
        progress.begin_launch(1, 100)
        terminal.read()
        drawn = 0
        for _ in range(100):
            clock.now_s += REDRAW_EVERY_S / 4.9
            progress.end_slice(SLICE)
            drawn += bool(terminal.read())
    assert drawn == 20


def test_the_display_leaves_only_the_lines_that_were_said(clock, terminal):
    run_through(Progress(2, 8, terminal.stream), clock)
    seen = terminal.read()
    assert "Profile smoke: 3 stacks" in seen
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1
    after_last_frame = seen.rsplit("Preliminary", 1)[1]
    assert "\x1b[2K" in after_last_frame


def test_the_answer_on_stdout_stays_out_of_the_display(terminal, capsys):
    with Progress(1, 4, terminal.stream):
        sys.stdout.write("the answer\n")
    assert capsys.readouterr().out == "the answer\n"
    assert "answer" not in terminal.read()


def test_no_color_takes_nothing_but_colour(environment, clock, terminal):
    environment.setenv("NO_COLOR", "1")
    run_through(Progress(2, 8, terminal.stream), clock)
    seen = terminal.read()
    assert "launch 1/2" in text_of(seen)
    assert re.search(r"\x1b\[[0-9;]*m", seen) is None


@pytest.mark.parametrize("columns", [40, 80])
def test_the_display_fits_a_terminal_of(environment, clock, terminal, columns):
    environment.setenv("COLUMNS", str(columns))
    run_through(Progress(2, 8, terminal.stream), clock)
    lines = text_of(terminal.read().replace("\r", "\n")).splitlines()
    assert columns / 2 < max(len(line) for line in lines) <= columns
