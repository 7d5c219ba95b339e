"""The runs that the tests of what is shown look at, with their reports: drawn once for the whole session, see `reports`."""

import pytest
from reports import find_reports
from run_variants import VARIANTS


@pytest.fixture(scope="session")
def reports(request, tmp_path_factory):
    """Return the reports of this session."""
    return find_reports(request.config, tmp_path_factory.getbasetemp())


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in VARIANTS])
def drawn(request, reports):
    """Return the report of each variant of the miniature run; a test may read it, and change nothing in it."""
    return reports.report_of(request.param)


@pytest.fixture
def reported(drawn):
    """Return the folder of each variant with its report in it; a test may read it, and change nothing in it."""
    return drawn.folder


@pytest.fixture
def whole(reports):
    """Return the folder of the miniature run with its report in it; a test may read it, and change nothing in it."""
    return reports.report_of("whole").folder
