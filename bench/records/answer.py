"""The answer of a run: the short answer and the decision table, line by line, with the rows that each line speaks of."""

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
# judged: by the verdict of its rows; seen: explored, clear of margin and A/A; counted: no measurement; the others say nothing, and why.
Standing = Literal["judged", "seen", "counted", "withheld", "not judged", "not measured"]


@dataclass(frozen=True, config=STRICT)
class RowName(Record):
    """Which row of a table of summary.json a line speaks of; what a table does not have is empty."""

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
    """One row of the decision table: for a service like this choose that, on this evidence."""

    topic: Topic
    standing: Standing
    service: str
    choose: str
    evidence: str
    rows: tuple[RowName, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Answer(Record):
    """The answer of a run to its question; `small_print` says what its figures in brackets are."""

    question: str
    lines: tuple[AnswerLine, ...]
    choices: tuple[Choice, ...]
    small_print: str
