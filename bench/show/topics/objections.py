"""The objections that every comparison of this kind meets, each with what was done about it and what was read back from the live run.

Takes the summary and the manifest, gives a table. What a run did not measure, as older ones, has no figure.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.records import AS_DEPLOYED, SAME_SERVER, SERVER_ALONE, Summary
from bench.records.names import Stacks, stack_label
from bench.records.numbers import NO_FIGURE, count_words
from bench.show.words.tables import Table


def objections_table(summary: Summary, manifest: Mapping[str, Any]) -> Table:
    """Return the table for the first pair of a run; without rows for a pair of other stacks, of which all this is not known."""
    pairs = manifest["plan"].get("pairs")
    if not pairs or tuple(pairs[0]) not in (AS_DEPLOYED, SAME_SERVER, SERVER_ALONE):
        return Table("", (), ())
    stacks: Stacks = manifest["stacks"]
    both = [manifest["conditions"].get(name, {}) for name in pairs[0]]
    names = " and ".join(stack_label(name, stacks) for name in pairs[0])

    def each(key: str, words: Callable[[Any], str] = str) -> str:
        """Return a condition of both stacks, as `0.8 and 0.8`."""
        return " and ".join(words(row[key]) if key in row else NO_FIGURE for row in both)

    bodies = manifest["plan"].get("bodies", {})
    most = max((len(own) if isinstance(own, list) else 1 for own in bodies.values()), default=0)
    answers, failures = sum(cell.samples for cell in summary.cells), sum(cell.failures for cell in summary.cells)
    rows: Sequence[tuple[str, str, str]] = (
        ("Requests are pipelined.", "No: a connection waits for its answer before it sends again.", ""),
        (
            "Connections are opened anew for each request.",
            "They are kept alive, for 60 s, on both.",
            f"connections per 1,000 answers: {each('connections_per_1000_answers')}",
        ),
        ("One side runs in debug mode.", "Neither does; the commands are in the conditions.", ""),
        ("One side writes a log.", "Neither does.", f"bytes of log per answer: {each('log_bytes_per_answer')}"),
        (
            "FastAPI lacks its fast parts, uvloop and httptools.",
            "It has them, unless a run allows it to be without.",
            f"uvloop: {each('uvloop', _yes)}; HTTP parser: {each('http_parser')}",
        ),
        (
            "One side has more workers.",
            "Both serve with as many, unless a run allows other numbers.",
            f"serving processes: {each('serving_processes')}",
        ),
        (
            "pydantic slows down one side.",
            "Both check requests by the same code, of the shared model.",
            f"JSON libraries loaded: {each('json_library', lambda text: str(text).replace(', ', ' + '))}",
        ),
        (
            "Nobody looks at the answers.",
            "Every answer is compared with the right one.",
            f"{answers:,} settled answers, {failures:,} requests without a correct one",
        ),
        (
            "Answers differ in length.",
            "They say the same; servers differ in their headers.",
            f"bytes per answer: {each('bytes_per_answer')}",
        ),
        ("Real users think between two requests.", "So they do in the open loops, where requests come at random times.", ""),
        (
            "Client and server share the machine.",
            "They have cores of their own; the kernel's work for loopback is part of both.",
            f"servers: {_cores(summary, 'server_cores')}; load generator: {_cores(summary, 'generator_cores')}",
        ),
        (
            "All requests are the same.",
            "They are of different passengers, in turn." if most != 1 else "In this run they are.",
            count_words(most, "different request") if most else NO_FIGURE,
        ),
        ("In production there is a container.", "Not here. What it adds it adds to both; that was not measured.", ""),
    )
    return Table("Objections, and what this run did about them", ("objection", "what is done", f"read back: {names}"), tuple(rows))


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _cores(summary: Summary, key: str) -> str:
    cores = summary.environment.get(key) or ()
    return f"core {', '.join(map(str, cores))}" if cores else NO_FIGURE
