"""Order statistics of more numbers than memory should hold: sorted piece by piece into a file, and found again by bisection.

Exact: the k-th smallest of all pieces is the smallest number that at least k do not exceed. The bits of a float that is not negative,
read as a whole number, are in the order of the floats; so a bisection over them ends after 63 steps, each of which counts in every
piece by its binary search and so touches few pages of the file.
"""

import contextlib
import math
import tempfile
from collections.abc import Iterable, Sequence
from typing import IO

import numpy as np

from bench.records.samples import MIN_SAMPLES, Floats, Ints, rank_of


class Ordered:
    """Numbers that are not negative, infinite ones among them; `pieces` are sorted."""

    def __init__(self, pieces: Iterable[Floats] = ()) -> None:
        self._pieces: list[Ints] = [piece.view(np.int64) for piece in pieces if len(piece)]

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def at(self, places: Sequence[int]) -> Floats:
        """Return the numbers at places of the whole order, counted from 0."""
        if not places:
            return np.empty(0)
        wanted = np.array(places) + 1
        low = np.full(len(wanted), min(piece[0] for piece in self._pieces))
        high = np.full(len(wanted), max(piece[-1] for piece in self._pieces))
        while (low < high).any():
            middle = low + (high - low) // 2
            enough = sum(np.searchsorted(piece, middle, "right") for piece in self._pieces) >= wanted
            low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
        return low.view(np.float64)

    def count_finite(self) -> int:
        """Return how many are finite."""
        infinite = np.array([np.inf]).view(np.int64)
        return int(sum(np.searchsorted(piece, infinite, "left")[0] for piece in self._pieces))

    def count_beyond(self, limit: float) -> int:
        """Return how many are larger than a limit, infinite ones among them."""
        bits = np.array([limit]).view(np.int64)
        return int(sum(len(piece) - np.searchsorted(piece, bits, "right")[0] for piece in self._pieces))

    def largest_finite(self) -> float | None:
        """Return the largest number that is finite; None where there is none."""
        count = self.count_finite()
        return float(self.at([count - 1])[0]) if count else None

    def percentiles(self, quantiles: Sequence[float]) -> list[float]:
        """Return the smallest number that at least so many do not exceed, for each quantile; nothing of no numbers."""
        return self.at([rank_of(quantile, len(self)) for quantile in quantiles]).tolist() if len(self) else []

    def supported_percentile(self, quantile: float) -> float | None:
        """Return a percentile if there are enough numbers for it (see `MIN_SAMPLES`) and it is finite, else None."""
        return _finite(self.percentiles([quantile])) if len(self) >= MIN_SAMPLES[quantile] else None


class Spool:
    """Numbers on their way to be `Ordered`: each piece is sorted into a file, which is gone when the spool is closed."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="bench-")  # noqa: SIM115 - closed with the spool
        self._ends = [0]

    def add(self, values: Floats) -> None:
        """Take in a piece; raise `OSError` with its place if the disk for temporary files is full."""
        try:
            self._file.write(np.sort(values).data)
            self._file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from None
        self._ends.append(self._ends[-1] + len(values))

    def ordered(self) -> Ordered:
        """Return all pieces; they can be asked as long as the spool is open."""
        if not self._ends[-1]:
            return Ordered()
        whole = np.memmap(self._file, dtype=np.float64, mode="r")
        return Ordered(whole[begin:end] for begin, end in zip(self._ends[:-1], self._ends[1:], strict=True))

    def close(self) -> None:
        """Forget everything."""
        with contextlib.suppress(OSError):  # what a full disk did not take is forgotten, too
            self._file.close()


def _finite(values: Sequence[float]) -> float | None:
    return values[0] if values and math.isfinite(values[0]) else None
