"""The end of a run in the terminal: the answer, what to choose or the first cells, where the rest is; as wide as the terminal."""

from dataclasses import replace
from pathlib import Path

import pytest
from reports import answer_of
from run_variants import MINI_RUN, VARIANTS, copy_run
from serving import ROOT

from bench.plan.profiles import read_profile
from bench.records import Answer, AnswerLine, Choice, RunWarning
from bench.records.folder import RunFolder
from bench.show.outputs.terminal import MAX_CELLS, fold, terminal_summary
from bench.show.words.verdicts import notices, validity_line

FORMAT_4 = MINI_RUN.parent / "format_4"
NOTHING_TO_CHOOSE = Answer("Which one?", (AnswerLine("trust", "not judged", "Nothing is known."),), (), "")


def told(folder, answer=None):
    """Return the paragraphs that the terminal gets of a run, each as lines."""
    text = terminal_summary(folder, answer or answer_of(folder))
    return [paragraph.splitlines() for paragraph in text.split("\n\n")]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_run_ends_in_plain_text_and_with_where_the_rest_is(name, tmp_path):
    folder = VARIANTS[name](tmp_path / name)
    text = terminal_summary(folder, answer_of(folder))
    assert text.isascii() or name == "user"  # but for names of a user
    assert len(text.splitlines()) <= 25
    ends = text.splitlines()[-4:]
    assert [line.split()[-1].rpartition("/")[2] for line in ends] == [name, "summary.json", "report.md", "report.html"]
    assert ends[0].split()[1:5] == ["python", "-m", "bench", "report"]
    assert "\n\n\n" not in text


def test_every_place_that_the_terminal_names_is_there(whole):
    places = [Path(line.split()[-1]) for line in terminal_summary(whole).splitlines()[-4:]]
    assert [place for place in places if not place.exists()] == []
    assert places[0] == whole.path


def test_places_below_the_working_folder_are_told_as_a_reader_would_type_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert terminal_summary(copy_run(tmp_path / "run")).splitlines()[-1] == "report:   run/report.html"


def test_the_command_that_draws_again_can_be_pasted(tmp_path):
    folder = copy_run(tmp_path / "my run")
    assert f"python -m bench report '{folder.path}'" in terminal_summary(folder).splitlines()[-4]


# --- what is said ---------------------------------------------------------------------------------------------------


def test_the_answer_stands_between_what_must_be_known_first_and_validity(tmp_path):
    folder = VARIANTS["partial"](tmp_path / "run")
    summary, answer = folder.read_summary(), answer_of(folder)
    assert notices(summary)
    lines = [line.text for line in answer.lines if line.topic != "others"]  # the list of choices says that
    assert told(folder)[0] == [*notices(summary), *lines, validity_line(summary)]


def test_what_to_choose_is_listed_where_the_run_says_it():
    line, topic, service = AnswerLine("trust", "judged", "It is sure."), "small model", "A small model"
    standings = ("judged", "seen", "counted", "withheld", "not judged", "not measured")
    choices = tuple(Choice(topic, standing, service, f"what is {standing}", "because") for standing in standings)
    paragraphs = told(RunFolder.open(MINI_RUN), Answer("Which one?", (line,), choices, "small"))
    said = [f"- A small model: what is {standing}" for standing in standings[:3]]
    assert paragraphs[1:-1] == [["What to choose:", *said], ["Not measured in this run: A small model (because)."]]


def test_a_run_tells_its_own_answer_where_no_other_is_given(tmp_path):
    folder = copy_run(tmp_path / "run")
    folder.write_summary(replace(folder.read_summary(), answer=NOTHING_TO_CHOOSE))
    assert terminal_summary(folder).startswith("Nothing is known.\n")
    assert not terminal_summary(folder, answer_of(RunFolder.open(MINI_RUN))).startswith("Nothing is known.\n")


