"""Stacks: from their data file to checked records. A name may carry an engine and a twin mark: `flask-gthread@pandas-twin`."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from bench.errors import ConfigError
from bench.plan.tables import check_keys, read_toml
from shared_model.engines import EngineNameError, check_engine_name

BUNDLED_STACKS = Path(__file__).parent.parent / "stacks.toml"
FRAMEWORKS = ("Flask", "FastAPI", "none", "other")
TWIN = "-twin"
DEFAULT_ENGINE = "numpy"


@dataclass(frozen=True)
class Stack:
    """One way to serve. `command` has the places {python} and {port}; `folder` None stands for an empty one.

    `floor` names the stack of the same server without a framework. `source` is the folder of the application's Python files and
    `requires` are the distributions that application and server ask for by name: what is known of its code is counted from these.
    An `upstream` stack asks the service of `bench.upstream`, which is started for it, and answers nothing but enquiries.
    """

    name: str
    command: tuple[str, ...]
    ready: str = "/readyz"
    framework: str = "other"
    server: str = "its own server"
    label: str = ""
    engine: str = DEFAULT_ENGINE
    fixed: bool = False
    floor: str = ""
    upstream: bool = False
    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    source: Path | None = None
    requires: tuple[str, ...] = ()

    @property
    def baseline_name(self) -> str:
        """The name without the twin mark: a twin is a second copy of this stack."""
        return self.name.removesuffix(TWIN)


# What a table of a stacks file may hold, with the type of its value.
_KEYS: Mapping[str, type] = {
    "command": list,
    "ready": str,
    "framework": str,
    "server": str,
    "label": str,
    "engine": str,
    "fixed": bool,
    "floor": str,
    "upstream": bool,
    "folder": str,
    "environment": dict,
    "source": str,
    "requires": list,
}


def load_stacks(*files: Path) -> dict[str, Stack]:
    """Return the stacks of all files by name, later files over earlier ones; raise `ConfigError` on the first fault."""
    stacks: dict[str, Stack] = {}
    for path in files:
        for name, table in read_toml(path).items():
            stacks[name] = _read_stack(path, name, table)
    return stacks


def with_engine(stack: str, engine: str) -> str:
    """Return the name of a stack with an engine; the default one is not named."""
    return stack if engine == DEFAULT_ENGINE else f"{stack}@{engine}"


def resolve_stack(name: str, stacks: Mapping[str, Stack]) -> Stack:
    """Return the stack of a name such as `flask-gthread`, `flask-gthread@pandas` or `flask-gthread-twin`."""
    if name in stacks:
        return stacks[name]
    base, at, engine = name.removesuffix(TWIN).partition("@")
    if base not in stacks:
        message = f"There is no stack {base!r}; there are: {', '.join(stacks)}."
        raise ConfigError(message)
    stack = stacks[base]
    label = stack.label
    if at:
        if stack.fixed:
            message = f"Stack {name!r}: {base} answers a fixed body, so it takes no engine."
            raise ConfigError(message)
        try:
            stack = dataclasses.replace(stack, engine=check_engine_name(engine))
        except EngineNameError as error:
            message = f"Stack {name!r}: {error}"
            raise ConfigError(message) from None
        label = f"{label}, engine {engine}"
    if name.endswith(TWIN):
        label = f"{label}, second copy"
    return dataclasses.replace(stack, name=name, label=label)


def _read_stack(path: Path, name: str, table: object) -> Stack:
    place = f"{path.name} [{name}]"
    if not name or name.endswith(TWIN) or any(sign in name for sign in "@/ "):
        message = f"{place}: a stack's name has no blank, '@' or '/' and does not end in '{TWIN}'."
        raise ConfigError(message)
    fields = dict(check_keys(place, table, _KEYS, ("command",)))
    words = fields["command"]
    if not words or not all(isinstance(word, str) for word in words) or not any("{port}" in word for word in words):
        message = f"{place}: command must be a list of words, one of them with {{port}}."
        raise ConfigError(message)
    if fields.get("framework", "other") not in FRAMEWORKS:
        message = f"{place}: framework {fields['framework']!r} is unknown; allowed are {', '.join(FRAMEWORKS)}."
        raise ConfigError(message)
    if not fields.get("ready", "/").startswith("/"):
        message = f"{place}: ready must be a path that starts with '/', not {fields['ready']!r}."
        raise ConfigError(message)
    environment = fields.get("environment", {})
    if not all(isinstance(value, str) for value in environment.values()):
        message = f"{place}: environment must hold texts only."
        raise ConfigError(message)
    try:
        check_engine_name(fields.get("engine", DEFAULT_ENGINE))
    except EngineNameError as error:
        message = f"{place}: {error}"
        raise ConfigError(message) from None
    if "folder" in fields:
        fields["folder"] = (path.parent / fields["folder"]).absolute()
    if "source" in fields:
        fields["source"] = _find_source(place, path.parent, fields["source"])
    fields["requires"] = _read_requires(place, fields.get("requires", []))
    fields.setdefault("label", name)
    return Stack(name=name, **{**fields, "command": tuple(words)})


def _find_source(place: str, beside: Path, name: str) -> Path:
    """Return the folder of an application: one beside the stacks file, or that of a package, which is looked up and not imported."""
    folder = (beside / name).resolve()
    if folder.is_dir():
        return folder
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        message = f"{place}: source {name!r} is neither a folder, relative to this file, nor a package that can be imported."
        raise ConfigError(message)
    return Path(spec.submodule_search_locations[0])


def _read_requires(place: str, texts: Sequence[Any]) -> tuple[str, ...]:
    for text in texts:
        try:
            Requirement(text)
        except (InvalidRequirement, TypeError):
            message = f"{place}: requires must hold names of distributions, such as 'flask', not {text!r}."
            raise ConfigError(message) from None
    return tuple(texts)
