"""The load generator measured by itself: both clients against a server that does nothing, over real sockets."""

import pytest

from bench.commands.calibrate import measure_client
from bench.measure.environment import Cores
from bench.plan.places import LoadPlaces


@pytest.mark.parametrize("client", ["lean", pytest.param("fasthttp", marks=pytest.mark.slow)])
def test_a_client_has_a_rate_of_correct_answers(client):
    measured = measure_client(client, Cores((), ()), LoadPlaces())
    assert measured.rps > 100
    assert 0 < measured.cpu_us < 1e6 / 100
    assert measured.late_us == 0
