"""The bundled data are what the script makes of the data set inside scikit-learn."""

import csv
import runpy
from pathlib import Path

import pytest

import shared_model

pytestmark = pytest.mark.xdist_group("scikit-learn")
FOLDER = Path(shared_model.__file__).parent / "data"


@pytest.fixture(scope="module")
def rows():
    with (FOLDER / "titanic.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_bundled_file_is_rebuilt_byte_for_byte():
    rebuild_csv = runpy.run_path(str(FOLDER / "rebuild.py"))["rebuild_csv"]
    assert rebuild_csv().encode() == (FOLDER / "titanic.csv").read_bytes()


def test_there_are_1309_passengers_of_whom_500_survived(rows):
    assert len(rows) == 1309
    assert [row["Survived"] for row in rows].count("1") == 500


@pytest.mark.parametrize(("column", "missing"), [("Age", 263), ("Sex", 0), ("Embarked", 2), ("Survived", 0)])
def test_as_many_values_are_missing_as_the_provenance_says(rows, column, missing):
    assert [row[column] for row in rows].count("") == missing
