"""The decision table as text, for all outputs alike."""

from bench.records.answer import Answer
from bench.show.words.tables import Table

_ABSENT = "not measured"


def choice_table(answer: Answer) -> Table:
    """Return one line per kind of service that the run speaks of: what to choose, on which evidence, and whether that was judged."""
    spoken = (choice for choice in answer.choices if choice.standing != _ABSENT)
    rows = tuple((choice.service, choice.choose, choice.evidence, choice.standing) for choice in spoken)
    return Table("What to choose", ("your service", "choose", "evidence in this run", "standing"), rows)


def unmeasured_line(answer: Answer) -> str:
    """Return the services that the run says nothing of, with the command that measures them; nothing where there is none."""
    absent: dict[str, list[str]] = {}
    for choice in answer.choices:
        if choice.standing == _ABSENT:
            absent.setdefault(choice.evidence, []).append(choice.service)
    texts = [f"{'; '.join(services)} ({command})" for command, services in absent.items()]
    return f"Not measured in this run: {'. '.join(texts)}." if texts else ""
