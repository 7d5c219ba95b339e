"""The schedule of a launch: which stack has the load when. Pure and seeded.

A block holds one slice of every stack in random order and then the same mirrored, so that linear drift cancels within it;
cells of several scenarios and loads take their turns block by block.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from bench.plan.config import Part


@dataclass(frozen=True)
class PlannedSlice:
    """One slice to come; `index` counts within the launch, `block` within the part (-1 for a warm-up)."""

    index: int
    part: str
    block: int
    stack: str
    scenario: str
    load: str
    warm_up: bool


def schedule_launch(parts: Iterable[Part], launch: int, seed: int) -> list[PlannedSlice]:
    """Return the slices of a launch in order: for each part a warm-up of every cell, then its blocks."""
    slices: list[PlannedSlice] = []
    for part in parts:
        draw = random.Random(f"{seed}/{part.name}/{launch}")  # noqa: S311 - reproducible order, no secret
        cells = [(scenario, load) for scenario in part.scenarios for load in part.loads]
        for scenario, load in cells:
            for stack in draw.sample(part.stacks, len(part.stacks)):
                slices.append(PlannedSlice(len(slices), part.name, -1, stack, scenario, load, warm_up=True))
        for block in range(part.blocks):
            for scenario, load in draw.sample(cells, len(cells)):
                order = draw.sample(part.stacks, len(part.stacks))
                for stack in [*order, *reversed(order)]:
                    slices.append(PlannedSlice(len(slices), part.name, block, stack, scenario, load, warm_up=False))
    return slices
