"""A value of a run's files as a reader would write it."""

from collections.abc import Mapping

from bench.records.numbers import NO_FIGURE


def plain_text(value: object) -> str:
    """Return a value of the manifest as a reader would write it."""
    if value is None or value in ("", [], {}):
        return NO_FIGURE
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain_text(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.12g}" if isinstance(value, int | float) else str(value)
