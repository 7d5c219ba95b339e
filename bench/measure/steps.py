"""The same API grown step by step: lines and packages that each step adds, counted from the files of an application's folder `steps`.

What cannot be counted stands in `steps.toml` there: which step each one grew from, what the API can do since, and who does the work.
"""

import ast
import difflib
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

from packaging.utils import NormalizedName, canonicalize_name
from pydantic.dataclasses import dataclass

from bench.errors import ConfigError
from bench.measure.packages import find_distributions
from bench.measure.source_code import without_comments
from bench.plan.stacks import Stack
from bench.plan.toml import make_record, read_toml
from bench.records import AppStep, Worker
from bench.records.record import STRICT, Record

FOLDER = "steps"
LIST = "steps.toml"


@dataclass(frozen=True, config=STRICT)
class ListedStep(Record):
    """One step as its list has it; `requires` are distributions that it needs without importing them, or with an extra."""

    name: str
    after: str
    feature: str
    by: Worker
    how: str
    requires: tuple[str, ...] = ()


class StepLines(NamedTuple):
    """The source lines of a file, without blank ones, comments and docstrings: imports, and the rest."""

    imports: list[str]
    code: list[str]


def measure_steps(stack: Stack) -> list[AppStep]:
    """Return the steps of a stack's application in their order; none where it has no list of them.

    Raises `ConfigError` if the list is wrong, `OSError` or `SyntaxError` if a file cannot be read, `PackageNotFoundError` if what a step
    needs is not installed.
    """
    if stack.source is None or not (stack.source / FOLDER / LIST).is_file():
        return []
    folder = stack.source / FOLDER
    listed = _read_list(folder / LIST, f"{LIST} of {stack.source.name}")
    texts = {step.name: (folder / f"{step.name}.py").read_text("utf-8") for step in listed}
    lines = {"": StepLines([], []), **{name: split_lines(text) for name, text in texts.items()}}
    packages: dict[str, set[NormalizedName]] = {"": set()}
    homes = {top: names[0] for top, names in packages_distributions().items()}
    homes = {top: name for top, name in homes.items() if name != homes.get(stack.source.name)}
    for step in listed:
        needed = [*_imported_distributions(texts[step.name], homes), *step.requires]
        packages[step.name] = {canonicalize_name(one.name) for one in find_distributions(needed)}
    return [
        AppStep(
            stack=stack.name,
            step=step.name,
            after=step.after,
            feature=step.feature,
            by=step.by,
            how=step.how,
            lines=len(lines[step.name].code),
            import_lines=len(lines[step.name].imports),
            added_lines=_count_added(lines[step.after].code, lines[step.name].code),
            added_import_lines=_count_added(lines[step.after].imports, lines[step.name].imports),
            added_packages=", ".join(sorted(packages[step.name] - packages[step.after])),
        )
        for step in listed
    ]


def _read_list(path: Path, place: str) -> list[ListedStep]:
    listed = [make_record(ListedStep, place, table) for table in read_toml(path).get(FOLDER, [])]
    known = {""}
    for step in listed:
        if step.after not in known:
            message = f"{place}: {step.name} comes after {step.after!r}, which is no step before it."
            raise ConfigError(message)
        known.add(step.name)
    return listed


def split_lines(text: str) -> StepLines:
    """Return the source lines of a file; raise `SyntaxError` if it is no Python."""
    tree = ast.parse(text)
    kinds: dict[int, bool] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            kinds |= dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), True)
    docstrings = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and _is_text(node.value)]
    left_out = {number for node in docstrings for number in range(node.lineno, (node.end_lineno or 0) + 1)}
    bare = without_comments(text)
    numbered = [(number, line.rstrip()) for number, line in enumerate(bare, start=1) if line.strip() and number not in left_out]
    return StepLines(*([line for number, line in numbered if kinds.get(number, False) == is_import] for is_import in (True, False)))


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _count_added(before: Sequence[str], after: Sequence[str]) -> int:
    """Return how many lines stand in the one that the other does not have, in their order."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return sum(end - begin for tag, _, _, begin, end in matcher.get_opcodes() if tag in ("insert", "replace"))


def _imported_distributions(text: str, homes: Mapping[str, str]) -> list[str]:
    """Return the distributions of what a file imports; none of the standard library, nor of code that is not installed."""
    nodes = list(ast.walk(ast.parse(text)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    return sorted({homes[top] for top in tops if top in homes})
