"""How a run calls its stacks: `Stacks` are framework, server, engine and label of each, as its manifest has them."""

from collections.abc import Mapping, Sequence

from bench.records.comparisons import Comparison

Stacks = Mapping[str, Mapping[str, str]]


def stack_label(name: str, stacks: Stacks) -> str:
    """Return how a reader calls a stack: its label on one line, else its name."""
    return " ".join(stacks.get(name, {}).get("label", "").split()) or name


def base_label(name: str, stacks: Stacks) -> str:
    """Return how a reader calls a stack whatever model it serves."""
    return stack_label(name.partition("@")[0], stacks)


def row_labels(row: Comparison, stacks: Stacks) -> tuple[str, str]:
    """Return contender and baseline in a reader's words; by name where both have the same label."""
    labels = stack_label(row.contender, stacks), stack_label(row.baseline, stacks)
    return labels if labels[0] != labels[1] else (row.contender, row.baseline)


def join_words(words: Sequence[str], last: str) -> str:
    """Return `a, b or c`; `last` is the word between the last two."""
    *first, end = words or ("",)
    return f"{', '.join(first)} {last} {end}" if first else end
