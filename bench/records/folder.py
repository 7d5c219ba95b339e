"""The folder of a run: names of its files, atomic writing, reading back. The only module that knows them.

`results/<UTC time>-<profile>/` holds manifest.json, samples/launch-NN.parquet (launch-NN-repeated-M.parquet for a try that was
repeated), slices.csv, cells.csv, comparisons.csv, distributions.csv, warm_up.csv, starts.csv, memory.csv, model_times.csv,
server_timing.csv, complexity.csv, features.csv, steps.csv, adapters.diff, summary.json, charts/, report.html and report.md;
`results/latest` points at the newest run. The rooms hand on data as files: measure writes the samples, slices.csv and the tables that
samples cannot give, judge writes the other tables and summary.json, show writes the rest.
"""

import contextlib
import csv
import fcntl
import io
import json
import os
import shlex
import shutil
import weakref
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from bench.errors import RunFolderError
from bench.records.former import OLDEST_SCHEMA, modern_manifest, modern_names, modern_summary
from bench.records.record import Record, adapter, added_later, columns, from_text, to_text
from bench.records.summary import RESULTS_SCHEMA, Summary

RESULTS = Path("results")
LATEST = "latest"
REFERENCE = RESULTS / "reference"

Row = TypeVar("Row", bound=Record)


def run_name(profile: str, created: datetime) -> str:
    """Return the name of a run, wherever its folder is copied: the time of its start and its profile."""
    return f"{created.astimezone(UTC):%Y%m%dT%H%M%SZ}-{profile}"


def resume_command(path: Path) -> str:
    """Return the command that goes on with a run that was cut off."""
    return f"python -m bench run --resume {shlex.quote(str(path))}"


