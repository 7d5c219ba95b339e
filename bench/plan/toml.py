"""Data files in TOML: read, and checked by their records, so that the error for a typo names file, key and allowed values."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Strict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from bench.errors import ConfigError
from bench.records.record import Record, adapter

Made = TypeVar("Made", bound=Record)

Whole = Annotated[int, Strict()]
YesNo = Annotated[bool, Strict()]

_RANGE = "range"

# What a value must be, by the kind of pydantic's complaint.
_MUST_BE: Mapping[str, str] = {
    "tuple_type": "a list",
    "string_type": "a text",
    "path_type": "a text",
    "bool_type": "a true or false",
    "mapping_type": "a table",
    "dict_type": "a table",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
}


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


def make_record(kind: type[Made], place: str, table: object, **more: Any) -> Made:
    """Return the record of a table, with the fields in `more`; raise `ConfigError` with place, key and allowed values."""
    if not isinstance(table, dict):
        message = f"{place} must be a table."
        raise ConfigError(message)
    allowed = [field.name for field in fields(kind) if field.name not in more]
    for key in table:
        if key not in allowed:
            message = f"{place}: unknown key {key!r}; allowed are {', '.join(allowed)}."
            raise ConfigError(message)
    try:
        made: Made = adapter(kind).validate_python({**table, **more})
    except ValidationError as error:
        message = f"{place}: {_describe(error.errors()[0])}."
        raise ConfigError(message) from None
    return made


class RefusalError(ValueError):
    """The error of a validator; its words end the sentence `KEY must be ...`."""

    def __init__(self, *, what: str) -> None:
        super().__init__(what)


def within(low: int, high: int) -> AfterValidator:
    """Return a validator that accepts numbers from low to high."""

    def check(value: int) -> int:
        if not low <= value <= high:
            raise PydanticCustomError(_RANGE, "allowed are {low} to {high}", {"low": low, "high": high})
        return value

    return AfterValidator(check)


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or len(set(names)) < len(names):
        raise RefusalError(what="a list of different names")
    return names


Names = Annotated[tuple[str, ...], AfterValidator(_different)]


def _describe(error: ErrorDetails) -> str:
    """Return a complaint of pydantic in our words."""
    kind, value = error["type"], error["input"]
    key = " ".join(place for place in error["loc"] if isinstance(place, str))
    if kind == "missing":
        return f"{key} is missing"
    if kind == _RANGE:
        return f"{key} is {value}; {error['msg']}"
    if kind == "literal_error":
        allowed = error["ctx"]["expected"].replace(" or ", ", ").replace("'", "")
        return f"{key} {value!r} is unknown; allowed are {allowed}"
    must_be = error["ctx"]["error"] if kind == "value_error" else _MUST_BE.get(kind, kind)
    if kind == "string_type" and isinstance(error["loc"][-1], int):
        must_be = "a list of words"
    return f"{key} must be {must_be}, not {value!r}"
