"""A finished run as the show room reads it: its files, and what every output says of it alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.records import Quantile, SliceRecord, Summary
from bench.records.folder import RunFolder, run_name
from bench.records.price import Price, price_from_plan
from bench.show.numbers import count_words
from bench.show.sentences import Stacks
from bench.show.trust import plain_text

FINE_PRINT_PACKAGES = ("flask", "fastapi", "gunicorn", "uvicorn", "granian", "scikit-learn")


@dataclass(frozen=True)
class FinishedRun:
    """Everything that a report is made of; `diff` is that of the two adapters, empty where it was not taken."""

    name: str
    summary: Summary
    manifest: Mapping[str, Any]
    quantiles: Sequence[Quantile]
    slices: Sequence[SliceRecord]
    diff: str
    price: Price

    @property
    def stacks(self) -> Stacks:
        """Framework, server, engine and label of every stack."""
        stacks: Stacks = self.manifest["stacks"]
        return stacks

    @property
    def plan(self) -> Mapping[str, Any]:
        """The plan of the run."""
        plan: Mapping[str, Any] = self.manifest["plan"]
        return plan

    @property
    def changes(self) -> Sequence[Sequence[str]]:
        """The single changes of the plan: what, contender, baseline."""
        changes: Sequence[Sequence[str]] = self.plan.get("changes", ())
        return changes


def read_run(folder: RunFolder, price: Price | None = None) -> FinishedRun:
    """Return a run; without a price that of its plan counts. Raises `RunFolderError` if one of its files cannot be read."""
    summary, manifest = folder.read_summary(), folder.read_manifest()
    return FinishedRun(
        name=run_name(summary.profile, datetime.fromisoformat(manifest["created_utc"])),
        summary=summary,
        manifest=manifest,
        quantiles=folder.read_rows("distributions.csv", Quantile),
        slices=folder.read_rows("slices.csv", SliceRecord),
        diff=folder.read_text("adapters.diff"),
        price=price or price_from_plan(manifest["plan"]),
    )


def fine_print(run: str, summary: Summary, manifest: Mapping[str, Any]) -> str:
    """Return what a picture must carry with it: versions, machine, commit, date and run."""
    environment = summary.environment
    packages = environment.get("packages") or {}
    versions = [f"{name} {packages[name]}" for name in FINE_PRINT_PACKAGES if name in packages]
    cores = environment.get("server_cores") or ()
    commit = str(environment.get("commit") or "unknown")
    state = ["partial run"] if summary.partial else []
    state += [] if summary.validity.valid else ["not valid"]
    parts = [
        ", ".join([plain_text(environment.get("python")), *versions]),
        f"{plain_text(environment.get('cpu'))}, {count_words(len(cores), 'server core') if cores else 'cores not kept apart'}",
        f"commit {commit[:12]}{'+changes' if commit.endswith('+changes') else ''}",
        plain_text(manifest.get("created_utc")),
        ", ".join([f"run {run}, profile {summary.profile}", *state]),
    ]
    return "; ".join(parts)
