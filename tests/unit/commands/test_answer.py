"""`bench answer`: what the switch would buy for a model of one's own, as far as was measured and no further."""

import os
import pty
import subprocess
import sys
import termios
from contextlib import suppress
from dataclasses import replace

import pytest
from run_variants import MINI_RUN, copy_run

from bench.commands.main import main
from bench.judge.break_even import ratio_at
from bench.records import BreakEvenPoint, CurvePoint, Interval, Threshold
from bench.records.folder import RunFolder
from bench.show.numbers import format_interval
from bench.show.why_words import threshold_words

MINI = RunFolder.open(MINI_RUN)
# Lines of an answer.
PER_PAIR = 3


@pytest.fixture
def answer(capsys):
    """Return a function that asks for a model time and returns what was said, after checking that it ended well."""

    def answer(model_ms, run=MINI_RUN):
        assert main(["answer", "--model-ms", str(model_ms), str(run)]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        return said.out.splitlines()

    return answer


@pytest.fixture
def refusal(capsys):
    """Return a function that asks in vain and returns the one line it is told."""

    def refusal(*arguments):
        try:
            status = main(["answer", *map(str, arguments)])
        except SystemExit as leaving:
            status = leaving.code
        said = capsys.readouterr()
        assert (status, said.out) == (2, "")
        [line] = said.err.splitlines()
        return line

    return refusal


@pytest.fixture
def make_run(tmp_path):
    """Return a function that makes a copy of the miniature run with other fields of its summary."""

    def make(**fields):
        folder = copy_run(tmp_path / "run")
        folder.write_summary(replace(folder.read_summary(), **fields))
        return folder.path

    return make


# A curve that is read between three points: ten times as long a model is half of the way.
CURVE = (
    CurvePoint(0.0, Interval(4.0, 3.9, 4.1, 0.969)),
    CurvePoint(0.1, Interval(4.0, 3.9, 4.1, 0.969)),
    CurvePoint(10.0, Interval(1.0, 0.975, 1.025, 0.969)),
)


def row_of(**fields):
    """Return the first pair of the miniature run with that curve, one engine on it, and one threshold; its launches are six."""
    overheads = {"contender_overhead_ms": Interval(0.1, 0.099, 0.101, 0.969), "baseline_overhead_ms": Interval(0.4, 0.39, 0.41, 0.969)}
    spin = BreakEvenPoint("spin-1ms", Interval(1.01, None, None, None), Interval(2.0, 1.95, 2.05, 0.969), 2.0, off_curve=False, **overheads)
    near = Threshold(0.1, Interval(8.0, 7.0, 9.0, 0.969), is_measured=True, multiple=Interval(80.0, 70.0, 90.0, 0.969))
    whole = {"launches": 6, "longest_ms": 10.0, "curve": CURVE, "points": (spin,), "thresholds": (near,), **overheads}
    return replace(MINI.read_summary().break_even[0], **{**whole, **fields})


def test_the_answer_has_for_each_pair_the_ratio_the_nearest_engine_and_when_it_no_longer_matters(answer, make_run):
    first, second = row_of(), row_of(contender="flask-granian")
    lines = answer(1, make_run(break_even=(first, second)))
    assert lines[:3] == [
        (
            "as usually deployed: FastAPI on uvicorn / Flask on gunicorn gthread: 2.000 (1.950 to 2.050) times the requests per second "
            "with a model of 1 ms, 96.9 %, 6 launches, predict-1, 16 users."
        ),
        "  Measured nearest: engine spin-1ms, 1.01 ms, 2.000 (1.950 to 2.050) times.",
        f"  The ratio is {threshold_words(first, first.thresholds[0])}.",
    ]
    assert lines[3].startswith("the server alone: Flask on granian / Flask on gunicorn gthread: 2.000 (1.950 to 2.050) times")
    assert len(lines) == 6


@pytest.mark.parametrize("model_ms", [0, 0.0043, 0.25, 1, 5])
def test_the_ratio_is_that_of_the_curve_at_this_time(answer, model_ms):
    lines = answer(model_ms)
    for row, line in zip(MINI.read_summary().break_even, lines[::PER_PAIR], strict=True):
        assert f": {format_interval(ratio_at(row, model_ms))} times the requests per second with a model of" in line


def test_an_engine_off_the_curve_is_called_so(answer, make_run):
    row = row_of()
    run = make_run(break_even=(replace(row, points=(replace(row.points[0], off_curve=True),)),))
    assert " times. It lies off the curve: beside the model a request takes 0.1000 (0.0990 to 0.1010) ms" in answer(9, run)[1]


def test_the_longest_model_is_answered_and_a_longer_one_refused_with_both_ends(answer, refusal, make_run):
    run = make_run(break_even=(row_of(),))
    assert "1.000 (0.975 to 1.025) times" in answer(10, run)[0]
    assert refusal("--model-ms", "11", run) == f"bench: --model-ms 11 is outside what was measured in {run}: 0 to 10 ms."


@pytest.mark.parametrize(("value", "words"), [("-0.1", "-0.1"), ("nan", "nan"), ("inf", "inf")])
def test_a_time_that_is_none_is_refused(refusal, value, words):
    assert refusal(f"--model-ms={value}", MINI_RUN).startswith(f"bench: --model-ms {words} is outside what was measured")


def test_a_pair_that_was_measured_less_far_is_left_out_beyond_its_end(answer, make_run):
    shorter = row_of(contender="flask-granian", longest_ms=1.0, curve=(*CURVE[:2], replace(CURVE[2], model_ms=1.0)))
    run = make_run(break_even=(row_of(), shorter))
    assert len(answer(1.0, run)) == 2 * PER_PAIR
    lines = answer(2.0, run)
    assert len(lines) == PER_PAIR
    assert lines[0].startswith("as usually deployed")


def test_a_run_without_a_break_even_part_says_what_to_run(refusal, make_run):
    run = make_run(break_even=())
    assert refusal("--model-ms", "1", run) == f"bench: {run} has no break-even part; run 'make bench' (profile default or thorough) first."


def test_a_run_that_is_not_whole_says_so_first(answer, make_run):
    assert answer(1, make_run(partial=True))[0].startswith("Partial run: ")


def test_a_run_that_is_not_valid_says_so_first(answer, make_run):
    validity = replace(MINI.read_summary().validity, valid=False)
    lines = answer(1, make_run(validity=validity, break_even=(row_of(),)))
    assert lines[0].startswith("Not a valid run: ")
    assert sum(line.startswith("Warning: ") for line in lines) == len(validity.warnings)
    assert lines[-PER_PAIR].startswith("as usually deployed")


def test_a_time_must_be_given_and_be_a_number(refusal):
    assert "--model-ms" in refusal(MINI_RUN)
    assert "'fast'" in refusal("--model-ms", "fast", MINI_RUN)


def test_a_folder_that_is_no_run_is_one_line(refusal, tmp_path):
    assert refusal("--model-ms", "1", tmp_path).startswith(f"bench: {tmp_path}")


def said_on_a_terminal(columns):
    """Return the lines that the command writes to a terminal so wide."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "bench", "answer", "--model-ms", "2", str(MINI_RUN)]
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, env=environment)
    os.close(terminal)
    said = b""
    with suppress(OSError):  # reading ends with an error once nobody writes
        while read := os.read(controller, 4096):
            said += read
    os.close(controller)
    assert process.wait() == 0
    return said.decode().splitlines()


def test_a_terminal_gets_whole_words_in_lines_as_wide_as_it_is(answer):
    words = " ".join(answer(2)).split()
    for columns in (40, 100):
        lines = said_on_a_terminal(columns)
        assert " ".join(lines).split() == words
        assert columns - 20 < max(len(line) for line in lines) <= columns
