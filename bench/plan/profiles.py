"""Profiles: from their data file to checked records. What a run does is data, not code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import ConfigError
from bench.plan.loads import parse_load
from bench.plan.rules import MIN_FIRST_LOOK
from bench.plan.tables import check_keys, read_toml

BUNDLED_PROFILES = Path(__file__).parent.parent / "profiles.toml"

_PROFILE_KEYS = {
    "purpose": str,
    "slice_ms": int,
    "settle_ms": int,
    "warm_up_ms": int,
    "starts": int,
    "repeats": int,
    "pairs": list,
    "changes": list,
    "complexity": bool,
    "parts": list,
}
_OPTIONAL_PROFILE_KEYS = ("changes", "complexity")
_PART_KEYS = {
    "name": str,
    "stacks": list,
    "scenarios": list,
    "loads": list,
    "stacks_by_load": dict,
    "launches": int,
    "blocks": int,
    "more_blocks": dict,
    "first_look": int,
    "mirrored": bool,
}
_REQUIRED_PART_KEYS = ("name", "scenarios", "launches", "blocks")
_RANGES = {
    "launches": (1, 200),
    "slice_ms": (20, 10_000),
    "settle_ms": (0, 5_000),
    "warm_up_ms": (0, 10_000),
    "starts": (0, 100),
    "repeats": (0, 2),
    "blocks": (1, 1000),
}


@dataclass(frozen=True)
class Part:
    """Stacks that are started and measured together: every scenario and load on each, in `blocks` blocks per launch.

    `more_blocks` names loads that get another number of blocks: what is judged deserves more of the time. Where not every
    stack is put under every load, `stacks_by_load` has those of each: one start then serves several purposes. With a `first_look` the
    part may end before its last launch, see `rules.LOOK_EVERY`. Blocks that are not `mirrored` hold one slice of every stack
    instead of two: enough for what is explored, not for what is judged.
    """

    name: str
    stacks: tuple[str, ...]
    scenarios: tuple[str, ...]
    loads: tuple[str, ...]
    launches: int
    blocks: int
    more_blocks: Mapping[str, int] = field(default_factory=dict)
    stacks_by_load: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    first_look: int | None = None
    mirrored: bool = True

    def count_blocks(self, load: str) -> int:
        """Return in how many blocks of a launch a load has its turn."""
        return self.more_blocks.get(load, self.blocks)

    def stacks_under(self, load: str) -> tuple[str, ...]:
        """Return the stacks that are put under a load."""
        return self.stacks_by_load.get(load, self.stacks)

    def count_slices(self) -> int:
        """Return how many counted slices a launch has, at most: a stack that cannot carry a load has none under it."""
        turns = sum(self.count_blocks(load) * len(self.stacks_under(load)) for load in self.loads)
        return turns * len(self.scenarios) * (1 + self.mirrored)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One profile.

    `starts` is how often each stack of the first part is started alone, for its start-up time; `repeats` how often a launch that
    trips a gate is measured again. `changes` are [what, contender, baseline]: single changes from one start, compared in throughput.
    With `complexity` the code and the features of the first pair are looked at, and stacks are asked for their own account of time.
    """

    profile: str
    purpose: str
    slice_ms: int
    settle_ms: int
    warm_up_ms: int
    starts: int
    repeats: int
    pairs: tuple[tuple[str, str], ...]
    changes: tuple[tuple[str, str, str], ...] = ()
    complexity: bool = False
    parts: tuple[Part, ...]


def read_profile(name: str, path: Path | None = None) -> Profile:
    """Return the profile of a name; raise `ConfigError` on the first fault of its table."""
    path = path or BUNDLED_PROFILES
    profiles = read_toml(path)
    if name not in profiles:
        message = f"There is no profile {name!r}; there are: {', '.join(profiles)}."
        raise ConfigError(message)
    place = f"{path.name} [{name}]"
    required = tuple(key for key in _PROFILE_KEYS if key not in _OPTIONAL_PROFILE_KEYS)
    table = check_keys(place, profiles[name], _PROFILE_KEYS, required)
    numbers = _read_numbers(place, table)
    if table["settle_ms"] * 2 > table["slice_ms"]:
        message = f"{place}: settle_ms {table['settle_ms']} leaves too little of slice_ms {table['slice_ms']}; at most half."
        raise ConfigError(message)
    parts = tuple(_read_part(f"{place} part {number}", part) for number, part in enumerate(table["parts"], start=1))
    if not parts or len({part.name for part in parts}) < len(parts):
        message = f"{place}: there is no part, or two parts have the same name and their cells could not be told apart."
        raise ConfigError(message)
    pairs, changes = _read_pairs(place, table["pairs"]), _read_changes(place, table.get("changes", []))
    return Profile(
        profile=name,
        purpose=table["purpose"],
        pairs=pairs,
        changes=changes,
        complexity=table.get("complexity", False),
        parts=parts,
        **numbers,
    )


