"""An enquiry names a passenger and a delay; what another service answers is a record of that passenger, or a failure of its own."""

import json

import pytest

from shared_model import contract
from shared_model.contract import Failure, Kind
from shared_model.enquiry import parse_enquiry, parse_record


def kind_of(function, *arguments):
    """Return the kind of failure; none where the arguments are taken."""
    try:
        function(*arguments)
    except Failure as failure:
        return failure.kind
    return None


def test_an_enquiry_says_where_the_record_is():
    assert parse_enquiry(b'{"passenger": 3, "delay_ms": 20}').path == "/passengers/3?delay_ms=20"


@pytest.mark.parametrize(("passenger", "delay_ms"), [(1, 0), (1_000_000, 1000)])
def test_the_ends_of_the_ranges_are_taken(passenger, delay_ms):
    asked = parse_enquiry(json.dumps({"passenger": passenger, "delay_ms": delay_ms}).encode())
    assert (asked.passenger, asked.delay_ms) == (passenger, delay_ms)


def test_other_keys_are_ignored():
    assert parse_enquiry(b'{"passenger": 1, "delay_ms": 0, "x": NaN}').path == "/passengers/1?delay_ms=0"


def test_anything_else_is_no_enquiry():
    for body in [
        *(b"", b"{", b"[]", b"3", b"null", b"{}", b'[{"passenger": 3, "delay_ms": 20}]', b'{"passenger": 3}', b'{"delay_ms": 20}', b"\xff"),
        *(
            b'{"passenger": %b, "delay_ms": 20}' % value
            for value in (b"0", b"-1", b"1000001", b"1.0", b'"3"', b"true", b"null", b"9" * 400)
        ),
        *(b'{"passenger": 3, "delay_ms": %b}' % value for value in (b"-1", b"1001", b"20.0", b'"20"', b"false", b"NaN", b"[]")),
    ]:
        assert kind_of(parse_enquiry, body) is Kind.NO_ENQUIRY, body


def test_a_record_is_a_passenger_as_the_contract_has_them():
    for record in contract.EXAMPLE:
        assert [parse_record(200, json.dumps(record).encode())] == contract.validate_passengers([record]), record


def test_another_status_is_no_record():
    for status in (204, 302, 404, 500):
        assert kind_of(parse_record, status, json.dumps(contract.EXAMPLE[0]).encode()) is Kind.NO_RECORD, status


def test_another_body_is_no_record():
    for body in (b"", b"{", b"[]", b"<html>", b'{"Age": -1}', b'{"Sex": 1}', b"\xff"):
        assert kind_of(parse_record, 200, body) is Kind.NO_RECORD, body
