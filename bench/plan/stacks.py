"""Stacks: from their data file to checked records. A name may carry an engine and a twin mark: `flask-gthread@pandas-twin`."""

import dataclasses
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.dataclasses import dataclass

from bench.errors import ConfigError
from bench.plan.places import MOST_WORKERS
from bench.plan.toml import RefusalError, Whole, YesNo, make_record, read_toml, within
from bench.records.record import STRICT, Record
from shared_model.engines import EngineNameError, check_engine_name

BUNDLED_STACKS = Path(__file__).parent.parent / "stacks.toml"
TWIN = "-twin"
DEFAULT_ENGINE = "numpy"
WORKERS = "{workers}"


def _check_command(words: tuple[str, ...]) -> tuple[str, ...]:
    if not any("{port}" in word for word in words):
        raise RefusalError(what="a list of words, one of them with {port}")
    return words


def _check_ready(path: str) -> str:
    if not path.startswith("/"):
        raise RefusalError(what="a path that starts with '/'")
    return path


def _check_requirement(text: Any) -> str:
    try:
        Requirement(text)
    except (InvalidRequirement, TypeError):
        raise RefusalError(what="a list of names of distributions, such as 'flask'") from None
    return str(text)


@dataclass(frozen=True, config=STRICT)
class Stack(Record):
    """One way to serve. `command` has the places {python}, {host} and {port}; `folder` None stands for an empty folder.

    `workers` is the number of its worker processes: it has as many of the servers' cores. A command with the place {workers} can be
    measured with any number of them, as the stack `NAME@N`.

    The bench asks for the path `ready` until it is answered 200, for at most `ready_timeout_s`. `bare` names the stack of the same server
    without a framework. `source` is the folder of the application's Python files, and `requires` are the distributions that application
    and server name themselves: the figures of its code are counted from these. An `upstream` stack asks the service of
    `bench.servers.upstream`, which is started for it, and answers only enquiries.
    """

    name: str
    command: Annotated[tuple[str, ...], AfterValidator(_check_command)]
    ready: Annotated[str, AfterValidator(_check_ready)] = "/readyz"
    ready_timeout_s: Annotated[Whole, within(1, 3600)] = 30
    framework: Literal["Flask", "FastAPI", "none", "other"] = "other"
    server: str = "its own server"
    server_note: str = ""
    label: str = ""
    engine: str = DEFAULT_ENGINE
    fixed: YesNo = False
    bare: str = ""
    upstream: YesNo = False
    workers: Annotated[Whole, within(1, MOST_WORKERS)] = 1
    folder: Path | None = None
    environment: Mapping[str, str] = Field(default_factory=dict)
    source: Path | None = None
    requires: tuple[Annotated[str, BeforeValidator(_check_requirement)], ...] = ()


def load_stacks(*files: Path) -> dict[str, Stack]:
    """Return the stacks of all files by name, later files override earlier ones; raise `ConfigError` on the first fault."""
    stacks: dict[str, Stack] = {}
    for path in files:
        for name, table in read_toml(path).items():
            stacks[name] = _read_stack(path, name, table)
    return stacks


def with_engine(stack: str, engine: str) -> str:
    """Return the name of a stack with an engine; the default engine is not named."""
    return stack if engine == DEFAULT_ENGINE else f"{stack}@{engine}"


def resolve_stack(name: str, stacks: Mapping[str, Stack]) -> Stack:
    """Return the stack of a name such as `flask-gthread`, `flask-gthread@pandas`, `flask-gthread@2` or `flask-gthread-twin`."""
    base, *asked = name.removesuffix(TWIN).split("@")
    if name not in stacks and base not in stacks:
        message = f"There is no stack {base!r}; there are: {', '.join(stacks)}."
        raise ConfigError(message)
    stack = stacks[name if name in stacks else base]
    counts, engines = [one for one in asked if one.isdecimal()], [one for one in asked if not one.isdecimal()]
    if engines:
        stack = _with_engine(name, stack, "@".join(engines))
    if counts:
        stack = _with_workers(name, stack, "@".join(counts))
    label = f"{stack.label}, second copy" if name.endswith(TWIN) and name not in stacks else stack.label
    command = tuple(word.replace(WORKERS, str(stack.workers)) for word in stack.command)
    return dataclasses.replace(stack, name=name, label=label, command=command)


def _with_engine(name: str, stack: Stack, engine: str) -> Stack:
    if stack.fixed:
        message = f"Stack {name!r}: {stack.name} answers a fixed body, so it takes no engine."
        raise ConfigError(message)
    try:
        return dataclasses.replace(stack, engine=check_engine_name(engine), label=f"{stack.label}, engine {engine}")
    except EngineNameError as error:
        message = f"Stack {name!r}: {error}"
        raise ConfigError(message) from None


def _with_workers(name: str, stack: Stack, count: str) -> Stack:
    if not any(WORKERS in word for word in stack.command):
        message = f"Stack {name!r}: the command of {stack.name} has no place {WORKERS}, so their number cannot be chosen."
        raise ConfigError(message)
    if not count.isdecimal() or not 1 <= int(count) <= MOST_WORKERS:
        message = f"Stack {name!r}: workers is {count}; allowed are 1 to {MOST_WORKERS}."
        raise ConfigError(message)
    return dataclasses.replace(stack, workers=int(count), label=f"{stack.label}, {count} worker{'s' * (int(count) > 1)}")


def _read_stack(path: Path, name: str, table: object) -> Stack:
    place = f"{path.name} [{name}]"
    if not name or name.endswith(TWIN) or any(sign in name for sign in "@/ "):
        message = f"{place}: a stack's name has no blank, '@' or '/' and does not end in '{TWIN}'."
        raise ConfigError(message)
    # Names first: a fault in the table is reported before one in the folders that it names.
    stack = make_record(Stack, place, table, name=name)
    try:
        check_engine_name(stack.engine)
    except EngineNameError as error:
        message = f"{place}: {error}"
        raise ConfigError(message) from None
    return dataclasses.replace(
        stack,
        label=stack.label or name,
        folder=(path.parent / stack.folder).absolute() if stack.folder else None,
        source=_find_source(place, path.parent, str(stack.source)) if stack.source else None,
    )


def _find_source(place: str, beside: Path, name: str) -> Path:
    """Return the folder of an application: a folder beside the stacks file, or that of a package, which is looked up and not imported."""
    folder = (beside / name).resolve()
    if folder.is_dir():
        return folder
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        message = f"{place}: source {name!r} is neither a folder, relative to this file, nor a package that can be imported."
        raise ConfigError(message)
    return Path(spec.submodule_search_locations[0])
