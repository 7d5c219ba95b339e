"""What a topic of the report is made of: sentences, pictures with how to read them, tables."""

from dataclasses import dataclass
from functools import cached_property

from bench.show.drawing.sheet import Sheet
from bench.show.words.tables import Table


@dataclass(frozen=True)
class Picture:
    """A drawing under the name of its files, and how to read it in a sentence or two."""

    name: str
    sheet: Sheet
    how_to_read: str

    @cached_property
    def svg(self) -> bytes:
        """The drawing as SVG, written once for file and page."""
        return self.sheet.svg()


@dataclass(frozen=True)
class Listing:
    """Lines of Python under a name."""

    name: str
    code: str


@dataclass(frozen=True)
class Block:
    """A picture and the tables below it; `folded` tables are opened by the reader. `listings` stand side by side above all."""

    picture: Picture | None = None
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()
    listings: tuple[Listing, ...] = ()


@dataclass(frozen=True)
class Section:
    """One topic: what it answers stands in the index. `note` is small print; `folded_text` a text to open, such as a diff."""

    name: str
    heading: str
    answers: str
    lines: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    note: str = ""
    folded_text: str = ""
    for_reviewers: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it would say nothing."""
        return not self.lines and not self.blocks and not self.folded_text


def make_block(picture: Picture | None = None, *tables: Table, folded: tuple[Table, ...] = ()) -> tuple[Block, ...]:
    """Return a block without the tables that have no row; none where nothing is left."""
    shown, opened = (tuple(table for table in several if table.rows) for several in (tables, folded))
    return (Block(picture, shown, opened),) if picture or shown or opened else ()
