"""The code of the applications side by side, what it needs, and what probes found on their running servers."""

from collections.abc import Sequence

from bench.records import AppCode, AppStep, Feature, Resources
from bench.records.names import Stacks, stack_label
from bench.records.numbers import NO_FIGURE, count_words, format_megabytes, format_number
from bench.show.finished import FinishedRun
from bench.show.section import Block, Listing, Section, make_block
from bench.show.words.tables import Column, Table, make_table, numbers

DOCS = "FastAPI's own /docs loads its files from another host; here they come with a package (fastapi-offline)."
STEPS = (
    "Each step is an application that runs by itself (make step). FastAPI's pages hand the model over by a lifespan and a dependency; a "
    "variable of the factory, as in Flask, would do as well."
)
# A property of a framework that a probe cannot ask for: what the source shows is a choice of this project.
CHOSEN = ("async handlers",)


def section(run: FinishedRun) -> Section:
    """Return the same route in both, what each step of an API takes, what only one of them has, and what the applications need."""
    summary = run.summary
    differ = differing(summary.features)
    same = [row for row in summary.features if row not in differ and row.feature not in CHOSEN]
    blocks = (
        *_listings(summary.complexity, run.stacks),
        *make_block(None, steps_table(summary.steps, run.stacks), folded=(work_table(summary.steps, run.stacks),)),
        *make_block(
            None,
            needs_table(summary.complexity, summary.resources, run.stacks),
            folded=(
                feature_table("What only one of them has, as probed on the running servers", differ, run.stacks),
                code_table(summary.complexity, summary.resources, run.stacks),
                feature_table("What is the same in both, as probed on the running servers", same, run.stacks),
            ),
        ),
    )
    notes = [
        STEPS if summary.steps else "",
        code_notes(summary.complexity) if summary.complexity else "",
        DOCS if any(_is_docs(row) for row in summary.features) else "",
    ]
    return Section(
        "code",
        "What does each framework give me?",
        "the same route, lines per feature, packages",
        (),
        blocks,
        " ".join(filter(None, notes)),
        run.diff,
    )


def _listings(rows: Sequence[AppCode], stacks: Stacks) -> tuple[Block, ...]:
    """Return the handler that both are asked most, the baseline's first."""
    listings = tuple(
        Listing(f"{stacks.get(row.stack, {}).get('framework', row.stack)}, {row.source}/app.py", row.handler)
        for row in reversed(rows)
        if row.handler
    )
    return (Block(listings=listings),) if listings else ()


def _by_step(steps: Sequence[AppStep]) -> tuple[list[str], dict[tuple[str, str], AppStep]]:
    """Return the stacks of steps, the baseline first, and each step by stack and name."""
    return list(dict.fromkeys(row.stack for row in steps))[::-1], {(row.stack, row.step): row for row in steps}


def steps_table(steps: Sequence[AppStep], stacks: Stacks) -> Table:
    """Return one line per step: for each stack the lines that it adds to the step before, and who does most of the work."""
    names, found = _by_step(steps)
    features = {row.step: row.feature for row in steps}
    columns = [Column("what the API can do since then", list(features.values()))]
    for name in names:
        own = [found.get((name, step)) for step in features]
        framework = stacks.get(name, {}).get("framework", name)
        columns += [
            numbers(f"{framework}, lines", [NO_FIGURE if row is None else f"+{row.added_lines + row.added_import_lines}" for row in own]),
            Column("done by", [NO_FIGURE if row is None else row.by for row in own]),
        ]
    return make_table("The same API step by step: lines that each feature adds", columns)


def work_table(steps: Sequence[AppStep], stacks: Stacks) -> Table:
    """Return one line per stack and step: all lines, what was added to the step before, packages, and how the work is done."""
    names, _ = _by_step(steps)
    rows = sorted(steps, key=lambda row: names.index(row.stack))
    return make_table(
        "Each step: what it takes, and how it is done",
        [
            Column("step", [f"{stacks.get(row.stack, {}).get('framework', row.stack)}, {row.step}" for row in rows]),
            Column("after", [row.after or NO_FIGURE for row in rows]),
            numbers("lines", [str(row.lines) for row in rows]),
            numbers("imports", [str(row.import_lines) for row in rows]),
            numbers("lines added", [str(row.added_lines) for row in rows]),
            numbers("imports added", [str(row.added_import_lines) for row in rows]),
            Column("how it is done", [row.how for row in rows]),
            Column("packages added", [row.added_packages or "none" for row in rows]),
        ],
    )


