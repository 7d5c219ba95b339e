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
from bench.records.folder import RunFolder
from bench.show.numbers import format_interval

MINI = RunFolder.open(MINI_RUN)


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


def test_the_answer_has_for_each_pair_the_ratio_the_nearest_engine_and_when_it_no_longer_matters(answer):
    assert answer(0.6) == [
        (
            "as usually deployed: FastAPI on uvicorn / Flask on gunicorn gthread: 1.1449 (1.1436 to 1.1461) times the requests per second "
            "with a model of 0.6 ms, 96.9 %, 6 launches, predict-1, 16 users."
        ),
        "  Measured nearest: engine spin-1ms, 1.01 ms, 1.095 (1.086 to 1.116) times.",
        "  The ratio is within 10 % of 1 from 0.9100 ms of model time on (0.9007 to 0.9180 ms, 96.9 %).",
        (
            "the server alone: Flask on granian / Flask on gunicorn gthread: 1.1249 (1.1224 to 1.1261) times the requests per second "
            "with a model of 0.6 ms, 96.9 %, 6 launches, predict-1, 16 users."
        ),
        "  Measured nearest: engine spin-1ms, 1.01 ms, 1.0847 (1.0751 to 1.0933) times.",
        "  The ratio is within 10 % of 1 from 0.775 ms of model time on (0.757 to 0.783 ms, 96.9 %).",
        (
            "same server: FastAPI on granian / Flask on granian: 0.9840 (0.9834 to 0.9855) times the requests per second "
            "with a model of 0.6 ms, 96.9 %, 6 launches, predict-1, 16 users."
        ),
        "  Measured nearest: engine spin-1ms, 1.01 ms, 0.9822 (0.9714 to 0.9901) times.",
        "  The ratio is within 10 % of 1 from 0.0118 ms of model time on (0.0000 to 0.0162 ms, 96.9 %).",
    ]


@pytest.mark.parametrize("model_ms", [0, 0.0043, 0.25, 1, 5])
def test_the_ratio_is_that_of_the_curve_at_this_time(answer, model_ms):
    lines = answer(model_ms)
    for row, line in zip(MINI.read_summary().break_even, lines[::3], strict=True):
        ratio = ratio_at(row.contender_launches_ms, row.baseline_launches_ms, model_ms, level=0.95)
        assert f": {format_interval(ratio)} times the requests per second with a model of" in line


def test_the_level_is_that_of_the_plan_of_the_run(answer, tmp_path):
    folder = copy_run(tmp_path / "run")
    manifest = folder.read_manifest()
    manifest["plan"]["rules"]["levels"]["exploratory"] = 0.5
    folder.write_manifest(manifest)
    row = MINI.read_summary().break_even[0]
    ratio = ratio_at(row.contender_launches_ms, row.baseline_launches_ms, 1, level=0.5)
    assert (
        f": {format_interval(ratio)} times the requests per second with a model of 1 ms, {100 * ratio.level:.3g} %"
        in answer(1, folder.path)[0]
    )


def test_an_engine_off_the_curve_is_called_so(answer):
    assert "engine spin-10ms, 10.0 ms, 1.0774 (1.0657 to 1.0852) times. It lies off the curve: beside the model" in answer(9)[1]


def test_the_longest_model_is_answered_and_a_longer_one_refused_with_both_ends(answer, refusal):
    longest_ms = max(row.longest_ms for row in MINI.read_summary().break_even)
    assert len(answer(longest_ms)) == 9
    assert refusal("--model-ms", "11", MINI_RUN) == f"bench: --model-ms 11 is outside what was measured in {MINI_RUN}: 0 to 10 ms."


@pytest.mark.parametrize(("value", "words"), [("-0.1", "-0.1"), ("nan", "nan"), ("inf", "inf")])
def test_a_time_that_is_none_is_refused(refusal, value, words):
    assert refusal(f"--model-ms={value}", MINI_RUN).startswith(f"bench: --model-ms {words} is outside what was measured")


def test_a_pair_that_was_measured_less_far_is_left_out_beyond_its_end(answer, make_run):
    first, *others = MINI.read_summary().break_even
    run = make_run(break_even=(first, *(replace(row, longest_ms=1.0) for row in others)))
    assert len(answer(1.0, run)) == 9
    lines = answer(2.0, run)
    assert len(lines) == 3
    assert lines[0].startswith("as usually deployed")


def test_a_run_without_a_break_even_part_says_what_to_run(refusal, make_run):
    run = make_run(break_even=())
    assert refusal("--model-ms", "1", run) == f"bench: {run} has no break-even part; run 'make bench' (profile default or thorough) first."


def test_a_run_that_is_not_whole_says_so_first(answer, make_run):
    assert answer(1, make_run(partial=True))[0].startswith("Partial run: ")


def test_a_run_that_is_not_valid_says_so_first(answer, make_run):
    validity = replace(MINI.read_summary().validity, valid=False)
    lines = answer(1, make_run(validity=validity))
    assert lines[0].startswith("Not a valid run: ")
    assert sum(line.startswith("Warning: ") for line in lines) == len(validity.warnings)
    assert lines[-9].startswith("as usually deployed")


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
