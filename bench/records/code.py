"""The code of the applications, and the findings of probes on their running servers. Units are in the names."""

from typing import Literal

from pydantic.dataclasses import dataclass

from bench.records.record import STRICT, Record


@dataclass(frozen=True, config=STRICT)
class AppCode(Record):
    """The code of a stack's application and its needs, see `measure.complexity`. One row of complexity.csv.

    `source_lines` are without blank lines, comments and docstrings. `complexity` is the sum of the cyclomatic complexities,
    `highest_complexity` the largest one. `packages` counts distributions with all that they need, and `installed_bytes` is their size.
    `import_s` is the median of `imports` fresh processes. `handler` is the source of the first handler of a POST.
    """

    stack: str
    source: str
    files: int
    source_lines: int
    functions: int
    routes: int
    complexity: int
    highest_complexity: int
    most_complex: str
    requires: str
    packages: int
    installed_bytes: int
    import_s: float
    imports: int
    handler: str = ""


@dataclass(frozen=True, config=STRICT)
class Feature(Record):
    """What a probe found on a running stack: whether it has a feature, and the answer that shows it. One row of features.csv."""

    stack: str
    feature: str
    probe: str
    has: bool
    found: str


# Who does most of the work of a step.
Worker = Literal["framework", "extension", "you"]


@dataclass(frozen=True, config=STRICT)
class AppStep(Record):
    """One of the small applications through which an API grows, see `measure.steps`. One row of steps.csv.

    `lines` are source lines without imports, `import_lines` those of imports; `added_lines` and `added_import_lines` are the ones that
    the step `after` does not have. `added_packages` are the distributions, with all that they need, that the step `after` does without.
    """

    stack: str
    step: str
    after: str
    feature: str
    by: Worker
    how: str
    lines: int
    import_lines: int
    added_lines: int
    added_import_lines: int
    added_packages: str
