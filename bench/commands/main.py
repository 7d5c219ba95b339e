"""The command line: one module for each command. `main` turns every expected failure into one line and an exit status.

A command's own module, and what it needs, is imported only when it is the one that is asked for.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn

from bench.errors import BenchError, Interrupted

# Name -> what it does; each is `bench.commands.NAME` with `add_arguments(parser)` and `run(chosen)`.
COMMANDS: Mapping[str, str] = {
    "run": "measure, compare and write a report",
    "report": "draw charts and report of a run again",
    "judge": "judge a run again from its samples",
    "answer": "say what to expect of a model of yours",
    "list": "list stacks, scenarios, profiles and runs",
    "verify": "let the bench prove itself",
    "calibrate": "measure the load generator itself",
    "readme": "write the README's part on the reference run anew",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    prepare_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            chosen = make_parser(words[:1]).parse_args(words)
            status: int = import_module(f"bench.commands.{chosen.command}").run(chosen)
        finally:
            sys.stdout.flush()  # of help, too, while a closed pipe can still be caught
    except BrokenPipeError:  # the reader of our output has left; there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Interrupted as error:
        print(f"bench: {error}; nothing was measured yet.", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:  # before a run, or after it: a run itself is stopped by `Interrupted`
        print("bench: stopped.", file=sys.stderr)
        return 130
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_status
    return status


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"bench: {message}; see {self.prog} --help.\n")


def make_parser(asked: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands; those that are asked for have their arguments."""
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
    """Return how wide the reader's terminal is; None where the output goes into a file or a pipe, which keep their lines whole."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def prepare_streams() -> None:
    """Let no character stop a run on a terminal that cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
