"""The load generator measured by itself: both clients against a server that does nothing, over real sockets."""

import pytest

from bench.commands.calibrate import measure_client
from bench.measure.environment import Cores


@pytest.mark.parametrize("client", ["lean", pytest.param("fasthttp", marks=pytest.mark.slow)])
def test_a_client_has_a_rate_of_correct_answers(client):
    assert measure_client(client, Cores((), ())) > 100
