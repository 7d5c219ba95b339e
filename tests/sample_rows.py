"""Samples for tests: requests of which a test names only what it is about, as the generator records them."""

import numpy as np

from bench.records.samples import SAMPLE_COLUMNS

MS = 1_000_000


def sample_rows(index, sent_ns, service_ns, *, intended_ns=None, connections=1, correct=True, status=200):
    """Return samples in the order of `SAMPLE_COLUMNS`; `sent_ns` and `service_ns` have one entry per request.

    Without `intended_ns` requests are due when they are sent, as in a closed loop.
    """
    sent = np.asarray(sent_ns, dtype=np.int64)
    intended = sent if intended_ns is None else np.asarray(intended_ns, dtype=np.int64)
    rows = np.empty((len(sent), len(SAMPLE_COLUMNS)), dtype=np.int64)
    done = sent + np.asarray(service_ns, dtype=np.int64)
    for place, column in enumerate((index, connections, intended, sent, done, done, status, correct)):
        rows[:, place] = column
    return rows


def unfinished_rows(index, sent_ns, *, intended_ns=None):
    """Return samples of requests that were sent and still unfinished when waiting for them ended."""
    rows = sample_rows(index, sent_ns, [0] * len(sent_ns), intended_ns=intended_ns, correct=False, status=0)
    rows[:, [SAMPLE_COLUMNS.index("first_byte_ns"), SAMPLE_COLUMNS.index("done_ns")]] = 0
    return rows


def not_sent_rows(index, intended_ns):
    """Return samples of requests that were not sent, since too many were under way."""
    rows = unfinished_rows(index, intended_ns)
    rows[:, SAMPLE_COLUMNS.index("sent_ns")] = 0
    rows[:, SAMPLE_COLUMNS.index("connection")] = -1
    return rows


def columns(rows):
    """Return samples as `settled_requests` takes them: by the name of their column."""
    return {name: rows[:, place] for place, name in enumerate(SAMPLE_COLUMNS)}
