"""Train the model: `python -m shared_model.train [--data FILE] [--out DIR]`.

It takes a CSV with the columns Age, Sex, Embarked and Survived, and gives a set of model files (see `artefacts`). A file that cannot
be used is refused in one line with the column, the value and the allowed values; the old model stays.
"""

import argparse
import csv
import hashlib
import io
import math
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate

from shared_model.artefacts import DEFAULT_FOLDER, Serving, save_set
from shared_model.contract import MAX_AGE_YEARS, Passenger
from shared_model.features import CHILD_AGE_YEARS, COLUMNS, INPUTS, TARGET, Rows, frame_from_records

DEFAULT_DATA = Path(__file__).parent / "data" / "titanic.csv"
MIN_ROWS = 20
MISSING_WORDS = {"", "na", "nan"}
SEED = 20260101
# Cross-validation: the most folds and repeats, and the fewest folds; between them as many as fit into FITTED_ROWS rows in all. With many
# passengers few fits are enough: the scores of a fit vary less, and each fit takes longer.
FOLDS, REPEATS, LEAST_FOLDS = 10, 5, 3
FITTED_ROWS = 500_000
# With this many passengers or more, a training takes long enough to be announced.
MANY_ROWS = 10_000
FOREST_TREES = 200
UNMEASURED = "one outcome is too rare to cross-validate"
LIBRARIES = ("scikit-learn", "numpy", "pandas", "joblib")

_ALLOWED: Mapping[str, str] = {
    "Age": f"a number from 0 to {MAX_AGE_YEARS}, or blank",
    "Sex": "male or female, or blank",
    "Embarked": "C, Q or S, or blank",
    TARGET: "0 or 1",
}


class DataError(Exception):
    """A training file that cannot be used; the message is one line."""


