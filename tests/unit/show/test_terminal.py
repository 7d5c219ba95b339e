"""The end of a run in the terminal: the answer, few cells, where the rest is; twenty lines of plain text."""

from dataclasses import replace
from pathlib import Path

import pytest
from run_variants import MINI_RUN, VARIANTS, copy_run
from serving import ROOT

from bench.plan.profiles import read_profile
from bench.records import AS_DEPLOYED, Noise, RunWarning
from bench.records.folder import RunFolder
from bench.records.price import Price
from bench.show.five_lines import answer_lines, trust_lines
from bench.show.sentences import notices
from bench.show.terminal import fold, terminal_summary

FORMAT_4 = MINI_RUN.parent / "format_4"


@pytest.mark.parametrize("name", VARIANTS)
def test_the_terminal_gets_twenty_lines_of_plain_text(name, tmp_path):
    text = terminal_summary(VARIANTS[name](tmp_path / name))
    assert len(text.splitlines()) <= 20
    if name != "user":
        assert text.isascii()
    ends = text.splitlines()[-4:]
    assert [line.split()[-1].rpartition("/")[2] for line in ends] == [name, "summary.json", "report.md", "report.html"]
    assert ends[0].split()[1:5] == ["python", "-m", "bench", "report"]


def test_every_place_that_the_terminal_names_is_there(whole):
    places = [Path(line.split()[-1]) for line in terminal_summary(whole).splitlines()[-4:]]
    assert [place for place in places if not place.exists()] == []
    assert places[0] == whole.path


@pytest.fixture
def summary_of(tmp_path):
    """Return a function from a summary to what the terminal gets of a run that has it."""
    folder = copy_run(tmp_path / "run")

    def tell(summary):
        folder.write_summary(summary)
        return terminal_summary(folder)

    return tell


def cells_of(text):
    """Return the stacks of the table of a terminal's text."""
    lines = text.splitlines()
    if "predict-1, 16 users:" not in lines:
        return []
    heading = lines.index("predict-1, 16 users:")
    return [line.split()[0] for line in lines[heading + 2 : lines.index("", heading)]]


def test_the_cells_are_those_under_the_load_of_the_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = terminal_summary(copy_run(tmp_path / "run")).splitlines()
    heading = lines.index("predict-1, 16 users:")
    assert lines[heading + 1].split() == ["stack", "req/s", "p50", "ms", "p99", "ms", "CPU", "us", "errors"]
    assert lines[-1] == "report:   run/report.html"


PARTIAL = {"partial": True}
LAYERING = (RunWarning("layering", "A layer costs less than nothing.", "Measure it again."),)
SHORTER = {"break_even": (), "complexity": ()}  # two lines less in the answer, and one that names what was not measured


@pytest.mark.parametrize(
    ("fields", "warnings", "withheld", "cells"),
    [
        ({}, (), False, 3),
        (PARTIAL, (), False, 2),
        ({}, LAYERING, False, 2),
        (PARTIAL, (), True, 1),
        (PARTIAL, LAYERING, True, 0),
        (SHORTER, (), False, 4),
        ({**SHORTER, **PARTIAL}, (), True, 2),
    ],
)
def test_the_table_has_the_room_that_notices_answer_and_trust_leave_and_begins_with_the_first_pair(
    fields, warnings, withheld, cells, summary_of
):
    folder = RunFolder.open(MINI_RUN)
    summary, stacks = folder.read_summary(), folder.read_manifest()["stacks"]
    rows = tuple(replace(row, verdict="withheld", reason="a reason") if withheld else row for row in summary.comparisons)
    summary = replace(summary, comparisons=rows, validity=replace(summary.validity, warnings=warnings), **fields)
    text = summary_of(summary)
    told = [*notices(summary), *answer_lines(summary, stacks, Price()), *trust_lines(summary, stacks)]
    assert text.startswith("\n".join([*told, ""]))
    assert cells_of(text) == [*AS_DEPLOYED[::-1], "flask-granian", "fastapi-granian"][:cells]
    assert len(text.splitlines()) == (20 if cells else 17)  # a table of one cell would be four lines