def profile_purposes(path: Path | None = None) -> dict[str, str]:
    """Return what each profile is for."""
    path = path or BUNDLED_PROFILES
    return {name: read_profile(name, path).purpose for name in read_toml(path)}


def check_range(place: str, key: str, value: int) -> None:
    """Raise `ConfigError` if a number is outside what is allowed for its key."""
    low, high = _RANGES[key]
    if not low <= value <= high:
        message = f"{place}: {key} is {value}; allowed are {low} to {high}."
        raise ConfigError(message)


def _read_part(place: str, part: object) -> Part:
    table: dict[str, Any] = check_keys(place, part, _PART_KEYS, _REQUIRED_PART_KEYS)
    by_load = _read_stacks_by_load(place, table)
    scenarios = _read_names(f"{place}: scenarios", table["scenarios"])
    for load in by_load:
        parse_load(load)
    numbers = _read_numbers(place, table)
    first_look = table.get("first_look")
    if first_look is not None and not MIN_FIRST_LOOK <= first_look <= table["launches"]:
        message = f"{place}: first_look is {first_look}; allowed are {MIN_FIRST_LOOK} to its launches, {table['launches']}."
        raise ConfigError(message)
    return Part(
        name=table["name"],
        stacks=tuple(dict.fromkeys(stack for stacks in by_load.values() for stack in stacks)),
        scenarios=scenarios,
        loads=tuple(by_load),
        stacks_by_load=by_load if "stacks_by_load" in table else {},
        more_blocks=_read_more_blocks(place, table.get("more_blocks", {}), list(by_load)),
        first_look=first_look,
        mirrored=table.get("mirrored", True),
        **numbers,
    )


def _read_stacks_by_load(place: str, table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the stacks of each load: all under every load, or as a table of its own says."""
    given = [key for key in ("stacks", "loads") if key in table]
    if "stacks_by_load" in table:
        if given or not table["stacks_by_load"]:
            message = f"{place}: stacks_by_load names the stacks of each load; leave out {' and '.join(given)}."
            raise ConfigError(message if given else f"{place}: stacks_by_load names no load.")
        return {load: _read_names(f"{place} stacks_by_load: {load}", stacks) for load, stacks in table["stacks_by_load"].items()}
    if len(given) < 2:  # noqa: PLR2004 - both are needed
        message = f"{place}: {'loads' if 'stacks' in given else 'stacks'} is missing."
        raise ConfigError(message)
    stacks, loads = (_read_names(f"{place}: {key}", table[key]) for key in ("stacks", "loads"))
    return dict.fromkeys(loads, stacks)


def _read_names(place: str, names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        message = f"{place} must be a list of different names."
        raise ConfigError(message)
    return tuple(names)


def _read_more_blocks(place: str, table: Mapping[str, object], loads: Sequence[str]) -> dict[str, int]:
    numbers = check_keys(f"{place} more_blocks", table, dict.fromkeys(loads, int), ())
    for load, blocks in numbers.items():
        check_range(f"{place} more_blocks {load}", "blocks", blocks)
    return dict(numbers)


def _read_numbers(place: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a table that have a range; raise `ConfigError` at the first outside it."""
    numbers = {key: table[key] for key in _RANGES if key in table}
    for key, value in numbers.items():
        check_range(place, key, value)
    return numbers


def _read_pairs(place: str, pairs: Sequence[object]) -> tuple[tuple[str, str], ...]:
    checked = []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(stack, str) for stack in pair):  # noqa: PLR2004 - a pair
            message = f"{place}: pairs must be lists of [contender, baseline], not {pair!r}."
            raise ConfigError(message)
        checked.append((pair[0], pair[1]))
    return tuple(checked)


def _read_changes(place: str, changes: Sequence[object]) -> tuple[tuple[str, str, str], ...]:
    checked = []
    for change in changes:
        if not isinstance(change, list) or len(change) != 3 or not all(isinstance(text, str) for text in change):  # noqa: PLR2004
            message = f"{place}: changes must be lists of [what, contender, baseline], not {change!r}."
            raise ConfigError(message)
        checked.append((change[0], change[1], change[2]))
    return tuple(checked)
