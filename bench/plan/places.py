"""Where load is made and where servers run: here, or on other machines that a command of the user reaches."""

import shlex
from collections.abc import Sequence

from pydantic.dataclasses import dataclass

from bench.errors import ConfigError
from bench.records.record import STRICT, Record

LOOPBACK = "127.0.0.1"
# The place of a command in a template, and of the same command without its Python, where that lies elsewhere.
COMMAND, ARGUMENTS = "{command}", "{arguments}"
HERE = COMMAND
MOST_PROCESSES = 64
MOST_WORKERS = 256


@dataclass(frozen=True, config=STRICT)
class LoadPlaces(Record):
    """The processes that make the load, each started by a template; without any, the generator's own process makes it.

    The generator is Locust's master then, which listens on `address` and `port` (0: a free one).
    """

    templates: tuple[str, ...] = ()
    address: str = LOOPBACK
    port: int = 0

    def count_here(self) -> int:
        """Return how many of the processes that make the load run on this machine; the generator's own counts only without others."""
        return self.templates.count(HERE) if self.templates else 1


@dataclass(frozen=True, config=STRICT)
class ServerPlace(Record):
    """The machine of the servers: the template that starts commands there, and its address; without a template, this machine."""

    template: str = ""
    address: str = LOOPBACK


GENERATOR_ALONE, SERVERS_HERE = LoadPlaces(), ServerPlace()


def make_load(processes: int | None = None, templates: Sequence[str] = (), bind: str = LOOPBACK) -> LoadPlaces:
    """Return the places of so many load processes here and of one for each template; raise `ConfigError` if they cannot be."""
    every = (HERE,) * (processes or 0) + tuple(templates)
    if not (processes is None or processes >= 1) or len(every) > MOST_PROCESSES:
        message = f"--load-processes: allowed are 1 to {MOST_PROCESSES} load processes, with those of --load-from."
        raise ConfigError(message)
    for template in templates:
        check_template("--load-from", template)
    host, port = bind.split(":") if bind.count(":") == 1 else (bind, "0")
    if not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - the highest port
        message = f"--load-bind: {bind!r} is no address, such as 10.0.0.1 or 10.0.0.1:5557."
        raise ConfigError(message)
    return LoadPlaces(every, host, int(port))


def make_server_place(template: str | None, address: str | None) -> ServerPlace:
    """Return the machine of the servers; raise `ConfigError` if only one of template and address is given."""
    if (template is None) != (address is None):
        message = "--servers-from and --servers-at belong together: how to start commands on that machine, and its address."
        raise ConfigError(message)
    if template is None or address is None:
        return ServerPlace()
    check_template("--servers-from", template)
    return ServerPlace(template, address)


def check_template(option: str, template: str) -> None:
    """Raise `ConfigError` if a template gives no command."""
    try:
        words = shlex.split(template)
    except ValueError as error:
        message = f"{option}: {template!r} cannot be read as a command: {error}."
        raise ConfigError(message) from None
    if not words:
        message = f"{option}: the template is empty; name the command that reaches the machine, such as 'ssh host'."
        raise ConfigError(message)


def fill_template(template: str, python: str, arguments: Sequence[str]) -> list[str]:
    """Return the words of a template with a command of ours in its place, or at its end if it names no place.

    A place that is a word of its own takes the words of the command; within a longer word, as for a shell, they stand quoted.
    """
    places = {COMMAND: [python, *arguments], ARGUMENTS: list(arguments)}
    words: list[str] = []
    found = False
    for word in shlex.split(template):
        found |= any(place in word for place in places)
        if word in places:
            words += places[word]
            continue
        for place, own in places.items():
            word = word.replace(place, shlex.join(own))  # noqa: PLW2901 - one place after the other
        words.append(word)
    return words if found else [*words, *places[COMMAND]]
