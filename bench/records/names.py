"""The names of stacks for readers: `Stacks` has framework, server, engine and label of each stack, from a run's manifest."""

from collections.abc import Mapping, Sequence

from bench.records.comparisons import Comparison

Stacks = Mapping[str, Mapping[str, str]]


def stack_label(name: str, stacks: Stacks) -> str:
    """Return a stack's label on one line, or its name if it has no label."""
    return " ".join(stacks.get(name, {}).get("label", "").split()) or name


def base_label(name: str, stacks: Stacks) -> str:
    """Return the label of a stack without its engine."""
    return stack_label(name.partition("@")[0], stacks)


def row_labels(row: Comparison, stacks: Stacks) -> tuple[str, str]:
    """Return the labels of contender and baseline, or their names if both have the same label."""
    labels = stack_label(row.contender, stacks), stack_label(row.baseline, stacks)
    return labels if labels[0] != labels[1] else (row.contender, row.baseline)


def join_words(words: Sequence[str], last: str) -> str:
    """Return `a, b or c`; `last` is the word between the last two."""
    *first, end = words or ("",)
    return f"{', '.join(first)} {last} {end}" if first else end