def needs_table(rows: Sequence[AppCode], resources: Sequence[Resources], stacks: Stacks) -> Table:
    """Return one line per stack: packages, their size, time to readiness, memory at rest."""
    ordered = list(reversed(rows))
    needs = {row.stack: row for row in resources}
    own = [needs.get(row.stack) for row in ordered]
    return make_table(
        "What each needs",
        [
            Column("stack", [stack_label(row.stack, stacks) for row in ordered]),
            numbers("lines of code", [f"{row.source_lines:,}" for row in ordered]),
            numbers("packages", [f"{row.packages:,}" for row in ordered]),
            numbers("their size, MB", [format_megabytes(row.installed_bytes) for row in ordered]),
            numbers("start to readiness, s", [format_number(row.ready_s) if row else NO_FIGURE for row in own], any(own)),
            numbers("memory at rest, MB", [format_megabytes(row.rest_rss_bytes) if row else NO_FIGURE for row in own], any(own)),
        ],
    )


def _is_docs(row: Feature) -> bool:
    return row.has and row.feature == "interactive documentation"


def differing(features: Sequence[Feature]) -> list[Feature]:
    """Return the features that not all stacks have alike; none that is a choice of this project alone."""
    has: dict[str, set[bool]] = {}
    for row in features:
        has.setdefault(row.feature, set()).add(row.has)
    return [row for row in features if len(has[row.feature]) > 1 and row.feature not in CHOSEN]


def code_table(rows: Sequence[AppCode], resources: Sequence[Resources], stacks: Stacks) -> Table:
    """Return one line per metric and a column per stack; the baseline stands first, and beside two stacks their difference."""
    ordered = list(reversed(rows))
    needs = {row.stack: row for row in resources}
    lines: list[tuple[str, list[float | None], list[str]]] = [
        ("lines of code (without blank lines, comments, docstrings)", *_counts([row.source_lines for row in ordered])),
        ("files", *_counts([row.files for row in ordered])),
        ("routes", *_counts([row.routes for row in ordered])),
        ("functions and methods", *_counts([row.functions for row in ordered])),
        ("cyclomatic complexity, sum", *_counts([row.complexity for row in ordered])),
        ("cyclomatic complexity, highest", [None], [f"{row.highest_complexity} ({row.most_complex})" for row in ordered]),
        ("packages needed, with theirs", *_counts([row.packages for row in ordered])),
        ("asked for by name", [None], [row.requires for row in ordered]),
        (
            "their installed size, MB",
            [row.installed_bytes / 1e6 for row in ordered],
            [format_megabytes(row.installed_bytes) for row in ordered],
        ),
        ("import of the application, s", [row.import_s for row in ordered], [format_number(row.import_s) for row in ordered]),
    ]
    for what, name in (("start to readiness, s", "ready_s"), ("start to first prediction, s", "first_prediction_s")):
        values = [getattr(needs[row.stack], name) if row.stack in needs else None for row in ordered]
        lines.append((what, values, [format_number(value) for value in values]))
    at_rest = [needs[row.stack].rest_rss_bytes if row.stack in needs else None for row in ordered]
    lines.append(
        (
            "memory at rest, RSS, MB",
            [None if size is None else size / 1e6 for size in at_rest],
            [format_megabytes(size) for size in at_rest],
        )
    )
    shown = [line for line in lines if any(text != NO_FIGURE for text in line[2])]
    columns = [
        Column("what", [what for what, _, _ in shown]),
        *(numbers(stack_label(row.stack, stacks), [texts[place] for _, _, texts in shown]) for place, row in enumerate(ordered)),
        numbers(
            "difference",
            [_difference(values) for _, values, _ in shown],
            shown=len(ordered) == 2,  # noqa: PLR2004 - of two
        ),
    ]
    return make_table("The code of the applications and what it needs", columns)


def feature_table(caption: str, features: Sequence[Feature], stacks: Stacks) -> Table:
    """Return one line per feature: its probe, and for each stack whether it has it and the answer that shows it."""
    names = list(dict.fromkeys(row.stack for row in features))[::-1]
    found = {(row.stack, row.feature): row for row in features}
    probes = {row.feature: row.probe for row in features}
    return make_table(
        caption,
        [
            Column("feature", list(probes)),
            Column("probe", list(probes.values())),
            *(Column(stack_label(name, stacks), [_feature_words(found.get((name, feature))) for feature in probes]) for name in names),
        ],
    )


def code_notes(rows: Sequence[AppCode]) -> str:
    """Return how the figures were taken."""
    imports = count_words(max((row.imports for row in rows), default=0), "fresh process")
    return (
        "Packages: those that application and server import, with all that these need. Folded: complexity is McCabe's, by radon; import "
        f"times are medians of {imports}."
    )


def _counts(values: Sequence[int]) -> tuple[list[float | None], list[str]]:
    return [float(value) for value in values], [f"{value:,}" for value in values]


def _difference(values: Sequence[float | None]) -> str:
    if len(values) != 2 or values[0] is None or values[1] is None:  # noqa: PLR2004 - of two
        return NO_FIGURE
    change = values[1] - values[0]
    words = format_number(abs(change)) if change % 1 else f"{abs(change):,.0f}"
    return f"{'+' if change > 0 else '-' if change < 0 else ''}{words}"


def _feature_words(row: Feature | None) -> str:
    return NO_FIGURE if row is None else f"{'yes' if row.has else 'no'}: {row.found}"
