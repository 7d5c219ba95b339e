"""A finished run as the show room reads it: its files, and what every output says of it alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.records import Answer, Summary
from bench.records.folder import RunFolder, run_name
from bench.records.names import Stacks
from bench.records.numbers import count_words
from bench.records.price import Price, price_from_plan
from bench.show.words.plain import plain_text

NO_ANSWER = Answer("What was measured?", (), (), "")
FINE_PRINT_PACKAGES = ("flask", "fastapi", "gunicorn", "uvicorn", "granian", "scikit-learn")


@dataclass(frozen=True)
class FinishedRun:
    """Everything that a report is made of; `diff` is that of the two adapters, empty where it was not taken."""

    name: str
    summary: Summary
    manifest: Mapping[str, Any]
    diff: str
    price: Price
    answer: Answer

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
    def fine_print(self) -> str:
        """What a picture must carry with it: run, machine, versions."""
        return fine_print(self.name, self.summary)

    @property
    def changes(self) -> Sequence[Sequence[str]]:
        """The single changes of the plan: what, contender, baseline."""
        changes: Sequence[Sequence[str]] = self.plan.get("changes", ())
        return changes


def read_run(folder: RunFolder, answer: Answer | None = None, price: Price | None = None) -> FinishedRun:
    """Return a run; without an answer or a price those of the run count. Raises `RunFolderError` if one of its files cannot be read."""
    summary, manifest = folder.read_summary(), folder.read_manifest()
    return FinishedRun(
        name=run_name(summary.profile, datetime.fromisoformat(manifest["created_utc"])),
        summary=summary,
        manifest=manifest,
        diff=folder.read_text("adapters.diff"),
        price=price or price_from_plan(manifest["plan"]),
        answer=answer or summary.answer or NO_ANSWER,
    )


def fine_print(run: str, summary: Summary) -> str:
    """Return what a picture must carry with it: versions, machine, commit, date and run."""
    environment = summary.environment
    packages = environment.get("packages") or {}
    versions = [f"{name} {packages[name]}" for name in FINE_PRINT_PACKAGES if name in packages]
    cores = environment.get("server_cores") or ()
    commit = str(environment.get("commit") or "unknown")
    state = ["partial run"] if summary.partial else []
    state += [] if summary.validity.valid else ["not valid"]
    parts = [
        ", ".join([f"Run {run}", f"profile {summary.profile}", *state]),
        f"{plain_text(environment.get('cpu'))}, {count_words(len(cores), 'server core') if cores else 'cores not kept apart'}",
        f"commit {commit[:12]}{'+changes' if commit.endswith('+changes') else ''}",
        ", ".join([plain_text(environment.get("python")), *versions]),
    ]
    return "; ".join(parts)
