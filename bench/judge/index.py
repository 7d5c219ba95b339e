"""Slices by cell and launch: how every judgement looks at them. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from bench.records import CellKey, SliceRecord, rate_of

# Cell -> launch -> its slices, in the order in which they were measured.
SlicesByCell = Mapping[CellKey, Mapping[int, Sequence[SliceRecord]]]


def index_slices(slices: Iterable[SliceRecord]) -> dict[CellKey, dict[int, list[SliceRecord]]]:
    """Return the counted slices by cell and launch; warm-ups are left out."""
    found: dict[CellKey, dict[int, list[SliceRecord]]] = {}
    for record in slices:
        if not record.warm_up:
            found.setdefault(record.key, {}).setdefault(record.launch, []).append(record)
    return found


def total_rate_rps(slices: Iterable[SliceRecord]) -> float | None:
    """Return all settled answers of some slices over all their settled time; None where none came."""
    answers = length_ns = 0
    for record in slices:
        answers, length_ns = answers + record.settled_answers, length_ns + record.settled_time_ns
    return rate_of(answers, length_ns)


def rates_of(slices: Iterable[SliceRecord]) -> list[float]:
    """Return the throughput of each slice that gave one, in answers per second."""
    return [record.throughput_rps for record in slices if record.throughput_rps]
