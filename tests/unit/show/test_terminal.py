"""The end of a run in the terminal: the answer, few cells, where the rest is; twenty lines of plain text."""

from dataclasses import replace
from pathlib import Path

import pytest
from run_variants import MINI_RUN, VARIANTS, copy_run

from bench.records import RunWarning
from bench.records.folder import RunFolder
from bench.show.terminal import fold, terminal_summary


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


def test_the_terminal_shows_at_most_six_cells_under_the_load_of_the_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = copy_run(tmp_path / "run")
    lines = terminal_summary(folder).splitlines()
    heading = lines.index("predict-1, 16 users:")
    assert lines[heading + 1].split() == ["stack", "req/s", "p50", "ms", "p99", "ms", "CPU", "us", "errors"]
    shown = lines[heading + 2 : lines.index("", heading)]
    assert len(lines) == 20
    assert [line.split()[0] for line in shown] == list(folder.read_manifest()["stacks"])[:5]  # twenty lines leave room for five
    assert lines[-1] == "report:   run/report.html"


def test_the_terminal_shows_six_cells_where_there_is_room(tmp_path):
    folder = copy_run(tmp_path / "run")
    folder.write_summary(replace(folder.read_summary(), break_even=(), complexity=()))
    lines = terminal_summary(folder).splitlines()
    heading = lines.index("predict-1, 16 users:")
    assert len(lines[heading + 2 : lines.index("", heading)]) == 6


def test_cells_of_two_scenarios_get_a_column_for_them(tmp_path):
    folder = copy_run(tmp_path / "run")
    summary = folder.read_summary()
    first, second, *others = summary.cells
    folder.write_summary(replace(summary, cells=(first, replace(second, scenario="invalid"), *others)))
    lines = terminal_summary(folder).splitlines()
    head = next(line for line in lines if line.startswith("stack"))
    assert head.split()[1] == "load"
    assert any(line.startswith("fastapi-uvicorn") and "invalid, 16 users" in line for line in lines)


def test_the_terminal_keeps_to_twenty_lines_however_many_warnings_a_bad_run_has(tmp_path):
    folder = copy_run(tmp_path / "run")
    summary = folder.read_summary()
    for count in range(14):
        listed = tuple(RunWarning(f"code-{number}", "Text.", "Step.") for number in range(count))
        folder.write_summary(replace(summary, partial=True, validity=replace(summary.validity, valid=False, warnings=listed)))
        text = terminal_summary(folder)
        lines, case = text.splitlines(), f"{count} warnings:\n{text}"
        assert len(lines) <= 20, case
        assert [line.partition(":")[0] for line in lines[:2]] == ["Partial run", "Not a valid run"], case
        assert "\n\n\n" not in text, case
        assert sum(line.startswith("A/A pass: ") for line in lines) == 1, case


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
