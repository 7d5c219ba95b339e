"""The price for calculating money: stated by the reader, not measured."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.dataclasses import dataclass

from bench.errors import ConfigError
from bench.records.record import STRICT, Record

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, config=STRICT)
class Price(Record):
    """The price of one core for an hour, its currency, and the shares of its time in which it works.

    The defaults are as large as a small cloud machine's list price; they are no one's actual bill.
    """

    per_core_hour: float = 0.04
    utilisations: tuple[float, ...] = (0.3, 0.7)
    currency: str = "US dollars"

    def per_million(self, cpu_us: float, utilisation: float) -> float:
        """Return the money for a million answers of `cpu_us` microseconds each: as many core seconds in all."""
        return cpu_us / SECONDS_PER_HOUR * self.per_core_hour / utilisation


def price_from_plan(plan: Mapping[str, Any]) -> Price:
    """Return the price in the plan of a run, or the default price."""
    price = plan.get("price")
    return Price(**{**price, "utilisations": tuple(price["utilisations"])}) if price else Price()


def make_price(
    per_core_hour: float | None, utilisations: Sequence[float], usual: Price | None = None, currency: str | None = None
) -> Price:
    """Return the price with these values, `usual` ones where a value is missing; raise `ConfigError` if a value is not allowed."""
    usual = usual or Price()
    price = Price(
        usual.per_core_hour if per_core_hour is None else per_core_hour,
        tuple(utilisations) or usual.utilisations,
        currency or usual.currency,
    )
    if not 0 <= price.per_core_hour < float("inf"):
        message = f"--core-hour-price is {price.per_core_hour:g}; a price is 0 or more."
        raise ConfigError(message)
    for share in price.utilisations:
        if not 0 < share <= 1:
            message = f"--utilisation is {share:g}; it is a share of a core's time, over 0 and up to 1."
            raise ConfigError(message)
    return price
