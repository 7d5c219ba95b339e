"""Which blocks of a launch are measured where each takes longer than planned. Pure; the generator imports it and little else."""

import math


def is_kept(block: int, stretch: float) -> bool:
    """Whether a block is one of those that stay where each takes `stretch` times as long as planned, 1 at least.

    Of so many blocks every `stretch`-th stays, the first one always: the launch takes the time that was planned.
    """
    return math.ceil(block / stretch) < math.ceil((block + 1) / stretch)
