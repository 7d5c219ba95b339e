"""The rates from which the next launch of a part starts to find its own."""

from collections.abc import Iterable

from bench.records import SliceRecord
from bench.records.loads import parse_load


def last_rates(slices: Iterable[SliceRecord], part: str) -> dict[str, float]:
    """Return the rate of each load at a busy share (req/s) in the last launch of a part; empty before its first one."""
    found = [record for record in slices if record.part == part and not record.warm_up and parse_load(record.load).is_busy]
    return {record.load: record.offered_rps for record in found if record.offered_rps}
