"""How a run calls its stacks: `Stacks` are framework, server, engine and label of each, as its manifest has them."""

from collections.abc import Mapping, Sequence

Stacks = Mapping[str, Mapping[str, str]]


def stack_label(name: str, stacks: Stacks) -> str:
    """Return how a reader calls a stack: its label on one line, else its name."""
    return " ".join(stacks.get(name, {}).get("label", "").split()) or name


def join_words(words: Sequence[str], last: str) -> str:
    """Return `a, b or c`; `last` is the word between the last two."""
    *first, end = words or ("",)
    return f"{', '.join(first)} {last} {end}" if first else end
