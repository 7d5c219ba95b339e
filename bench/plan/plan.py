"""A checked plan: what will be measured, how often and how it will be judged. Nothing is started before the plan has passed the checks.

`described` writes a plan into the manifest, hashes it and reads it back.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import replace
from pathlib import Path

from pydantic import Field
from pydantic.dataclasses import dataclass

from bench.errors import ConfigError
from bench.plan.expected import check_scenario
from bench.plan.places import LoadPlaces, ServerPlace
from bench.plan.profiles import MOST_LAUNCHES, Change, JudgedRow, Pair, Part, Profile, read_profile
from bench.plan.rules import Rules, share_level
from bench.plan.scenarios import PROBE
from bench.plan.stacks import BUNDLED_STACKS, TWIN, Stack, load_stacks, resolve_stack, with_engine
from bench.records import NO_MODEL, CellKey, Metric, Role
from bench.records.loads import parse_load
from bench.records.price import Price
from bench.records.record import STRICT

DEFAULT_SEED = 20261125
MAX_SLICES = 200_000
# More worker processes on one core would show nothing more, and take memory.
MOST_SHARING = 4
# How ratios come from slices: all answers of a launch over all its time, contender over baseline. A run with another name is judged anew.
METHOD = "totals-1"

# Part, contender, baseline, scenario, load and metric of a row.
RoleKey = tuple[str, str, str, str, str, Metric]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Plan(Profile):
    """A checked plan: a profile with the stacks that it names, the rules, and the settings from the command line.

    `allow_unequal` allows to compare stacks that differ in serving processes, or a uvicorn without uvloop and httptools. `left_out` has
    the parts of the profile that this machine cannot measure, each with the reason.
    """

    seed: int
    stacks: Mapping[str, Stack]
    rules: Rules = Rules()
    allow_unequal: bool = False
    price: Price = Price()
    method: str = METHOD
    load: LoadPlaces = LoadPlaces()
    servers: ServerPlace = ServerPlace()
    left_out: Mapping[str, str] = Field(default_factory=dict)

    @property
    def roles(self) -> dict[RoleKey, Role]:
        """The rows that are judged, all of the first part; every other row is exploratory."""
        part = self.parts[0].name
        return {(part, *pair.stacks, row.scenario, row.load, row.metric): row.role for pair, row in judged_rows(self)}

    def cells(self) -> list[CellKey]:
        """Return the key of every cell of the run, in the order of the plan, including the cells of probes."""
        return [key for part in self.parts for key in (*self.loaded_cells(part), *self.probed_cells(part))]

    def loaded_cells(self, part: Part) -> list[CellKey]:
        """Return the keys of the cells of a part that have slices of their own."""
        return [
            CellKey(part.name, stack, scenario, load)
            for scenario in part.scenarios
            for load in part.loads
            for stack in part.stacks_under(load)
        ]

    def probed_cells(self, part: Part) -> list[CellKey]:
        """Return the keys of the cells of a part that run beside others: those of its probe."""
        return [CellKey(part.name, stack, PROBE, part.probe) for stack in part.stacks] if part.probe else []

    def pairs_of(self, part: Part) -> list[Pair]:
        """Return the pairs that a part may compare: those of the plan, and the same with equally many workers."""
        counts = [count for count in part.workers if count > 1]
        several = [Pair(pair.name, f"{pair.contender}@{count}", f"{pair.baseline}@{count}") for count in counts for pair in self.pairs]
        return [*self.pairs, *several]

    def ladders(self, part: Part) -> list["Ladder"]:
        """Return the rungs of each stack that a part measures beside its bare server and its copy without a model."""
        rungs = [Ladder(name, self.stacks[name].bare, f"{name}@{NO_MODEL}") for name in part.stacks]
        return [ladder for ladder in rungs if ladder.bare in part.stacks and ladder.no_model in part.stacks]

    def launch_sizes(self) -> list["LaunchSize"]:
        """Return the size of the launches of each part. Open loops have users, too: in warm-ups and while their rates are found."""
        rate_users = parse_load(self.rules.rates.load).users or 0
        return [
            LaunchSize(
                stacks=len(part.stacks),
                users=max(parse_load(load).users or rate_users for load in part.loads),
                in_flight=self.rules.open_loop.max_in_flight if part.probe or any(parse_load(load).is_open for load in part.loads) else 0,
                workers=sum(self.stacks[name].workers for name in part.stacks),
            )
            for part in self.parts
        ]

    def started_alone(self) -> list[Stack]:
        """Return the stacks whose start-up is measured: those of the first part, without twins and bare servers."""
        return [self.stacks[name] for name in self.parts[0].stacks if not name.endswith(TWIN) and not self.stacks[name].fixed]

    def timed_stacks(self) -> list[Stack]:
        """Return the stacks whose time a ladder splits: the times that they report themselves check its last step."""
        return [self.stacks[name] for name in dict.fromkeys(ladder.stack for part in self.parts for ladder in self.ladders(part))]

    def first_pair(self) -> list[Stack]:
        """Return contender and baseline of the first pair, whose code is compared; an empty list if there is no pair."""
        return [self.stacks[name] for pair in self.pairs[:1] for name in pair.stacks]

    def paired_engines(self, names: Collection[str]) -> list[str]:
        """Return the engines with which `names` has both stacks of a pair: the curve over the model's time goes through these engines."""
        engines = dict.fromkeys(self.stacks[name].engine for name in names)
        pairs = [pair.stacks for pair in self.pairs]
        return [engine for engine in engines if any(all(with_engine(stack, engine) in names for stack in pair) for pair in pairs)]


