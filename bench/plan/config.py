"""From a profile and flags to a checked plan. Nothing is started before this has passed."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.errors import ConfigError
from bench.plan.scenarios import SCENARIOS, check_scenario
from bench.plan.stacks import BUNDLED_STACKS, TWIN, Stack, check_keys, load_stacks, read_toml, resolve_stack
from bench.records import AS_DEPLOYED, SAME_SERVER, CellKey, Metric, Role

BUNDLED_PROFILES = Path(__file__).parent.parent / "profiles.toml"
DEFAULT_SEED = 20261125
MAX_USERS = 512
MAX_SLICES = 100_000

# Differences that do not matter, fixed before any run, as ratio minus 1; symmetric on the log scale.
MARGINS: Mapping[Metric, float] = {"throughput_rps": 0.02, "cpu_us_per_request": 0.02, "p50_ms": 0.05, "p95_ms": 0.10, "p99_ms": 0.10}

# Part, contender, baseline, scenario, load and metric of the rows that are judged, at a level fixed beforehand; three
# secondary rows share 5 %. All else is exploratory.
RoleKey = tuple[str, str, str, str, str, Metric]
ROLES: Mapping[RoleKey, Role] = {
    ("headline", *AS_DEPLOYED, "predict-1", "closed-16", "throughput_rps"): "primary",
    ("headline", *SAME_SERVER, "predict-1", "closed-16", "throughput_rps"): "secondary",
    ("headline", *AS_DEPLOYED, "predict-1", "open-60", "cpu_us_per_request"): "secondary",
    ("headline", *AS_DEPLOYED, "predict-1", "open-60", "p95_ms"): "secondary",
}
LEVELS: Mapping[Role, float] = {"primary": 0.95, "secondary": 1 - 0.05 / 3, "exploratory": 0.95}

# The rest of the rules, fixed with them: see judge.comparisons.
MIN_LAUNCHES = 8
# An equal pair is called so only if the noise floor, too, is known to be about as small.
AA_MARGINS = 1.5
# The noise floor fails if it excludes 1 and is off by more than this.
AA_TOLERANCE = 0.01

# A slice is longer than the profile's where that gives too few answers, or where its drain would weigh too much.
MIN_ANSWERS = 200
DRAINS_PER_SLICE = 10
MAX_SLICE_MS = 4000

_PROFILE_KEYS: Mapping[str, type] = {
    "purpose": str,
    "launches": int,
    "slice_ms": int,
    "settle_ms": int,
    "warm_up_ms": int,
    "pairs": list,
    "parts": list,
}
_PART_KEYS: Mapping[str, type] = {"name": str, "stacks": list, "scenarios": list, "loads": list, "blocks": int}
_RANGES: Mapping[str, tuple[int, int]] = {
    "launches": (1, 200),
    "slice_ms": (20, 10_000),
    "settle_ms": (0, 5_000),
    "warm_up_ms": (0, 10_000),
    "blocks": (1, 1000),
}
_CLOSED = re.compile(r"closed-([1-9][0-9]{0,3})")


@dataclass(frozen=True)
class Part:
    """Stacks that are measured together: every scenario and load on each, in `blocks` blocks per launch."""

    name: str
    stacks: tuple[str, ...]
    scenarios: tuple[str, ...]
    loads: tuple[str, ...]
    blocks: int


@dataclass(frozen=True)
class BenchConfig:
    """A checked plan: what will be measured, how often and how it will be judged."""

    profile: str
    purpose: str
    launches: int
    slice_ms: int
    settle_ms: int
    warm_up_ms: int
    seed: int
    pairs: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    stacks: Mapping[str, Stack]
    roles: Mapping[RoleKey, Role] = field(default_factory=lambda: ROLES)

    def plan(self) -> dict[str, Any]:
        """Return the plan as plain data: all that decides what is done and how it is judged."""
        plan = asdict(self)
        plan["stacks"] = {name: {**asdict(stack), "folder": stack.folder and stack.folder.name} for name, stack in self.stacks.items()}
        plan["bodies"] = {name: SCENARIOS[name].body.decode() for part in self.parts for name in part.scenarios}
        plan["roles"] = [{"row": list(row), "role": role, "level": LEVELS[role]} for row, role in self.roles.items()]
        plan["rules"] = {"margins": dict(MARGINS), "min_launches": MIN_LAUNCHES, "aa_margins": AA_MARGINS, "aa_tolerance": AA_TOLERANCE}
        plan["slices"] = {"min_answers": MIN_ANSWERS, "drains_per_slice": DRAINS_PER_SLICE, "max_slice_ms": MAX_SLICE_MS}
        return plan

    def scenarios_of(self, stack: str) -> list[str]:
        """Return the names of the scenarios that a stack is measured with."""
        return list(dict.fromkeys(name for part in self.parts if stack in part.stacks for name in part.scenarios))

    def cells(self) -> list[CellKey]:
        """Return the key of every cell of the run, in the order of the plan."""
        return [
            CellKey(part.name, stack, scenario, load)
            for part in self.parts
            for scenario in part.scenarios
            for load in part.loads
            for stack in part.stacks
        ]


def hash_plan(plan: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a plan's canonical JSON."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def users_of(load: str) -> int:
    """Return the number of users of a closed loop; raise `ConfigError` for any other load."""
    match = _CLOSED.fullmatch(load)
    if not match or int(match[1]) > MAX_USERS:
        message = f"There is no load {load!r}; use closed-N with N users, 1 to {MAX_USERS}."
        raise ConfigError(message)
    return int(match[1])


def make_config(
    profile: str,
    *,
    stacks_files: Sequence[Path] = (),
    compare: Sequence[tuple[str, str]] = (),
    launches: int | None = None,
    seed: int = DEFAULT_SEED,
) -> BenchConfig:
    """Return the plan of a profile; raise `ConfigError` on the first fault.

    `compare` replaces the stacks of the profile by its own [contender, baseline] pairs and a twin of each baseline; the
    primary row is then that of the first pair.
    """
    stacks = load_stacks(BUNDLED_STACKS, *stacks_files)
    config = _read_profile(BUNDLED_PROFILES, profile, seed)
    if compare:
        names = dict.fromkeys(name for contender, baseline in compare for name in (baseline, contender, f"{baseline}{TWIN}"))
        parts = tuple(replace(part, stacks=tuple(names)) for part in config.parts)
        primary = {("headline", *compare[0], *key[3:]): role for key, role in ROLES.items() if role == "primary"}
        config = replace(config, pairs=tuple(dict.fromkeys(compare)), parts=parts, roles=primary)
    _check_pairs(config.pairs)
    if launches is not None:
        _check_range("--launches", "launches", launches)
        config = replace(config, launches=launches)
    used = dict.fromkeys(name for part in config.parts for name in part.stacks)
    config = replace(config, stacks={name: resolve_stack(name, stacks) for name in used})
    _check_parts(config)
    return config


def profile_purposes(path: Path = BUNDLED_PROFILES) -> dict[str, str]:
    """Return what each profile is for."""
    return {name: _read_profile(path, name, DEFAULT_SEED).purpose for name in read_toml(path)}


def _read_profile(path: Path, name: str, seed: int) -> BenchConfig:
    profiles = read_toml(path)
    if name not in profiles:
        message = f"There is no profile {name!r}; there are: {', '.join(profiles)}."
        raise ConfigError(message)
    place = f"{path.name} [{name}]"
    table = check_keys(place, profiles[name], _PROFILE_KEYS, tuple(_PROFILE_KEYS))
    parts = []
    for number, part in enumerate(table["parts"], start=1):
        part_place = f"{place} part {number}"
        check_keys(part_place, part, _PART_KEYS, tuple(_PART_KEYS))
        lists = {key: tuple(part[key]) for key in ("stacks", "scenarios", "loads")}
        for key, values in lists.items():
            if not values or not all(isinstance(value, str) for value in values) or len(set(values)) < len(values):
                message = f"{part_place}: {key} must be a list of different names."
                raise ConfigError(message)
        _check_range(part_place, "blocks", part["blocks"])
        parts.append(Part(name=part["name"], blocks=part["blocks"], **lists))
    pairs = []
    for pair in table["pairs"]:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(stack, str) for stack in pair):  # noqa: PLR2004 - a pair
            message = f"{place}: pairs must be lists of [contender, baseline], not {pair!r}."
            raise ConfigError(message)
        pairs.append((pair[0], pair[1]))
    numbers = {key: table[key] for key in ("launches", "slice_ms", "settle_ms", "warm_up_ms")}
    for key, value in numbers.items():
        _check_range(place, key, value)
    return BenchConfig(profile=name, purpose=table["purpose"], seed=seed, pairs=tuple(pairs), parts=tuple(parts), stacks={}, **numbers)


def _check_range(place: str, key: str, value: int) -> None:
    low, high = _RANGES[key]
    if not low <= value <= high:
        message = f"{place}: {key} is {value}; allowed are {low} to {high}."
        raise ConfigError(message)


def _check_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    for contender, baseline in pairs:
        if contender == baseline or baseline.endswith(TWIN):
            message = f"{contender} / {baseline} is no comparison; name two different stacks, the second without {TWIN!r}."
            raise ConfigError(message)


def _check_parts(config: BenchConfig) -> None:
    profile = f"Profile {config.profile}"
    if config.settle_ms * 2 > config.slice_ms:
        message = f"{profile}: settle_ms {config.settle_ms} leaves too little of slice_ms {config.slice_ms}; at most half."
        raise ConfigError(message)
    if len({part.name for part in config.parts}) < len(config.parts):
        message = f"{profile}: two parts have the same name; their cells could not be told apart."
        raise ConfigError(message)
    for part in config.parts:
        _check_part(profile, part, config.stacks)
    for pair in config.pairs:
        if not any(set(pair) <= set(part.stacks) for part in config.parts):
            message = f"{profile}: no part measures both stacks of the pair {' / '.join(pair)}."
            raise ConfigError(message)
    slices = sum(2 * part.blocks * len(part.stacks) * len(part.scenarios) * len(part.loads) for part in config.parts) * config.launches
    if slices > MAX_SLICES:
        message = f"{profile} would take {slices} slices; at most {MAX_SLICES} are allowed."
        raise ConfigError(message)


def _check_part(profile: str, part: Part, stacks: Mapping[str, Stack]) -> None:
    for load in part.loads:
        users_of(load)
    for stack in part.stacks:
        if stack.removesuffix(TWIN) not in part.stacks:
            message = f"{profile}: part {part.name} has {stack}, but not the stack that it is a copy of."
            raise ConfigError(message)
        for scenario in part.scenarios:
            check_scenario(scenario, stacks[stack])
