"""What a request may hold, and how a fault in it is named."""

import json

import pytest
from hypothesis import given
from strategies import REQUESTS

from shared_model import contract
from shared_model.contract import Failure, Kind, parse, validate_passengers

AGE = "must be a number from 0 to 120, or null"
SEX = "must be male or female, or null"
EMBARKED = "must be C, Q or S, or null"


def faults(document):
    """Return the faults of a document that is invalid; none where it is taken."""
    try:
        validate_passengers(document)
    except Failure as failure:
        return failure.document()["errors"] if failure.kind is Kind.INVALID else failure.kind
    return None


def test_sex_is_trimmed_freed_of_one_pair_of_quotes_and_of_case():
    for word in ("male", "MALE", " Male\t", '"male"', "'male'", ' "Male" ', "\n'MALE'\n"):
        assert validate_passengers([{"Sex": word}])[0].Sex == "male", word


def test_a_port_is_trimmed_freed_of_one_pair_of_quotes_and_of_case():
    for word in ("s", "S", " s ", '"s"', "'S'"):
        assert validate_passengers([{"Embarked": word}])[0].Embarked == "S", word


def test_other_words_for_sex_are_refused():
    for word in ('""male""', '"male', "male'", "\"male'", "ma le", "man", "", "   ", '""', "'", "m", "nan"):
        assert faults([{"Sex": word}]) == [{"pointer": "/0/Sex", "message": SEX}], word


def test_other_words_for_a_port_are_refused():
    for word in ("X", "", "Southampton", "SS", "\u017f", 1, True, [], {}):
        assert faults([{"Embarked": word}]) == [{"pointer": "/0/Embarked", "message": EMBARKED}], word


def test_an_age_from_0_to_120_is_taken():
    for age in (0, 0.0, 0.1667, 120, 120.0):
        assert validate_passengers([{"Age": age}])[0].Age == age


def test_another_age_is_refused():
    for age in (-0.001, 120.0000001, float("nan"), float("inf"), 10**400, "22", "", True, False, [], {}):
        assert faults([{"Age": age}]) == [{"pointer": "/0/Age", "message": AGE}], str(age)[:40]


def test_null_and_absent_both_mean_missing():
    for field in ("Age", "Sex", "Embarked"):
        [absent, null] = validate_passengers([{}, {field: None}])
        assert absent == null, field


def test_other_keys_are_ignored():
    [passenger] = validate_passengers([{"Age": 3, "Name": "x", "age": 99}])
    assert vars(passenger) == {"Age": 3, "Sex": None, "Embarked": None}


def test_a_document_that_is_no_array_of_passengers_is_refused_as_a_whole():
    for document in (None, {}, {"Age": 1}, "[]", 1, [], [{}] * 1001):
        assert faults(document) == [{"pointer": "", "message": "must be an array of 1 to 1000 passengers"}], str(document)[:40]


def test_a_record_that_is_no_object_is_refused():
    for record in (None, 1, "male", [], [{}]):
        assert faults([{}, record]) == [{"pointer": "/1", "message": "must be an object with the keys Age, Sex and Embarked"}], record


def test_a_thousand_passengers_are_taken():
    assert len(validate_passengers([{}] * 1000)) == 1000


def test_each_fault_is_named_in_the_order_of_the_records():
    pointers = [fault["pointer"] for fault in faults([{"Sex": "x"}, {}, {"Age": -1, "Embarked": "Z"}])]
    assert pointers == ["/0/Sex", "/2/Age", "/2/Embarked"]


# --- decoded and validated in one step ------------------------------------------------------------------------------


def refusal(function, argument):
    with pytest.raises(Failure) as caught:
        function(argument)
    return caught.value.document()


@given(REQUESTS)
def test_parsing_valid_bytes_gives_the_passengers_of_the_document(document):
    assert parse(json.dumps(document).encode()) == validate_passengers(document)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(contract.EXAMPLE).encode(),
        b'[{"Sex": " \\"FEMALE\\" ", "Embarked": "q", "Name": "Zo\xc3\xab"}]',
        b'[{"Age": "old", "Age": 3, "x": NaN, "x": [1e400, {"y": null}]}]',
    ],
)
def test_parsing_takes_the_spellings_that_decoding_takes(body):
    assert parse(body) == validate_passengers(json.loads(body))


