"""A run that was cut off, taken up again: its plan as it stands in its manifest, and whether it may go on here and now."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import ConfigError, RunFolderError
from bench.plan.described import describe, read_plan
from bench.plan.plan import Plan
from bench.plan.served import digest_bench
from bench.plan.stacks import BUNDLED_STACKS, load_stacks, resolve_stack
from bench.records import SliceRecord
from bench.records.folder import RunFolder

# What must be as it was, with its name for a reader: the first ones are values, the digests say only that something differs.
_MACHINE = {
    "cpu": "the CPU",
    "cores_allowed": "the cores",
    "server_cores": "the cores of the servers",
    "generator_cores": "the core of the load generator",
    "kernel": "the kernel",
    "python": "Python",
}
_SERVED = "the applications, the model or the lock file"
_BENCH = "the bench itself"


def read_begun(path: Path, stacks_files: Sequence[Path] = ()) -> tuple[RunFolder, Plan]:
    """Return a run that was cut off, kept from other benches, and its plan, whose stacks are found anew by their names.

    Raises `RunFolderError` if it is finished, or being measured now, `ConfigError` if there is no such stack.
    """
    folder = RunFolder.open(path)
    folder.lock()
    manifest = folder.read_manifest()
    if not manifest["partial"]:
        name = shlex.quote(str(path))
        again = f"python -m bench judge {name}; python -m bench report {name}"
        message = f"{path} is finished, so there is nothing to go on with. To judge and draw it again: {again}"
        raise RunFolderError(message)
    plan, stacks = read_plan(manifest["plan"]), load_stacks(BUNDLED_STACKS, *stacks_files)
    try:
        return folder, replace(plan, stacks={name: resolve_stack(name, stacks) for name in plan.stacks})
    except ConfigError as error:
        message = f"{error} A run with stacks of your own goes on with the same --stacks-file."
        raise ConfigError(message) from None


def refuse_differences(begun: RunFolder, plan: Plan, machine: Mapping[str, Any]) -> None:
    """Raise `RunFolderError` if a run that was cut off would not go on as it began: with this plan, on this machine, in this version."""
    differences = list(_differences(begun.read_manifest(), plan, machine))
    if differences:
        message = f"{begun.path} cannot go on: {'; '.join(differences)}. What was measured stays as it is; start a new run."
        raise RunFolderError(message)


def count_measured(begun: RunFolder | None) -> int:
    """Return how many slices a run has already; 0 for a new one."""
    return len(begun.read_rows_if_any("slices.csv", SliceRecord)) if begun else 0


def _differences(manifest: Mapping[str, Any], plan: Plan, machine: Mapping[str, Any]) -> Iterator[str]:
    began = manifest["environment"]
    for key, name in _MACHINE.items():
        if began.get(key) != machine[key]:
            yield f"{name}: {_in_words(began.get(key))} then, {_in_words(machine[key])} now"
    for name in sorted({*began["packages"], *machine["packages"]}):
        then, now = (packages.get(name) for packages in (began["packages"], machine["packages"]))
        if then != now:
            yield f"{name}: {_in_words(then)} then, {_in_words(now)} now"
    if began.get("served_sha256") != machine["served_sha256"]:
        yield f"{_SERVED} have changed since"
    if manifest.get("bench_sha256") != digest_bench():
        yield f"{_BENCH} has changed since"
    if (place := _first_difference(manifest["plan"], describe(plan))) is not None:
        yield f"the plan differs in {place}"


def _first_difference(then: Any, now: Any) -> str | None:
    """Return the place of the first value that differs, such as `stacks.mine.command`; None if all is equal."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*then, *now)):
            if (place := _first_difference(then.get(key), now.get(key))) is not None:
                return f"{key}.{place}".rstrip(".")
        return None
    if isinstance(then, list | tuple) and isinstance(now, list | tuple):
        return None if len(then) == len(now) and all(_first_difference(*both) is None for both in zip(then, now, strict=True)) else ""
    return None if then == now else ""


def _in_words(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value if value is not None else "none")
