"""Profiles: from their data file to checked records. Data, not code, decide what a run does and compares."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.errors import ConfigError
from bench.plan.places import MOST_WORKERS
from bench.plan.rules import Rules
from bench.plan.toml import Names, Whole, YesNo, make_record, read_toml, within
from bench.records import Metric
from bench.records.loads import parse_load
from bench.records.record import STRICT, Record

BUNDLED_PROFILES = Path(__file__).parent.parent / "profiles.toml"

MOST_LAUNCHES = 200
Launches = Annotated[Whole, within(1, MOST_LAUNCHES)]
Blocks = Annotated[Whole, within(1, 1000)]
SliceMs = Annotated[Whole, within(20, 10_000)]
SettleMs = Annotated[Whole, within(0, 5_000)]


@dataclass(frozen=True, config=STRICT)
class JudgedRow(Record):
    """A row of the first part that gets a verdict, at the level of its role."""

    role: Literal["primary", "secondary"]
    metric: Metric
    scenario: str
    load: str


@dataclass(frozen=True, config=STRICT)
class Pair(Record):
    """A contender and its baseline, the name of the comparison, and its judged rows; all its other rows are explored."""

    name: str
    contender: str
    baseline: str
    judged: tuple[JudgedRow, ...] = ()

    @property
    def stacks(self) -> tuple[str, str]:
        """Contender and baseline."""
        return self.contender, self.baseline


@dataclass(frozen=True, config=STRICT)
class Change(Record):
    """A single change from one start, compared in throughput and never judged; `name` says what is changed."""

    name: str
    contender: str
    baseline: str


@dataclass(frozen=True, config=STRICT)
class Part(Record):
    """Stacks that are started and measured together: every scenario and load on each, in `blocks` blocks per launch.

    `more_blocks` names loads with another number of blocks: judged rows get more of the time. `trio_turns` is the number of turns that
    the first pair, with both copies of its baseline, has in each block of a load; the other stacks have one. `stacks_by_load` has the
    stacks of each load, where not every stack is put under every load: one start then serves several purposes. With a `first_look` the
    part may end before its last launch, see `Rules`. `slice_ms` and `settle_ms` are the part's own instead of the profile's. Blocks that
    are not `mirrored` hold one slice of every stack instead of two, which is enough for explored rows, not for judged ones. `probe` is a
    load of health checks that a stack gets beside each of its slices. `workers` are numbers of worker processes: each stack is measured
    with each of them, as `NAME@N`.
    """

    name: str
    stacks: Names
    scenarios: Names
    loads: Names
    launches: Launches
    blocks: Blocks
    more_blocks: Mapping[str, Blocks] = Field(default_factory=dict)
    trio_turns: Mapping[str, Blocks] = Field(default_factory=dict)
    stacks_by_load: Mapping[str, Names] = Field(default_factory=dict)
    first_look: Whole | None = None
    mirrored: YesNo = True
    slice_ms: SliceMs | None = None
    settle_ms: SettleMs | None = None
    probe: str | None = None
    workers: tuple[Annotated[Whole, within(1, MOST_WORKERS)], ...] = ()

    def count_blocks(self, load: str) -> int:
        """Return the number of blocks that a load has in a launch."""
        return self.more_blocks.get(load, self.blocks)

    def stacks_under(self, load: str) -> tuple[str, ...]:
        """Return the stacks that are put under a load."""
        return self.stacks_by_load.get(load, self.stacks)

    def count_slices(self) -> int:
        """Return the most counted slices that a launch has: there are fewer where they must be longer."""
        turns = sum(self.count_blocks(load) * self.trio_turns.get(load, 1) * len(self.stacks_under(load)) for load in self.loads)
        return turns * len(self.scenarios) * (1 + self.mirrored) * (1 + (self.probe is not None))


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Profile(Record):
    """One profile.

    `starts` is how often each stack of the first part is started alone, for its start-up time. `repeats` is how often a launch that
    does not pass a gate may be measured again, while the run, judged and drawn, still ends within `limit_s`. With `complexity` the bench
    counts the code and probes the features of the first pair, and asks stacks for the times that they report themselves.
    """

    profile: str
    purpose: str
    slice_ms: SliceMs
    settle_ms: SettleMs
    warm_up_ms: Annotated[Whole, within(0, 10_000)]
    starts: Annotated[Whole, within(0, 100)]
    repeats: Annotated[Whole, within(0, 2)]
    limit_s: Annotated[Whole, within(1, 86_400)]
    pairs: tuple[Pair, ...]
    changes: tuple[Change, ...] = ()
    complexity: YesNo = False
    parts: tuple[Part, ...]


def read_profile(name: str, path: Path | None = None) -> Profile:
    """Return the profile of a name; raise `ConfigError` on the first fault of its table."""
    path = path or BUNDLED_PROFILES
    file = _read_file(path)
    profiles = file.get("profiles", {})
    if name not in profiles:
        message = f"There is no profile {name!r}; there are: {', '.join(profiles)}."
        raise ConfigError(message)
    place, table = f"{path.name} [profiles.{name}]", profiles[name]
    named: dict[str, object] = {}
    for key, kind in (("pairs", Pair), ("changes", Change)) if isinstance(table, dict) else ():
        if key in table:
            wanted = _read_names(f"{place}: {key}", table[key], least=0)
            named[key] = tuple(_find(path, file, key, kind, one) for one in wanted)
    parts = table.get("parts") if isinstance(table, dict) else None
    if isinstance(parts, list):
        named["parts"] = tuple(_read_part(f"{place} part {number}", part) for number, part in enumerate(parts, start=1))
    profile = make_record(Profile, place, {**table, **named} if isinstance(table, dict) else table, profile=name)
    for part in profile.parts:
        settle_ms = profile.settle_ms if part.settle_ms is None else part.settle_ms
        slice_ms = part.slice_ms or profile.slice_ms
        if settle_ms * 2 > slice_ms:
            message = f"{place}: settle_ms {settle_ms} leaves too little of slice_ms {slice_ms}; at most half."
            raise ConfigError(message)
    if not profile.parts or len({part.name for part in profile.parts}) < len(profile.parts):
        message = f"{place}: there is no part, or two parts have the same name; give each part a name of its own."
        raise ConfigError(message)
    return profile


def profile_purposes(path: Path | None = None) -> dict[str, str]:
    """Return the purpose of each profile, by its name."""
    return {name: str(table.get("purpose", "")) for name, table in _read_file(path or BUNDLED_PROFILES).get("profiles", {}).items()}


def _read_file(path: Path) -> dict[str, Any]:
    file = read_toml(path)
    for key, table in file.items():
        if key not in ("pairs", "changes", "profiles") or not isinstance(table, dict):
            message = f"{path.name}: unknown key {key!r}; allowed are the tables pairs, changes and profiles."
            raise ConfigError(message)
    return file


def _find(path: Path, file: Mapping[str, Any], key: str, kind: type[Record], name: str) -> Record:
    """Return the pair or change that a profile names."""
    known = file.get(key, {})
    if name not in known:
        message = f"{path.name}: there is no {key.removesuffix('s')} {name!r}; there are: {', '.join(known) or 'none'}."
        raise ConfigError(message)
    return make_record(kind, f"{path.name} [{key}.{name!r}]", known[name], name=name)


def _read_part(place: str, part: object) -> Part:
    if not isinstance(part, dict):
        return make_record(Part, place, part)
    by_load = _read_stacks_by_load(place, part)
    for load in by_load:
        parse_load(load)
    stacks = tuple(dict.fromkeys(stack for stacks in by_load.values() for stack in stacks))
    made = make_record(Part, place, {**part, "stacks": stacks, "loads": tuple(by_load)})
    for key in ("more_blocks", "trio_turns"):
        unknown = next((load for load in getattr(made, key) if load not in by_load), None)
        if unknown is not None:
            message = f"{place} {key}: unknown key {unknown!r}; allowed are {', '.join(by_load)}."
            raise ConfigError(message)
    if made.probe is not None and (not parse_load(made.probe).rate_rps or len(made.loads) * len(made.scenarios) > 1):
        message = (
            f"{place}: probe is {made.probe!r}; allowed is an open loop of a known rate, such as open-10rps-constant, beside one load."
        )
        raise ConfigError(message)
    least = Rules().min_first_look
    if made.first_look is not None and not least <= made.first_look <= made.launches:
        message = f"{place}: first_look is {made.first_look}; allowed are {least} to its launches, {made.launches}."
        raise ConfigError(message)
    return made


def _read_stacks_by_load(place: str, table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the stacks of each load: all stacks under every load, or those in the table `stacks_by_load`."""
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


def _read_names(place: str, names: object, least: int = 1) -> tuple[str, ...]:
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names) or len(set(names)) < max(len(names), least):
        message = f"{place} must be a list of different names, not {names!r}."
        raise ConfigError(message)
    return tuple(names)