@pytest.mark.parametrize(
    "document",
    [
        *([], {}, None, "[]", 1, [{}] * 1001, [{"Age": -1}] * 1001, [1, "x", None, [], {}, True]),
        *([{"Age": age}] for age in (-1, 120.1, 10**400, "22", True, [], float("nan"), float("inf"))),
        *([{"Sex": sex}] for sex in ("x", "", 1, float("nan"))),
        *([{}, {"Age": "", "Sex": 0, "Embarked": "\u017f"}], [{"Age": -1, "Sex": "", "Embarked": ""}] * 50),
    ],
    ids=lambda document: repr(document)[:30],
)
def test_parsing_names_the_faults_of_invalid_passengers_as_validation_does(document):
    assert refusal(parse, json.dumps(document).encode()) == refusal(validate_passengers, document)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[{",
        b"[{}]]",
        b"[{}]\x00",
        b'[{"Age": 01}]',
        b"{'Age': 1}",
        b'[{"Name": "\xff"}]',
        b"[" * 100_000,
        b'[{"x": %b}]' % (b"1" * 4301),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_bytes_that_are_no_json_are_malformed(body):
    assert refusal(parse, body) == Failure(Kind.MALFORMED).document()


@pytest.mark.parametrize(
    "body", ["\ufeff[{}]".encode(), "[{}]".encode("utf-16"), b'[{"x": "\\ud800"}]', b'[{"x": %b%b}]' % (b"[" * 300, b"]" * 300)]
)
def test_parsing_takes_less_than_decoding_and_says_malformed(body):
    validate_passengers(json.loads(body))
    assert refusal(parse, body) == Failure(Kind.MALFORMED).document()


@pytest.mark.parametrize("values", [[0], [0, 1, 1, 0], [1] * 1000])
def test_the_bytes_of_a_prediction_are_its_document(values):
    assert json.loads(contract.prediction_bytes(values)) == contract.Prediction(prediction=values).model_dump()


# --- faults and headers ---------------------------------------------------------------------------------------------


def test_only_the_first_hundred_faults_are_listed():
    failure = Failure(Kind.INVALID, [(number, "Age") for number in range(250)])
    document = failure.document()
    assert [error["pointer"] for error in document["errors"]] == [f"/{number}/Age" for number in range(100)]
    assert document["errors_omitted"] == 150


@pytest.mark.parametrize("kind", Kind)
def test_a_problem_document_is_strict_json_with_its_four_members(kind):
    document = json.loads(json.dumps(Failure(kind).document(), allow_nan=False))
    assert document == {"type": "about:blank", "title": kind.title, "status": kind.status, "detail": kind.detail}


def test_only_not_ready_says_when_to_come_again():
    assert {kind: Failure(kind).headers for kind in Kind if Failure(kind).headers} == {Kind.NOT_READY: {"Retry-After": "5"}}


def test_a_json_type_is_taken():
    types = ["application/json", "Application/JSON", "application/json; charset=latin-1", "application/json ;x", "application/problem+json"]
    assert [content_type for content_type in types if not contract.is_json_type(content_type)] == []


def test_another_type_is_not_json():
    types = [None, "", "text/plain", "text/json", "application/jsonx", "application/+json", "application/x-json", "json"]
    assert [content_type for content_type in [*types, "application/json/x"] if contract.is_json_type(content_type)] == []


def test_a_printable_request_id_is_echoed():
    for request_id in ("a", "x" * 128, "with blank ~!"):
        assert contract.echoed_headers(request_id) == {"X-Request-ID": request_id}


def test_another_request_id_is_not_echoed():
    for request_id in (None, "", "x" * 129, "tab\t", "line\r\n", "\u00e4", "\x7f"):
        assert contract.echoed_headers(request_id) == {}, request_id


def judge(size, content_type="application/json", encoding=None):
    with pytest.raises(Failure) as caught:
        contract.judge_body(size, content_type, encoding)
    return caught.value.kind


def test_size_is_judged_before_type_and_type_before_emptiness():
    assert judge(contract.MAX_BODY_BYTES + 1, "text/plain") is Kind.TOO_LARGE
    assert judge(0, "text/plain") is Kind.NOT_JSON
    assert judge(0, encoding="gzip") is Kind.NOT_JSON
    assert judge(0) is Kind.MALFORMED


def test_a_body_of_exactly_the_limit_is_taken():
    contract.judge_body(contract.MAX_BODY_BYTES, "application/json", "identity")
