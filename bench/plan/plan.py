"""A checked plan: what will be measured, how often and how it will be judged. Nothing is started before it has passed.

How it is written into the manifest, hashed and read back: see `described`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import replace
from pathlib import Path

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.errors import ConfigError
from bench.plan.expected import check_scenario
from bench.plan.profiles import MOST_LAUNCHES, Change, JudgedRow, Pair, Part, Profile, read_profile
from bench.plan.rules import Rules, share_level
from bench.plan.stacks import BUNDLED_STACKS, TWIN, Stack, load_stacks, resolve_stack, with_engine
from bench.records import NO_MODEL, CellKey, Metric, Role
from bench.records.loads import parse_load
from bench.records.price import Price
from bench.records.record import STRICT

DEFAULT_SEED = 20261125
MAX_SLICES = 200_000
# How ratios come from slices: what a launch answered in all its time, contender over baseline. A run is judged again by another name.
METHOD = "totals-1"
_SIGNIFICANT_DIGITS = 3

# Part, contender, baseline, scenario, load and metric of a row.
RoleKey = tuple[str, str, str, str, str, Metric]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Plan(Profile):
    """A checked plan: a profile with the stacks that it names, the rules, and what was asked for beside it.

    `saturation_rps` is what each stack was found to carry: empty before that was measured, or where no load needs it.
    `allow_unequal` lets stacks be compared that differ in serving processes, or a uvicorn without its fast parts.
    """

    seed: int
    stacks: Mapping[str, Stack]
    rules: Rules = Rules()
    saturation_rps: Mapping[str, float] = Field(default_factory=dict)
    allow_unequal: bool = False
    price: Price = Price()
    method: str = METHOD

    @property
    def roles(self) -> dict[RoleKey, Role]:
        """The rows that are judged, all of the first part; every other row is exploratory."""
        part = self.parts[0].name
        return {(part, *pair.stacks, row.scenario, row.load, row.metric): row.role for pair, row in judged_rows(self)}

    def cells(self) -> list[CellKey]:
        """Return the key of every cell of the run, in the order of the plan; those that `left_out` names are none."""
        return [key for key in self._all_cells() if self._carries(key)]

    def left_out(self) -> list[tuple[CellKey, str]]:
        """Return the cells that are not measured because the stack cannot carry the load, each with the reason."""
        return [(key, self._describe_excess(key)) for key in self._all_cells() if not self._carries(key)]

    def offered_rps(self, stack: str, load: str) -> float | None:
        """Return the rate at which a stack is loaded; None for a closed loop, and while it is not known."""
        parsed = parse_load(load)
        if parsed.percent is None:
            return parsed.rate_rps
        saturation = self._saturation(stack) if parsed.is_own else self._reference_rps()
        return None if saturation is None else float(f"{saturation * parsed.percent / 100:.{_SIGNIFICANT_DIGITS}g}")

    def needs_rates(self) -> list[str]:
        """Return the stacks whose saturation throughput decides a rate or whether they can carry it.

        Twins are as their baselines; bare servers and copies without a model carry what the whole stack does.
        """
        shares = [(part, load) for part in self.parts for load in part.loads if parse_load(load).percent]
        own = {stack for part, load in shares if parse_load(load).is_own for stack in part.stacks_under(load)}
        names = [stack.removesuffix(TWIN) for part, load in shares for stack in part.stacks_under(load)]
        reference = [stack.removesuffix(TWIN) for stack in self.pairs[0].stacks] if shares else []
        doubtful = [name for name in names if name in own or not (self.stacks[name].fixed or self.stacks[name].engine == NO_MODEL)]
        return list(dict.fromkeys([*reference, *doubtful]))

    def ladders(self, part: Part) -> list["Ladder"]:
        """Return the rungs of each stack that a part measures beside its bare server and its copy without a model."""
        rungs = [Ladder(name, self.stacks[name].bare, f"{name}@{NO_MODEL}") for name in part.stacks]
        return [ladder for ladder in rungs if ladder.bare in part.stacks and ladder.no_model in part.stacks]

    def launch_sizes(self) -> list["LaunchSize"]:
        """Return how large the launches of each part are."""
        return [
            LaunchSize(
                stacks=len(part.stacks),
                users=max(parse_load(load).users or 0 for load in part.loads),
                in_flight=max(self.rules.open_loop.max_in_flight if parse_load(load).is_open else 0 for load in part.loads),
            )
            for part in self.parts
        ]

    def started_alone(self) -> list[Stack]:
        """Return the stacks whose start-up is measured: those of the first part, without twins and bare servers."""
        return [self.stacks[name] for name in self.parts[0].stacks if not name.endswith(TWIN) and not self.stacks[name].fixed]

    def timed_stacks(self) -> list[Stack]:
        """Return the stacks whose time is split by a ladder: their own account of it is the check of its last step."""
        return [self.stacks[name] for name in dict.fromkeys(ladder.stack for part in self.parts for ladder in self.ladders(part))]

    def first_pair(self) -> list[Stack]:
        """Return contender and baseline of the first pair, whose code is compared; nothing where no pair is."""
        return [self.stacks[name] for pair in self.pairs[:1] for name in pair.stacks]

    def paired_engines(self, names: Collection[str]) -> list[str]:
        """Return the engines that both stacks of a pair have among these stacks: a curve over the model's time goes through them."""
        engines = dict.fromkeys(self.stacks[name].engine for name in names)
        pairs = [pair.stacks for pair in self.pairs]
        return [engine for engine in engines if any(all(with_engine(stack, engine) in names for stack in pair) for pair in pairs)]

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
        return offered <= self.rules.open_loop.carried_share * saturation or (parse_load(key.load).is_own and saturation > 0)

    def _describe_excess(self, key: CellKey) -> str:
        offered, saturation = self.offered_rps(key.stack, key.load), self._saturation(key.stack)
        return f"{key.load} is {offered:,.0f} req/s; {key.stack} was found to carry {saturation:,.0f}"

    def _saturation(self, stack: str) -> float | None:
        return self.saturation_rps.get(stack.removesuffix(TWIN))

    def _reference_rps(self) -> float | None:
        rates = [self._saturation(stack) for stack in self.pairs[0].stacks]
        return None if None in rates else min(rate for rate in rates if rate is not None)


