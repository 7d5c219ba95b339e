"""What a million answers cost: CPU seconds as measured, and money from a price and a utilisation that the reader may set.

Money follows from CPU time alone: core hours times the price of one, divided by the share of its time for which a paid core works.
It is no measurement, so it stands in no file of the run but in the report, with its price beside it.
"""

from collections.abc import Mapping, Sequence

from bench.records import Cell
from bench.records.price import Price
from bench.show.numbers import NO_FIGURE, format_interval, format_number, format_percent, level_words
from bench.show.sentences import Stacks, stack_label
from bench.show.tables import Column, Table, make_table, numbers


def price_words(price: Price) -> str:
    """Return the terms of a price."""
    used = " or ".join(format_percent(share) for share in price.utilisations)
    return f"{price.per_core_hour:g} per core hour, of which {used} is used"


def cost_table(cells: Sequence[Cell], saturated: Mapping[str, Cell], price: Price, stacks: Stacks) -> Table:
    """Return CPU seconds and money per million answers, of cells with a CPU time of their own; beside them the seconds at saturation."""
    known = [cell for cell in cells if cell.cpu_us_per_request is not None]
    return make_table(
        f"Per million predictions; money at a price of {price_words(price)}",
        [
            Column("stack", [stack_label(cell.stack, stacks) for cell in known]),
            numbers(
                "CPU seconds",
                [format_interval(cell.cpu) for cell in known],
            ),
            numbers("level", [level_words(cell.cpu) or NO_FIGURE for cell in known]),
            numbers(
                "CPU seconds at saturation",
                [format_interval(saturated[cell.stack].cpu) if cell.stack in saturated else NO_FIGURE for cell in known],
                any(saturated.get(cell.stack) not in (None, cell) for cell in known),
            ),
            *(
                numbers(
                    f"money, {format_percent(share)} used",
                    [format_number(price.per_million(cell.cpu_us_per_request or 0, share)) for cell in known],
                )
                for share in price.utilisations
            ),
            numbers("launches", [str(cell.launches) for cell in known]),
        ],
    )
