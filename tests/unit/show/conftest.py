"""Runs with their reports, drawn once for all tests of a file."""

import pytest
from run_variants import VARIANTS, copy_run

from bench.show.report import write_report


@pytest.fixture(params=VARIANTS, scope="module")
def reported(request, tmp_path_factory):
    """Return each variant of the miniature run with its report; a test may read it, and change nothing in it."""
    folder = VARIANTS[request.param](tmp_path_factory.mktemp("run") / request.param)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the miniature run with its report; a test may read it, and change nothing in it."""
    folder = copy_run(tmp_path_factory.mktemp("whole") / "run")
    write_report(folder)
    return folder
