"""Settings of a server: one parser for both, from the command line or, for the ecosystem's own commands, the environment."""

import argparse
import contextlib
import errno
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from shared_model.artefacts import DEFAULT_FOLDER, resolve_set
from shared_model.engines import DEFAULT_ENGINE, EngineNameError, check_engine_name

DEFAULT_PORT = 12345
MAX_PORT = 65535
MAX_WORKERS = 64
MAX_THREADS = 256
# From a trial: 8 and 16 threads gave the same throughput on one core, 1 and 2 gave less.
DEFAULT_THREADS = 8
KEEP_ALIVE_S = 60
# The time that a stopping server has for the requests under way.
STOP_TIMEOUT_S = 8
BACKLOG = 2048
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - used if no other folder can be written


class OptionError(Exception):
    """A setting that cannot be used; the message is one line with the value and the remedy."""


@dataclass(frozen=True)
class Options:
    """The settings of a server."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    workers: int = 1
    threads: int = DEFAULT_THREADS
    engine: str = DEFAULT_ENGINE
    model_dir: Path = DEFAULT_FOLDER
    timing: bool = False
    access_log: bool = False
    freeze: bool = True
    dev: bool = False

    def export(self) -> None:
        """Put the settings of `create_app` into the environment, for the processes that a server starts.

        The model is the one now in use in its folder: all processes serve it, also those that are started later.
        """
        os.environ["SERVE_ENGINE"] = self.engine
        os.environ["SERVE_MODEL_DIR"] = str(self.model_dir if self.dev else resolve_set(self.model_dir))
        os.environ["SERVE_TIMING"] = "1" if self.timing else "0"
        os.environ["SERVE_ACCESS_LOG"] = "1" if self.access_log else "0"


def read_environment(environ: Mapping[str, str] = os.environ) -> Options:
    """Return the options that SERVE_ENGINE, SERVE_MODEL_DIR and the switches (0 or 1) set; raise `OptionError` on a bad value."""
    defaults = {"SERVE_TIMING": "0", "SERVE_ACCESS_LOG": "0", "SERVE_FREEZE": "1"}
    timing, access_log, freeze = (_read_switch(environ, name, default) for name, default in defaults.items())
    try:
        engine = check_engine_name(environ.get("SERVE_ENGINE") or DEFAULT_ENGINE)
    except EngineNameError as error:
        message = f"SERVE_ENGINE: {error}"
        raise OptionError(message) from None
    model_dir = Path(environ.get("SERVE_MODEL_DIR") or DEFAULT_FOLDER).absolute()
    return Options(engine=engine, model_dir=model_dir, timing=timing, access_log=access_log, freeze=freeze)


def read_upstream(environ: Mapping[str, str] = os.environ) -> str:
    """Return the address of the passenger service from SERVE_UPSTREAM; raise `OptionError` if it is no address."""
    address = environ.get("SERVE_UPSTREAM", "")
    if not address.startswith("http://"):
        message = f"SERVE_UPSTREAM is {address!r}; set it to the address of the passenger service, such as http://127.0.0.1:8001."
        raise OptionError(message)
    return address


def parse_arguments(program: str, arguments: Sequence[str] | None = None) -> Options:
    """Return the options of a command line; a wrong option ends the program with one clear line and exit status 2."""
    parser = _Parser(prog=f"python -m {program}", description=f"Serve the Titanic model with {program}; stop it with Ctrl-C.")
    try:
        base = read_environment()
    except OptionError as error:
        parser.error(str(error))
    parser.add_argument("port", nargs="?", metavar="PORT", default=base.port, type=_number("port", MAX_PORT), help="default: %(default)s")
    parser.add_argument("--host", default=base.host, help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--workers", default=base.workers, type=_number("number of workers", MAX_WORKERS), help="processes (default: %(default)s)"
    )
    parser.add_argument(
        "--threads",
        default=base.threads,
        type=_number("number of threads", MAX_THREADS),
        help="threads per process, where the server uses threads (default: %(default)s)",
    )
    parser.add_argument("--engine", default=base.engine, type=_engine, help="how predictions are computed (default: %(default)s)")
    parser.add_argument("--model-dir", default=base.model_dir, type=_folder, help="folder of the trained model (default: the bundled one)")
    parser.add_argument(
        "--access-log", default=base.access_log, action="store_true", help="write a line of JSON to standard error for each request"
    )
    parser.add_argument("--dev", action="store_true", help="the framework's development server: reloads on changes, one process")
    chosen = parser.parse_args(arguments)
    return Options(**vars(chosen), timing=base.timing, freeze=base.freeze)


def run_alone(program: str, serve: Callable[[Options], None], serve_dev: Callable[[Options], None]) -> None:
    """Serve with the options of the command line until stopped; an `OptionError` ends the program with one clear line."""
    options = parse_arguments(program)
    options.export()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            (serve_dev if options.dev else serve)(options)
    except OptionError as error:
        sys.exit(f"python -m {program}: {error}")


def bind_socket(options: Options) -> socket.socket:
    """Return a listening socket for the server; raise `OptionError` if the port cannot be used. No other port is tried."""
    place = f"{options.host}:{options.port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except PermissionError:
        message = f"Port {options.port} needs more rights than this user has; choose one above 1023."
        raise OptionError(message) from None
    except (OSError, UnicodeError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "it is in use" if in_use else "there is no such address here"
        remedy = "stop what uses it or choose another port" if in_use else "choose another --host"
        message = f"Cannot listen on {place}: {reason}; {remedy}."
        raise OptionError(message) from None
    listener.set_inheritable(True)
    return listener


def temporary_folder() -> str:
    """Return a folder for the shared files of a server's processes; raise `OptionError` if none can be written."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        if os.access(SHARED_MEMORY, os.W_OK):
            return SHARED_MEMORY
    message = f"The server needs a folder for temporary files, and neither /tmp nor {SHARED_MEMORY} can be written; set TMPDIR to one."
    raise OptionError(message)


def announce(server: str, options: Options) -> None:
    """Print the address of the server on standard output."""
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"{server} on http://{host}:{options.port} - stop with Ctrl-C.", flush=True)  # noqa: T201 - a command's answer


class _Parser(argparse.ArgumentParser):
    """Reports a mistake in one line; the usage is in --help."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _read_switch(environ: Mapping[str, str], name: str, default: str) -> bool:
    value = environ.get(name) or default
    if value not in {"0", "1"}:
        message = f"{name} is {value!r}; set it to 1 or 0."
        raise OptionError(message)
    return value == "1"


def _number(what: str, largest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if text.isascii() and text.isdecimal() and 1 <= int(text) <= largest:
            return int(text)
        message = f"{text!r} is no {what}: give a whole number from 1 to {largest}"
        raise argparse.ArgumentTypeError(message)

    return parse


def _engine(text: str) -> str:
    try:
        return check_engine_name(text)
    except EngineNameError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _folder(text: str) -> Path:
    return Path(text).absolute()
