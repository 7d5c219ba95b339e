"""Ask pip-audit for known advisories on the packages of both lock files, and say in a few lines what it found.

It ends with 0 whatever is found: an advisory appears on a day of its own, and must turn no build red by itself. Where the advisories
cannot be read, one line says so.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LOCKS = ("requirements.lock", "requirements-dev.lock")
TIMEOUT_S = 120


def main() -> None:
    """Print the lines of both lock files."""
    for lock in LOCKS:
        for line in describe(lock, read_report(lock)):
            print(line, flush=True)


def read_report(lock: str) -> Mapping[str, Any] | None:
    """Return what pip-audit reports of a lock file; None where it reports nothing."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", lock, "--format", "json"]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [*command, "--progress-spinner", "off"],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        report: Mapping[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    return report


def describe(lock: str, report: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield a line for each package with advisories, then how many packages were checked."""
    packages = report["dependencies"] if report else []
    checked = [package for package in packages if "skip_reason" not in package]
    for package in checked:
        for advisory in package["vulns"]:
            remedy = f"fixed in {', '.join(advisory['fix_versions'])}" if advisory["fix_versions"] else "not fixed yet"
            yield f"WARNING: {lock}: {package['name']} {package['version']} has advisory {advisory['id']}, {remedy}."
    if checked:
        yield f"{lock}: {len(checked)} of {len(packages)} packages checked for advisories."
    else:
        yield f"{lock}: not checked for advisories; none can be read here."


if __name__ == "__main__":
    main()
