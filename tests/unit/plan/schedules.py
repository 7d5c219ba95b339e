"""What the tests of the schedule share: plans of which only the parts matter, and slices taken apart into turns and passes."""

from itertools import groupby

from bench.plan.plan import Plan
from bench.plan.profiles import Pair, Part
from bench.plan.stacks import Stack

STACKS = ("a", "b", "c", "d")
ONE = Part("one", STACKS, ("x", "y"), ("closed-1", "closed-16"), launches=7, blocks=5)


def plan(*parts, seed=7):
    """Return a plan of these parts that compares a with b; what is not about the order is left empty."""
    names = {stack for part in parts for stack in part.stacks}
    return Plan(
        profile="test",
        purpose="a test.",
        slice_ms=250,
        settle_ms=40,
        warm_up_ms=100,
        starts=0,
        repeats=2,
        limit_s=600,
        seed=seed,
        pairs=(Pair("first", "a", "b"),),
        parts=parts,
        stacks={name: Stack(name, ("{port}",)) for name in names},
    )


def turns_of(slices):
    """Return the slices of each block of each scenario and load, in order."""
    counted = [planned for planned in slices if not planned.warm_up]
    return [list(turn) for _, turn in groupby(counted, key=lambda planned: (planned.block, planned.scenario, planned.load))]


def passes_of(turn):
    """Return the order of stacks in each pass of a turn: a pass ends before a stack would come again."""
    passes = [[]]
    for planned in turn:
        if planned.stack in passes[-1]:
            passes.append([])
        passes[-1].append(planned.stack)
    return passes
