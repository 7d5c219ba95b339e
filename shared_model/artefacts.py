"""Save and load the trained model: one set of files, written as a whole and checked as a whole.

A model folder holds one set and a link to it: `current -> set-xxxx`. Saving writes a new set beside the old one and then moves the link,
which is one atomic step. A reader sees the old set or the new one, never a mixture, and a failed training leaves the old set as it was.
Each training removes all older sets except the one before, and the remains of a killed training. A server of several processes resolves
the link once, so that all processes serve one set, and a process that is started again still finds it. `SHA256SUMS` (the format of the
sha256sum tool) covers every file of a set. The checked content is the content used: no file is read twice.

    model.joblib, model_columns.joblib   the article's pair: estimator and its column names
    forest.joblib                        the estimator of the engine `forest`
    serving.json                         coefficients for the default engine; no pickle, no scikit-learn
    model_card.json                      what `GET /model` shows
"""

import hashlib
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from pydantic import FiniteFloat, TypeAdapter

from shared_model.features import COLUMNS

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

# History: 1 (2026-11) first format.
SCHEMA: Literal[1] = 1
DEFAULT_FOLDER = Path(__file__).parent / "artefacts"
LINK = "current"
SET_PREFIX = "set-"
SUMS = "SHA256SUMS"
CARD = "model_card.json"
SERVING = "serving.json"
JOBLIB_FILES = ("model.joblib", "model_columns.joblib", "forest.joblib")
FILES = (*JOBLIB_FILES, SERVING, CARD)
Estimator = Any  # scikit-learn ships no types
PINNED_LIBRARIES = ("scikit-learn",)


class ArtefactError(Exception):
    """The model files in `folder` cannot be used; the message is one line with the reason and the remedy."""

    def __init__(self, reason: str, folder: Path) -> None:
        command = f"python -m shared_model.train --out {shlex.quote(str(folder))}"
        remedy = f"Run: {'make train' if folder == DEFAULT_FOLDER else command}"
        if is_set(folder):
            remedy = "Start the server again, or send HUP to its main process, so that it serves the set in use now."
        super().__init__(f"{reason} {remedy}")


@dataclass(frozen=True)
class Serving:
    """The data of the default engine: weights of the logistic regression, one per column, and the age for missing ages."""

    columns: tuple[str, ...]
    coefficients: tuple[FiniteFloat, ...]
    intercept: FiniteFloat
    median_age: FiniteFloat
    base_rate: FiniteFloat
    schema: Literal[1] = SCHEMA


@dataclass(frozen=True)
class Artefacts:
    """A checked set of model files; its `digest` is the SHA-256 of its checksums.

    `load_estimator` reads a joblib file of the set when an engine asks for it.
    """

    folder: Path
    serving: Serving
    card: Mapping[str, Any]
    digest: str
    contents: Mapping[str, bytes] = field(repr=False)

    def load_estimator(self, name: str) -> Estimator:
        """Return the object in `name`; raise `ArtefactError` if this scikit-learn cannot read it."""
        try:
            import joblib  # noqa: PLC0415 - the default engine needs neither it nor scikit-learn, which its files import

            return joblib.load(BytesIO(self.contents[name]))
        except Exception as error:
            message = f"{self.folder / name} cannot be read ({type(error).__name__})."
            raise ArtefactError(message, self.folder) from error


def save_set(folder: Path, objects: Mapping[str, Any], serving: Serving, card: Mapping[str, Any]) -> None:
    """Write a whole set into `folder` and switch to it. `objects` are the joblib files by name.

    Raises OSError if the folder cannot be written; the old set stays in use then.
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
    with _lock(folder):
        before = resolve_set(folder)
        new = Path(tempfile.mkdtemp(prefix=SET_PREFIX, dir=folder))
        try:
            new.chmod(0o755)
            for name, content in contents.items():
                write_through(new / name, content)
            link = new / LINK
            link.symlink_to(new.name)
            link.replace(folder / LINK)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        for old in folder.glob(f"{SET_PREFIX}*"):
            if old.name not in {new.name, before.name}:
                shutil.rmtree(old, ignore_errors=True)


def is_set(folder: Path) -> bool:
    """Whether a folder has the name of a set inside a model folder."""
    return folder.name.startswith(SET_PREFIX)


def resolve_set(folder: Path) -> Path:
    """Return the folder of the set that is now in use in `folder`; `folder` itself if it is a set or has none."""
    link = folder / LINK
    if link.is_symlink():
        return folder / link.resolve().name
    return link if link.is_dir() else folder  # a copy may have a folder in place of the link


def load_set(folder: Path = DEFAULT_FOLDER) -> Artefacts:
    """Return the checked set in use in `folder`, which may also be a set itself.

    Raises `ArtefactError` if the set is missing, damaged or of other versions.
    """
    while True:
        current = resolve_set(folder)
        try:
            return _load_checked(folder, current)
        except ArtefactError:
            if resolve_set(folder) == current:
                raise
            # Else a training has finished meanwhile and removed the set that we were reading: read the new one.


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """Return strict JSON (no NaN), indented, as UTF-8."""
    return json.dumps(value, indent=2, allow_nan=False).encode() + b"\n"


def write_through(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Let one training at a time write to the folder, if the system has locks; a process that dies releases the lock."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _load_checked(folder: Path, current: Path) -> Artefacts:
    sums, digest = _read_sums(folder, current)
    contents = {name: _read_checked(folder, current / name, expected) for name, expected in sums.items()}
    try:
        card = json.loads(contents[CARD])
        _check_versions(folder, card)
        serving = TypeAdapter(Serving).validate_json(contents[SERVING])
    except (ValueError, TypeError, KeyError) as error:
        message = f"The model files in {folder} have a form that this version does not know ({type(error).__name__})."
        raise ArtefactError(message, folder) from error
    if serving.columns != COLUMNS or len(serving.coefficients) != len(COLUMNS):
        message = f"The model in {folder} was trained with other columns than this version uses."
        raise ArtefactError(message, folder)
    return Artefacts(folder, serving, card, digest, contents)


def _read_sums(folder: Path, current: Path) -> tuple[dict[str, str], str]:
    try:
        content = (current / SUMS).read_bytes()
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in content.decode("ascii").splitlines())}
    except (OSError, ValueError) as error:
        place = SUMS if is_set(folder) else f"{LINK}/{SUMS}"
        message = f"There is no trained model in {folder} ({place} cannot be read)."
        raise ArtefactError(message, folder) from error
    if set(sums) != set(FILES):
        message = f"{current / SUMS} lists other files than a model has."
        raise ArtefactError(message, folder)
    return sums, hashlib.sha256(content).hexdigest()


def _read_checked(folder: Path, path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror})."
        raise ArtefactError(message, folder) from error
    if hashlib.sha256(content).hexdigest() != digest:
        message = f"{path} is damaged: it does not match its checksum."
        raise ArtefactError(message, folder)
    return content


def _check_versions(folder: Path, card: Mapping[str, Any]) -> None:
    if card["schema"] != SCHEMA:
        message = f"The model files have format {card['schema']!r}; this version reads format {SCHEMA}."
        raise ArtefactError(message, folder)
    for library in PINNED_LIBRARIES:
        made_with = card["libraries"][library]
        try:
            here = version(library)
        except PackageNotFoundError:  # the default engine does not need it, and `load_estimator` refuses for those that do
            continue
        if made_with != here:
            message = f"The model was made with {library} {made_with}; installed is {here}."
            raise ArtefactError(message, folder)
