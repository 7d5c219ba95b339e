"""How long slices are, and which blocks there is time for: one rule for those who plan a launch and for the generator that measures it.

Pure, and imports nothing of ours: the generator starts anew in every launch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """How long slices are: `slice_ms` at least, and enough for answers and drains, see `SliceRules`; `settle_ms` of it are trimmed.

    Where that makes the slices of a closed loop longer than `slice_ms`, a launch has fewer blocks of it: its time stays as planned.
    """

    slice_ms: float
    settle_ms: int
    min_answers: float
    drains_per_slice: float
    max_slice_ms: float
    drain_timeout_s: float
    open_slice_ms: float = 0
    own_slice_ms: float = 0
    own_answers: float = 0

    def length_ms(self, rate_rps: float | None, users: int) -> float:
        """Return the length of a slice of a closed loop: long enough for enough answers, and to outweigh its drain.

        As short as may be where the rate is not known.
        """
        if not rate_rps:
            return self.slice_ms
        answers = max(self.min_answers, self.drains_per_slice * users)
        return max(self.slice_ms, min(self.max_slice_ms, answers / rate_rps * 1e3))

    def open_length_ms(self, rate_rps: float | None, *, is_own: bool) -> float:
        """Return the length of a slice of an open loop, which begins with an empty queue; `is_own`: at a share of its own throughput."""
        answers_ms = (self.own_answers if is_own else self.min_answers) / rate_rps * 1e3 if rate_rps else 0.0
        return max(self.slice_ms, self.own_slice_ms if is_own else self.open_slice_ms, min(self.max_slice_ms, answers_ms))

    def stretch(self, lengths_ms: Sequence[float]) -> float:
        """Return how many times as long as planned the slices of a closed loop are on average; 1 where there are none."""
        return sum(lengths_ms) / len(lengths_ms) / self.slice_ms if lengths_ms else 1.0


def is_kept(block: int, stretch: float) -> bool:
    """Whether a block is one of those that stay where each takes `stretch` times as long as planned, 1 at least.

    Of so many blocks every `stretch`-th stays, the first one always: the launch takes the time that was planned.
    """
    return math.ceil(block / stretch) < math.ceil((block + 1) / stretch)
