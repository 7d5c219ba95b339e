"""The HTTP contract, over real sockets, the same on every stack: status, media type and JSON value are exact."""

import contextlib
import itertools
import json
import re

import pytest
from serving import JSON, message

from shared_model import Options, Service, contract
from shared_model.engines import DEFAULT_ENGINE

PROBLEM = "application/problem+json"
ARTICLE = (
    b'[{"Age": 85, "Sex": "male", "Embarked": "S"}, {"Age": 24, "Sex": "\\"female\\"", "Embarked": "C"},'
    b' {"Age": 3, "Sex": "male", "Embarked": "C"}, {"Age": 21, "Sex": "male", "Embarked": "S"}]'
)
PLAIN = b'[{"Age": 24, "Sex": "female", "Embarked": "Q"}]'
LIMIT = 1024 * 1024
STALL_S = 1.5  # shorter than the 2 s for which gunicorn may wait for a client to close
ENDLESS_BYTES = 32 * LIMIT  # what is sent of a body without end, and far more than the buffers of a connection hold
READ_ROUTES = ["/", "/livez", "/readyz", "/model"]
WRITE_ROUTES = ["/predict", "/predict_proba"]


def problem(status, title, detail, **more):
    return status, PROBLEM, {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


def invalid(*errors, omitted=0):
    listed = [{"pointer": pointer, "message": text} for pointer, text in errors]
    detail = "The body is JSON, but not a valid array of passengers; see errors."
    return problem(422, "Unprocessable Content", detail, errors=listed, errors_omitted=omitted)


OK = (200, JSON, {"status": "ok"})
PREDICTED = (200, JSON, {"prediction": [0, 1, 1, 0]})
MALFORMED = problem(400, "Bad Request", "The body is not JSON. Send an array of passengers as JSON text in UTF-8.")
NOT_FOUND = problem(404, "Not Found", "There is nothing at this address.")
NOT_ALLOWED = problem(405, "Method Not Allowed", "This address does not take this method; see the Allow header.")
TOO_LARGE = problem(413, "Content Too Large", "The body is larger than 1 MiB. Send the passengers in several requests.")
NOT_JSON = problem(415, "Unsupported Media Type", "Send the body as application/json, without content encoding.")
NOT_READY = problem(503, "Service Unavailable", "The model is not ready. The server's log says what to do.")

WHOLE = "must be an array of 1 to 1000 passengers"
RECORD = "must be an object with the keys Age, Sex and Embarked"
AGE = "must be a number from 0 to 120, or null"
SEX = "must be male or female, or null"
EMBARKED = "must be C, Q or S, or null"


def chunked(chunks, end=b"0\r\n\r\n", path="/predict", **fields):
    head = message("POST", path, Content_Type=JSON, Transfer_Encoding="chunked", **fields)
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


@pytest.fixture(scope="session")
def service():
    return Service(Options())


def assert_answers(stack, table):
    """Ask each request of a table of (request, expected) on a connection of its own; name all that get another answer."""
    wrong = []
    for request, expected in table:
        try:
            answer = stack.ask(request).value()
        except (OSError, ValueError) as error:
            answer = error
        if answer != expected:
            wrong.append(f"{request[:200]!r} ({len(request)} bytes): {answer!r}")
    assert wrong == []


# --- what is asked for ----------------------------------------------------------------------------------------------


def test_the_articles_example_gives_its_predictions(stack):
    assert stack.ask(message("POST", "/predict", ARTICLE)).value() == PREDICTED


def test_predictions_are_json_integers(stack):
    assert re.sub(rb"\s", b"", stack.ask(message("POST", "/predict", ARTICLE)).body) == b'{"prediction":[0,1,1,0]}'


def test_the_articles_example_gives_the_models_probabilities(stack, service):
    expected = service.predict_proba(contract.validate_passengers(json.loads(ARTICLE)))
    assert stack.ask(message("POST", "/predict_proba", ARTICLE)).value() == (200, JSON, {"probability": expected})


def test_the_root_welcomes(stack):
    answer = stack.ask(message("GET", "/"))
    expected = (200, "text/plain; charset=utf-8", b"Welcome to machine learning model APIs!")
    assert (answer.status, answer.headers["content-type"], answer.body) == expected


def test_health_is_ok(stack):
    assert_answers(stack, [(message("GET", path), OK) for path in ("/livez", "/readyz")])


def test_the_model_card_is_that_of_the_model(stack, service):
    assert stack.ask(message("GET", "/model")).value() == (200, JSON, service.model_card())


def test_the_model_card_is_strict_json(stack):
    def refuse(constant):
        pytest.fail(f"{constant} is no JSON")

    json.loads(stack.ask(message("GET", "/model")).body, parse_constant=refuse)


def test_head_is_get_without_body(stack):
    for path in READ_ROUTES:
        with stack.connect() as connection:
            head = connection.ask(message("HEAD", path))
            get = connection.ask(message("GET", path))
        assert (head.status, head.headers["content-type"], head.body) == (200, get.headers["content-type"], b""), path


def test_spellings_of_a_passenger_are_one_passenger(stack):
    for spelled, plain in [
        ({}, {"Age": None, "Sex": None, "Embarked": None}),
        ({"Age": 24.0, "Sex": " FEMALE\t", "Embarked": "q"}, {"Age": 24, "Sex": "female", "Embarked": "Q"}),
        ({"Age": 2.4e1, "Sex": "'female'", "Embarked": '"Q"'}, {"Age": 24, "Sex": "female", "Embarked": "Q"}),
        ({"Age": 24, "Sex": "Female", "Embarked": " 'q' "}, {"Age": 24, "Sex": "female", "Embarked": "Q"}),
        ({"Age": 0, "Embarked": "c"}, {"Age": 0, "Sex": None, "Embarked": "C"}),
        ({"Age": -0.0}, {"Age": 0}),
        ({"Age": 120, "Name": {"any": ["thing", 1e400]}}, {"Age": 120}),
    ]:
        both = json.dumps([spelled, plain]).encode()
        status, _, answer = stack.ask(message("POST", "/predict_proba", both)).value()
        assert (status, answer["probability"][0]) == (200, answer["probability"][1]), spelled


def test_a_body_may_hold_1_to_1000_passengers(stack):
    for count in (1, 1000):
        body = json.dumps([{}] * count).encode()
        assert len(stack.ask(message("POST", "/predict", body)).value()[2]["prediction"]) == count


def test_json_types_are_taken(stack):
    types = [JSON, "APPLICATION/Json", "application/json; charset=latin-1", "application/vnd.x+json;v=1"]
    assert_answers(stack, [(message("POST", "/predict", ARTICLE, Content_Type=content_type), PREDICTED) for content_type in types])


def test_the_identity_encoding_is_taken(stack):
    encodings = ["", "identity", " Identity "]
    assert_answers(stack, [(message("POST", "/predict", ARTICLE, Content_Encoding=encoding), PREDICTED) for encoding in encodings])


def test_unicode_encodings_are_recognised(stack):
    encodings = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
    assert_answers(stack, [(message("POST", "/predict", ARTICLE.decode().encode(encoding)), PREDICTED) for encoding in encodings])


def test_ignored_keys_may_hold_anything(stack):
    bodies = [
        b'[{"Age": 24, "Sex": "female", "Embarked": "Q", "x": %b, "\\ud800": 1}]' % value
        for value in (b"NaN", b"Infinity", b"-Infinity", b'"\\ud800"', b"1" * 4300, b"[[[[{}]]]]")
    ]
    plain = stack.ask(message("POST", "/predict", PLAIN)).value()
    assert_answers(stack, [(message("POST", "/predict", body), plain) for body in bodies])


def test_the_last_of_repeated_names_wins(stack):
    body = b'[{"Age": "old", "Sex": "none", "Age": 24, "Sex": "female", "Embarked": "X", "Embarked": "Q"}]'
    assert stack.ask(message("POST", "/predict", body)).value() == stack.ask(message("POST", "/predict", PLAIN)).value()


def test_a_query_string_changes_nothing(stack):
    assert stack.ask(message("POST", "/predict?a=%ff&b", ARTICLE)).status == 200


def test_an_encoded_path_is_the_path(stack):
    assert stack.ask(message("POST", "/%70redict", ARTICLE)).status == 200


# --- what is refused ------------------------------------------------------------------------------------------------


def test_a_path_with_more_slashes_is_another_path(stack):
    paths = ["//livez", "///livez", "//", "/livez//", "//localhost/livez", "//predict"]
    assert_answers(stack, [(message("GET", path), NOT_FOUND) for path in paths])


UNKNOWN_METHODS = ["GET", "POST", "OPTIONS", "DELETE"]


def test_an_unknown_path_is_not_found(stack):
    paths = ["/nope", "/Predict", "/%FF"]
    assert_answers(stack, [(message(method, path), NOT_FOUND) for path in paths for method in UNKNOWN_METHODS])


def test_a_path_that_is_nearly_a_known_one_is_not_found(stack):
    paths = ["/predict/", "//predict", "/%2Fpredict", "/predict//", "/predict%0A", "/predict%2F", "/livez/"]
    assert_answers(stack, [(message(method, path), NOT_FOUND) for path in paths for method in UNKNOWN_METHODS])


def test_a_head_request_to_an_unknown_path_is_not_found(stack):
    answer = stack.ask(message("HEAD", "/nope"))
    assert (answer.status, answer.headers["content-type"], answer.body) == (404, PROBLEM, b"")


@pytest.mark.parametrize("path", [*READ_ROUTES, *WRITE_ROUTES])
def test_a_method_that_a_route_does_not_take_is_not_allowed(stack, path):
    other, taken = ("POST", "GET") if path in READ_ROUTES else ("GET", "POST")
    for method in (other, "PUT", "PATCH", "DELETE"):
        answer = stack.ask(message(method, path))
        assert (answer.value(), taken in answer.headers["allow"]) == (NOT_ALLOWED, True), method


@pytest.mark.parametrize("path", [*READ_ROUTES, *WRITE_ROUTES])
def test_the_methods_that_a_route_takes_are_named_and_no_others(stack, path):
    other, allow = ("POST", "GET, HEAD") if path in READ_ROUTES else ("GET", "POST")
    for method in (other, "PUT", "OPTIONS", "TRACE"):
        answer = stack.ask(message(method, path))
        assert (answer.value(), answer.headers["allow"]) == (NOT_ALLOWED, allow), method


def test_head_is_not_allowed_where_get_is_not(stack):
    for path in WRITE_ROUTES:
        answer = stack.ask(message("HEAD", path))
        assert (answer.status, answer.headers["content-type"], answer.headers["allow"], answer.body) == (405, PROBLEM, "POST", b""), path


def test_a_length_over_the_limit_is_refused_before_the_body_is_sent(stack):
    announced = {"Content_Type": JSON, "Content_Length": str(LIMIT + 1)}
    assert_answers(stack, [(message("POST", path, **announced), TOO_LARGE) for path in WRITE_ROUTES])


def test_a_chunked_body_over_the_limit_is_refused(stack):
    assert stack.ask(chunked([ARTICLE.ljust(LIMIT + 1)])).value() == TOO_LARGE


def test_a_chunked_body_over_the_limit_is_refused_before_its_end(stack):
    assert stack.ask(chunked([b" " * (LIMIT + 8192)], end=b"")).value() == TOO_LARGE


def test_valid_json_up_to_the_limit_does_not_hide_what_follows(stack):
    assert stack.ask(chunked([ARTICLE.ljust(LIMIT), b"]"])).value() == TOO_LARGE


def test_a_body_at_the_limit_is_taken(stack):
    assert stack.ask(message("POST", "/predict", ARTICLE.ljust(LIMIT))).value() == PREDICTED


def test_a_chunked_body_at_the_limit_is_taken(stack):
    assert stack.ask(chunked([ARTICLE.ljust(LIMIT)])).value() == PREDICTED


def test_another_type_is_refused(stack):
    types = ["text/plain", "text/json", "json", "application/", "application/jsonx"]
    assert_answers(stack, [(message("POST", "/predict", ARTICLE, Content_Type=content_type), NOT_JSON) for content_type in types])


def test_a_type_that_is_nearly_json_is_refused(stack):
    types = ["", "application/+json", "application/json, text/plain"]
    assert_answers(stack, [(message("POST", "/predict", ARTICLE, Content_Type=content_type), NOT_JSON) for content_type in types])


def test_a_missing_type_is_refused(stack):
    request = message("POST", "/predict", ARTICLE).replace(b"Content-Type: application/json\r\n", b"")
    assert stack.ask(request).value() == NOT_JSON


def test_a_broken_form_is_refused_by_its_type(stack):
    request = message("POST", "/predict", b"\x80", Content_Type="application/x-www-form-urlencoded")
    assert stack.ask(request).value() == NOT_JSON


def test_a_content_encoding_is_refused(stack):
    encodings = ["gzip", "br", "identity, gzip", "*"]
    assert_answers(stack, [(message("POST", "/predict", ARTICLE, Content_Encoding=encoding), NOT_JSON) for encoding in encodings])


def test_a_body_that_is_no_json_is_malformed(stack):
    bodies = [
        b" ",
        b"\xef\xbb\xbf",
        b"[{",
        ARTICLE[:-1],
        ARTICLE + b"]",
        b"[{}]\x00",
        b'[{"Name": "\xff"}]',
        b'[{"Name": "\x01"}]',
        b"[{'Age': 1}]",
        b'[{"Age": 01}]',
        b'[{"Age": nan}]',
        b"Age=85&Sex=male",
        b'[{"Age": %b}]' % (b"1" * 4301),
        b'[{"x": %b}]' % (b"1" * 4301),
    ]
    assert_answers(stack, [(message("POST", "/predict", body), MALFORMED) for body in bodies])


def test_json_that_is_nested_deeper_than_the_parser_goes_is_malformed(stack):
    bodies = [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000]
    assert_answers(stack, [(message("POST", "/predict", body), MALFORMED) for body in bodies])


def test_an_empty_body_is_malformed(stack):
    empty = message("POST", "/predict", Content_Type=JSON, Content_Length="0")
    assert_answers(stack, [(request, MALFORMED) for request in (empty, chunked([]))])


def test_a_post_without_a_body_is_malformed(stack):
    assert stack.ask(message("POST", "/predict", Content_Type=JSON)).value() == MALFORMED


INVALID = [
    (b"{}", [("", WHOLE)]),
    (b"[]", [("", WHOLE)]),
    (b"null", [("", WHOLE)]),
    (b"true", [("", WHOLE)]),
    (b"1", [("", WHOLE)]),
    (b"NaN", [("", WHOLE)]),
    (b'"[{\\"Age\\": 85}]"', [("", WHOLE)]),
    (b'{"Age": 85}', [("", WHOLE)]),
    (json.dumps([{}] * 1001).encode(), [("", WHOLE)]),
    (json.dumps([{"Age": -1}] * 1001).encode(), [("", WHOLE)]),
    (b'[1, "x", null, [], [1], true, {}]', [(f"/{place}", RECORD) for place in range(6)]),
    (b'[{"Age": "85"}]', [("/0/Age", AGE)]),
    (b'[{"Age": true}]', [("/0/Age", AGE)]),
    (b'[{"Age": []}]', [("/0/Age", AGE)]),
    (b'[{"Age": {"Age": 1}}]', [("/0/Age", AGE)]),
    (b'[{"Age": -0.1}]', [("/0/Age", AGE)]),
    (b'[{"Age": 120.0000001}]', [("/0/Age", AGE)]),
    (b'[{"Age": NaN}]', [("/0/Age", AGE)]),
    (b'[{"Age": Infinity}]', [("/0/Age", AGE)]),
    (b'[{"Age": -Infinity}]', [("/0/Age", AGE)]),
    (b'[{"Age": 1e400}]', [("/0/Age", AGE)]),
    (b'[{"Age": %b}]' % (b"1" * 4300), [("/0/Age", AGE)]),
    (b'[{"Sex": "   "}]', [("/0/Sex", SEX)]),
    (b'[{"Sex": "\\"male"}]', [("/0/Sex", SEX)]),
    (b'[{"Sex": "\\"\\"male\\"\\""}]', [("/0/Sex", SEX)]),
    (b'[{"Sex": "\\ud800"}]', [("/0/Sex", SEX)]),
    (b'[{"Sex": 1}]', [("/0/Sex", SEX)]),
    (b'[{"Sex": ["male"]}]', [("/0/Sex", SEX)]),
    (b'[{"Sex": NaN}]', [("/0/Sex", SEX)]),
    (b'[{"Embarked": "\\"\\""}]', [("/0/Embarked", EMBARKED)]),
    (b'[{"Embarked": "Southampton"}]', [("/0/Embarked", EMBARKED)]),
    (b'[{"Embarked": "\\u017f"}]', [("/0/Embarked", EMBARKED)]),
    (b'[{"Embarked": false}]', [("/0/Embarked", EMBARKED)]),
    (b'[{}, {"Embarked": 0, "Sex": 0, "Age": ""}, 7]', [("/1/Age", AGE), ("/1/Sex", SEX), ("/1/Embarked", EMBARKED), ("/2", RECORD)]),
]


@pytest.mark.parametrize("path", WRITE_ROUTES)
def test_invalid_passengers_are_named_one_by_one(stack, path):
    assert_answers(stack, [(message("POST", path, body), invalid(*errors)) for body, errors in INVALID])


def test_the_first_100_errors_are_listed_and_the_rest_is_counted(stack):
    body = json.dumps([{"Age": -1, "Sex": "", "Embarked": ""}] * 1000).encode()
    pointers = [
        (f"/{record}/{field}", text) for record in range(34) for field, text in [("Age", AGE), ("Sex", SEX), ("Embarked", EMBARKED)]
    ]
    assert stack.ask(message("POST", "/predict", body)).value() == invalid(*pointers[:100], omitted=2900)


def test_errors_are_omitted_from_the_101st_on(stack):
    for count, omitted in [(100, 0), (101, 1)]:
        body = json.dumps([{"Age": -1}] * count).encode()
        expected = invalid(*[(f"/{record}/Age", AGE) for record in range(100)], omitted=omitted)
        assert stack.ask(message("POST", "/predict", body)).value() == expected, count


# --- the order of judgement -----------------------------------------------------------------------------------------

JUDGEMENTS = {
    404: NOT_FOUND,
    405: NOT_ALLOWED,
    413: TOO_LARGE,
    415: NOT_JSON,
    400: MALFORMED,
    422: invalid(("/0/Age", AGE)),
    503: NOT_READY,
}
BODIES = {400: b'[{"Age": -1}', 422: b'[{"Age": -1}]'}


def faulty(faults):
    """Return a request with these faults and no other; a body over the limit is announced, not sent."""
    path = "/nope" if 404 in faults else "/predict"
    method = "PUT" if 405 in faults else "POST"
    body = next((BODIES[fault] for fault in BODIES if fault in faults), ARTICLE)
    fields = {"Content_Type": "text/plain"} if 415 in faults else {}
    if 413 in faults:
        return message(method, path, body, **fields, Content_Length=str(LIMIT + 1))
    return message(method, path, body, **fields)


# A body cannot be malformed and invalid at once. 404 or 405 may wait for a body that is announced: they have a test of their own below.
EXCLUDED = [(400, 422), (404, 413), (405, 413)]
PAIRS = [pair for pair in itertools.combinations([404, 405, 413, 415, 400, 422], 2) if pair not in EXCLUDED]


def test_of_two_faults_the_first_in_the_order_is_answered(stack):
    assert_answers(stack, [(faulty(pair), JUDGEMENTS[pair[0]]) for pair in PAIRS])


def test_every_other_fault_is_answered_before_a_missing_model(stack_without_model):
    assert_answers(stack_without_model, [(faulty({fault}), JUDGEMENTS[fault]) for fault in JUDGEMENTS if fault != 503])


def test_path_and_method_are_judged_before_the_size(stack):
    lines = [("POST", "/nope", 404), ("POST", "/livez", 405), ("PUT", "/predict", 405)]
    assert_answers(stack, [(message(method, path, ARTICLE.ljust(LIMIT + 1)), JUDGEMENTS[first]) for method, path, first in lines])


# --- nothing is echoed ----------------------------------------------------------------------------------------------


def test_no_answer_holds_what_was_sent(stack):
    for request in [
        message("POST", "/marker7", ARTICLE),
        message("PUT", "/predict?marker7", ARTICLE),
        message("POST", "/predict", b"marker7"),
        message("POST", "/predict", ARTICLE, Content_Type="text/marker7"),
        message("POST", "/predict", ARTICLE, Content_Encoding="marker7"),
        message("POST", "/predict", b'"marker7"'),
        message("POST", "/predict", b'["marker7"]'),
        message("POST", "/predict", b'[{"Age": "marker7", "Sex": "marker7", "Embarked": "marker7", "marker7": 1}]'),
        message("POST", "/predict", b'[{"Age": {"marker7": 1}}]'),
    ]:
        answer = stack.ask(request)
        assert b"marker7" not in answer.body, request
        assert "marker7" not in str(answer.headers), request


def test_a_request_id_is_echoed(stack):
    request_id = "".join(map(chr, range(33, 127)))
    for request in (message("GET", "/livez"), message("GET", "/nope"), message("POST", "/predict", b"[]")):
        request_with_id = request.replace(b"\r\n", f"\r\nX-Request-ID: {request_id}\r\n".encode(), 1)
        assert stack.ask(request_with_id).headers["x-request-id"] == request_id, request


def test_a_request_id_of_128_characters_is_echoed(stack):
    assert stack.ask(message("GET", "/", X_Request_ID="a b" + "x" * 125)).headers["x-request-id"] == "a b" + "x" * 125


def test_another_request_id_is_not_echoed(stack):
    for request_id in ("", "x" * 129, "caf\xe9", "a\tb"):
        answer = stack.ask(message("GET", "/", X_Request_ID=request_id))
        assert (answer.status, answer.headers.get("x-request-id")) == (200, None), request_id


def test_without_a_request_id_none_is_sent(stack):
    assert "x-request-id" not in stack.ask(message("POST", "/predict", ARTICLE)).headers


# --- settings: no model, timing, engines ----------------------------------------------------------------------------


def test_without_a_model_what_needs_it_is_unavailable(stack_without_model):
    for method, path in [*(("GET", path) for path in ("/readyz", "/model")), *(("POST", path) for path in WRITE_ROUTES)]:
        answer = stack_without_model.ask(message(method, path, ARTICLE if method == "POST" else b""))
        assert (answer.value(), answer.headers["retry-after"]) == (NOT_READY, "5"), path


def test_without_a_model_head_is_unavailable_too(stack_without_model):
    for path in ("/readyz", "/model"):
        answer = stack_without_model.ask(message("HEAD", path))
        assert (answer.status, answer.headers["content-type"], answer.headers["retry-after"], answer.body) == (503, PROBLEM, "5", b""), path


def test_without_a_model_the_server_lives(stack_without_model):
    assert stack_without_model.ask(message("GET", "/livez")).value() == OK


def test_without_a_model_the_root_welcomes(stack_without_model):
    assert stack_without_model.ask(message("GET", "/")).status == 200


def test_without_a_model_the_log_says_once_what_to_run(stack_without_model, empty_folder):
    [line] = [line for line in stack_without_model.log.read_text().splitlines() if "not ready" in line]
    assert line.startswith("The model is not ready: ")
    assert line.endswith(f" Run: python -m shared_model.train --out {empty_folder}")


def test_timing_is_sent_when_it_is_switched_on(stack_with_settings):
    for path in WRITE_ROUTES:
        answer = stack_with_settings.ask(message("POST", path, ARTICLE))
        assert re.fullmatch(r"preprocess;dur=\d+\.\d+, predict;dur=\d+\.\d+", answer.headers["server-timing"]), path


def test_timing_is_off_by_default(stack):
    assert "server-timing" not in stack.ask(message("POST", "/predict", ARTICLE)).headers


# Which engine computes is not seen by an adapter: one that is light stands for those that import scikit-learn.
MODEL_ENGINES = ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sklearn", "pandas"))]
ALL_ENGINES = [*MODEL_ENGINES, pytest.param("forest", marks=pytest.mark.slow)]


@pytest.fixture
def stack_with_settings(stack_name, start):
    """Each stack with its time told, and an engine whose answers no other gives."""
    return start(stack_name, SERVE_TIMING="1", SERVE_ENGINE="constant")


@pytest.fixture(params=["flask-gthread", "fastapi-uvicorn"])
def start_with(request, start):
    """Return a function that gives the running server of either framework with an engine."""
    return lambda engine: start(request.param, **({} if engine == DEFAULT_ENGINE else {"SERVE_ENGINE": engine}))


def test_the_engine_that_is_asked_for_computes(stack_with_settings):
    expected = Service(Options(engine="constant")).predict_proba(contract.validate_passengers(json.loads(ARTICLE)))
    assert stack_with_settings.ask(message("POST", "/predict_proba", ARTICLE)).value() == (200, JSON, {"probability": expected})


@pytest.mark.parametrize("engine", ALL_ENGINES)
def test_every_engine_gives_the_articles_predictions_as_integers(start_with, engine):
    answer = start_with(engine).ask(message("POST", "/predict", ARTICLE))
    assert (answer.status, re.sub(rb"\s", b"", answer.body)) == (200, b'{"prediction":[0,1,1,0]}')


@pytest.mark.parametrize("engine", ALL_ENGINES)
def test_every_engine_gives_its_own_probabilities_as_numbers(start_with, engine):
    expected = Service(Options(engine=engine)).predict_proba(contract.validate_passengers(json.loads(ARTICLE)))
    status, _, answer = start_with(engine).ask(message("POST", "/predict_proba", ARTICLE)).value()
    assert (status, answer["probability"]) == (200, pytest.approx(expected, abs=1e-12))


@pytest.mark.parametrize("engine", MODEL_ENGINES)
def test_engines_of_the_same_model_agree(start_with, engine, service):
    expected = service.predict_proba(contract.validate_passengers(json.loads(ARTICLE)))
    answer = start_with(engine).ask(message("POST", "/predict_proba", ARTICLE))
    assert answer.value()[2]["probability"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("engine", ALL_ENGINES)
@pytest.mark.parametrize("path", WRITE_ROUTES)
def test_a_passenger_is_judged_alike_alone_and_in_any_company(start_with, engine, path):
    record, others = json.loads(PLAIN)[0], [{"Age": 40, "Sex": "male", "Embarked": "S"}, {}]
    crowd = others * 500
    for place in (0, 499, 999):
        crowd[place] = record
    [alone] = results(start_with(engine), path, [record])
    together = results(start_with(engine), path, crowd)
    assert [together[place] for place in (0, 499, 999)] == pytest.approx([alone] * 3, abs=1e-9)


def results(stack, path, passengers):
    [values] = stack.ask(message("POST", path, json.dumps(passengers).encode())).value()[2].values()
    return values


# --- framing: what is on the wire -----------------------------------------------------------------------------------


def test_chunks_of_one_byte_with_extension_and_trailer_are_one_body(stack):
    chunks = b"".join(b"1;note=x\r\n%c\r\n" % byte for byte in ARTICLE)
    request = chunked([], chunks + b"0\r\nX-Check: done\r\n\r\n", Trailer="X-Check")
    assert stack.ask(request).value() == PREDICTED


def test_a_request_sent_byte_by_byte_is_one_request(stack):
    with stack.connect() as connection:
        for byte in message("POST", "/predict", ARTICLE):
            connection.socket.sendall(bytes([byte]))
        assert connection.read_answer().value() == PREDICTED


def test_two_requests_sent_at_once_are_answered_in_order(stack):
    with stack.connect() as connection:
        connection.socket.sendall(message("POST", "/predict", ARTICLE) + message("GET", "/livez"))
        answers = [connection.read_answer().value(), connection.read_answer().value()]
    assert answers == [PREDICTED, OK]


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(stack):
    with stack.connect() as connection:
        connection.socket.sendall(message("POST", "/predict", Content_Type=JSON, Content_Length=str(len(ARTICLE)), Expect="100-continue"))
        connection.read_interim()
        connection.socket.sendall(ARTICLE)
        assert connection.read_answer().value() == PREDICTED


def test_a_client_that_waits_to_send_too_much_is_refused_at_once(stack):
    request = message("POST", "/predict", Content_Type=JSON, Content_Length="2000000", Expect="100-continue")
    assert stack.ask(request).value() == TOO_LARGE


def test_a_body_that_ends_before_its_announced_length_is_never_predicted(stack):
    with stack.connect() as connection:
        connection.socket.sendall(message("POST", "/predict", PLAIN, Content_Length=str(len(PLAIN) + 1)))
        connection.end_sending()
        assert connection.is_closed() or connection.read_answer().value() == MALFORMED


@pytest.mark.parametrize(
    ("line", "content_type", "expected"),
    [
        (("POST", "/nope"), JSON, NOT_FOUND),
        (("POST", "/livez"), JSON, NOT_ALLOWED),
        (("PUT", "/predict"), JSON, NOT_ALLOWED),
        (("POST", "/predict"), "text/plain", NOT_JSON),
        (("GET", "/livez"), JSON, OK),
    ],
)
def test_a_body_that_nobody_wants_holds_up_nobody(stack, line, content_type, expected):
    for size in (50_000, 100_000, 120_000, 300_000):
        with stack.connect() as connection, stack.connect() as other:
            assert other.ask(message("GET", "/livez")).status == 200, size
            assert connection.ask_patiently(message(*line, b"x" * size, Content_Type=content_type)).value() == expected, size
            assert_answers_go_on(stack, connection, other)


@pytest.mark.parametrize("surplus", [1, 50_000, 1_000_000])
def test_a_body_over_the_limit_holds_up_nobody(stack, surplus):
    with stack.connect() as connection, stack.connect() as other:
        assert other.ask(message("GET", "/livez")).status == 200
        assert connection.ask_patiently(message("POST", "/predict", b"x" * (LIMIT + surplus))).value() == TOO_LARGE
        assert_answers_go_on(stack, connection, other)


def test_a_body_that_is_sent_after_its_refusal_holds_up_nobody(stack):
    with stack.connect() as connection, stack.connect() as other:
        assert other.ask(message("GET", "/livez")).status == 200
        body = ARTICLE.ljust(LIMIT + 1)
        head = message("POST", "/predict", body).removesuffix(body)
        assert connection.ask(head).value() == TOO_LARGE
        with contextlib.suppress(ConnectionError):
            connection.socket.sendall(body)
        assert_answers_go_on(stack, connection, other)


def assert_answers_go_on(stack, connection, other):
    """While the first connection is still open, others are answered; then it is answered or closed, never shifted."""
    for _ in range(3):
        assert other.ask(message("GET", "/livez"), STALL_S).status == 200
        with stack.connect() as fresh:
            assert fresh.ask(message("GET", "/livez"), STALL_S).status == 200
    try:
        assert connection.ask(message("POST", "/predict", ARTICLE)).value() == PREDICTED
    except ConnectionError:
        assert connection.received == b""


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_body_without_an_end_is_refused_and_its_connection_closed(stack, framing):
    piece = b" " * 65536
    fields, piece = (
        ({"Content_Length": "1000000000"}, piece) if framing == "length" else ({"Transfer_Encoding": "chunked"}, b"10000\r\n%b\r\n" % piece)
    )
    with stack.connect() as connection:
        connection.socket.sendall(message("POST", "/predict", Content_Type=JSON, **fields))
        taken = 0
        with contextlib.suppress(ConnectionError):
            while taken < ENDLESS_BYTES:
                connection.socket.sendall(piece)
                taken += len(piece)
        assert taken < ENDLESS_BYTES
        assert connection.read_answer().value() == TOO_LARGE
        with pytest.raises(ConnectionError):
            connection.read_answer()


def test_a_body_a_little_over_the_limit_can_be_sent_whole_before_the_refusal_is_read(stack):
    for surplus in (1, 10_000):
        answer = stack.ask(message("POST", "/predict", b" " * (LIMIT + surplus)))
        assert answer.value() == TOO_LARGE, surplus


# --- both at once ---------------------------------------------------------------------------------------------------


def test_flask_and_fastapi_read_routes_answer_the_same_value(start):
    flask, fastapi = start("flask-gthread"), start("fastapi-uvicorn")
    requests = [message("GET", path) for path in ("/livez", "/readyz", "/model", "/nope", "/predict")]
    assert_answers(fastapi, [(request, flask.ask(request).value()) for request in requests])


@pytest.mark.parametrize("path", WRITE_ROUTES)
def test_flask_and_fastapi_write_routes_answer_the_same_value(start, path):
    flask, fastapi = start("flask-gthread"), start("fastapi-uvicorn")
    bodies = [ARTICLE, PLAIN, b"[{}]", b"[]", b"{", b'[{"Age": -1, "Sex": 0}, 1]', b"null"]
    requests = [message("POST", path, body) for body in bodies]
    assert_answers(fastapi, [(request, flask.ask(request).value()) for request in requests])
