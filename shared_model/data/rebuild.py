"""Rebuild `titanic.csv` from the copy of OpenML data set 40945 that ships inside the scikit-learn wheel.

Run `python shared_model/data/rebuild.py > titanic.csv`; PROVENANCE.md says where the data come from.
"""

# ruff: noqa: INP001 - a script beside its data, not a package
import csv
import gzip
import io
import sys
from pathlib import Path

import sklearn

COLUMNS = {"Age": "age", "Sex": "sex", "Embarked": "embarked", "Survived": "survived"}
MISSING = "?"


def find_source() -> Path:
    """Return the path of the data set inside the installed scikit-learn; raise FileNotFoundError without it."""
    folder = Path(sklearn.__file__).parent / "datasets/tests/data/openml/id_40945"
    for path in sorted(folder.glob("*.arff.gz")):
        return path
    message = f"scikit-learn {sklearn.__version__} ships no copy of OpenML 40945 in {folder}"
    raise FileNotFoundError(message)


def rebuild_csv() -> str:
    """Return the text of `titanic.csv`: a header and 1,309 passengers, missing values blank, order kept."""
    head, _, body = gzip.decompress(find_source().read_bytes()).decode().partition("@data")
    names = [line.split("'")[1] for line in head.splitlines() if line.startswith("@attribute")]
    places = [names.index(name) for name in COLUMNS.values()]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in csv.reader(body.strip().splitlines()):
        writer.writerow(["" if row[place] == MISSING else row[place] for place in places])
    return out.getvalue()


if __name__ == "__main__":
    sys.stdout.write(rebuild_csv())