class TrainingData(NamedTuple):
    """The content of a training file: passengers as records of `INPUTS`, survival (0 or 1), the file's name and SHA-256."""

    records: list[dict[str, Any]]
    survived: list[int]
    file: str
    sha256: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, save and print the scores; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m shared_model.train", description="Train the model and save it for the servers.")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="CSV with Age, Sex, Embarked, Survived (default: the bundled one)")
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="folder for the model (default: the bundled one)")
    parser.add_argument("--quiet", action="store_true", help="print nothing if all is well")
    chosen = parser.parse_args(arguments)
    try:
        data = read_training_file(chosen.data)
        if len(data.survived) >= MANY_ROWS and not chosen.quiet:
            print(f"Training on {len(data.survived):,} passengers ...", file=sys.stderr, flush=True)  # noqa: T201
        card = train(data, chosen.out)
    except DataError as error:
        print(f"{chosen.data}: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    except OSError as error:
        print(f"{chosen.out}: cannot write the model ({error.strerror}).", file=sys.stderr)  # noqa: T201
        return 2
    if not chosen.quiet:
        scores = card["cross_validation"]
        measured = (
            f"accuracy {scores['accuracy']:.3f}, log loss {scores['log_loss']:.3f} (cross-validated)" if scores["folds"] > 1 else UNMEASURED
        )
        print(f"Trained on {card['data']['rows']} passengers: {measured}. Model in {chosen.out}.")  # noqa: T201
    return 0


def read_training_file(path: Path) -> TrainingData:
    """Return the content of a training file; raise `DataError` on the first fault."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        message = f"cannot be read ({error.strerror})."
        raise DataError(message) from None
    except UnicodeDecodeError:
        message = "is no UTF-8 text; save it as CSV in UTF-8."
        raise DataError(message) from None
    data = TrainingData([], [], path.name, hashlib.sha256(content).hexdigest())
    for line, row in _read_rows(text):
        data.records.append({name: _read_value(line, name, row[name]) for name in INPUTS})
        data.survived.append(_read_target(line, row[TARGET]))
    _check_enough(data.records, data.survived)
    return data


def train(data: TrainingData, out: Path) -> dict[str, Any]:
    """Fit both estimators, save the set in `out` and return the model card."""
    median_age = float(np.median([record["Age"] for record in data.records if record["Age"] is not None]))
    rows: Rows = frame_from_records(data.records, median_age, COLUMNS).to_numpy()
    target = np.array(data.survived)
    model = LogisticRegression(max_iter=10_000)
    forest = RandomForestClassifier(n_estimators=FOREST_TREES, min_samples_leaf=5, random_state=SEED, n_jobs=1)
    card = {
        "name": "Titanic survival",
        "task": "probability that a passenger survived, from age, sex and port of embarkation",
        "estimator": "logistic regression; the engine 'forest' uses a random forest",
        "inputs": list(INPUTS),
        "columns": list(COLUMNS),
        "features": f"a missing age is the training median ({median_age:g} years) and flagged; a child is younger than {CHILD_AGE_YEARS}",
        "cross_validation": _cross_validate(model, rows, target),
        "data": {"file": data.file, "sha256": data.sha256, "rows": len(target), "survived": int(target.sum())},
        "libraries": {"python": platform.python_version(), **{library: version(library) for library in LIBRARIES}},
    }
    model.fit(rows, target)
    forest.fit(rows, target)
    serving = Serving(
        columns=COLUMNS,
        coefficients=tuple(float(weight) for weight in model.coef_[0]),
        intercept=float(model.intercept_[0]),
        median_age=median_age,
        base_rate=float(target.mean()),
    )
    objects = {"model.joblib": model, "model_columns.joblib": list(COLUMNS), "forest.joblib": forest}
    save_set(out, objects, serving, card)
    return card


def _read_rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip() for name in next(reader, [])]
        places = _find_columns(header)
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                message = f"line {reader.line_num} has {len(row)} values; the header has {len(header)}."
                raise DataError(message)
            yield reader.line_num, {name: row[place] for name, place in places.items()}
    except csv.Error as error:
        message = f"line {reader.line_num} is no CSV ({error})."
        raise DataError(message) from None


def _find_columns(header: Sequence[str]) -> dict[str, int]:
    wanted = [*INPUTS, TARGET]
    for name in wanted:
        if header.count(name) != 1:
            fault = "is missing" if name not in header else "is there more than once"
            found = _quote(", ".join(header)) if header else "nothing"
            message = f"column {name} {fault}: found {found}; wanted {', '.join(wanted)}, separated by commas."
            raise DataError(message)
    return {name: header.index(name) for name in wanted}


def _read_value(line: int, name: str, text: str) -> object:
    word = text.strip()
    if word.lower() in MISSING_WORDS:
        return None
    try:
        passenger = Passenger.model_validate({name: _read_number(word) if name == "Age" else word})
    except (ValidationError, ValueError):
        raise _bad_value(line, name, text) from None
    value: object = getattr(passenger, name)
    return value


def _read_target(line: int, text: str) -> int:
    try:
        number = _read_number(text)
    except ValueError:
        number = math.nan
    if number not in {0.0, 1.0}:
        raise _bad_value(line, TARGET, text)
    return int(number)


def _read_number(text: str) -> float:
    if "_" in text or not text.isascii():  # float() accepts 1_000 and the digits of every script
        raise ValueError(text)
    return float(text)


def _bad_value(line: int, name: str, text: str) -> DataError:
    return DataError(f"line {line}, column {name}: {_quote(text)} is not allowed; wanted {_ALLOWED[name]}.")


def _check_enough(records: Sequence[Mapping[str, Any]], survived: Sequence[int]) -> None:
    if len(records) < MIN_ROWS:
        message = f"has {len(records)} passengers; at least {MIN_ROWS} are needed."
        raise DataError(message)
    for name in INPUTS:
        if all(record[name] is None for record in records):
            message = f"column {name} is empty; wanted {_ALLOWED[name]}."
            raise DataError(message)
    counts = {outcome: survived.count(outcome) for outcome in (0, 1)}
    if 0 in counts.values():
        only = 1 if counts[1] else 0
        message = f"column {TARGET} is always {only}; both 0 and 1 are needed to learn the difference."
        raise DataError(message)


def count_folds(rows: int, rarest: int) -> tuple[int, int]:
    """Return folds and repeats of cross-validation for `rows` passengers, of whom `rarest` had the rarer outcome."""
    fits = FITTED_ROWS // rows
    return min(FOLDS, max(LEAST_FOLDS, fits), rarest), min(REPEATS, max(1, fits // FOLDS))


def _cross_validate(model: LogisticRegression, rows: Rows, target: npt.NDArray[np.int_]) -> dict[str, Any]:
    """Return the scores of repeated stratified cross-validation; None if an outcome is too rare to be split."""
    folds, repeats = count_folds(len(target), int(np.bincount(target).min()))
    scores: dict[str, float | int | None] = {"folds": folds, "repeats": repeats, "accuracy": None, "log_loss": None}
    if folds > 1:
        splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=SEED)
        measured = cross_validate(model, rows, target, cv=splitter, scoring=("accuracy", "neg_log_loss"))
        scores["accuracy"] = round(float(measured["test_accuracy"].mean()), 4)
        scores["log_loss"] = round(-float(measured["test_neg_log_loss"].mean()), 4)
    return scores


def _quote(text: str, limit: int = 80) -> str:
    """Return text in quotes, on one line and not too long."""
    return repr(text) if len(text) <= limit else f"{text[:limit]!r}..."


if __name__ == "__main__":
    sys.exit(main())
