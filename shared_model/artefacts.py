"""Save and load the trained model: one set of files, written as a whole, checked as a whole.

A model folder holds one set and a link to it: `current -> set-xxxx`. Saving writes a new set beside the old one and then
moves the link, which is one atomic step: a reader sees the old set or the new one, never a mixture, and a failed training
leaves the old set as it was. `SHA256SUMS` (the format of the sha256sum tool) covers every file of a set.

    model.joblib, model_columns.joblib   the article's pair: estimator and its column names
    forest.joblib                        the estimator of the engine `forest`
    serving.json                         coefficients for the default engine; no pickle, no scikit-learn
    model_card.json                      what `GET /model` shows
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

from shared_model.features import COLUMNS

# History: 1 (2026-11) first format.
SCHEMA = 1
DEFAULT_FOLDER = Path(__file__).parent / "artefacts"
LINK = "current"
SUMS = "SHA256SUMS"
CARD = "model_card.json"
SERVING = "serving.json"
JOBLIB_FILES = ("model.joblib", "model_columns.joblib", "forest.joblib")
FILES = (*JOBLIB_FILES, SERVING, CARD)
PINNED_LIBRARIES = ("scikit-learn",)
REMEDY = "Run 'make train' (python -m shared_model.train)."


class ArtefactError(Exception):
    """The model files cannot be used; the message is one line that says why and what to run."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason} {REMEDY}")


@dataclass(frozen=True)
class Serving:
    """All that the default engine needs: weights of the logistic regression, one per column, and the filled-in age."""

    columns: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    median_age: float
    base_rate: float
    schema: int = SCHEMA


@dataclass(frozen=True)
class Artefacts:
    """A checked set of model files. `load_estimator` reads a joblib file of the set when an engine asks for it."""

    folder: Path
    serving: Serving
    card: Mapping[str, Any]

    def load_estimator(self, name: str) -> Any:
        """Return the object in `name`; raise `ArtefactError` if this scikit-learn cannot read it."""
        import joblib  # noqa: PLC0415 - the default engine needs no scikit-learn, which joblib's files would import

        try:
            return joblib.load(self.folder / name)
        except Exception as error:
            message = f"{name} cannot be read ({type(error).__name__})."
            raise ArtefactError(message) from error


def save_set(folder: Path, objects: Mapping[str, Any], serving: Serving, card: Mapping[str, Any]) -> None:
    """Write a whole set into `folder` and switch to it. `objects` are the joblib files by name.

    Raises OSError if the folder cannot be written; the set that was there stays in use then.
    """
    import joblib  # noqa: PLC0415 - see load_estimator

    contents: dict[str, bytes] = {}
    for name, value in objects.items():
        buffer = BytesIO()
        joblib.dump(value, buffer, compress=3)
        contents[name] = buffer.getvalue()
    contents[SERVING] = json_bytes(asdict(serving))
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    contents[CARD] = json_bytes({**card, "schema": SCHEMA, "files": hashes})
    hashes[CARD] = hashlib.sha256(contents[CARD]).hexdigest()
    contents[SUMS] = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items())).encode()

    folder.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix="set-", dir=folder))
    new.chmod(0o755)
    try:
        for name, content in contents.items():
            write_through(new / name, content)
        link = folder / f"{new.name}.link"
        link.symlink_to(new.name)
        link.replace(folder / LINK)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    for old in folder.glob("set-*"):
        if old.name != new.name and old.is_dir():
            shutil.rmtree(old, ignore_errors=True)


def load_set(folder: Path = DEFAULT_FOLDER) -> Artefacts:
    """Return the set in use in `folder`, checked; raise `ArtefactError` if it is missing, damaged or of other versions."""
    current = folder / LINK
    if not current.is_dir():
        message = f"There is no trained model in {folder}."
        raise ArtefactError(message)
    current = current.resolve()
    contents = {name: _read_checked(current, name, digest) for name, digest in _read_sums(current).items()}
    try:
        card = json.loads(contents[CARD])
        fields = json.loads(contents[SERVING])
        _check_versions(card)
        serving = Serving(**{**fields, "columns": tuple(fields["columns"]), "coefficients": tuple(fields["coefficients"])})
    except (ValueError, TypeError, KeyError) as error:
        message = f"The model files in {folder} have a form that this version does not know ({type(error).__name__})."
        raise ArtefactError(message) from error
    if serving.columns != COLUMNS:
        message = f"The model in {folder} was trained with other columns than this version uses."
        raise ArtefactError(message)
    return Artefacts(current, serving, card)


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """Return strict JSON (no NaN), indented, as UTF-8."""
    return json.dumps(value, indent=2, allow_nan=False).encode() + b"\n"


def write_through(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read_sums(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / SUMS).read_text("ascii").splitlines()
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError) as error:
        message = f"The model in {folder} has no readable {SUMS}."
        raise ArtefactError(message) from error
    if set(sums) != set(FILES):
        message = f"{SUMS} in {folder} lists other files than a model has."
        raise ArtefactError(message)
    return sums


def _read_checked(folder: Path, name: str, digest: str) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        message = f"{folder / name} cannot be read ({error.strerror})."
        raise ArtefactError(message) from error
    if hashlib.sha256(content).hexdigest() != digest:
        message = f"{folder / name} is damaged: it does not match its checksum."
        raise ArtefactError(message)
    return content


def _check_versions(card: Mapping[str, Any]) -> None:
    if card["schema"] != SCHEMA:
        message = f"The model files have format {card['schema']}; this version reads format {SCHEMA}."
        raise ArtefactError(message)
    for library in PINNED_LIBRARIES:
        made_with, here = card["libraries"][library], version(library)
        if made_with != here:
            message = f"The model was made with {library} {made_with}; installed is {here}."
            raise ArtefactError(message)
