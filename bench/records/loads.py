"""Loads: from a name such as `closed-16` or `busy-40` to a checked record.

The forms:

    closed-16              closed loop: 16 users, each waits for its answer before it asks again
    busy-40                open loop at the rate that keeps the core of the first pair's baseline 40 % busy, the same for every stack
    own-80                 open loop at 80 % of what each stack itself answers with 16 users
    open-500rps            open loop at 500 requests per second
    open-500rps-constant   the same with equal distances; without it arrivals are a Poisson process

Runs of older versions also have `open-60`: an open loop at 60 % of what the slower stack of the first pair answered at saturation.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from bench.errors import ConfigError

Of = Literal["", "busy", "own", "open"]

MAX_USERS = 512
MAX_RATE_RPS = 100_000
MAX_OWN_PERCENT = 200
MAX_BUSY_PERCENT = 95
_FORM = re.compile(
    r"closed-(?P<users>[1-9][0-9]{0,3})"
    r"|open-(?P<rate>[1-9][0-9]{0,5})rps(?P<even_rate>-constant)?"
    r"|(?P<of>busy|own|open)-(?P<percent>[1-9][0-9]{0,2})(?P<even_percent>-constant)?"
)


@dataclass(frozen=True)
class Load:
    """One kind of load: `users` of a closed loop, or an open loop at `rate_rps` or at `percent` of something.

    `of` names that thing: the baseline's cores (busy), the loaded stack's own throughput (own), or, in older runs, the slower stack's
    throughput (open). `is_constant` means equal distances between arrivals.
    """

    name: str
    users: int | None = None
    rate_rps: float | None = None
    percent: int | None = None
    of: Of = ""
    is_constant: bool = False

    @property
    def is_open(self) -> bool:
        """Whether requests are sent on a schedule, whether or not earlier ones were answered."""
        return self.users is None

    @property
    def is_busy(self) -> bool:
        """Whether the rate is the one that keeps the baseline's core busy for a share of the time."""
        return self.of == "busy"

    @property
    def is_own(self) -> bool:
        """Whether the rate is a share of what the loaded stack itself answers."""
        return self.of == "own"

    @property
    def is_former(self) -> bool:
        """Whether only older runs have such a load."""
        return self.of == "open"


@cache
def parse_load(name: str) -> Load:
    """Return the load of a name; raise `ConfigError` with the allowed forms."""
    match = _FORM.fullmatch(name)
    if match:
        users, rate, percent = (int(match[key]) if match[key] else None for key in ("users", "rate", "percent"))
        most = MAX_BUSY_PERCENT if match["of"] == "busy" else MAX_OWN_PERCENT
        if (users or 0) <= MAX_USERS and (rate or 0) <= MAX_RATE_RPS and (percent or 0) <= most:
            constant = bool(match["even_rate"] or match["even_percent"])
            of = cast("Of", match["of"] or "")
            return Load(name, users, rate, percent, of, constant)
    message = (
        f"There is no load {name!r}; use closed-N with 1 to {MAX_USERS} users, busy-P with 1 to {MAX_BUSY_PERCENT} % of the baseline's "
        f"core, own-P with 1 to {MAX_OWN_PERCENT} % of a stack's own throughput, or open-Nrps with up to {MAX_RATE_RPS:,} requests per "
        "second (open loops may end in -constant)."
    )
    raise ConfigError(message)
