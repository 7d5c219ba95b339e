"""How a stack looks in a chart, the same in all of them: the colour and marker of its framework, and a line style of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from bench.records.names import Stacks
from bench.show.drawing import sheet as paper

LINE_STYLES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))


@dataclass(frozen=True)
class Look:
    """Colour, marker and line style."""

    colour: str
    marker: str
    style: Any = LINE_STYLES[0]


def look_of(stack: str, stacks: Stacks) -> Look:
    """Return the look of a stack alone."""
    framework = stacks.get(stack, {}).get("framework", "")
    return Look(paper.colour_of(framework), paper.marker_of(framework))


def looks_of(names: Iterable[str], stacks: Stacks) -> dict[str, Look]:
    """Return the looks of stacks in one chart, by name: lines of one colour differ in style."""
    used: dict[str, int] = {}
    looks = {}
    for name in dict.fromkeys(names):
        look = look_of(name, stacks)
        number = used[look.colour] = used.get(look.colour, -1) + 1
        looks[name] = replace(look, style=LINE_STYLES[number % len(LINE_STYLES)])
    return looks
