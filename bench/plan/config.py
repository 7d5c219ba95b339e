"""A checked plan: what will be measured, how often and how it will be judged. Nothing is started before it has passed."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.errors import ConfigError
from bench.findings import NO_MODEL
from bench.plan.loads import parse_load
from bench.plan.profiles import Part, Profile, check_range, read_profile
from bench.plan.rules import CARRIED_SHARE, LEVELS, ROLES, RoleKey, describe_rules
from bench.plan.scenarios import SCENARIOS, check_scenario
from bench.plan.stacks import BUNDLED_STACKS, TWIN, Stack, load_stacks, resolve_stack, with_engine
from bench.price import Price
from bench.records import CellKey, Role

DEFAULT_SEED = 20261125
MAX_SLICES = 100_000
_SIGNIFICANT_DIGITS = 3


@dataclass(frozen=True, kw_only=True)
class BenchConfig(Profile):
    """A checked plan: a profile with the stacks that it names, and what was asked for beside it.

    `saturation_rps` is what each stack was found to carry: empty before the calibration, or without one. `allow_unequal` lets
    stacks be compared that differ in serving processes, or a uvicorn without its fast parts.
    """

    seed: int
    stacks: Mapping[str, Stack]
    roles: Mapping[RoleKey, Role] = field(default_factory=lambda: ROLES)
    saturation_rps: Mapping[str, float] = field(default_factory=dict)
    allow_unequal: bool = False
    price: Price = field(default_factory=Price)

    def plan(self) -> dict[str, Any]:
        """Return the plan as plain data: all that decides what is done and how it is judged."""
        plan = asdict(self)
        plan["stacks"] = {name: {**asdict(stack), **_folder_names(stack)} for name, stack in self.stacks.items()}
        plan["bodies"] = {name: SCENARIOS[name].body.decode() for part in self.parts for name in part.scenarios}
        plan["roles"] = [{"row": list(row), "role": role, "level": LEVELS[role]} for row, role in self.roles.items()]
        plan["rules"] = describe_rules()
        offered = {(key.load, key.stack): self.offered_rps(key.stack, key.load) for key in self.cells()}
        plan["offered_rps"] = [{"load": load, "stack": stack, "rps": rate} for (load, stack), rate in offered.items() if rate]
        return plan

    def cells(self) -> list[CellKey]:
        """Return the key of every cell of the run, in the order of the plan; those that `left_out` names are none."""
        return [key for key in self._all_cells() if self._carries(key)]

    def left_out(self) -> list[tuple[CellKey, str]]:
        """Return the cells that are not measured because the stack cannot carry the load, each with the reason."""
        return [(key, self._describe_excess(key)) for key in self._all_cells() if not self._carries(key)]

    def offered_rps(self, stack: str, load: str) -> float | None:
        """Return the rate at which a stack is loaded; None for a closed loop, and while it is not calibrated."""
        parsed = parse_load(load)
        if parsed.percent is None:
            return parsed.rate_rps
        saturation = self._saturation(stack) if parsed.is_own else self._reference_rps()
        return None if saturation is None else float(f"{saturation * parsed.percent / 100:.{_SIGNIFICANT_DIGITS}g}")

    def needs_calibration(self) -> list[str]:
        """Return the stacks whose saturation throughput decides a rate or whether they can carry it.

        Twins are as their baselines; floors and copies without a model carry what the whole stack does.
        """
        shares = [(part, load) for part in self.parts for load in part.loads if parse_load(load).percent]
        own = {stack for part, load in shares if parse_load(load).is_own for stack in part.stacks_under(load)}
        names = [stack.removesuffix(TWIN) for part, load in shares for stack in part.stacks_under(load)]
        reference = [stack.removesuffix(TWIN) for stack in self.pairs[0]] if shares else []
        doubtful = [name for name in names if name in own or not (self.stacks[name].fixed or self.stacks[name].engine == NO_MODEL)]
        return list(dict.fromkeys([*reference, *doubtful]))

    def ladders(self, part: Part) -> list[tuple[str, str, str]]:
        """Return (stack, its floor, its copy without a model) for each stack that a part measures beside both."""
        rungs = [(name, self.stacks[name].floor, f"{name}@{NO_MODEL}") for name in part.stacks]
        return [(name, floor, bare) for name, floor, bare in rungs if floor in part.stacks and bare in part.stacks]

    def paired_engines(self, names: Collection[str]) -> list[str]:
        """Return the engines that both stacks of a pair have among these stacks: a curve over the model's time goes through them."""
        engines = dict.fromkeys(self.stacks[name].engine for name in names)
        return [engine for engine in engines if any(all(with_engine(stack, engine) in names for stack in pair) for pair in self.pairs)]

    def _all_cells(self) -> list[CellKey]:
        return [
            CellKey(part.name, stack, scenario, load)
            for part in self.parts
            for scenario in part.scenarios
            for load in part.loads
            for stack in part.stacks_under(load)
        ]

    def _carries(self, key: CellKey) -> bool:
        offered, saturation = self.offered_rps(key.stack, key.load), self._saturation(key.stack)
        if offered is None or saturation is None:
            return True
        return offered <= CARRIED_SHARE * saturation or (parse_load(key.load).is_own and saturation > 0)

    def _describe_excess(self, key: CellKey) -> str:
        offered, saturation = self.offered_rps(key.stack, key.load), self._saturation(key.stack)
        return f"{key.load} is {offered:,.0f} req/s; {key.stack} was found to carry {saturation:,.0f}"

    def _saturation(self, stack: str) -> float | None:
        return self.saturation_rps.get(stack.removesuffix(TWIN))

    def _reference_rps(self) -> float | None:
        rates = [self._saturation(stack) for stack in self.pairs[0]]
        return None if None in rates else min(rate for rate in rates if rate is not None)


