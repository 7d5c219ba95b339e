"""The scheduled times of an open loop's requests, and their rate: one rule for the plan of a launch and for the generator.

The gaps between requests come from a seed; a rate scales them. Some rates are known beforehand. Others are found anew in every launch,
from its calibration slices, since no machine is equally fast for long. The rule is planned and hashed, the rate is data.

Pure, and imports nothing of ours, since the generator starts anew in every launch.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

# A server that answered nothing in its calibration is still asked.
LEAST_RPS = 1.0
_SIGNIFICANT_DIGITS = 4


@dataclass(frozen=True)
class Arrivals:
    """The arrivals of one slice: Poisson from a seed, or at equal distances, at one of three rates.

    `rate_rps` is known beforehand. `busy_share` means the rate that keeps this share of the reference's cores busy; every stack gets that
    rate. `own_share` means this share of what the loaded stack itself answered in a closed loop of this launch.
    """

    seed: str
    rate_rps: float | None = None
    busy_share: float | None = None
    own_share: float | None = None
    is_constant: bool = False

    def draw(self, rate_rps: float, length_ms: float) -> list[int]:
        """Return the scheduled times of requests, in ns from the start of a slice, in order.

        A seed gives the same gaps at every rate, scaled. Equal distances start at a random point of the first one, so that slices do not
        all start in step.
        """
        draw = random.Random(self.seed)  # noqa: S311 - reproducible arrivals, no secret
        end_ns, gap_ns = length_ms * 1e6, 1e9 / rate_rps
        due: list[int] = []
        at_ns = gap_ns * (draw.random() if self.is_constant else draw.expovariate(1.0))
        while at_ns < end_ns:
            due.append(int(at_ns))
            at_ns += gap_ns * (1.0 if self.is_constant else draw.expovariate(1.0))
        return due


class Rates:
    """The rates of the open loops of one launch; `last_rps` are those of the launch before, by load, if there was one.

    For a busy share, calibration slices are open loops of the reference at about the rate that is sought. A server that sleeps must be
    woken, so its CPU time per request falls as its load rises. These slices run at the last launch's rate, or at that share of what the
    reference answered in its warm-up. For a stack's own share they are closed loops of that stack.
    """

    def __init__(self, cores: int, last_rps: Mapping[str, float]) -> None:
        self._cores = cores
        self._first_rps = dict(last_rps)
        self._warm_rps: dict[str, float] = {}
        self._answered: dict[str, tuple[int, float]] = {}
        self._cpu: dict[str, tuple[int, int]] = {}

    def warm_up(self, stack: str, rate_rps: float) -> None:
        """Take in the throughput of a stack (req/s) in the warm-up of a closed loop."""
        self._warm_rps[stack] = max(rate_rps, self._warm_rps.get(stack, 0.0))

    def learn_capacity(self, stack: str, answers: int, seconds: float) -> None:
        """Take in a calibration slice of a closed loop: its answers and its length."""
        known = self._answered.get(stack, (0, 0.0))
        self._answered[stack] = known[0] + answers, known[1] + seconds

    def learn_cost(self, load: str, answers: int, cpu_ns: int | None) -> None:
        """Take in a calibration slice of an open loop: its answers, and the server's CPU time if it is known."""
        if answers and cpu_ns:
            known = self._cpu.get(load, (0, 0))
            self._cpu[load] = known[0] + answers, known[1] + cpu_ns

    def find(self, stack: str, load: str, arrivals: Arrivals, *, calibrates: bool = False) -> float:
        """Return the rate of a slice in requests per second."""
        rate = arrivals.rate_rps or 0.0
        if arrivals.own_share is not None:
            answers, seconds = self._answered.get(stack, (0, 0.0))
            rate = arrivals.own_share * answers / seconds if seconds else 0.0
        elif arrivals.busy_share is not None:
            rate = self._busy_rps(stack, load, arrivals.busy_share, calibrates=calibrates)
        return max(LEAST_RPS, float(f"{rate:.{_SIGNIFICANT_DIGITS}g}"))

    def _busy_rps(self, stack: str, load: str, share: float, *, calibrates: bool) -> float:
        if calibrates or load not in self._cpu:
            return self._first_rps.setdefault(load, share * self._warm_rps.get(stack, 0.0))
        answers, cpu_ns = self._cpu[load]
        return share * self._cores * 1e9 * answers / cpu_ns
