"""Development complexity in tables: the code of the applications side by side, and what probes found on their running servers."""

from collections.abc import Sequence

from bench.records import AppCode, Feature, Resources
from bench.show.numbers import NO_FIGURE, count_words, format_megabytes, format_number
from bench.show.sentences import Stacks, stack_label
from bench.show.tables import Column, Table, make_table, numbers


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


def feature_table(features: Sequence[Feature], stacks: Stacks) -> Table:
    """Return one line per feature: its probe, and for each stack whether it has it and the answer that shows it."""
    names = list(dict.fromkeys(row.stack for row in features))[::-1]
    found = {(row.stack, row.feature): row for row in features}
    probes = {row.feature: row.probe for row in features}
    return make_table(
        "Features, as probed on the running servers",
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
        "Lines and complexity (McCabe's, counted by radon) are of the applications that serve the comparison, without variants. A route "
        "is one decorator: FastAPI takes one more for HEAD. Packages are the framework and its server with all that these need in turn; "
        "those of the shared model are left out, except pydantic, which FastAPI asks for itself. "
        f"Import times are medians of {imports}."
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
