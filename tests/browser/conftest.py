"""The reports that a browser opens: drawn once for the whole session, see `reports`."""

import pytest
from reports import find_reports


@pytest.fixture(scope="session")
def reports(request, tmp_path_factory):
    """Return the reports of this session."""
    return find_reports(request.config, tmp_path_factory.getbasetemp())
