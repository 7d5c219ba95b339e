"""Samples: one row per request; everything else is computed from them. This module writes, reads and counts them."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic.dataclasses import dataclass

from bench.records.record import STRICT, Record, columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, config=STRICT)
class Sample(Record):
    """One request. One row of samples/launch-NN.parquet, all columns int64; `_ns` are nanoseconds of this machine's monotonic clock.

    intended_ns is the scheduled time. A stamp of 0 means that the event did not happen, `status` 0 that there was no answer. In a closed
    loop a request is scheduled when it is sent: intended_ns = sent_ns. sent_ns 0: not sent, since too many were under way; connection is
    -1 then. done_ns 0: sent, but still unfinished when the wait for it ended.
    """

    slice: int
    connection: int
    intended_ns: int
    sent_ns: int
    first_byte_ns: int
    done_ns: int
    status: int
    correct: int


SAMPLE_COLUMNS = tuple(columns(Sample))
# The columns that judging needs.
JUDGED_COLUMNS = ("intended_ns", "sent_ns", "done_ns", "correct")

# Fewest samples for which a percentile is shown: with fewer, even one sample above it may be chance (confidence 0.99).
# Source: MLPerf LoadGen, early_stopping.cc.
MIN_SAMPLES = {0.5: 2, 0.9: 64, 0.95: 130, 0.99: 662, 0.999: 6636}


@dataclasses.dataclass(frozen=True)
class Settled:
    """The outcome of the requests of a slice that were scheduled after settling and before its end; `due` is their number.

    `answered` are the correct answers that came between settling and the end, whenever their requests were sent: the order of answers
    cannot bias this count. `done_ns` has one entry per correct answer of the requests, `send_lag_ms` (sent - intended) one per request
    that was sent. `response_ms` (from intended) and `service_ms` (from sent) have one entry per correct answer, and an infinite one per
    request that was unfinished when the wait ended; `response_ms` also has an infinite one per request that was not sent.
    """

    due: int
    answered: int
    done_ns: Ints
    response_ms: Floats
    service_ms: Floats
    send_lag_ms: Floats


def settled_requests(samples: Mapping[str, Ints], settled_ns: int, end_ns: int) -> Settled:
    """Return the settled requests of one slice; `samples` are its columns, at least those of `JUDGED_COLUMNS`."""
    intended = samples["intended_ns"]
    within = (intended >= settled_ns) & (intended < end_ns)
    sent, done = samples["sent_ns"], samples["done_ns"]
    is_sent = within & (sent > 0)
    correct = within & (samples["correct"] == 1)
    unfinished = np.full(int((is_sent & (done == 0)).sum()), np.inf)
    not_sent = np.full(int((within & (sent == 0)).sum()), np.inf)
    return Settled(
        due=int(within.sum()),
        answered=int(((samples["correct"] == 1) & (done >= settled_ns) & (done < end_ns)).sum()),
        done_ns=done[correct],
        response_ms=np.concatenate([(done[correct] - intended[correct]) / 1e6, unfinished, not_sent]),
        service_ms=np.concatenate([(done[correct] - sent[correct]) / 1e6, unfinished]),
        send_lag_ms=(sent[is_sent] - intended[is_sent]) / 1e6,
    )


def join_settled(parts: Sequence[Settled]) -> Settled:
    """Return the settled requests of several slices as one."""
    done_ns, *times_ms = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("done_ns", "response_ms", "service_ms", "send_lag_ms")
    )
    return Settled(sum(part.due for part in parts), sum(part.answered for part in parts), done_ns, *times_ms)


def percentile(values: Floats, quantile: float) -> float | None:
    """Return the smallest value that at least the share `quantile` of the values does not exceed; None without values."""
    if not len(values):
        return None
    place = rank_of(quantile, len(values))
    return float(np.partition(values, place)[place])


def rank_of(quantile: float, count: int) -> int:
    """Return the place, from 0, of a percentile among `count` sorted values."""
    return max(1, math.ceil(quantile * count - 1e-9)) - 1


def supported_percentile(values: Floats, quantile: float) -> float | None:
    """Return the percentile if there are enough values for it (see `MIN_SAMPLES`), else None.

    It is also None if it falls among the infinite values, which stand for requests that were never answered.
    """
    value = percentile(values, quantile) if len(values) >= MIN_SAMPLES[quantile] else None
    return value if value is not None and math.isfinite(value) else None


def write_samples(path: Path, samples: Ints) -> None:
    """Write the samples of a launch, ordered by slice, as Parquet, atomically: int64 columns, and a row group for each slice.

    Raises `OSError` if that fails, and then leaves no file behind.
    """
    table = pa.table({name: samples[:, place] for place, name in enumerate(SAMPLE_COLUMNS)})
    bounds = [0, *(np.flatnonzero(np.diff(samples[:, 0])) + 1).tolist(), len(samples)]
    temporary = path.with_suffix(".part")
    try:
        with pq.ParquetWriter(temporary, table.schema, compression="zstd") as writer:
            for begin, end in itertools.pairwise(bounds):
                writer.write_table(table.slice(begin, end - begin))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class SampleFile:
    """The samples of one launch on disk, read slice by slice, so that memory holds only one slice at a time."""

    def __init__(self, path: Path) -> None:
        """Find the place of each slice in the file; raise `OSError` if it cannot be read."""
        self._file = pq.ParquetFile(path)
        self._groups = []
        for number in range(self._file.metadata.num_row_groups):
            seen = self._file.metadata.row_group(number).column(0).statistics
            self._groups.append((seen.min, seen.max) if seen is not None and seen.has_min_max else (0, -1))

    def read(self, slice_index: int, names: Sequence[str] = JUDGED_COLUMNS) -> dict[str, Ints]:
        """Return columns of the samples of a slice."""
        groups = [number for number, (low, high) in enumerate(self._groups) if low <= slice_index <= high]
        if not groups:
            return {name: np.empty(0, dtype=np.int64) for name in names}
        table = self._file.read_row_groups(groups, columns=["slice", *names])
        own = table.column("slice").to_numpy() == slice_index
        return {name: table.column(name).to_numpy()[own] for name in names}
