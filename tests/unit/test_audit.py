"""What CI says of known advisories: a line for each, and one where they cannot be read."""

import importlib.util
import subprocess

import pytest
from serving import ROOT


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SAFE = {"name": "flask", "version": "3.1.3", "vulns": []}
UNSAFE = {
    "name": "jinja2",
    "version": "3.1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.5", "4.0"]}, {"id": "PYSEC-2", "fix_versions": []}],
}
SKIPPED = {"name": "numpy", "skip_reason": "Dependency not found on PyPI and could not be audited: numpy (2.4.6)"}


@pytest.mark.parametrize(
    ("packages", "lines"),
    [
        ([SAFE, SAFE], ["a.lock: 2 of 2 packages checked for advisories."]),
        ([SAFE, SKIPPED], ["a.lock: 1 of 2 packages checked for advisories."]),
        ([SKIPPED, SKIPPED], ["a.lock: not checked for advisories; none can be read here."]),
        (
            [SAFE, UNSAFE],
            [
                "WARNING: a.lock: jinja2 3.1.0 has advisory PYSEC-1, fixed in 3.1.5, 4.0.",
                "WARNING: a.lock: jinja2 3.1.0 has advisory PYSEC-2, not fixed yet.",
                "a.lock: 2 of 2 packages checked for advisories.",
            ],
        ),
    ],
)
def test_each_advisory_is_a_line_and_then_it_is_said_how_many_packages_were_checked(audit, packages, lines):
    assert list(audit.describe("a.lock", {"dependencies": packages})) == lines


@pytest.mark.parametrize(
    "failure", [subprocess.TimeoutExpired("pip-audit", 1), subprocess.CompletedProcess([], 1, stdout="", stderr="no route")]
)
def test_where_it_cannot_look_one_line_says_so(audit, failure, monkeypatch):
    def run(*_arguments, **_options):
        if isinstance(failure, Exception):
            raise failure
        return failure

    monkeypatch.setattr(audit.subprocess, "run", run)
    [line] = audit.describe("a.lock", audit.read_report("a.lock"))
    assert line == "a.lock: not checked for advisories; none can be read here."
