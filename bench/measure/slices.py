"""From what the generator said of each slice, and from its samples, to the records of slices.csv. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bench.plan.schedule import PlannedSlice
from bench.records import SliceRecord
from bench.records.samples import SAMPLE_COLUMNS, Ints, Settled, closed_loop_rate, settled_requests, supported_percentile


def describe_slices(launch: int, planned: Iterable[PlannedSlice], facts: Iterable[Mapping[str, Any]], samples: Ints) -> list[SliceRecord]:
    """Return the record of each planned slice, from the generator's facts of it and all samples of the launch, ordered by slice."""
    order = samples[:, 0]
    records = []
    for place, given in zip(planned, facts, strict=True):
        fact = {**given, "settled_ns": given["start_ns"]} if place.warm_up else given  # all of a warm-up shows in its curve
        rows = samples[np.searchsorted(order, place.index, "left") : np.searchsorted(order, place.index, "right")]
        columns = {name: rows[:, number] for number, name in enumerate(SAMPLE_COLUMNS)}
        own = settled_requests(columns, fact["settled_ns"], fact["end_ns"])
        correct, sent, done = columns["correct"] == 1, columns["sent_ns"] > 0, columns["done_ns"] > 0
        records.append(
            SliceRecord(
                launch=launch,
                part=place.part,
                block=place.block,
                stack=place.stack,
                scenario=place.scenario,
                load=place.load,
                warm_up=place.warm_up,
                offered_rps=place.offered_rps,
                answers=int(correct.sum()),
                settled_answers=len(own.done_ns),
                errors=int((done & ~correct).sum()),
                unfinished=int((sent & ~done).sum()),
                not_sent=int((~sent).sum()),
                throughput_rps=_throughput_rps(place, fact, columns, own),
                send_lag_p99_ms=supported_percentile(own.send_lag_ms, 0.99) if place.offered_rps else None,
                **fact,
            )
        )
    return records


def _throughput_rps(place: PlannedSlice, fact: Mapping[str, Any], columns: Mapping[str, Ints], settled: Settled) -> float | None:
    """Return the rate of correct answers: in an open loop those that came between settling and the end, whenever due."""
    if not place.offered_rps:
        return closed_loop_rate(settled.connections, settled.done_ns)
    done = columns["done_ns"][columns["correct"] == 1]
    answered = int(((done >= fact["settled_ns"]) & (done < fact["end_ns"])).sum())
    length_ns: int = fact["end_ns"] - fact["settled_ns"]
    return answered / length_ns * 1e9
