"""The answer of a run: the short answer and the decision table, line by line, with the rows behind each line."""

from typing import Literal

from pydantic.dataclasses import dataclass

from bench.records.record import STRICT, Record

Topic = Literal[
    "short answer",
    "small model",
    "framework or server",
    "slow model",
    "handler",
    "waiting",
    "latency",
    "cost",
    "documentation",
    "dependencies",
    "health checks",
    "these stacks",
    "others",
    "trust",
]
# judged: by the verdict of its rows; seen: explored, clear of margin and A/A; counted: no measurement; the others give only a reason.
Standing = Literal["judged", "seen", "counted", "withheld", "not judged", "not measured"]


@dataclass(frozen=True, config=STRICT)
class RowName(Record):
    """The row of a table of summary.json behind a line; fields that the table does not have are empty."""

    table: str
    part: str = ""
    contender: str = ""
    baseline: str = ""
    scenario: str = ""
    load: str = ""
    metric: str = ""


@dataclass(frozen=True, config=STRICT)
class AnswerLine(Record):
    """One sentence or two of the short answer."""

    topic: Topic
    standing: Standing
    text: str
    rows: tuple[RowName, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Choice(Record):
    """One row of the decision table: the kind of service, the choice for it, and the evidence."""

    topic: Topic
    standing: Standing
    service: str
    choose: str
    evidence: str
    rows: tuple[RowName, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Answer(Record):
    """The answer of a run to its question; `small_print` explains its figures in brackets."""

    question: str
    lines: tuple[AnswerLine, ...]
    choices: tuple[Choice, ...]
    small_print: str
