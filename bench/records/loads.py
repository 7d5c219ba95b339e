"""Loads: from a name such as `closed-16` or `open-60` to a checked record.

The forms:

    closed-16              closed loop: 16 users, each waits for its answer before it asks again
    open-60                open loop at 60 % of the saturation throughput of the slower stack of the first pair
    open-500rps            open loop at 500 requests per second
    own-80                 open loop at 80 % of each stack's own saturation throughput
    open-500rps-constant   the same with equal distances; without it arrivals are a Poisson process

A share of saturation becomes a rate before the plan is fixed.
"""

import re
from dataclasses import dataclass
from functools import cache

from bench.errors import ConfigError

MAX_USERS = 512
MAX_RATE_RPS = 100_000
MAX_PERCENT = 200
_FORM = re.compile(
    r"closed-(?P<users>[1-9][0-9]{0,3})"
    r"|open-(?P<rate>[1-9][0-9]{0,5})rps(?P<even_rate>-constant)?"
    r"|(?P<of>open|own)-(?P<percent>[1-9][0-9]{0,2})(?P<even_percent>-constant)?"
)


@dataclass(frozen=True)
class Load:
    """One kind of load: `users` of a closed loop, or an open loop at `rate_rps` or at `percent` of a saturation throughput.

    `is_own` means the saturation of the loaded stack itself, `is_constant` equal distances between arrivals.
    """

    name: str
    users: int | None = None
    rate_rps: float | None = None
    percent: int | None = None
    is_own: bool = False
    is_constant: bool = False

    @property
    def is_open(self) -> bool:
        """Whether requests are sent at times fixed beforehand, whatever is answered."""
        return self.users is None


@cache
def parse_load(name: str) -> Load:
    """Return the load of a name; raise `ConfigError` with the forms there are."""
    match = _FORM.fullmatch(name)
    if match:
        users, rate, percent = (int(match[key]) if match[key] else None for key in ("users", "rate", "percent"))
        if (users or 0) <= MAX_USERS and (rate or 0) <= MAX_RATE_RPS and (percent or 0) <= MAX_PERCENT:
            constant = bool(match["even_rate"] or match["even_percent"])
            return Load(name, users, rate, percent, is_own=match["of"] == "own", is_constant=constant)
    message = (
        f"There is no load {name!r}; use closed-N with 1 to {MAX_USERS} users, open-P or own-P with 1 to {MAX_PERCENT} % of saturation, "
        f"or open-Nrps with up to {MAX_RATE_RPS:,} requests per second (open loops may end in -constant)."
    )
    raise ConfigError(message)
