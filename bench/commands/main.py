"""The command line: one module for each command. `main` turns every expected failure into one line and an exit status.

A command's own module is imported only when that command is run, and so are the modules that it needs.
"""

import argparse
import errno
import io
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

from bench.errors import BenchError, Interrupted
from bench.measure.interrupts import interruptible, stopped_by_signals

# Name -> what the command does; each is `bench.commands.NAME` with `add_arguments(parser)` and `run(chosen)`.
COMMANDS: Mapping[str, str] = {
    "run": "measure, compare and write a report",
    "report": "draw charts and report of a run again",
    "judge": "judge a run again from its samples",
    "answer": "say what to expect of your own model",
    "list": "list stacks, scenarios, profiles and runs",
    "verify": "test the bench itself against servers with known behaviour",
    "calibrate": "measure the load generator itself",
    "readme": "rewrite the README's part on the reference run, and the code in docs/article.md",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    prepare_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    with stopped_by_signals():
        try:
            with interruptible():
                chosen = make_parser(words[:1]).parse_args(words)
                status: int = import_module(f"bench.commands.{chosen.command}").run(chosen)
        except (BenchError, Interrupted) as error:
            print(f"bench: {error if isinstance(error, BenchError) else f'{error}.'}", file=sys.stderr)
            return error.exit_status
    return status


class _Parser(argparse.ArgumentParser):
    """Reports a mistake in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"bench: {message}; see {self.prog} --help.\n")


def make_parser(asked: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands; only the commands in `asked` get their arguments."""
    parser = _Parser(
        prog="python -m bench",
        description="Compare Flask and FastAPI, or any two stacks, serving one model. 'make bench' runs the profile 'default'.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, words in COMMANDS.items():
        command = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        if name in asked:
            import_module(f"bench.commands.{name}").add_arguments(command)
    return parser


def terminal_columns() -> int | None:
    """Return the width of the reader's terminal in columns; None for output to a file or a pipe, whose lines are not folded."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class _Outlet(io.FileIO):
    """A stream whose reader may leave, or whose terminal may be closed: the work and its exit status do not depend on it."""

    def write(self, data: Any, /) -> int:
        """Write; drop what nobody can read any more."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in {errno.EPIPE, errno.EIO}:
                raise
            return len(data)


def prepare_streams() -> None:
    """Replace characters that a terminal cannot show, and let readers leave, so that neither stops a run."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and stream is not None:
            outlet = io.BufferedWriter(_Outlet(stream.fileno(), "w", closefd=False))
            by_line = stream.line_buffering
            setattr(sys, name, io.TextIOWrapper(outlet, stream.encoding, errors="replace", line_buffering=by_line))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
