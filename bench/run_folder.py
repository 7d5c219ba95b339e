"""The folder of a run: names of its files, atomic writing, reading back. The only module that knows them.

`results/<UTC time>-<profile>/` holds manifest.json, samples/launch-NN.parquet (launch-NN-repeated-M.parquet for a try that was
repeated), slices.csv, cells.csv, comparisons.csv, distributions.csv, warm_up.csv, starts.csv, memory.csv, model_times.csv,
server_timing.csv, complexity.csv, features.csv, adapters.diff, summary.json, charts/, report.html and report.md; `results/latest`
points at the newest run.
"""

import csv
import io
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from bench.errors import RunFolderError
from bench.findings import AppCode, BreakEven, Capacity, Feature, Knee, LadderRow, ServerTiming
from bench.records import (
    RESULTS_SCHEMA,
    Cell,
    Comparison,
    Gate,
    Memory,
    ModelTime,
    Quantile,
    Resources,
    RunWarning,
    SliceRecord,
    StartUp,
    WarmUpPoint,
)

RESULTS = Path("results")
LATEST = "latest"

Row = TypeVar("Row", SliceRecord, Cell, Quantile, Comparison, StartUp, Memory, ModelTime, WarmUpPoint, ServerTiming, AppCode, Feature)

_BREAK_EVEN = TypeAdapter(tuple[BreakEven, ...])
_CAPACITY = TypeAdapter(tuple[Capacity, ...])


@dataclass(frozen=True)
class Validity:
    """Whether verdicts may be given, and what was found on the way. `aa` is pass, fail or not judged."""

    valid: bool
    aa: str
    aa_estimate: float | None
    aa_ci_low: float | None
    aa_ci_high: float | None
    gates: tuple[Gate, ...]
    warnings: tuple[RunWarning, ...]


@dataclass(frozen=True)
class Summary:
    """The content of summary.json: every number that any output shows."""

    profile: str
    partial: bool
    environment: Mapping[str, Any]
    validity: Validity
    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    noise_floor: tuple[Comparison, ...]
    changes: tuple[Comparison, ...]
    ladder: tuple[LadderRow, ...]
    break_even: tuple[BreakEven, ...]
    resources: tuple[Resources, ...]
    capacity: tuple[Capacity, ...] = ()
    knees: tuple[Knee, ...] = ()
    server_timing: tuple[ServerTiming, ...] = ()
    complexity: tuple[AppCode, ...] = ()
    features: tuple[Feature, ...] = ()


def run_name(profile: str, created: datetime) -> str:
    """Return what a run is called wherever its folder is copied to: when it began and its profile."""
    return f"{created.astimezone(UTC):%Y%m%dT%H%M%SZ}-{profile}"


