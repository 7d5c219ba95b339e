"""Order statistics of numbers that lie in pieces: the same as of all of them in memory."""

import math
import tempfile

import numpy as np
import pytest
from disks import small_disk
from hypothesis import given
from hypothesis import strategies as st

from bench.judge.ordered import Ordered, Spool
from bench.records.samples import MIN_SAMPLES, percentile, supported_percentile

INF = math.inf
NUMBERS = st.one_of(st.floats(0, 1e9), st.sampled_from([0.0, 1.0, INF]))
PIECES = st.lists(st.lists(NUMBERS, max_size=20), max_size=6)


def ordered(*pieces):
    return Ordered([np.sort(np.array(piece, dtype=float)) for piece in pieces])


@given(PIECES)
def test_every_number_is_found_at_its_place_whichever_piece_it_lies_in(pieces):
    whole = sorted(value for piece in pieces for value in piece)
    found = ordered(*pieces)
    assert len(found) == len(whole)
    assert found.at(range(len(whole))).tolist() == whole
    finite = [value for value in whole if math.isfinite(value)]
    assert found.count_finite() == len(finite)
    assert found.largest_finite() == (finite[-1] if finite else None)
    for limit in (0.0, 1.0, 1e3, *whole[:1], *finite[-1:]):
        assert found.count_beyond(limit) == sum(value > limit for value in whole)


def test_percentiles_are_those_of_all_pieces_together():
    rng = np.random.default_rng(4)
    pieces = [rng.lognormal(size=size) for size in (1, 700, 0, 6300)]
    whole, found = np.concatenate(pieces), ordered(*pieces)
    quantiles = [0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]
    assert found.percentiles(quantiles) == [percentile(whole, quantile) for quantile in quantiles]
    assert [found.supported_percentile(quantile) for quantile in MIN_SAMPLES] == [
        supported_percentile(whole, quantile) for quantile in MIN_SAMPLES
    ]


@pytest.mark.parametrize(("quantile", "needed"), MIN_SAMPLES.items())
def test_a_percentile_needs_its_samples_and_an_answer(quantile, needed):
    assert ordered(np.ones(needed - 1)).supported_percentile(quantile) is None
    assert ordered(np.ones(needed)).supported_percentile(quantile) == 1
    assert ordered(np.full(needed, INF)).supported_percentile(quantile) is None


def test_nothing_has_no_order():
    nothing = ordered()
    assert (len(nothing), nothing.percentiles([0.5]), nothing.count_finite(), nothing.largest_finite()) == (0, [], 0, None)
    assert nothing.count_beyond(0.0) == 0


def test_a_spool_gives_what_was_put_in_and_closes_without_a_trace():
    spool = Spool()
    assert len(spool.ordered()) == 0
    for piece in ([3.0, 1.0], [], [2.0, INF]):
        spool.add(np.array(piece))
    assert spool.ordered().at(range(4)).tolist() == [1, 2, 3, INF]
    spool.close()


def test_a_full_disk_is_named_and_closing_forgets_what_it_did_not_take(tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk", 64) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        spool = Spool()
        (disk / "filled").write_bytes(bytes(64 * 1024))
        with pytest.raises(OSError, match="No space left on device") as caught:
            spool.add(np.zeros(500))  # fewer than the buffer of the file holds
        assert caught.value.filename == str(disk)
        spool.close()
