"""Training takes spreadsheets as people save them, and refuses in one line what it cannot use."""

import hashlib
import importlib
import json
import subprocess
import sys

import pytest
from serving import ROOT

from shared_model import Options, Service
from shared_model.artefacts import DEFAULT_FOLDER, LINK, SERVING, load_set
from shared_model.contract import EXAMPLE, validate_passengers

# What imports scikit-learn, which takes a second, runs in one test process, and imports it there alone.
pytestmark = pytest.mark.xdist_group("scikit-learn")
DATA = ROOT / "shared_model/data/titanic.csv"
HEADER = "Age,Sex,Embarked,Survived"
ROWS = [f"{10 + number},{'male' if number % 3 else 'female'},{'CQS'[number % 3]},{number % 2}" for number in range(20)]
PLAIN = "\n".join([HEADER, *ROWS]) + "\n"
WANTED_COLUMNS = "wanted Age, Sex, Embarked, Survived, separated by commas."
WANTED_AGE = "wanted a number from 0 to 120, or blank."
WANTED_SEX = "wanted male or female, or blank."
WANTED_PORT = "wanted C, Q or S, or blank."
WANTED_SURVIVED = "wanted 0 or 1."


def main(arguments):
    return importlib.import_module("shared_model.train").main(arguments)


def read_training_file(path):
    return importlib.import_module("shared_model.train").read_training_file(path)


def with_row(row):
    return "\n".join([HEADER, *ROWS, row]) + "\n"


def replaced(column, value):
    place = HEADER.split(",").index(column)
    cells = [row.split(",") for row in ROWS]
    return "\n".join([HEADER, *(",".join([*row[:place], value, *row[place + 1 :]]) for row in cells)]) + "\n"


def snapshot(folder):
    """Return where the link leads and what each file under `folder` holds."""
    return (folder / LINK).readlink(), {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.fixture
def training_file(tmp_path):
    """Write a training file and return its path."""

    def write(content):
        path = tmp_path / "train.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a small trained model."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "train.csv").write_text(PLAIN)
    assert main(["--data", str(folder / "train.csv"), "--out", str(folder / "model"), "--quiet"]) == 0
    return folder / "model"


@pytest.fixture
def refusal(tmp_path, trained, capsys):
    """Train on a file that is refused; return the line that says why. The old model and the folder stay as they were."""

    def refuse(path):
        before = snapshot(trained), sorted(tmp_path.iterdir())
        assert main(["--data", str(path), "--out", str(trained)]) == 2
        assert (snapshot(trained), sorted(tmp_path.iterdir())) == before
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        return err.removesuffix("\n").removeprefix(f"{path}: ")

    return refuse


# --- files that are taken -------------------------------------------------------------------------------------------

WORDS = [HEADER, *(row.replace("female", ' "Female" ').replace(",male", ",'MALE'") for row in ROWS)]
SPREADSHEET = [row.replace(",", " , ") for row in (HEADER, *ROWS)]
LETTER = {"Q": '"""q"""', "C": " c", "S": "'s'"}
PORTS = [HEADER, *(",".join([*row.split(",")[:2], LETTER[row.split(",")[2]], row.split(",")[3]]) for row in ROWS)]
EXTRA = [f'Name,{HEADER},"Home, or ""last"" port"', *(f'"Doe,\nJohn\u2028",{row},"a ""b"""' for row in ROWS)]
TURNED = [",".join(reversed(row.split(","))) for row in (HEADER, *ROWS)]

GOOD_FILES = {
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "CR": PLAIN.replace("\n", "\r"),
    "no last newline": PLAIN.rstrip("\n"),
    "blank lines": PLAIN.replace("\n", "\n\n , , ,\n"),
    "a byte order mark, CRLF and blanks": b"\xef\xbb\xbf" + "\r\n".join(SPREADSHEET).encode(),
    "words as in requests": "\n".join(WORDS),
    "ports as in requests": "\n".join(PORTS),
    "every field in quotes": "\n".join(",".join(f'"{cell}"' for cell in row.split(",")) for row in (HEADER, *ROWS)),
    "extra columns with commas, quotes and newlines": "\n".join(EXTRA),
    "another order of columns": "\n".join(TURNED),
    "ages with decimals": "\n".join([HEADER, *(row.replace(",", ".0,", 1) for row in ROWS)]),
    "Survived as 0.0 and 1.0": "\n".join([HEADER, *(f"{row}.0" for row in ROWS)]),
}


@pytest.mark.parametrize("name", GOOD_FILES)
def test_a_file_is_read_like_the_plain_one(training_file, name):
    plain = read_training_file(training_file(PLAIN))
    data = read_training_file(training_file(GOOD_FILES[name]))
    assert (data.records, data.survived) == (plain.records, plain.survived)


