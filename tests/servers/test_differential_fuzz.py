"""Hundreds of broken bodies, or thousands, the same to Flask and to FastAPI: never a 5xx, never a hang, never a difference.

`make fuzz` sends many thousands, other ones each time.
"""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import FUZZ_REQUESTS, JSON, message

from shared_model import contract

SEEDS = [
    json.dumps(contract.EXAMPLE).encode(),
    json.dumps([{}, {"Age": None, "Sex": " 'Male' ", "Embarked": "q", "Name": "Zo\xeb"}], ensure_ascii=False).encode(),
    b'[{"Age":0.5e1,"Sex":"female"},{"Embarked":"S","x":{"y":[1,true,null]}}]',
    '[{"Age": 3, "Sex": "male"}]'.encode("utf-16"),
    b'\xef\xbb\xbf[{"Age": 120}]',
]
FRAGMENTS = [
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"'", b" ", b"\n", b"\0", b"-", b".", b"e9", b"E400", b"00"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b'"Age"', b'"Sex":', b'"Embarked":', b'"male"', b"{}", b"[[]]", b"1e999"),
    *(b"\\u0000", b"\\ud800", b"\\udc00\\ud800", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe\0\0"),
    *(b"9" * 400, b"9" * 4299, b"9" * 4301, b"[" * 100, b"[" * 5000, b'{"Age":' * 5000),
]

# --- bodies ---------------------------------------------------------------------------------------------------------


def mutate(body, kind, place, fragment):
    """Return a body with one fault; places are counted around the end."""
    place %= len(body) + 1
    if kind == "insert":
        return body[:place] + fragment + body[place:]
    if kind == "replace":
        return body[:place] + fragment + body[place + len(fragment) :]
    if kind == "delete":
        return body[:place] + body[place + len(fragment) :]
    if kind == "truncate":
        return body[:place]
    if kind == "flip":
        return body[:place] + bytes(byte ^ (1 << fragment[0] % 8) for byte in body[place : place + 1]) + body[place + 1 :]
    other = SEEDS[fragment[0] % len(SEEDS)]
    return body[:place] + other[place % len(other) :]


MUTATIONS = st.tuples(
    st.sampled_from(["insert", "replace", "delete", "truncate", "flip", "splice"]),
    st.integers(0, 400),
    st.sampled_from(FRAGMENTS) | st.binary(min_size=1, max_size=8),
)


@st.composite
def mutated_bodies(draw):
    body = draw(st.sampled_from(SEEDS))
    for mutation in draw(st.lists(MUTATIONS, min_size=1, max_size=5)):
        body = mutate(body, *mutation)
    return body


WORDS = st.sampled_from(["male", "FEMALE", ' "female" ', "'q'", "s", "C", "", '""', "x", "\u017f", "\xa0male", "24", "\ud800"])
SCALARS = st.none() | st.booleans() | st.integers() | st.integers(0, 121) | st.floats() | st.floats(-1, 121) | WORDS | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6
)
KEYS = st.sampled_from(["Age", "Sex", "Embarked", "age", "Name", "", "\ud800"])
RECORDS = st.dictionaries(KEYS, SCALARS, max_size=4) | st.dictionaries(KEYS, VALUES, max_size=4) | VALUES
DOCUMENTS = st.lists(RECORDS, max_size=6) | VALUES


@st.composite
def generated_bodies(draw):
    text = json.dumps(draw(DOCUMENTS), ensure_ascii=draw(st.booleans()))
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32-be"])), "surrogatepass")


PATHS = st.sampled_from(["/predict", "/predict_proba"])


# --- comparison -----------------------------------------------------------------------------------------------------


class Pair:
    """One kept-alive connection to each server; both are made anew after a failure, so that the next body starts clean."""

    def __init__(self, servers):
        self.servers = servers
        self.connections = [server.connect() for server in servers]

    def ask(self, request):
        try:
            return [connection.ask(request).value() for connection in self.connections]
        except Exception:
            self.close()
            self.connections = [server.connect() for server in self.servers]
            raise

    def close(self):
        for connection in self.connections:
            connection.socket.close()


@pytest.fixture(scope="module")
def pair(start):
    both = Pair([start("flask-gthread"), start("fastapi-uvicorn")])
    yield both
    both.close()


def assert_equal_answers(pair, request):
    flask, fastapi = pair.ask(request)
    assert flask == fastapi
    assert flask[0] in {200, 400, 413, 415, 422}


def examples_of(share):
    """Let a test try hundreds of examples each time, thousands when there is time for what is slow, or its share of `make fuzz`."""
    counts = (
        [round(FUZZ_REQUESTS * share)] if FUZZ_REQUESTS else [round(450 * share), pytest.param(round(3400 * share), marks=pytest.mark.slow)]
    )
    return pytest.mark.parametrize("count", counts)


def examples(count):
    always_the_same = not FUZZ_REQUESTS
    return settings(max_examples=count, derandomize=always_the_same, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@examples_of(0.42)
def test_mutated_bodies_are_answered_alike(pair, count):
    @examples(count)
    @given(body=mutated_bodies(), path=PATHS)
    def assert_alike(body, path):
        assert_equal_answers(pair, message("POST", path, body, Content_Type=JSON, Content_Length=str(len(body))))

    assert_alike()


@examples_of(0.42)
def test_generated_documents_are_answered_alike(pair, count):
    @examples(count)
    @given(body=generated_bodies(), path=PATHS)
    def assert_alike(body, path):
        assert_equal_answers(pair, message("POST", path, body))

    assert_alike()


TYPES = ["application/json", "Application/Problem+JSON; charset=utf-8", "application/x.y-z+json;a=b;c", "text/json", "multipart/form-data"]
VISIBLE = st.characters(min_codepoint=32, max_codepoint=126)


@examples_of(0.16)
def test_content_types_are_judged_alike(pair, count):
    @examples(count)
    @given(
        start_=st.sampled_from(["", *TYPES]),
        cut=st.integers(0, 40),
        middle=st.text(VISIBLE, max_size=4) | st.sampled_from(["+json", ";", "/", '"', "\t", "charset=utf-16", "\xe9"]),
        end=st.sampled_from(["", *TYPES]),
    )
    def assert_alike(start_, cut, middle, end):
        content_type = start_[:cut] + middle + end[cut:]
        assert_equal_answers(pair, message("POST", "/predict", SEEDS[0], Content_Type=content_type))

    assert_alike()
