"""The base of all records: frozen, checked when made or read, and written flat.

In memory an estimate stays whole, as an `Interval`. In files its parts are keys of their own, named by `Flat`: `ratio`, `ci_low`,
`ci_high`, `level`. A record accepts both forms, so it can read its own files.
"""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Self, get_args, get_origin

from pydantic import ConfigDict, GetJsonSchemaHandler, SerializerFunctionWrapHandler, TypeAdapter, model_serializer, model_validator
from pydantic.dataclasses import dataclass
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import ArgsKwargs, CoreSchema

# Made once for each kind of record.
_ADAPTERS: dict[type, TypeAdapter[Any]] = {}
_FLAT: dict[type, dict[str, "Flat"]] = {}

STRICT = ConfigDict(extra="forbid", defer_build=True)


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval; `low` and `high` are None where the sample is too small for the level."""

    estimate: float
    low: float | None
    high: float | None
    level: float | None

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends of the interval; None where there is none."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def estimate_of(interval: Interval | None) -> float | None:
    """Return the estimate of an interval, if there is one."""
    return None if interval is None else interval.estimate


def ends_of(interval: Interval | None) -> tuple[float, float] | None:
    """Return both ends of an interval; None if it has no ends, or if there is no interval."""
    return None if interval is None else interval.ends


class Flat(tuple[str, ...]):
    """The keys that an interval is written under: estimate, low, high and, if it is written, level."""

    __slots__ = ()

    def __new__(cls, *names: str) -> Self:
        """Take the names one by one."""
        return super().__new__(cls, names)


Ratio = Annotated[Interval | None, Flat("ratio", "ci_low", "ci_high", "level")]


@dataclass(frozen=True, config=STRICT)
class Record:
    """The base of all records."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, given: Any) -> Any:
        """Make intervals of their flat keys; a part without a key stays as the record already has it."""
        flat = _flat_fields(cls)
        fields = given.kwargs if isinstance(given, ArgsKwargs) else given
        if not flat or not isinstance(fields, Mapping):
            return given
        fields = dict(fields)
        for name, keys in flat.items():
            said = {place: fields.pop(key) for place, key in enumerate(keys) if key in fields}
            if said:
                whole = fields.get(name)
                parts = {**dict(enumerate(dataclasses.astuple(whole) if isinstance(whole, Interval) else (None,) * 4)), **said}
                fields[name] = None if parts[0] is None else Interval(*(parts[place] for place in range(4)))
        return ArgsKwargs(given.args, fields) if isinstance(given, ArgsKwargs) else fields

    @model_serializer(mode="wrap")
    def _spread(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write intervals under keys of their own, where the interval stands."""
        flat = _flat_fields(type(self))
        written: dict[str, Any] = {}
        for name, value in write(self).items():
            written |= dict(zip(flat[name], (value or dict.fromkeys(_PARTS)).values(), strict=False)) if name in flat else {name: value}
        return written

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe a record as it is written: all keys required, intervals flat."""
        schema = handler(core_schema)
        flat, properties = _flat_fields(cls), schema.get("properties", {})
        written: dict[str, Any] = {}
        for name, described in properties.items():
            if name not in flat:
                written[name] = described
                continue
            estimate, *rest = flat[name]
            written[estimate] = _NUMBER_OR_NULL if "anyOf" in described else _NUMBER
            written |= dict.fromkeys(rest, _NUMBER_OR_NULL)
        return {**schema, "properties": written, "required": list(written)}


_PARTS = tuple(field.name for field in dataclasses.fields(Interval))
_NUMBER = {"type": "number"}
_NUMBER_OR_NULL = {"anyOf": [_NUMBER, {"type": "null"}]}


def adapter(kind: type) -> TypeAdapter[Any]:
    """Return the pydantic adapter that reads and writes a kind of record."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def columns(kind: Any) -> Mapping[str, Any]:
    """Return the columns of a record in a table, with the type of each."""
    flat = _flat_fields(kind)
    keys: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        keys |= dict.fromkeys(flat[field.name], float | None) if field.name in flat else {field.name: field.type}
    return keys


def added_later(kind: Any) -> set[str]:
    """Return the keys of a record that a table of an older version may lack."""
    return {field.name for field in dataclasses.fields(kind) if field.default is not dataclasses.MISSING}


def to_text(value: object) -> str:
    """Return the text of a value in a table: None is an empty cell, a tuple its items with blanks between them."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(repr(item) for item in value)
    return repr(value) if isinstance(value, float) else str(value)


def from_text(text: str, declared: Any) -> Any:
    """Return the value of a cell of a table, ready for validation as the type of its column."""
    if not text and type(None) in get_args(declared):
        return None
    return tuple(text.split()) if get_origin(declared) is tuple else text


def _flat_fields(kind: Any) -> dict[str, Flat]:
    """Return the fields of a record that hold an interval which is written flat."""
    if kind not in _FLAT:
        marks = {field.name: [mark for mark in get_args(field.type)[1:] if isinstance(mark, Flat)] for field in dataclasses.fields(kind)}
        _FLAT[kind] = {name: found[0] for name, found in marks.items() if found}
    return _FLAT[kind]
