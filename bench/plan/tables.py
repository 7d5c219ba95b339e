"""Data files in TOML: read, and checked for keys and types, so that a typo names file, key and what is allowed."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import ConfigError

_TYPE_NAMES: Mapping[type, str] = {list: "list", str: "text", bool: "true or false", dict: "table", int: "whole number"}


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file as a dict; raise `ConfigError` if it cannot be read."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror})."
        raise ConfigError(message) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{path} is no TOML: {error}."
        raise ConfigError(message) from None


def check_keys(place: str, table: object, allowed: Mapping[str, type], required: tuple[str, ...]) -> dict[str, Any]:
    """Return `table` if it has the keys and types asked for; raise `ConfigError` naming place, key and what is allowed."""
    if not isinstance(table, dict):
        message = f"{place} must be a table."
        raise ConfigError(message)
    for key, value in table.items():
        if key not in allowed:
            message = f"{place}: unknown key {key!r}; allowed are {', '.join(allowed)}."
            raise ConfigError(message)
        if not isinstance(value, allowed[key]) or (allowed[key] is int and isinstance(value, bool)):
            message = f"{place}: {key} must be a {_TYPE_NAMES[allowed[key]]}, not {value!r}."
            raise ConfigError(message)
    for key in required:
        if key not in table:
            message = f"{place}: {key} is missing."
            raise ConfigError(message)
    return table