class RunFolder:
    """One run on disk. Every file is written under another name first and then renamed: it is whole or absent."""

    def __init__(self, path: Path) -> None:
        self.path = path

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
        """Return an existing run; raise `RunFolderError` if there is none or another version wrote it."""
        folder = cls(path.resolve())
        manifest = folder.read_manifest()
        if manifest.get("schema") != RESULTS_SCHEMA:
            formats = f"{path} has results format {manifest.get('schema')}; this version reads {RESULTS_SCHEMA}"
            message = f"{formats}. The report in its folder stays as it is."
            raise RunFolderError(message)
        return folder

    def point_latest(self) -> None:
        """Let `results/latest` point at this run."""
        link = self.path.parent / f".{self.path.name}.link"
        link.unlink(missing_ok=True)
        link.symlink_to(self.path.name)
        link.replace(self.path.parent / LATEST)

    def discard(self) -> None:
        """Remove a run that has measured nothing."""
        shutil.rmtree(self.path, ignore_errors=True)

    def samples_path(self, launch: int, repeated_attempt: int | None = None) -> Path:
        """Return the path of the samples of a launch that is kept, or of a try of it that was repeated."""
        tail = "" if repeated_attempt is None else f"-repeated-{repeated_attempt}"
        return self.path / "samples" / f"launch-{launch:02d}{tail}.parquet"

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write a file of the run atomically and return its path; raise `RunFolderError` if that fails."""
        path = self.path / name
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(exist_ok=True)
            temporary.write_bytes(content)
            temporary.replace(path)
        except OSError as error:
            message = f"Cannot write {path} ({error.strerror})."
            raise RunFolderError(message) from None
        return path

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file in UTF-8; see `write_bytes`."""
        return self.write_bytes(name, text.encode("utf-8"))

    def read_text(self, name: str) -> str:
        """Return a text file of the run; empty if it has none of that name."""
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
        """Return manifest.json."""
        return self._read_json("manifest.json")

    def write_rows(self, name: str, rows: Sequence[Row], kind: type[Row]) -> None:
        """Write records of one kind as a CSV file; None is an empty cell."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        names = [field.name for field in fields(kind)]
        writer.writerow(names)
        for row in rows:
            writer.writerow([_to_cell(getattr(row, name)) for name in names])
        self.write_text(name, out.getvalue())

    def read_rows(self, name: str, kind: type[Row]) -> list[Row]:
        """Return the records of a CSV file that `write_rows` wrote."""
        try:
            with (self.path / name).open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                types = {field.name: field.type for field in fields(kind)}
                return [kind(**{key: _from_cell(row[key], declared) for key, declared in types.items()}) for row in reader]
        except (OSError, KeyError, ValueError, TypeError) as error:
            message = f"{self.path / name} cannot be read ({error})."
            raise RunFolderError(message) from None

    def write_summary(self, summary: Summary) -> None:
        """Write summary.json, strict JSON with the keys that the shipped schema names."""
        document = asdict(summary)
        validity = document["validity"]
        validity["aa"] = {
            "verdict": validity.pop("aa"),
            "estimate": validity.pop("aa_estimate"),
            "ci_low": validity.pop("aa_ci_low"),
            "ci_high": validity.pop("aa_ci_high"),
        }
        self.write_text("summary.json", to_json({"schema": RESULTS_SCHEMA, **document}))

    def read_summary(self) -> Summary:
        """Return summary.json as records."""
        document = self._read_json("summary.json")
        try:
            validity = document["validity"]
            aa = validity["aa"]
            return Summary(
                profile=document["profile"],
                partial=document["partial"],
                environment=document["environment"],
                validity=Validity(
                    validity["valid"],
                    aa["verdict"],
                    aa["estimate"],
                    aa["ci_low"],
                    aa["ci_high"],
                    tuple(Gate(**gate) for gate in validity["gates"]),
                    tuple(RunWarning(**warning) for warning in validity["warnings"]),
                ),
                cells=tuple(Cell(**cell) for cell in document["cells"]),
                comparisons=tuple(_comparison(row) for row in document["comparisons"]),
                noise_floor=tuple(_comparison(row) for row in document["noise_floor"]),
                changes=tuple(_comparison(row) for row in document["changes"]),
                ladder=tuple(LadderRow(**row) for row in document["ladder"]),
                break_even=_BREAK_EVEN.validate_python(document["break_even"]),
                resources=tuple(Resources(**row) for row in document["resources"]),
                capacity=_CAPACITY.validate_python(document["capacity"]),
                knees=tuple(Knee(**row) for row in document["knees"]),
                server_timing=tuple(ServerTiming(**row) for row in document["server_timing"]),
                complexity=tuple(AppCode(**row) for row in document["complexity"]),
                features=tuple(Feature(**row) for row in document["features"]),
            )
        except (KeyError, TypeError, ValidationError) as error:
            message = f"{self.path / 'summary.json'} lacks what this version expects ({error})."
            raise RunFolderError(message) from None

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


def list_runs(results: Path = RESULTS) -> Iterable[Path]:
    """Return the folders of all runs in `results`, oldest first."""
    return sorted(path.parent for path in results.glob("*/manifest.json") if not path.parent.is_symlink())


def to_json(value: Mapping[str, Any]) -> str:
    """Return strict JSON (no NaN), indented."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _comparison(row: Mapping[str, Any]) -> Comparison:
    return Comparison(**{**row, "launch_ratios": tuple(row["launch_ratios"])})


def _to_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(repr(item) for item in value)
    return repr(value) if isinstance(value, float) else str(value)


def _from_cell(text: str, declared: Any) -> Any:
    if isinstance(declared, UnionType):
        if text == "":
            return None
        declared = next(kind for kind in get_args(declared) if kind is not NoneType)
    if get_origin(declared) is tuple:
        return tuple(float(item) for item in text.split())
    if declared is bool:
        return {"True": True, "False": False}[text]
    return declared(text) if declared in (int, float) else text