@pytest.mark.parametrize("count", [1, 14])
def test_a_run_that_is_not_valid_tells_every_warning(count, tmp_path):
    folder = copy_run(tmp_path / "run")
    summary = folder.read_summary()
    warnings = tuple(RunWarning(f"code-{number}", f"Text {number}.", "Step.") for number in range(count))
    folder.write_summary(replace(summary, validity=replace(summary.validity, valid=False, warnings=warnings)))
    first = told(folder)[0]
    assert first[0].startswith("Not a valid run: ")
    assert first[1 : 1 + count] == [f"Warning: Text {number}. Step." for number in range(count)]


@pytest.mark.parametrize("path", [FORMAT_4, ROOT / "results" / "reference"], ids=lambda path: path.name)
def test_a_run_of_an_older_format_is_told_in_the_terminal(path):
    folder = RunFolder.open(path)
    first, choices, *_ = told(folder)
    assert first[-1] == validity_line(folder.read_summary())
    assert choices[0] == "What to choose:"
    assert "null-" not in terminal_summary(folder, answer_of(folder))


# --- the first cells ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["smoke", "user"])
def test_a_run_that_says_nothing_to_choose_by_shows_the_cells_under_the_load_of_the_answer(name, tmp_path):
    folder = VARIANTS[name](tmp_path / "run")
    head, names, *rows = told(folder)[1]
    cells = folder.read_summary().cells
    first = [cell.stack for cell in cells if (cell.part, cell.load) == ("headline", cells[0].load)]
    assert head == {"smoke": "predict-1, 16 users:", "user": "predict-1, 4 users:"}[name]
    assert names.split() == ["stack", "req/s", "p50", "ms", "p99", "ms", "CPU", "us", "errors"]
    assert [row.split()[0] for row in rows] == first


def test_a_run_that_has_something_to_choose_by_shows_no_cells():
    assert not [lines for lines in told(RunFolder.open(MINI_RUN)) if "req/s" in "".join(lines)]


def test_a_run_without_an_answer_shows_as_many_cells_as_there_is_room_for():
    folder = RunFolder.open(FORMAT_4)
    assert folder.read_summary().answer is None
    assert len(told(RunFolder.open(MINI_RUN), NOTHING_TO_CHOOSE)[1]) == 2 + MAX_CELLS
    assert any(line.startswith("predict-1, ") for line in terminal_summary(folder).splitlines())


def test_cells_of_two_scenarios_get_a_column_for_them(tmp_path):
    folder = copy_run(tmp_path / "run")
    summary = folder.read_summary()
    first, second, *others = summary.cells
    folder.write_summary(replace(summary, cells=(first, replace(second, scenario="invalid"), *others)))
    head, *rows = told(folder, NOTHING_TO_CHOOSE)[1]
    assert head.split()[:2] == ["stack", "load"]
    assert any(row.startswith("fastapi-uvicorn") and "invalid, 16 users" in row for row in rows)


@pytest.mark.parametrize("name", ["quick", "default", "thorough"])
def test_the_first_stacks_of_a_bundled_profile_are_those_of_its_first_row(name):
    """The table of the terminal has room for few."""
    profile = read_profile(name)
    assert profile.parts[0].stacks[:2] == (profile.pairs[0].baseline, profile.pairs[0].contender)


# --- as wide as the terminal ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_terminal_gets_lines_as_wide_as_it_is_with_all_words_in_order(columns):
    folder = RunFolder.open(MINI_RUN)
    text = terminal_summary(folder)
    folded = terminal_summary(folder, columns=columns).splitlines()
    assert " ".join(folded).split() == text.split()
    assert max(len(line) for line in folded[:-4]) <= columns
    assert folded[-4:] == text.splitlines()[-4:]  # to be pasted


def test_only_lines_too_long_are_folded_and_a_long_word_stays_whole():
    lines = ["", "stack       req/s", "a-word-longer-than-the-line is whole", "  indented as it was"]
    assert fold(lines, None) == lines
    assert fold(lines, 20) == ["", "stack       req/s", "a-word-longer-than-the-line", "  is whole", "  indented as it was"]
