"""The length of slices, and the blocks that fit into a launch: one rule for the plan of a launch and for the generator that measures it.

Pure, and imports nothing of ours, since the generator starts anew in every launch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """The length of slices: at least `slice_ms`, and long enough for answers and drains, see `SliceRules`; `settle_ms` of it are trimmed.

    Where the slices of a closed loop are longer than `slice_ms`, a launch has fewer blocks of that load, so its time stays as planned.
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
        """Return the length of a slice of a closed loop: long enough for its answers, and to outweigh its drain.

        If the rate is not known, the length is the shortest allowed, `slice_ms`.
        """
        if not rate_rps:
            return self.slice_ms
        answers = max(self.min_answers, self.drains_per_slice * users)
        return max(self.slice_ms, min(self.max_slice_ms, answers / rate_rps * 1e3))

    def open_length_ms(self, rate_rps: float | None, *, is_own: bool) -> float:
        """Return the length of a slice of an open loop, which begins with an empty queue; `is_own`: at a share of the stack's own rate."""
        answers_ms = (self.own_answers if is_own else self.min_answers) / rate_rps * 1e3 if rate_rps else 0.0
        return max(self.slice_ms, self.own_slice_ms if is_own else self.open_slice_ms, min(self.max_slice_ms, answers_ms))

    def stretch(self, lengths_ms: Sequence[float]) -> float:
        """Return how many times as long as planned the slices of a closed loop are on average; 1 if there are none."""
        return sum(lengths_ms) / len(lengths_ms) / self.slice_ms if lengths_ms else 1.0


def is_kept(block: int, stretch: float) -> bool:
    """Whether a block stays in a launch whose blocks take `stretch` (at least 1) times as long as planned.

    The first block and every `stretch`-th after it stay, so that the launch takes its planned time.
    """
    return math.ceil(block / stretch) < math.ceil((block + 1) / stretch)
