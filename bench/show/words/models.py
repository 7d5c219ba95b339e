"""Words for models and for how the choice depends on their time: engines, pairs, thresholds, what a request takes beside a model."""

from collections.abc import Mapping

from bench.records import NO_MODEL, BreakEven, BreakEvenPoint, Threshold
from bench.records.names import Stacks, stack_label
from bench.records.numbers import (
    format_number,
    prose,
    split_prose,
)
from bench.show.words.verdicts import scope_words

# What readers call the engines of the bundled model; one that only spends time is called by that time.
MODEL_WORDS: Mapping[str, str] = {NO_MODEL: "no model", "numpy": "linear model", "sklearn": "scikit-learn"}


def model_words(engine: str) -> str:
    """Return how a reader calls an engine: `linear model`, `3 ms of work`."""
    return MODEL_WORDS.get(engine) or (f"{engine[5:-2]} ms" if engine.startswith("spin-") and engine.endswith("ms") else engine)


def pair_name(row: BreakEven, stacks: Stacks) -> str:
    """Return `as usually deployed`; the names of a pair that stands for nothing."""
    names = f"{stack_label(row.contender, stacks)} / {stack_label(row.baseline, stacks)}"
    return scope_words((row.contender, row.baseline), stacks) or names


def threshold_words(row: BreakEven, threshold: Threshold) -> str:
    """Return from which model time on a pair is how near, as `3.4 ms (3.0 to 3.9)`."""
    bounds = _open_bounds(row, threshold)
    if threshold.model_ms and not threshold.is_measured:
        return f"not by {format_number(row.longest_ms)} ms"
    if not threshold.model_ms and not bounds:
        return "any model" if not threshold.model.high else f"any model, or from {format_number(threshold.model.high)} ms"
    if not threshold.model_ms:
        return f"any model; by its interval perhaps not even at {format_number(row.longest_ms)} ms"
    return f"{format_number(threshold.model_ms)} ms ({bounds})" if bounds else f"{split_prose(threshold.model)[0]} ms{_bounds(threshold)}"


def _bounds(threshold: Threshold) -> str:
    bounds = split_prose(threshold.model)[1]
    return f" ({bounds})" if bounds else ""


def _open_bounds(row: BreakEven, threshold: Threshold) -> str:
    """Return the interval of a threshold that by its far end lies beyond the slowest model measured; empty for any other."""
    low = threshold.model.low
    if low is None or threshold.model.high is not None:
        return ""
    return f"{format_number(low)} to more than {format_number(row.longest_ms)}"


def off_words(row: BreakEven, point: BreakEvenPoint, stacks: Stacks) -> str:
    """Return what a request takes beside a model, and what the fit has for that, for both stacks."""
    contender, baseline = map(format_number, row.beside_ms(point.model_ms))
    return (
        f"Beside the model a request takes {prose(point.contender_overhead_ms)} ms on {stack_label(row.contender, stacks)} (by the fit "
        f"{contender}) and {prose(point.baseline_overhead_ms)} ms on {stack_label(row.baseline, stacks)} (by the fit {baseline})."
    )
