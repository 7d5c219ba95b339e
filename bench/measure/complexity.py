"""Development complexity of the two stacks of a run's first pair: their code, its packages and import time, their features.

The packages are those that application and server import or name themselves, with all that these need: pydantic counts for both. What
the shared model alone needs (NumPy ...) does not count.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NamedTuple

from bench.errors import ConfigError, StackError
from bench.measure.environment import Cores
from bench.measure.packages import count_installed_bytes, find_distributions
from bench.measure.probes import probe_stack
from bench.measure.processes import pinned, server_environment
from bench.measure.source_code import count_code, diff_sources, find_post_handler, read_source
from bench.measure.steps import measure_steps
from bench.plan.stacks import Stack
from bench.records import AppCode, AppStep, Feature

IMPORTS = 5
IMPORT_TIMEOUT_S = 60
_IMPORT = "import time; begin_s = time.perf_counter(); import {name}; print(time.perf_counter() - begin_s)"


class Complexity(NamedTuple):
    """Rows of the contender, then of the baseline; `diff` turns the baseline's source into the contender's."""

    code: list[AppCode]
    features: list[Feature]
    steps: list[AppStep]
    diff: str


def measure_complexity(stacks: Sequence[Stack], cores: Cores, say: Callable[[str], None]) -> Complexity:
    """Count the code of a contender and its baseline and probe both stacks, each alone; raise `StackError` if one does not start.

    A stack whose code cannot be counted has no row; `say` gets the reason as a line.
    """
    code = [row for stack in stacks if (row := measure_code(stack, cores, say)) is not None]
    features = [feature for stack in stacks for feature in probe_stack(stack, cores)]
    steps = [step for stack in stacks for step in _measure_steps(stack, say)]
    return Complexity(code, features, steps, _diff(stacks, code))


def measure_code(stack: Stack, cores: Cores, say: Callable[[str], None]) -> AppCode | None:
    """Return the figures of a stack's code; None if its data name no source or no packages, or if it cannot be counted (see `say`)."""
    if stack.source is None or not stack.requires:
        return None
    try:
        source = read_source(stack.source)
        figures = count_code(source)
        distributions = find_distributions(stack.requires)
        import_s = measure_import(stack, stack.source, cores)
    except (OSError, SyntaxError, UnicodeDecodeError, PackageNotFoundError, StackError) as error:
        say(f"{stack.name}: no figures of its code. {error}")
        return None
    return AppCode(
        stack=stack.name,
        source=stack.source.name,
        **figures._asdict(),
        requires=", ".join(stack.requires),
        packages=len(distributions),
        installed_bytes=count_installed_bytes(distributions),
        import_s=import_s,
        imports=IMPORTS,
        handler=find_post_handler(source),
    )


def _measure_steps(stack: Stack, say: Callable[[str], None]) -> list[AppStep]:
    try:
        return measure_steps(stack)
    except (OSError, SyntaxError, UnicodeDecodeError, PackageNotFoundError, ConfigError) as error:
        say(f"{stack.name}: no figures of its steps. {error}")
        return []


def measure_import(stack: Stack, source: Path, cores: Cores) -> float:
    """Return the median time in seconds to import a package in a fresh process; raise `StackError` if it is no package or fails."""
    if not (source / "__init__.py").is_file() or not source.name.isidentifier():
        message = f"{source.name} is a folder of files, not a package that can be imported."
        raise StackError(message)
    with pinned(cores.servers):
        return statistics.median(_time_import(stack, source) for _ in range(IMPORTS))


def _time_import(stack: Stack, source: Path) -> float:
    try:
        done = subprocess.run(  # noqa: S603 - the package is the user's own
            [sys.executable, "-c", _IMPORT.format(name=source.name)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            cwd=source.parent,
            env=server_environment(stack),
            timeout=IMPORT_TIMEOUT_S,
        )
        return float(done.stdout.split()[-1])  # a package may print something itself
    except subprocess.TimeoutExpired:
        message = f"Importing {source.name} took more than {IMPORT_TIMEOUT_S} s."
        raise StackError(message) from None
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        message = f"{source.name} cannot be imported: {last}."
        raise StackError(message) from None


def _diff(stacks: Sequence[Stack], code: list[AppCode]) -> str:
    sources = [stack.source for stack in stacks if stack.source and any(row.stack == stack.name for row in code)]
    return diff_sources(sources[1], sources[0]) if len(sources) == 2 else ""  # noqa: PLR2004 - of two