@pytest.mark.parametrize("word", ["", " ", "NA", "NaN", "nan", "na", " NA ", '""'])
def test_blank_na_and_nan_mean_missing(training_file, word):
    data = read_training_file(training_file(with_row(f"{word},{word},{word},1")))
    assert data.records[-1] == {"Age": None, "Sex": None, "Embarked": None}


@pytest.mark.parametrize("age", [0, 0.1667, 120])
def test_an_age_from_0_to_120_is_taken(training_file, age):
    assert read_training_file(training_file(with_row(f"{age},male,S,1"))).records[-1]["Age"] == age


def test_twenty_rows_of_both_classes_make_a_model_that_serves(trained):
    service = Service(Options(model_dir=trained))
    assert set(service.predict(validate_passengers(EXAMPLE))) <= {0, 1}
    assert service.model_card()["data"] == {
        "file": "train.csv",
        "sha256": hashlib.sha256(PLAIN.encode()).hexdigest(),
        "rows": 20,
        "survived": 10,
    }


def test_one_survivor_makes_a_model_whose_card_has_no_scores(training_file, tmp_path, capsys):
    one_survivor = replaced("Survived", "0").removesuffix("0\n") + "1\n"
    assert main(["--data", str(training_file(one_survivor)), "--out", str(tmp_path / "model")]) == 0
    assert "one outcome is too rare to cross-validate" in capsys.readouterr().out
    scores = load_set(tmp_path / "model").card["cross_validation"]
    assert scores == {"folds": 1, "repeats": 5, "accuracy": None, "log_loss": None}


# --- the bundled data -----------------------------------------------------------------------------------------------