class RunFolder:
    """One run on disk. Every file is first written under another name and then renamed, so it is whole or absent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: weakref.finalize[..., Any] | None = None

    @classmethod
    def create(cls, profile: str, now: datetime, results: Path = RESULTS) -> "RunFolder":
        """Make a new folder in `results`; raise `RunFolderError` if it cannot be made."""
        stem = run_name(profile, now)
        for attempt in range(100):
            path = results / (stem if attempt == 0 else f"{stem}-{attempt + 1}")
            try:
                (path / "samples").mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                message = f"Cannot make the results folder {path} ({error.strerror}); choose another with --results."
                raise RunFolderError(message) from None
            return cls(path)
        message = f"There are already 100 runs named {stem} in {results}; remove some."
        raise RunFolderError(message)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Return an existing run; raise `RunFolderError` if there is none or this version cannot read its format."""
        folder = cls(path.resolve())
        if folder.schema not in range(OLDEST_SCHEMA, RESULTS_SCHEMA + 1):
            formats = f"{path} has results format {folder.schema}; this version reads {OLDEST_SCHEMA} to {RESULTS_SCHEMA}"
            message = f"{formats}. The report in its folder stays as it is."
            raise RunFolderError(message)
        return folder

    def lock(self) -> None:
        """Keep other benches from this run until `unlock` is called or this process ends; raise `RunFolderError` if one measures it."""
        descriptor = os.open(self.path, os.O_RDONLY)
        self._lock = weakref.finalize(self, os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.unlock()
            message = f"{self.path} is being measured by another bench now; wait until that one has ended."
            raise RunFolderError(message) from None
        except OSError:  # a file system without locks
            return

    def unlock(self) -> None:
        """Let other benches have this run, if it is locked."""
        if self._lock:
            self._lock()

    def is_locked(self) -> bool:
        """Whether a bench measures this run now."""
        other = RunFolder(self.path)
        try:
            other.lock()
        except RunFolderError:
            return True
        other.unlock()
        return False

    def clear_leftovers(self) -> None:
        """Remove what a killed bench began to write; raise `RunFolderError` if that fails."""
        self._remove(path for pattern in (".*", "*.part") for path in self.path.rglob(pattern))

    def point_latest(self) -> None:
        """Let `results/latest` point at this run; `why_not_latest` says what may prevent it."""
        with contextlib.suppress(OSError):
            self._make_link().replace(self.path.parent / LATEST)
        self._link().unlink(missing_ok=True)

    def why_not_latest(self) -> str:
        """Return a sentence that says why `results/latest` cannot point at this run; empty if it can."""
        latest = self.path.parent / LATEST
        if latest.is_dir() and not latest.is_symlink():
            return f"{latest} is a folder and no link: it stays as it is, and this run is in {self.path}."
        try:
            self._make_link().unlink()
        except OSError as error:
            return f"{latest} cannot point at this run, since links cannot be made there ({error.strerror}): it is in {self.path}."
        return ""

    def _make_link(self) -> Path:
        link = self._link()
        link.unlink(missing_ok=True)
        link.symlink_to(self.path.name)
        return link

    def _link(self) -> Path:
        return self.path.parent / f".{self.path.name}.link"

    def discard(self) -> None:
        """Remove a run that has measured nothing."""
        self.unlock()
        shutil.rmtree(self.path, ignore_errors=True)

    def samples_path(self, launch: int, repeated_attempt: int | None = None) -> Path:
        """Return the path of the samples of a launch, or of a try of it that was repeated."""
        tail = "" if repeated_attempt is None else f"-repeated-{repeated_attempt}"
        return self.path / "samples" / f"launch-{launch:02d}{tail}.parquet"

    def set_aside(self, names: Sequence[str], folder: str) -> None:
        """Copy files that another version made into a subfolder of the run; do nothing if it exists. Raises `RunFolderError`."""
        kept = self.path / folder
        if kept.exists():
            return
        try:
            kept.mkdir()
            for name in names:
                if (self.path / name).exists():
                    shutil.copy2(self.path / name, kept / name)
        except OSError as error:
            message = f"Cannot write {kept} ({error.strerror})."
            raise RunFolderError(message) from None

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write a file of the run atomically and return its path; raise `RunFolderError` if that fails."""
        path = self.path / name
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            if path.parent != self.path:  # a run that somebody removed does not come back in parts
                path.parent.mkdir(exist_ok=True)
            temporary.write_bytes(content)
            temporary.replace(path)
        except OSError as error:
            message = f"Cannot write {path} ({error.strerror})."
            raise RunFolderError(message) from None
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return path

    def keep_only(self, folder: str, names: Collection[str]) -> None:
        """Remove all files from a folder of the run except `names`; raise `RunFolderError` if that fails."""
        self._remove(path for path in (self.path / folder).iterdir() if path.name not in names)

    def _remove(self, paths: Iterable[Path]) -> None:
        try:
            for path in list(paths):
                path.unlink()
        except OSError as error:
            message = f"Cannot remove old files from {self.path} ({error.filename}: {error.strerror})."
            raise RunFolderError(message) from None

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file in UTF-8; see `write_bytes`."""
        return self.write_bytes(name, text.encode("utf-8"))

    def read_text(self, name: str) -> str:
        """Return the content of a text file of the run; empty if there is no such file."""
        path = self.path / name
        try:
            return path.read_text("utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            message = f"{path} cannot be read ({error})."
            raise RunFolderError(message) from None

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write manifest.json."""
        self.write_text("manifest.json", to_json({"schema": RESULTS_SCHEMA, **manifest}))

    def read_manifest(self) -> dict[str, Any]:
        """Return manifest.json; one of an older format gets today's names."""
        manifest = self._read_json("manifest.json")
        return manifest if manifest.get("schema") == RESULTS_SCHEMA else modern_manifest(manifest)

    @cached_property
    def schema(self) -> Any:
        """The results format of the run, as its manifest has it."""
        return self._read_json("manifest.json").get("schema")

    def write_rows(self, name: str, rows: Sequence[Row], kind: type[Row]) -> None:
        """Write records of one kind as a CSV file; None is an empty cell, a tuple its items with blanks between them."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns(kind))
        for row in rows:
            writer.writerow([to_text(value) for value in adapter(kind).dump_python(row).values()])
        self.write_text(name, out.getvalue())

    def read_rows(self, name: str, kind: type[Row]) -> list[Row]:
        """Return the records of a CSV file that `write_rows` wrote, also in an older version."""
        try:
            with (self.path / name).open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                missing = added_later(kind) - set(reader.fieldnames or ())
                declared = {key: value for key, value in columns(kind).items() if key not in missing}
                found = reader if self._is_modern() else map(modern_names, reader)
                rows = [{key: from_text(row[key], value) for key, value in declared.items()} for row in found]
                return [adapter(kind).validate_python(row) for row in rows]
        except (OSError, KeyError, ValueError) as error:
            message = f"{self.path / name} cannot be read ({_reason(error)})."
            raise RunFolderError(message) from None

    def read_rows_if_any(self, name: str, kind: type[Row]) -> list[Row]:
        """Return the records of a CSV file; an empty list if the run has no such file, since it did not measure that."""
        return self.read_rows(name, kind) if (self.path / name).exists() else []

    def write_summary(self, summary: Summary) -> None:
        """Write summary.json, strict JSON with the keys that the shipped schema names."""
        self.write_text("summary.json", to_json({"schema": RESULTS_SCHEMA, **adapter(Summary).dump_python(summary)}))

    def read_summary(self) -> Summary:
        """Return summary.json as records; raise `RunFolderError` if the run was not judged yet, or it cannot be read."""
        if not (self.path / "summary.json").exists():
            message = f"{self.path} was cut off before it was judged; 'python -m bench judge {shlex.quote(str(self.path))}' judges it."
            raise RunFolderError(message)
        document = self._read_json("summary.json")
        try:
            if document.pop("schema", None) != RESULTS_SCHEMA:
                document = modern_summary(document)
            summary: Summary = adapter(Summary).validate_python(document)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            message = f"{self.path / 'summary.json'} lacks what this version expects ({_reason(error)})."
            raise RunFolderError(message) from None
        return summary

    def _is_modern(self) -> bool:
        return not (self.path / "manifest.json").exists() or self.schema == RESULTS_SCHEMA

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            document = json.loads(path.read_text("utf-8"))
        except OSError as error:
            message = f"{path} cannot be read ({error.strerror}); give the folder of a run, for example results/latest."
            raise RunFolderError(message) from None
        except ValueError as error:
            message = f"{path} is no JSON ({error})."
            raise RunFolderError(message) from None
        if not isinstance(document, dict):
            message = f"{path} holds no JSON object."
            raise RunFolderError(message)
        return document


def to_json(value: Mapping[str, Any]) -> str:
    """Return strict JSON (no NaN), indented."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _reason(error: Exception) -> str:
    """Return the fault of a file, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
