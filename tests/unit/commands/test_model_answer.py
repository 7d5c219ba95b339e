"""`bench answer`: what to expect of a model of one's own, as far as was measured and no further."""

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
from bench.records.numbers import prose
from bench.show.outputs.model_answer import CHANGES
from bench.show.words.models import threshold_words

MINI = RunFolder.open(MINI_RUN)
# Lines of an answer: of each pair, and after them.
PER_PAIR, AFTER = 4, 3


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


NO_SLOPES = {"contender_slope": None, "baseline_slope": None}


def row_of(**fields):
    """Return the first pair of the miniature run with that curve, two engines on it, and one threshold; its launches are six."""
    overheads = {"contender_overhead_ms": Interval(0.1, 0.099, 0.101, 0.969), "baseline_overhead_ms": Interval(0.4, 0.39, 0.41, 0.969)}
    spin = BreakEvenPoint("spin-1ms", Interval(1.01, None, None, None), Interval(2.0, 1.95, 2.05, 0.969), 2.0, off_curve=False, **overheads)
    far = replace(spin, engine="sklearn", model=Interval(0.2, None, None, None))
    near = Threshold(0.1, Interval(8.0, 7.0, 9.0, 0.969), is_measured=True, multiple=Interval(80.0, 70.0, 90.0, 0.969))
    whole = {"launches": 6, "longest_ms": 10.0, "curve": CURVE, "points": (far, spin), "thresholds": (near,), **overheads, **NO_SLOPES}
    return replace(MINI.read_summary().break_even[0], **{**whole, **fields})


def test_each_pair_has_its_ratio_both_rates_by_the_fit_the_nearest_model_and_from_when_on_it_no_longer_matters(answer, make_run):
    first, second = row_of(), row_of(contender="flask-granian")
    lines = answer(1, make_run(break_even=(first, second)))
    assert lines[:PER_PAIR] == [
        (
            "Throughput, as usually deployed: with a model of 1 ms FastAPI on uvicorn answers 2.00 (1.95 to 2.05) times as many requests "
            "per second as Flask on gunicorn gthread (predict-1, 16 users, 96.9 % interval, 6 launches)."
        ),
        "  By the fit: about 909 with FastAPI on uvicorn and 714 with Flask on gunicorn gthread, on the cores of this run.",
        "  Measured nearest: a model of 1.01 ms (spin-1ms), 2.00 (1.95 to 2.05) times.",
        f"  Model time from which they are less than 10 % apart: {threshold_words(first, first.thresholds[0])}.",
    ]
    assert lines[PER_PAIR].startswith("Throughput, the server alone: with a model of 1 ms Flask on granian answers 2.00 (1.95 to 2.05) ")
    assert len(lines) == 2 * PER_PAIR + AFTER


@pytest.mark.parametrize("model_ms", [0, 0.0043, 0.25, 1, 5])
def test_the_ratio_is_that_of_the_curve_at_this_time(answer, model_ms):
    lines = answer(model_ms)
    for row, line in zip(MINI.read_summary().break_even, lines[:-AFTER:PER_PAIR], strict=True):
        assert f" answers {prose(ratio_at(row, model_ms))} times as many requests per second as " in line


def test_what_a_model_costs_beside_its_own_time_makes_the_rates_of_the_fit_lower(answer, make_run):
    slopes = {"contender_slope": Interval(1.0, None, None, None), "baseline_slope": Interval(0.0, None, None, None)}
    [rates] = [line for line in answer(1, make_run(break_even=(row_of(**slopes),))) if "By the fit: " in line]
    assert "about 476 with FastAPI on uvicorn and 714 with" in rates


def test_a_fit_that_gives_no_rate_is_left_out(answer, make_run):
    negative = {"contender_overhead_ms": Interval(-0.1, None, None, None)}
    assert not [line for line in answer(0, make_run(break_even=(row_of(**negative),))) if "By the fit" in line]


def test_a_pair_that_stands_for_nothing_is_called_by_its_stacks(answer, make_run):
    [first, *_] = answer(1, make_run(break_even=(row_of(contender="fastapi-def"),)))
    assert first.startswith("Throughput, FastAPI with def on uvicorn / Flask on gunicorn gthread: with a model of 1 ms ")