def test_the_terminal_shows_six_cells_where_there_is_room(summary_of):
    summary = RunFolder.open(MINI_RUN).read_summary()
    rows = tuple(row for row in summary.comparisons if row.load == "closed-16")
    quiet = replace(summary.validity, noise=Noise())
    assert len(cells_of(summary_of(replace(summary, comparisons=rows, validity=quiet, **SHORTER)))) == 6


@pytest.mark.parametrize("name", ["quick", "default", "thorough"])
def test_the_first_stacks_of_a_bundled_profile_are_those_of_its_first_row(name):
    """The table of the terminal has room for few."""
    profile = read_profile(name)
    assert profile.parts[0].stacks[:2] == (profile.pairs[0].baseline, profile.pairs[0].contender)


@pytest.mark.parametrize("path", [FORMAT_4, ROOT / "results" / "reference"], ids=lambda path: path.name)
def test_a_run_of_an_older_format_is_told_in_the_terminal(path):
    folder = RunFolder.open(path)
    lines = terminal_summary(folder).splitlines()
    assert len(lines) <= 20
    assert " as usually deployed: FastAPI on uvicorn answered " in lines[0]
    assert sum(line.startswith(f"A/A {folder.read_summary().validity.aa.state}: ") for line in lines) == 1
    assert [line for line in lines if "null-" in line] == []


def test_cells_of_two_scenarios_get_a_column_for_them(tmp_path):
    folder = copy_run(tmp_path / "run")
    summary = folder.read_summary()
    first, second, *others = summary.cells
    folder.write_summary(replace(summary, cells=(first, replace(second, scenario="invalid"), *others)))
    lines = terminal_summary(folder).splitlines()
    head = next(line for line in lines if line.startswith("stack"))
    assert head.split()[1] == "load"
    assert any(line.startswith("fastapi-uvicorn") and "invalid, 16 users" in line for line in lines)


def test_the_terminal_keeps_to_twenty_lines_however_many_warnings_a_bad_run_has(summary_of):
    folder = RunFolder.open(MINI_RUN)
    summary, stacks = folder.read_summary(), folder.read_manifest()["stacks"]
    for count in range(14):
        listed = tuple(RunWarning(f"code-{number}", "Text.", "Step.") for number in range(count))
        bad = replace(summary, partial=True, validity=replace(summary.validity, valid=False, warnings=listed))
        text = summary_of(bad)
        lines, case = text.splitlines(), f"{count} warnings:\n{text}"
        assert len(lines) <= 20, case
        assert [line.partition(":")[0] for line in lines[:2]] == ["Partial run", "Not a valid run"], case
        assert "\n\n\n" not in text, case
        assert "\n".join([*answer_lines(bad, stacks, Price()), *trust_lines(bad, stacks), ""]) in text, case
        assert [warning.code for warning in listed if warning.code not in text] == [], case  # those without a line of their own too


def test_the_command_that_draws_again_can_be_pasted(tmp_path):
    folder = copy_run(tmp_path / "my run")
    assert f"python -m bench report '{folder.path}'" in terminal_summary(folder).splitlines()[-4]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_terminal_gets_lines_as_wide_as_it_is_with_all_words_in_order(columns):
    folder = RunFolder.open(MINI_RUN)
    text = terminal_summary(folder)
    folded = terminal_summary(folder, columns=columns).splitlines()
    assert " ".join(folded).split() == text.split()
    assert max(len(line) for line in folded[:-4]) <= columns
    assert folded[-4:] == text.splitlines()[-4:]  # to be pasted
    assert any(line.startswith("fastapi-uvicorn ") for line in folded)


def test_only_lines_too_long_are_folded_and_a_long_word_stays_whole():
    lines = ["", "stack       req/s", "a-word-longer-than-the-line is whole", "  indented as it was"]
    assert fold(lines, None) == lines
    assert fold(lines, 20) == ["", "stack       req/s", "a-word-longer-than-the-line", "  is whole", "  indented as it was"]
