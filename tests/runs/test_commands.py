"""The command line: its help, its list, and one line for every mistake."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.commands.main import COMMANDS, main
from bench.errors import Interrupted, MachineError, RunFolderError, StackError, UnfinishedError
from bench.plan.profiles import profile_purposes
from bench.plan.scenarios import SCENARIOS
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from bench.records import RESULTS_SCHEMA, RunWarning
from bench.records.folder import RunFolder
from bench.records.former import OLDEST_SCHEMA
from bench.records.price import Price

FIXTURES = Path(__file__).parent.parent / "fixtures"
ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def refusal(capsys, results):
    """Return a function that runs `bench run` with a mistake in it and returns what it said, after checking that it left nothing."""

    def refusal(*arguments):
        try:
            status = main(["run", "--results", str(results), *map(str, arguments)])
        except SystemExit as leaving:
            status = leaving.code
        said = capsys.readouterr()
        assert (status, said.out) == (2, "")
        assert not results.exists()
        [line] = said.err.splitlines()
        return line

    return refusal


def start(*arguments, **variables):
    """Start `python -m bench` as a process of its own, its output buffered as usual."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | variables
    command = [sys.executable, "-m", "bench", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


# --- help and list --------------------------------------------------------------------------------------------------


def shown(capsys, *arguments):
    try:
        status = main(arguments)
    except SystemExit as leaving:
        status = leaving.code
    said = capsys.readouterr()
    assert (status or 0, said.err) == (0, "")
    return said.out


def test_help_names_every_command(capsys):
    text = shown(capsys, "--help")
    assert text.startswith("usage: python -m bench")
    assert set(COMMANDS) <= {line.split()[0] for line in text.splitlines() if line.startswith("    ")}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_words_for_each_option(capsys, command):
    text = shown(capsys, command, "--help")
    assert text.startswith(f"usage: python -m bench {command}")
    assert "{'" not in text  # a per cent sign that argparse took for a place to fill


def test_the_help_of_run_says_what_each_profile_is_for(capsys):
    text = " ".join(shown(capsys, "run", "--help").split())
    assert [name for name, purpose in profile_purposes().items() if f"{name}: {purpose.rstrip('.')}" not in text] == []


def test_the_list_has_every_profile_stack_and_scenario(capsys, results):
    text = shown(capsys, "list", "--results", str(results))
    words = {line.split()[0] for line in text.splitlines() if line.startswith("  ")}
    assert {*profile_purposes(), *load_stacks(BUNDLED_STACKS), *SCENARIOS} <= words
    assert text.splitlines()[-1] == "  none yet: make bench"


def test_the_list_has_every_run(capsys):
    text = shown(capsys, "list", "--results", str(FIXTURES))
    assert text.splitlines()[-1] == f"  {FIXTURES / 'mini_run'}"


# --- mistakes -------------------------------------------------------------------------------------------------------


def test_an_unknown_profile_is_one_line_with_the_profiles_there_are(refusal):
    line = refusal("--profile", "fast")
    assert [word for word in ("fast", *profile_purposes()) if word not in line] == []


@pytest.mark.parametrize("launches", ["0", "-1", "201", "many", "1.5", ""])
def test_a_wrong_number_of_launches_is_one_line_with_the_value(refusal, launches):
    line = refusal(f"--launches={launches}")
    assert "--launches" in line
    assert launches in line


@pytest.mark.parametrize("pair", [("flask", "flask-gthread"), ("flask-gthread", "flask")])
def test_an_unknown_stack_is_one_line_with_the_stacks_there_are(refusal, pair):
    line = refusal("--compare", *pair)
    assert line.startswith("bench: There is no stack 'flask'; there are: flask-gthread, fastapi-uvicorn, ")


def test_a_single_stack_to_compare_is_one_line(refusal):
    assert "--compare" in refusal("--compare", "flask-gthread")


def test_an_unknown_option_is_one_line(refusal):
    assert "--lunches" in refusal("--lunches", "3")


def test_a_stacks_file_that_is_not_there_is_one_line(refusal, tmp_path):
    path = tmp_path / "none.toml"
    assert refusal("--stacks-file", path) == f"bench: {path} cannot be read (No such file or directory)."


def test_a_folder_for_a_stacks_file_is_one_line(refusal, tmp_path):
    assert refusal("--stacks-file", tmp_path) == f"bench: {tmp_path} cannot be read (Is a directory)."


def test_a_typo_in_a_stacks_file_is_one_line_with_what_is_allowed(refusal, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[mine]\ncomand = ["serve", "{port}"]')
    line = refusal("--stacks-file", path)
    assert line.startswith("bench: mine.toml [mine]: unknown key 'comand'; allowed are command, ready, ")


def test_a_missing_command_is_told_to_the_user(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_a_report_of_no_run_says_what_to_give(capsys, tmp_path):
    assert main(["report", str(tmp_path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench: {tmp_path}")
    assert "give the folder of a run, for example results/latest" in line


# --- the price ------------------------------------------------------------------------------------------------------


@pytest.fixture
def mini(tmp_path):
    """Return a copy of the miniature run."""
    shutil.copytree(FIXTURES / "mini_run", tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


@pytest.fixture
def priced(monkeypatch):
    """Draw no report, but keep the price with which one was to be drawn."""
    seen = []
    monkeypatch.setattr("bench.commands.report.write_report", lambda _, __, price: seen.append(price))
    return seen


@pytest.mark.parametrize(
    ("options", "terms", "price"),
    [
        ([], "US dollars at 0.04 per core hour, if paid cores work for 30 % of their time", Price()),
        (["--core-hour-price", "0.5"], "US dollars at 0.5 per core hour, if paid cores work for 30 % of their time", Price(0.5)),
        (["--utilisation", "0.5"], "0.04 per core hour, if paid cores work for 50 % of their time", Price(utilisations=(0.5,))),
        (["--currency", "euros"], "euros at 0.04 per core hour", Price(currency="euros")),
        (
            ["--utilisation", "1", "--core-hour-price", "0", "--utilisation", "0.1"],
            "at 0 per core hour, if paid cores work for 100 % of their time",
            Price(0, (1, 0.1)),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_report_is_drawn_with_the_price_that_is_asked_for(capsys, mini, priced, options, terms, price):
    assert terms in shown(capsys, "report", str(mini.path), *options)
    assert priced == [price]


def test_a_report_keeps_to_the_price_of_its_run_in_what_is_not_asked_for(capsys, mini, priced):
    plan = {**mini.read_manifest()["plan"], "price": {"per_core_hour": 7, "utilisations": [0.9], "currency": "yen"}}
    mini.write_manifest({**mini.read_manifest(), "plan": plan})
    assert "yen at 7 per core hour, if paid cores work for 90 % of" in shown(capsys, "report", str(mini.path))
    assert "yen at 7 per core hour, if paid cores work for 20 % of" in shown(capsys, "report", str(mini.path), "--utilisation", "0.2")
    assert priced == [Price(7, (0.9,), "yen"), Price(7, (0.2,), "yen")]


def test_a_run_is_planned_with_the_price_that_is_asked_for(capsys, monkeypatch, mini):
    planned = []

    def note(config, *_):
        planned.append(config)
        return mini, None

    monkeypatch.setattr("bench.run.loop.run", note)
    shown(capsys, "run", "--profile", "smoke", "--core-hour-price", "0.5", "--utilisation", "0.2", "--utilisation", "0.4")
    shown(capsys, "run", "--profile", "smoke", "--currency", "euros")
    shown(capsys, "run", "--profile", "smoke")
    assert [config.price for config in planned] == [Price(0.5, (0.2, 0.4)), Price(currency="euros"), Price()]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--core-hour-price", "-1", "bench: --core-hour-price is -1; a price is 0 or more."),
        ("--core-hour-price", "inf", "bench: --core-hour-price is inf; a price is 0 or more."),
        ("--utilisation", "0", "bench: --utilisation is 0; it is a share of a core's time, over 0 and up to 1."),
        ("--utilisation", "70", "bench: --utilisation is 70; it is a share of a core's time, over 0 and up to 1."),
        ("--core-hour-price", "cheap", "argument --core-hour-price: invalid float value: 'cheap'"),
    ],
)
def test_a_price_that_is_none_is_one_line_and_nothing_is_measured(refusal, option, value, words):
    assert words in refusal(f"{option}={value}")


def test_a_price_that_is_none_leaves_the_report_of_a_run_alone(capsys, mini):
    assert main(["report", str(mini.path), "--utilisation", "2"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line == "bench: --utilisation is 2; it is a share of a core's time, over 0 and up to 1."
    assert not (mini.path / "report.html").exists()


# --- a run that did not end well ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("partial", "words"),
    [
        (True, "The run is partial; its measurements so far are in {0}. To go on: python -m bench run --resume {0}"),
        (False, "The run went on to its end; its measurements are in {0}."),
    ],
)
def test_a_run_with_an_error_says_whether_it_went_on_to_its_end(capsys, monkeypatch, tmp_path, partial, words):
    shutil.copytree(FIXTURES / "mini_run", tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run")
    folder.write_summary(replace(folder.read_summary(), partial=partial))
    monkeypatch.setattr("bench.run.loop.run", lambda *_: (folder, StackError("flask-gthread ended by itself.")))
    assert main(["run", "--profile", "smoke"]) == StackError.exit_status
    said = capsys.readouterr()
    assert said.err.splitlines() == ["bench: flask-gthread ended by itself.", words.format(folder.path)]
    assert said.out.splitlines()[-1].startswith("report:")


def with_warnings(summary, *codes, valid=True, **changes):
    """Return a summary with these warnings."""
    warnings = tuple(RunWarning(code, "Text.", "Next.") for code in codes)
    return replace(summary, validity=replace(summary.validity, valid=valid, warnings=warnings), **changes)


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({}, 0, ""),
        ({"codes": ("errors", "steal", "foreign-work", "unsteady", "copies-differ", "coarse")}, 0, ""),
        ({"codes": ("starved-generator",), "valid": False}, 4, "bench: the run is not valid: no verdict holds (exit status 4)."),
        ({"codes": ("wrong-answers",)}, 4, "bench: answers were wrong (exit status 4)."),
        (
            {"codes": ("wrong-answers", "one-core"), "valid": False},
            4,
            "bench: answers were wrong, and the run is not valid: no verdict holds (exit status 4).",
        ),
        ({"codes": ("one-core",), "valid": False, "profile": "smoke"}, 0, ""),
        ({"codes": ("wrong-answers",), "profile": "smoke"}, 4, "bench: answers were wrong (exit status 4)."),
    ],
)
@pytest.mark.parametrize("command", ["run", "judge"])
def test_a_run_that_came_to_its_end_has_the_status_of_what_it_found(capsys, monkeypatch, mini, command, changes, status, words):
    changes = {**changes, "codes": changes.get("codes", ())}
    summary = with_warnings(mini.read_summary(), *changes.pop("codes"), **changes)
    mini.write_summary(summary)
    monkeypatch.setattr("bench.run.loop.run", lambda *_: (mini, None))
    monkeypatch.setattr("bench.commands.judge.judge", lambda _: summary)
    assert main(["run", "--profile", "smoke"] if command == "run" else ["judge", str(mini.path)]) == status
    said = capsys.readouterr()
    assert said.err.strip() == words
    assert said.out


def test_a_report_of_a_run_that_is_not_valid_is_drawn_and_ends_well(capsys, mini, priced):
    mini.write_summary(with_warnings(mini.read_summary(), "one-core", valid=False))
    assert shown(capsys, "report", str(mini.path))
    assert len(priced) == 1


@pytest.mark.parametrize(
    ("stopped", "status"),
    [(RunFolderError("Cannot write x."), 3), (MachineError("Full."), 3), (Interrupted(signal.SIGTERM), 143), (StackError("Dead."), 3)],
)
def test_a_run_that_stopped_early_has_a_status_of_its_own(capsys, monkeypatch, mini, stopped, status):
    monkeypatch.setattr("bench.run.loop.run", lambda *_: (mini, stopped))
    assert main(["run", "--profile", "smoke"]) == status
    assert capsys.readouterr().err.startswith(f"bench: {stopped}")


def test_a_run_without_a_report_says_where_it_is_and_how_to_make_one(capsys, monkeypatch, mini):
    monkeypatch.setattr("bench.run.loop.run", lambda *_: (mini, UnfinishedError("Full. What was measured is safe.", 3)))
    assert main(["run", "--profile", "smoke"]) == 3
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "bench: Full. What was measured is safe.\n")


def test_a_run_of_an_older_format_is_refused_in_one_line(capsys, tmp_path):
    shutil.copytree(FIXTURES / "mini_run", tmp_path / "run")
    RunFolder(tmp_path / "run").write_text("manifest.json", '{"schema": 1}')
    assert main(["report", str(tmp_path / "run")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench: {tmp_path / 'run'} has results format 1; this version reads {OLDEST_SCHEMA} to {RESULTS_SCHEMA}.")


# --- judging again --------------------------------------------------------------------------------------------------


def test_a_run_whose_plan_cannot_be_read_is_not_judged_again_and_keeps_its_tables(capsys, mini):
    before = (mini.path / "summary.json").read_bytes()
    manifest = mini.read_manifest()
    del manifest["plan"]["pairs"]
    mini.write_manifest(manifest)
    assert main(["judge", str(mini.path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("bench: The plan of this run lacks what this version expects ('pairs')")
    assert (mini.path / "summary.json").read_bytes() == before


def test_a_run_that_was_cut_off_before_it_was_judged_says_what_to_do(capsys, mini):
    (mini.path / "summary.json").unlink()
    assert main(["report", str(mini.path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line == f"bench: {mini.path} was cut off before it was judged; 'python -m bench judge {mini.path}' judges it."


# --- what is not asked for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], {"pydantic", "numpy", "matplotlib", "scipy", "shared_model"}),
        (["list"], {"numpy", "matplotlib", "scipy", "pandas", "sklearn"}),
        (["run", "--help"], {"matplotlib", "scipy", "pandas", "sklearn", "pyarrow"}),
        (["run", "--profile", "none"], {"matplotlib", "scipy", "pandas", "sklearn", "pyarrow"}),
    ],
    ids=["--help", "list", "run --help", "run --profile none"],
)
def test_a_command_imports_nothing_heavy_that_it_does_not_need(arguments, heavy):
    program = f"""
import contextlib, sys
from bench.commands.main import main
with contextlib.suppress(SystemExit):
    main({arguments!r})
print("imported:", *sorted({heavy!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported:"


# --- pipes and signs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["run", "--help"]], ids=" ".join)
def test_a_reader_that_leaves_gets_no_traceback(arguments):
    process = start(*arguments)
    process.stdout.close()
    with process.stderr:
        said = process.stderr.read()
    assert (process.wait(), said) == (0, b"")


def test_the_list_is_shown_by_a_terminal_that_knows_ascii_only(results):
    process = start("list", "--results", results, **ASCII)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.decode("ascii").startswith("Profiles\n")