def test_training_on_the_bundled_data_from_a_pipe_runs_without_a_warning_and_makes_the_same_model_again(tmp_path):
    command = [sys.executable, "-W", "error", "-m", "shared_model.train", "--data", "/dev/stdin", "--out", str(tmp_path)]
    result = subprocess.run(command, input=DATA.read_bytes(), capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.count(b"\n") == 1
    assert load_set(tmp_path).card["data"]["sha256"] == hashlib.sha256(DATA.read_bytes()).hexdigest()
    assert (tmp_path / LINK / SERVING).read_bytes() == (DEFAULT_FOLDER / LINK / SERVING).read_bytes()


def test_the_card_of_the_bundled_model_states_data_libraries_and_scores():
    card = load_set().card
    assert card["data"] == {
        "file": "titanic.csv",
        "sha256": hashlib.sha256(DATA.read_bytes()).hexdigest(),
        "rows": 1309,
        "survived": 500,
    }
    assert card["libraries"].keys() == {"python", "scikit-learn", "numpy", "pandas", "joblib"}
    assert card["cross_validation"]["accuracy"] > 0.77
    assert card["cross_validation"]["log_loss"] < 0.507
    json.dumps(card, allow_nan=False)


def test_a_boy_of_three_survives_with_the_child_feature():
    [probability] = Service(Options()).predict_proba(validate_passengers([EXAMPLE[2]]))
    assert probability > 0.53


# --- files that are refused -----------------------------------------------------------------------------------------

BAD_FILES = {
    "a missing column": (
        "\n".join(row.rsplit(",", 2)[0] + "," + row.rsplit(",", 1)[1] for row in (HEADER, *ROWS)),
        f"column Embarked is missing: found 'Age, Sex, Survived'; {WANTED_COLUMNS}",
    ),
    "a column twice": (
        f"Age,{HEADER}\n",
        f"column Age is there more than once: found 'Age, Age, Sex, Embarked, Survived'; {WANTED_COLUMNS}",
    ),
    "another case of a column": (
        PLAIN.replace("Age", "age"),
        f"column Age is missing: found 'age, Sex, Embarked, Survived'; {WANTED_COLUMNS}",
    ),
    "semicolons": (PLAIN.replace(",", ";"), f"column Age is missing: found 'Age;Sex;Embarked;Survived'; {WANTED_COLUMNS}"),
    "tabs": (PLAIN.replace(",", "\t"), f"column Age is missing: found 'Age\\tSex\\tEmbarked\\tSurvived'; {WANTED_COLUMNS}"),
    "a newline in the header": (
        f'"a\nb",{HEADER[4:]}\n',
        f"column Age is missing: found 'a\\nb, Sex, Embarked, Survived'; {WANTED_COLUMNS}",
    ),
    "an empty file": ("", f"column Age is missing: found nothing; {WANTED_COLUMNS}"),
    "a header alone": (f"{HEADER}\r\n", "has 0 passengers; at least 20 are needed."),
    "too few rows": ("\n".join([HEADER, *ROWS[:19]]), "has 19 passengers; at least 20 are needed."),
    "one class": (replaced("Survived", "1"), "column Survived is always 1; both 0 and 1 are needed to learn the difference."),
    "no age at all": (replaced("Age", ""), f"column Age is empty; {WANTED_AGE}"),
    "no sex at all": (replaced("Sex", "NA"), f"column Sex is empty; {WANTED_SEX}"),
    "no port at all": (replaced("Embarked", " "), f"column Embarked is empty; {WANTED_PORT}"),
    "an unknown sex": (with_row("30,man,S,1"), f"line 22, column Sex: 'man' is not allowed; {WANTED_SEX}"),
    "an unknown port": (with_row("30,male,X,1"), f"line 22, column Embarked: 'X' is not allowed; {WANTED_PORT}"),
    "a newline in a word": (with_row('30,"ma\nle",S,1'), f"line 23, column Sex: 'ma\\nle' is not allowed; {WANTED_SEX}"),
    "a NUL in a word": (with_row("30,ma\0le,S,1"), f"line 22, column Sex: 'ma\\x00le' is not allowed; {WANTED_SEX}"),
    "a long word": (with_row(f"30,{'x' * 5000},S,1"), f"line 22, column Sex: '{'x' * 80}'... is not allowed; {WANTED_SEX}"),
    **{
        f"age {age}": (with_row(f"{age},male,S,1"), f"line 22, column Age: '{age}' is not allowed; {WANTED_AGE}")
        for age in ("121", "-1", "old", "inf", "-nan", "1e400", "1_0", "0x1F", "\u0661\u0662", "22 years")
    },
    **{
        f"Survived {value}": (with_row(f"30,male,S,{value}"), f"line 22, column Survived: '{value}' is not allowed; {WANTED_SURVIVED}")
        for value in ("2", "-1", "0.5", "yes", "", "nan", "True")
    },
    "a short row": (with_row("30,male,S"), "line 22 has 3 values; the header has 4."),
    "a long row": (with_row("30,male,S,1,"), "line 22 has 5 values; the header has 4."),
    "Latin-1": (PLAIN.replace("Age", "\u00c4ge").encode("latin-1"), "is no UTF-8 text; save it as CSV in UTF-8."),
    "UTF-16": (PLAIN.encode("utf-16"), "is no UTF-8 text; save it as CSV in UTF-8."),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_is_refused_in_one_line_and_the_old_model_stays(training_file, refusal, name):
    content, expected = BAD_FILES[name]
    assert refusal(training_file(content)) == expected


def test_a_quote_that_is_never_closed_is_refused(training_file, refusal):
    line = refusal(training_file(f'{HEADER}\n"{PLAIN * 1000}'))
    assert line.endswith("is no CSV (field larger than field limit (131072)).")


def test_a_missing_file_is_refused(tmp_path, refusal):
    assert refusal(tmp_path / "none.csv") == "cannot be read (No such file or directory)."


def test_a_folder_is_no_training_file(tmp_path, refusal):
    assert refusal(tmp_path) == "cannot be read (Is a directory)."


def test_nothing_is_left_behind_where_there_was_no_model(tmp_path, training_file):
    path = training_file(PLAIN.replace("female", "woman"))
    assert main(["--data", str(path), "--out", str(tmp_path / "model")]) == 2
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_hold_a_model_is_refused_in_one_line(training_file, capsys):
    path = training_file(PLAIN)
    assert main(["--data", str(path), "--out", str(path)]) == 2
    assert capsys.readouterr().err == f"{path}: cannot write the model (File exists).\n"


# --- many passengers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "rarest", "folds", "repeats"),
    [(891, 342, 10, 5), (20, 2, 2, 5), (10_000, 4000, 10, 5), (20_000, 8000, 10, 2), (100_000, 9, 5, 1), (200_000, 80_000, 3, 1)],
)
def test_the_more_passengers_the_fewer_fits_and_few_passengers_get_as_many_as_ever(rows, rarest, folds, repeats):
    assert importlib.import_module("shared_model.train").count_folds(rows, rarest) == (folds, repeats)


@pytest.mark.parametrize(
    ("count", "options", "said"), [(9_999, [], ""), (10_000, [], "Training on 10,000 passengers ...\n"), (10_000, ["--quiet"], "")]
)
def test_a_training_that_takes_long_is_announced(capsys, monkeypatch, training_file, tmp_path, count, options, said):
    scores = {"folds": 10, "accuracy": 0.8, "log_loss": 0.4}
    card = {"cross_validation": scores, "data": {"rows": count}}
    monkeypatch.setattr(importlib.import_module("shared_model.train"), "train", lambda *_: card)
    path = training_file("\n".join([HEADER, *(ROWS * (count // 20 + 1))[:count]]))
    assert main(["--data", str(path), "--out", str(tmp_path / "out"), *options]) == 0
    assert capsys.readouterr().err == said