@plain_dataclass(frozen=True)
class LaunchSize:
    """What runs at once in a launch: stacks, the users of each of them, and the most requests that an open loop may have under way.

    `workers` are the worker processes of all stacks together.
    """

    stacks: int
    users: int
    in_flight: int
    workers: int = 0


@plain_dataclass(frozen=True)
class Ladder:
    """The rungs under a stack: its bare server, and its own copy without a model."""

    stack: str
    bare: str
    no_model: str


def judged_rows(profile: Profile) -> list[tuple[Pair, JudgedRow]]:
    """Return the rows that get a verdict, with their pairs: the judged rows that the first part measures."""
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
    load: LoadPlaces | None = None,
    servers: ServerPlace | None = None,
    server_cores: int = 1,
    share_core: bool = False,
) -> Plan:
    """Return the plan of a profile; raise `ConfigError` on the first fault.

    `compare` replaces the stacks of the profile's first part by its own [contender, baseline] pairs and a twin of each
    baseline, and leaves the other parts out. Its first pair is judged like the profile's first pair. A part by workers has as many of
    them as there are `server_cores`, unless they may `share_core`.
    """
    stacks = load_stacks(BUNDLED_STACKS, *stacks_files)
    chosen = read_profile(profile)
    if compare:
        chosen = _compare_instead(chosen, compare)
    chosen, left_out = _spread_workers(chosen, max(server_cores, MOST_SHARING) if share_core else server_cores)
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
        load=load or LoadPlaces(),
        servers=servers or ServerPlace(),
        left_out=left_out,
    )
    _check_parts(plan)
    return plan


def _compare_instead(profile: Profile, compare: Sequence[tuple[str, str]]) -> Profile:
    pairs = [Pair(" / ".join(stacks), *stacks) for stacks in dict.fromkeys(compare)]
    names = dict.fromkeys(name for pair in pairs for name in (pair.baseline, pair.contender, f"{pair.baseline}{TWIN}"))
    part = replace(profile.parts[0], stacks=tuple(names), stacks_by_load={})
    judged = replace(pairs[0], judged=profile.pairs[0].judged)
    return replace(profile, pairs=(judged, *pairs[1:]), changes=(), parts=(part,))


def _spread_workers(profile: Profile, cores: int) -> tuple[Profile, dict[str, str]]:
    """Return a profile whose parts by workers name each stack with each number of workers, and the parts that need more cores.

    Second copies have one worker.
    """
    parts, left_out = list[Part](), dict[str, str]()
    for part in profile.parts:
        counts = [count for count in part.workers if count <= cores]
        if len(counts) < min(2, len(part.workers)):
            left_out[part.name] = (
                f"one worker process on each core needs {part.workers[1]} cores for the servers and one for the load generator; "
                f"here {cores} {'is' if cores == 1 else 'are'} free for servers. They may share one with --share-core."
            )
        else:
            several = [f"{stack}@{count}" for count in counts if count > 1 for stack in part.stacks if not stack.endswith(TWIN)]
            parts.append(replace(part, stacks=(*part.stacks, *several), workers=tuple(counts)))
    if not parts:
        message = f"Profile {profile.profile}: {' '.join(left_out.values())}"
        raise ConfigError(message)
    return replace(profile, parts=tuple(parts)), left_out


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


def _check_far(profile: str, part: Part, stack: Stack) -> None:
    if stack.upstream:
        message = f"{profile}: part {part.name} has {stack.name}, whose service runs beside the load: leave out --servers-from."
        raise ConfigError(message)
    if not any("{host}" in word for word in stack.command):
        message = f"{stack.name} must listen on the address of --servers-at: write {{host}} where its command names the address."
        raise ConfigError(message)


def _check_part(profile: str, part: Part, plan: Plan) -> None:
    for load in map(parse_load, part.loads):
        if load.is_former:
            message = f"{profile}: {load.name} exists only in older versions; use busy-N: the rate that keeps the baseline's core N % busy."
            raise ConfigError(message)
        if load.is_busy and (not plan.pairs or plan.pairs[0].baseline not in part.stacks):
            message = (
                f"{profile}: {load.name} needs the baseline of the first pair, whose core it keeps busy; part {part.name} lacks that stack."
            )
            raise ConfigError(message)
        if (load.is_busy or load.is_own) and len(part.scenarios) > 1:
            message = f"{profile}: the rate of {load.name} is found with one scenario; split part {part.name} by scenarios."
            raise ConfigError(message)
        if (load.is_busy or load.is_own) and any(plan.stacks[name].workers > 1 for name in part.stacks):
            message = f"{profile}: {load.name} is a share of one core; part {part.name} has stacks with several workers."
            raise ConfigError(message)
    for stack in part.stacks:
        if stack.removesuffix(TWIN) not in part.stacks:
            message = f"{profile}: part {part.name} has {stack}, but not the stack that it is a copy of."
            raise ConfigError(message)
        if plan.servers.template:
            _check_far(profile, part, plan.stacks[stack])
        for scenario in (*part.scenarios, *([PROBE] if part.probe else [])):
            check_scenario(scenario, plan.stacks[stack])
