"""The Postman collection passes its own tests on both servers; they are read from the collection, so the two cannot part."""

import json
import re
from urllib.parse import urlsplit

import pytest
from serving import ROOT

from shared_model.options import DEFAULT_PORT

COLLECTION = json.loads((ROOT / "docs/postman/collection.json").read_bytes())
ITEMS = {item["name"]: item for item in COLLECTION["item"]}

# Each test of the collection is one line, `pm.test("name", () => ASSERTION);`, with one of these assertions.
TEST = re.compile(r'pm\.test\("[^"]+", \(\) => (?P<assertion>.+)\);')
STATUS = re.compile(r"pm\.response\.to\.have\.status\((\d+)\)")
HEADER = re.compile(r'pm\.expect\(pm\.response\.headers\.get\("([\w-]+)"\)\)\.to\.eql\((".+")\)')
TEXT = re.compile(r'pm\.expect\(pm\.response\.text\(\)\)\.to\.eql\((".+")\)')
VALUE = re.compile(r"pm\.expect\(pm\.response\.json\(\)\)\.to\.eql\((.+)\)")
MEMBER = re.compile(r"pm\.expect\(pm\.response\.json\(\)\.(\w+)\)\.to\.eql\((.+)\)")
LENGTH = re.compile(r"pm\.expect\(pm\.response\.json\(\)\.(\w+)\)\.to\.have\.lengthOf\((\d+)\)")


def observed_and_expected(line, answer):
    """Return both sides of a test line; an unknown line is an error."""
    status, headers, body = answer
    test = TEST.fullmatch(line)
    assertion = test["assertion"] if test else line
    if found := STATUS.fullmatch(assertion):
        return status, int(found[1])
    if found := HEADER.fullmatch(assertion):
        return headers.get(found[1].lower()), json.loads(found[2])
    if found := TEXT.fullmatch(assertion):
        return body.decode(), json.loads(found[1])
    if found := VALUE.fullmatch(assertion):
        return json.loads(body), json.loads(found[1])
    if found := MEMBER.fullmatch(assertion):
        return json.loads(body)[found[1]], json.loads(found[2])
    if found := LENGTH.fullmatch(assertion):
        return len(json.loads(body)[found[1]]), int(found[2])
    message = f"unknown test line: {line}"
    raise ValueError(message)


def lines_of_test(item):
    [event] = item["event"]
    assert event["listen"] == "test"
    return event["script"]["exec"]


def replay(server, request):
    """Send a request of the collection as Postman would, but for its own headers."""
    url = request["url"]["raw"].replace("{{baseUrl}}", f"http://127.0.0.1:{server.port}")
    body = request["body"]["raw"].encode() if "body" in request else None
    return server.request(request["method"], urlsplit(url).path, body, {header["key"]: header["value"] for header in request["header"]})


@pytest.mark.parametrize("application", ["flask-gthread", "fastapi-uvicorn"])
def test_every_request_passes_its_tests(start, application):
    for name, item in ITEMS.items():
        answer = replay(start(application), item["request"])
        for line in lines_of_test(item):
            observed, expected = observed_and_expected(line, answer)
            assert observed == expected, f"{name}: {line}"


def test_every_request_tests_status_media_type_and_body():
    for name, item in ITEMS.items():
        assertions = [TEST.fullmatch(line)["assertion"] for line in lines_of_test(item)]
        assert sum(assertion.startswith("pm.response.to.have.status(") for assertion in assertions) == 1, name
        assert sum(assertion.startswith('pm.expect(pm.response.headers.get("Content-Type"))') for assertion in assertions) == 1, name
        assert any(assertion.startswith(("pm.expect(pm.response.json()", "pm.expect(pm.response.text()")) for assertion in assertions), name


def test_the_collection_is_of_format_2_1_and_asks_the_default_port():
    assert COLLECTION["info"]["schema"] == "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    assert COLLECTION["variable"] == [{"key": "baseUrl", "value": f"http://127.0.0.1:{DEFAULT_PORT}"}]


def test_no_two_requests_have_one_name():
    assert len(ITEMS) == len(COLLECTION["item"])