def hash_plan(plan: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a plan's canonical JSON."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def make_config(
    profile: str,
    *,
    stacks_files: Sequence[Path] = (),
    compare: Sequence[tuple[str, str]] = (),
    launches: int | None = None,
    seed: int = DEFAULT_SEED,
    allow_unequal: bool = False,
    price: Price | None = None,
) -> BenchConfig:
    """Return the plan of a profile; raise `ConfigError` on the first fault.

    `compare` replaces the stacks of the profile's first part by its own [contender, baseline] pairs and a twin of each
    baseline, and leaves the other parts out; the judged rows are then those of the first pair.
    """
    stacks = load_stacks(BUNDLED_STACKS, *stacks_files)
    chosen = read_profile(profile)
    roles = ROLES
    if compare:
        chosen = _compare_instead(chosen, compare)
        roles = {(key[0], *compare[0], *key[3:]): role for key, role in ROLES.items() if key[1:3] == _FIRST_PAIR}
    if launches is not None:
        check_range("--launches", "launches", launches)
        chosen = replace(chosen, parts=tuple(replace(part, launches=launches, first_look=None) for part in chosen.parts))
    _check_pairs([*chosen.pairs, *((contender, baseline) for _, contender, baseline in chosen.changes)])
    used = dict.fromkeys(name for part in chosen.parts for name in part.stacks)
    config = BenchConfig(
        **vars(chosen),
        seed=seed,
        stacks={name: resolve_stack(name, stacks) for name in used},
        roles=roles,
        allow_unequal=allow_unequal,
        price=price or Price(),
    )
    _check_parts(config)
    return config


def _folder_names(stack: Stack) -> dict[str, str | None]:
    """Return the folders of a stack without where they lie: the plan is the same on every machine."""
    return {name: path.name if path else None for name, path in (("folder", stack.folder), ("source", stack.source))}


_FIRST_PAIR = next(key[1:3] for key, role in ROLES.items() if role == "primary")


def _compare_instead(profile: Profile, compare: Sequence[tuple[str, str]]) -> Profile:
    names = dict.fromkeys(name for contender, baseline in compare for name in (baseline, contender, f"{baseline}{TWIN}"))
    part = replace(profile.parts[0], stacks=tuple(names), stacks_by_load={})
    return replace(profile, pairs=tuple(dict.fromkeys(compare)), changes=(), parts=(part,))


def _check_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    for contender, baseline in pairs:
        if contender == baseline or baseline.endswith(TWIN):
            message = f"{contender} / {baseline} is no comparison; name two different stacks, the second without {TWIN!r}."
            raise ConfigError(message)


def _check_parts(config: BenchConfig) -> None:
    profile = f"Profile {config.profile}"
    for part in config.parts:
        _check_part(profile, part, config)
    for pair in (*config.pairs, *(change[1:] for change in config.changes)):
        if not any(set(pair) <= set(part.stacks) for part in config.parts):
            message = f"{profile}: no part measures both stacks of the pair {' / '.join(pair)}."
            raise ConfigError(message)
    slices = sum(part.count_slices() * part.launches for part in config.parts)
    if slices > MAX_SLICES:
        message = f"{profile} would take {slices} slices; at most {MAX_SLICES} are allowed."
        raise ConfigError(message)


def _check_part(profile: str, part: Part, config: BenchConfig) -> None:
    for load in part.loads:
        if parse_load(load).percent and not config.pairs:
            message = f"{profile}: {load} is a share of what the first pair carries, and there is no pair."
            raise ConfigError(message)
    for stack in part.stacks:
        if stack.removesuffix(TWIN) not in part.stacks:
            message = f"{profile}: part {part.name} has {stack}, but not the stack that it is a copy of."
            raise ConfigError(message)
        for scenario in part.scenarios:
            check_scenario(scenario, config.stacks[stack])
