"""The form of numbers, the same in every output. Takes numbers and records, gives ASCII text, and computes nothing anew.

In tables the digits of an estimate follow its interval: two significant digits of the half-width stay. In prose an estimate is rounded
to its half-width, and has at most three significant digits.
"""

import math

from bench.records.cells import Cell
from bench.records.comparisons import Comparison
from bench.records.loads import parse_load
from bench.records.record import Interval, estimate_of

NO_FIGURE = "-"


def format_interval(interval: Interval | None) -> str:
    """Return an interval as `10,840 (10,720 to 10,960)`; without ends only the estimate, with three significant digits."""
    point, bounds = split_interval(interval)
    return f"{point} ({bounds})" if bounds else point


def split_interval(interval: Interval | None) -> tuple[str, str]:
    """Return an estimate and its interval as `("10,840", "10,720 to 10,960")`; the second text is empty without an interval."""
    if interval is None or interval.ends is None:
        return format_number(estimate_of(interval)), ""
    estimate, (low, high) = interval.estimate, interval.ends
    half_width = (high - low) / 2
    digits, size = (2, half_width) if half_width > 0 else (4, abs(estimate))
    places = digits - 1 - math.floor(math.log10(size)) if size else 0
    return _rounded(estimate, places), f"{_rounded(low, places)} to {_rounded(high, places)}"


def prose(interval: Interval | None) -> str:
    """Return an estimate in the form for sentences, with its interval: `1.75 (1.75 to 1.76)`."""
    point, bounds = split_prose(interval)
    return f"{point} ({bounds})" if bounds else point


def split_prose(interval: Interval | None) -> tuple[str, str]:
    """Return an estimate in the form for sentences, and its interval; the second text is empty without an interval."""
    if interval is None or interval.ends is None or interval.ends[0] == interval.ends[1]:
        return format_number(estimate_of(interval)), ""
    low, high = interval.ends
    half_width = (high - low) / 2
    places = min(-math.floor(math.log10(half_width)), _three_digits(interval.estimate or half_width))
    return _rounded(interval.estimate, places), f"{_rounded(low, places)} to {_rounded(high, places)}"


def format_ratio(row: Comparison) -> str:
    """Return a comparison's ratio with its interval, as `2.013 (1.990 to 2.036)`."""
    return format_interval(row.interval)


def format_number(value: float | None) -> str:
    """Return a figure that has no interval, to three significant digits."""
    if value is None:
        return NO_FIGURE
    return _rounded(value, _three_digits(value))


def format_percent(ratio: float) -> str:
    """Return 0.0213 as `2.1 %`, 0.02 as `2 %`."""
    return f"{float(f'{100 * ratio:.2g}'):g} %"


def format_level(row: Comparison) -> str:
    """Return the level that a row's interval attains, as `95.8 %`; empty without an interval."""
    return level_words(row.interval) if row.ends else ""


def level_words(interval: Interval | None) -> str:
    """Return the level of an interval as `95.8 %`; empty without an interval."""
    return f"{100 * interval.level:.3g} %" if interval and interval.level is not None else ""


def throughput_words(cell: Cell) -> str:
    """Return a cell's throughput with its interval; a lower bound begins with `at least`."""
    figure = format_interval(cell.throughput)
    return f"at least {figure}" if cell.generator_limited and cell.throughput_rps is not None else figure


def failure_words(cell: Cell) -> str:
    """Return the requests of a cell without a correct answer, as `3 errors, 4 unfinished`; empty if there are none."""
    counts = {count_words(cell.errors, "error"): cell.errors, f"{cell.unfinished:,} unfinished": cell.unfinished}
    counts[f"{cell.not_sent:,} not sent"] = cell.not_sent
    return ", ".join(words for words, count in counts.items() if count)


def format_megabytes(size_bytes: int | None) -> str:
    """Return bytes in megabytes, with one decimal."""
    return NO_FIGURE if size_bytes is None else f"{size_bytes / 1e6:,.1f}"


def format_load(name: str) -> str:
    """Return a load in words."""
    load = parse_load(name)
    if load.users:
        return count_words(load.users, "user")
    shares = {"own": "of its own saturation", "busy": "busy", "open": "of saturation"}
    share = f"{'' if load.is_own else 'equal rate, '}{'baseline ' if load.is_busy else ''}{load.percent} % {shares.get(load.of, '')}"
    rate = f"{load.rate_rps:.0f} req/s offered" if load.rate_rps else share
    return f"{rate}, evenly spaced" if load.is_constant else rate


def under_words(load: str) -> str:
    """Return `with 16 users`, or `at equal rate, baseline 40 % busy`."""
    return f"{'at' if parse_load(load).is_open else 'with'} {format_load(load)}"


def time_words(load: str) -> str:
    """Return the kind of latency under a load: response time (from the scheduled time) in an open loop, else service time."""
    return "response time" if parse_load(load).is_open else "service time"


def count_words(count: int, noun: str) -> str:
    """Return `1 launch`, `12 launches`, `2 users`."""
    plural = f"{noun}es" if noun.endswith(("ch", "s")) else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _three_digits(value: float) -> int:
    """Return the decimal places of three significant digits."""
    return 2 - math.floor(math.log10(abs(value))) if value else 0


def _rounded(value: float, places: int) -> str:
    return f"{round(value, places):,.{max(places, 0)}f}"