def test_a_curve_of_single_launches_has_no_interval(answer, make_run):
    bare = tuple(replace(point, interval=Interval(point.ratio, None, None, None)) for point in CURVE)
    [first, *_] = answer(0.1, make_run(break_even=(row_of(curve=bare),)))
    assert " answers 4.00 times as many " in first
    assert "(predict-1, 16 users, no interval, 6 launches)" in first


def test_a_model_off_the_curve_is_called_so(answer, make_run):
    row = row_of()
    run = make_run(break_even=(replace(row, points=(replace(row.points[-1], off_curve=True),)),))
    [nearest] = [line for line in answer(9, run) if "Measured nearest" in line]
    assert " times. It lies off the curve: Beside the model a request takes 0.100 (0.099 to 0.101) ms" in nearest


# --- latency, health checks, what changes ---------------------------------------------------------------------------


def test_the_latency_of_one_user_is_what_was_measured_and_the_time_of_the_model(answer):
    [line] = [line for line in answer(2) if line.startswith("Latency")]
    assert line == (
        "Latency, one user alone: about 2.16 ms with FastAPI on uvicorn and 2.25 ms with Flask on gunicorn gthread. Measured with the "
        "default model: 0.163 and 0.250 ms; your model's time is added."
    )


def test_without_the_latency_of_one_user_of_both_nothing_is_said_of_it(answer, make_run):
    cells = tuple(cell for cell in MINI.read_summary().cells if (cell.stack, cell.load) != ("fastapi-uvicorn", "closed-1"))
    assert not [line for line in answer(2, make_run(cells=cells)) if line.startswith("Latency")]


def test_health_checks_are_told_with_the_model_that_they_were_measured_beside_and_how_long_one_waits_in_async_def(answer):
    [line] = [line for line in answer(2) if line.startswith("Health checks")]
    assert line == (
        "Health checks later than 1 s, measured beside a model of 100 ms: Flask on gunicorn gthread 0 %; FastAPI on uvicorn 3.8 %; "
        "FastAPI with def on uvicorn 0 %. In async def a check waits for every request before it: with 4 users, up to 8 ms."
    )


@pytest.mark.parametrize("probes", [(), tuple(replace(row, late_ratio=None) for row in MINI.read_summary().probes)])
def test_health_checks_that_were_not_measured_name_the_profile_that_does(answer, make_run, probes):
    said = answer(2, make_run(probes=probes))[-2]
    assert said == "Health checks beside a slow model: not measured in this run; make bench PROFILE=thorough measures them."


def test_what_depends_on_the_model_and_what_does_not_is_said_last(answer):
    assert answer(2)[-1] == CHANGES


# --- how far it is read ---------------------------------------------------------------------------------------------


def test_the_longest_model_is_answered_and_a_longer_one_refused_with_both_ends(answer, refusal, make_run):
    run = make_run(break_even=(row_of(),))
    assert " answers 1.00 (0.97 to 1.02) times " in answer(10, run)[0]
    assert refusal("--model-ms", "11", run) == f"bench: --model-ms 11 is outside what was measured in {run}: 0 to 10 ms."


@pytest.mark.parametrize(("value", "words"), [("-0.1", "-0.1"), ("nan", "nan"), ("inf", "inf")])
def test_a_time_that_is_none_is_refused(refusal, value, words):
    assert refusal(f"--model-ms={value}", MINI_RUN).startswith(f"bench: --model-ms {words} is outside what was measured")


def test_a_pair_that_was_measured_less_far_is_left_out_beyond_its_end(answer, make_run):
    shorter = row_of(contender="flask-granian", longest_ms=1.0, curve=(*CURVE[:2], replace(CURVE[2], model_ms=1.0)))
    run = make_run(break_even=(row_of(), shorter))
    assert len(answer(1.0, run)) == 2 * PER_PAIR + AFTER
    lines = answer(2.0, run)
    assert len(lines) == PER_PAIR + AFTER
    assert lines[0].startswith("Throughput, as usually deployed: ")


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
    assert lines[-PER_PAIR - AFTER].startswith("Throughput, as usually deployed: ")


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
