"""Which answers under load are right: those with the bytes or the value that was computed offline, whatever way they are written."""

import pytest

from bench.measure.client import Exchange

VALUE = b'{"prediction": [1], "more": 2}'


@pytest.mark.parametrize(
    ("status", "body", "is_right"),
    [
        pytest.param(200, VALUE, True, id="the very bytes"),
        pytest.param(200, b'{"more":2,"prediction":[1]}\n', True, id="the same value, written another way"),
        pytest.param(200, b'{"prediction":[0],"more":2}', False, id="another value"),
        pytest.param(200, b'{"prediction":[1]}', False, id="less of it"),
        pytest.param(201, VALUE, False, id="another status"),
        pytest.param(200, VALUE[:-1], False, id="cut short"),
        pytest.param(200, b"", False, id="nothing"),
        pytest.param(200, b"[" * 100_000, False, id="too deep to be read"),
    ],
)
def test_an_answer_is_right_if_its_status_and_its_bytes_or_its_value_are(status, body, is_right):
    assert Exchange(b"", 200, VALUE).accepts(status, body) is is_right


def test_the_way_in_which_a_stack_writes_its_answer_is_known_from_the_first_right_one_on():
    exchange, written = Exchange(b"", 200, VALUE), b'{"more":2,"prediction":[1]}'
    assert not exchange.accepts(200, b"{}")
    assert exchange.body == VALUE
    assert exchange.accepts(200, written)
    assert exchange.body == written
    assert exchange.accepts(200, VALUE)  # the value is still the same


def test_a_text_is_right_by_its_bytes_alone():
    assert Exchange(b"", 200, b"well").accepts(200, b"well")
    assert not Exchange(b"", 200, b"1").accepts(200, b"well")
