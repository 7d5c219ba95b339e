"""From the generator's facts of each slice, and from the samples, to the records of slices.csv. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bench.plan.schedule import PlannedSlice
from bench.records import SliceRecord, rate_of
from bench.records.samples import SAMPLE_COLUMNS, Ints, settled_requests, supported_percentile

# Facts that are not of a slice alone, or that `bench calibrate` alone reads.
NOT_KEPT = ("load_places", "load_cpu_ns", "load_late_ns")


def describe_slices(launch: int, planned: Sequence[PlannedSlice], facts: Iterable[Mapping[str, Any]], samples: Ints) -> list[SliceRecord]:
    """Return the record of each slice that was measured, from the generator's facts and the launch's samples, ordered by slice."""
    order = samples[:, 0]
    records = []
    for given in facts:
        place = planned[given["slice"]]
        fact = {name: value for name, value in given.items() if name not in NOT_KEPT}
        if place.warm_up:
            fact["settled_ns"] = fact["start_ns"]  # the warm-up curve shows all of a warm-up
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
                answers=int(correct.sum()),
                settled_answers=own.answered,
                errors=int((done & ~correct).sum()),
                unfinished=int((sent & ~done).sum()),
                not_sent=int((~sent).sum()),
                throughput_rps=rate_of(own.answered, fact["end_ns"] - fact["settled_ns"]),
                send_lag_p99_ms=supported_percentile(own.send_lag_ms, 0.99) if place.arrivals else None,
                **fact,
            )
        )
    return records
