"""The decision table as text, for all outputs alike."""

from bench.records.answer import Answer
from bench.show.words.tables import Table


def choice_table(answer: Answer) -> Table:
    """Return one line per kind of service: what to choose, on which evidence, and whether that was judged."""
    rows = tuple((choice.service, choice.choose, choice.evidence, choice.standing) for choice in answer.choices)
    return Table("What to choose", ("your service", "choose", "evidence in this run", "standing"), rows)
