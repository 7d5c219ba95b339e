"""The distributions that an application needs: those that it names, with all that these need in turn."""

from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def find_distributions(requires: Sequence[str]) -> list[Distribution]:
    """Return the required distributions and all that they need, as installed here, sorted by name.

    A requirement counts if its marker holds on this machine. The requirements of an extra count if that extra is named, as in
    `uvicorn[standard]`. A distribution counts even if something else on the machine needs it as well. Raises `PackageNotFoundError` if
    one is not installed.
    """
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requires]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        found.setdefault(name, distribution(wanted.name))
        for extra in {"", *wanted.extras} - {other for place, other in seen if place == name}:
            seen.add((name, extra))
            needed = map(Requirement, found[name].requires or ())
            waiting += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": extra})]
    return [found[name] for name in sorted(found)]


def count_installed_bytes(distributions: Iterable[Distribution]) -> int:
    """Return the size of all files of distributions, without compiled bytecode: not every installer writes it."""
    return sum(_count_bytes(one) for one in distributions)


def _count_bytes(one: Distribution) -> int:
    size = 0
    for file in (file for file in one.files or () if file.suffix != ".pyc"):
        path = Path(file.locate())
        size += file.size if file.size is not None else path.stat().st_size if path.is_file() else 0
    return size