@plain_dataclass(frozen=True)
class LaunchSize:
    """What runs at once in a launch: stacks, the users that ask each of them, and the requests that an open loop has under way at most."""

    stacks: int
    users: int
    in_flight: int


@plain_dataclass(frozen=True)
class Ladder:
    """The rungs under a stack: its bare server, and its own copy without a model."""

    stack: str
    bare: str
    no_model: str


def judged_rows(profile: Profile) -> list[tuple[Pair, JudgedRow]]:
    """Return the rows that get a verdict with their pairs: those that the first part measures."""
    part = profile.parts[0]
    return [
        (pair, row)
        for pair in profile.pairs
        for row in pair.judged
        if row.scenario in part.scenarios and row.load in part.loads and set(pair.stacks) <= set(part.stacks_under(row.load))
    ]


def make_plan(
    profile: str,
    *,
    stacks_files: Sequence[Path] = (),
    compare: Sequence[tuple[str, str]] = (),
    launches: int | None = None,
    seed: int = DEFAULT_SEED,
    allow_unequal: bool = False,
    price: Price | None = None,
) -> Plan:
    """Return the plan of a profile; raise `ConfigError` on the first fault.

    `compare` replaces the stacks of the profile's first part by its own [contender, baseline] pairs and a twin of each
    baseline, and leaves the other parts out; the first pair is then judged as the profile's first is.
    """
    stacks = load_stacks(BUNDLED_STACKS, *stacks_files)
    chosen = read_profile(profile)
    if compare:
        chosen = _compare_instead(chosen, compare)
    if launches is not None:
        if not 1 <= launches <= MOST_LAUNCHES:
            message = f"--launches: launches is {launches}; allowed are 1 to {MOST_LAUNCHES}."
            raise ConfigError(message)
        chosen = replace(chosen, parts=tuple(replace(part, launches=launches, first_look=None) for part in chosen.parts))
    _check_pairs([*chosen.pairs, *chosen.changes])
    used = dict.fromkeys(name for part in chosen.parts for name in part.stacks)
    plan = Plan(
        **vars(chosen),
        seed=seed,
        stacks={name: resolve_stack(name, stacks) for name in used},
        rules=share_level(sum(row.role == "secondary" for _, row in judged_rows(chosen))),
        allow_unequal=allow_unequal,
        price=price or Price(),
    )
    _check_parts(plan)
    return plan


def _compare_instead(profile: Profile, compare: Sequence[tuple[str, str]]) -> Profile:
    pairs = [Pair(" / ".join(stacks), *stacks) for stacks in dict.fromkeys(compare)]
    names = dict.fromkeys(name for pair in pairs for name in (pair.baseline, pair.contender, f"{pair.baseline}{TWIN}"))
    part = replace(profile.parts[0], stacks=tuple(names), stacks_by_load={})
    judged = replace(pairs[0], judged=profile.pairs[0].judged)
    return replace(profile, pairs=(judged, *pairs[1:]), changes=(), parts=(part,))


def _check_pairs(pairs: Sequence[Pair | Change]) -> None:
    for pair in pairs:
        if pair.contender == pair.baseline or pair.baseline.endswith(TWIN):
            message = f"{pair.contender} / {pair.baseline} is no comparison; name two different stacks, the second without {TWIN!r}."
            raise ConfigError(message)


def _check_parts(plan: Plan) -> None:
    profile = f"Profile {plan.profile}"
    for part in plan.parts:
        _check_part(profile, part, plan)
    compared: list[Pair | Change] = [*plan.pairs, *plan.changes]
    for pair in compared:
        if not any({pair.contender, pair.baseline} <= set(part.stacks) for part in plan.parts):
            message = f"{profile}: no part measures both stacks of the pair {pair.contender} / {pair.baseline}."
            raise ConfigError(message)
    slices = sum(part.count_slices() * part.launches for part in plan.parts)
    if slices > MAX_SLICES:
        message = f"{profile} would take {slices} slices; at most {MAX_SLICES} are allowed."
        raise ConfigError(message)


def _check_part(profile: str, part: Part, plan: Plan) -> None:
    for load in part.loads:
        if parse_load(load).percent and not plan.pairs:
            message = f"{profile}: {load} is a share of what the first pair carries, and there is no pair."
            raise ConfigError(message)
    for stack in part.stacks:
        if stack.removesuffix(TWIN) not in part.stacks:
            message = f"{profile}: part {part.name} has {stack}, but not the stack that it is a copy of."
            raise ConfigError(message)
        for scenario in part.scenarios:
            check_scenario(scenario, plan.stacks[stack])
