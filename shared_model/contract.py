"""The HTTP contract of both servers, without HTTP code: request and answer models, limits, failures as problem documents.

It takes decoded JSON or its bytes and gives validated passengers or a `Failure`. The adapters only carry these and decide nothing.
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

WELCOME = "Welcome to machine learning model APIs!"
OK = {"status": "ok"}
MAX_BODY_BYTES = 1024 * 1024
MAX_PASSENGERS = 1000
MAX_ERRORS_LISTED = 100
MAX_AGE_YEARS = 120
RETRY_AFTER_S = 5

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
PROBLEM_TYPE = "application/problem+json"
READ_METHODS = "GET, HEAD"
WRITE_METHODS = "POST"
# The time limit for a body whose reading occupies a thread; a later body is malformed, like one that breaks off.
BODY_TIMEOUT_S = 20

EXAMPLE: list[dict[str, Any]] = [
    {"Age": 85, "Sex": "male", "Embarked": "S"},
    {"Age": 24, "Sex": '"female"', "Embarked": "C"},
    {"Age": 3, "Sex": "male", "Embarked": "C"},
    {"Age": 21, "Sex": "male", "Embarked": "S"},
]

_JSON_TYPE = re.compile(r"\s*application/(?:[\w.!#$&^`|~'*%+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.ASCII)
_REQUEST_ID = re.compile(r"[\x20-\x7e]{1,128}")


# --- requests -------------------------------------------------------------------------------------------------------


def plain_word(value: object) -> object:
    """Return text trimmed, without one pair of quotes and in lower case; any other value as it is."""
    if not isinstance(value, str):
        return value
    word = value.strip()
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        word = word[1:-1]
    return word.lower()


def port_letter(value: object) -> object:
    """Return a port of embarkation as its capital letter; any value that is no ASCII text as it is."""
    word = plain_word(value)
    return word.upper() if isinstance(word, str) and word.isascii() else word  # "\u017f".upper() is "S"


class Passenger(BaseModel):
    """One passenger; each field may be null or absent, which means that it is not known. Other keys are ignored."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE[0]]})

    Age: Annotated[float | None, Field(strict=True, ge=0, le=MAX_AGE_YEARS, allow_inf_nan=False)] = None
    Sex: Annotated[Literal["male", "female"] | None, BeforeValidator(plain_word)] = None
    Embarked: Annotated[Literal["C", "Q", "S"] | None, BeforeValidator(port_letter)] = None


Passengers = Annotated[list[Passenger], Field(min_length=1, max_length=MAX_PASSENGERS)]
PASSENGERS: TypeAdapter[list[Passenger]] = TypeAdapter(Passengers)


class Prediction(BaseModel):
    """The answer of `POST /predict`: 0 = died, 1 = survived, in the order of the request."""

    prediction: list[int]


class Probability(BaseModel):
    """The answer of `POST /predict_proba`: the probability of survival, in the order of the request."""

    probability: list[float]


class Problem(BaseModel):
    """The answer to a request that fails (RFC 9457)."""

    # The model describes what `Failure.document` makes, for the pages that document an API.
    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []
    errors_omitted: int = 0


def is_json_type(content_type: str | None) -> bool:
    """Whether a request's Content-Type is JSON: `application/json` or `application/*+json`, parameters ignored."""
    return content_type is not None and _JSON_TYPE.fullmatch(content_type) is not None


def is_identity(content_encoding: str | None) -> bool:
    """Whether a request's Content-Encoding leaves the body as it is."""
    return content_encoding is None or content_encoding.strip().lower() in {"", "identity"}


def allowed_methods(allow: str) -> str:
    """Return the methods of a route as the contract lists them, from the list of a framework."""
    return WRITE_METHODS if "POST" in allow else READ_METHODS


def echoed_headers(request_id: str | None) -> dict[str, str]:
    """Return the headers that echo a client's X-Request-ID, if it is 1 to 128 printable ASCII characters."""
    if request_id is not None and _REQUEST_ID.fullmatch(request_id):
        return {"X-Request-ID": request_id}
    return {}


def judge_length(content_length: str | None) -> int:
    """Return the announced length of a body in bytes, 0 without one; raise `Failure` if it is over the limit (413) or unreadable (400)."""
    if not content_length:
        return 0
    if not (content_length.isascii() and content_length.isdecimal()):
        raise Failure(Kind.MALFORMED)
    digits = content_length.lstrip("0") or "0"
    if len(digits) > len(str(MAX_BODY_BYTES)) or int(digits) > MAX_BODY_BYTES:
        raise Failure(Kind.TOO_LARGE)
    return int(digits)


def judge_body(size: int, content_type: str | None, content_encoding: str | None) -> None:
    """Raise `Failure` if a body is too large (413), not JSON by its headers (415) or empty (400), in this order.

    `size` is in bytes; a body needs to be read only to one byte beyond the limit.
    """
    if size > MAX_BODY_BYTES:
        raise Failure(Kind.TOO_LARGE)
    if not is_json_type(content_type) or not is_identity(content_encoding):
        raise Failure(Kind.NOT_JSON)
    if not size:
        raise Failure(Kind.MALFORMED)


def validate_passengers(document: object) -> list[Passenger]:
    """Return the passengers of a decoded JSON document; raise `Failure` (INVALID) naming each fault."""
    try:
        return PASSENGERS.validate_python(document)
    except ValidationError as error:
        raise invalid(plain_errors(error)) from None


def parse(body: bytes) -> list[Passenger]:
    """Return the passengers of a body, decoded and validated in one step; raise `Failure` (MALFORMED or INVALID).

    It is faster than `json.loads` and `validate_passengers`, but accepts less: only UTF-8 without a byte order mark, no lone surrogates,
    less deep nesting. All else is malformed.
    """
    try:
        return PASSENGERS.validate_json(body)
    except ValidationError as error:
        raise invalid(plain_errors(error)) from None


def prediction_bytes(values: list[int]) -> bytes:
    """Return the answer of `POST /predict` as JSON text, without building a document first."""
    return f'{{"prediction":{values}}}'.encode()


def plain_errors(error: ValidationError) -> Sequence[Mapping[str, Any]]:
    """Return pydantic's errors, without the values that were sent."""
    return error.errors(include_url=False, include_context=False, include_input=False)


def invalid(faults: Sequence[Mapping[str, Any]], *, below: int = 0) -> "Failure":
    """Return the failure for pydantic's list of faults; their locations begin `below` levels deeper than the document."""
    if any(fault["type"] == "json_invalid" for fault in faults):
        return Failure(Kind.MALFORMED)
    return Failure(Kind.INVALID, [fault["loc"][below:] for fault in faults])


# --- failures -------------------------------------------------------------------------------------------------------


class Kind(Enum):
    """The kinds of failure of a request: HTTP status, title and detail of the problem document (RFC 9457)."""

    MALFORMED = (400, "Bad Request", "The body is not JSON. Send an array of passengers as JSON text in UTF-8.")
    NOT_FOUND = (404, "Not Found", "There is nothing at this address.")
    METHOD_NOT_ALLOWED = (405, "Method Not Allowed", "This address does not take this method; see the Allow header.")
    TOO_LARGE = (413, "Content Too Large", "The body is larger than 1 MiB. Send the passengers in several requests.")
    NOT_JSON = (415, "Unsupported Media Type", "Send the body as application/json, without content encoding.")
    INVALID = (422, "Unprocessable Content", "The body is JSON, but not a valid array of passengers; see errors.")
    NO_ENQUIRY = (422, "Unprocessable Content", "Send whole numbers as passenger, 1 to 1000000, and as delay_ms, 0 to 1000.")
    INTERNAL = (500, "Internal Server Error", "The server failed to answer this request. Its log says why.")
    NO_RECORD = (502, "Bad Gateway", "The passenger service did not answer with a record of the passenger.")
    NOT_READY = (503, "Service Unavailable", "The model is not ready. The server's log says what to do.")

    def __init__(self, status: int, title: str, detail: str) -> None:
        self.status = status
        self.title = title
        self.detail = detail

    @classmethod
    def of_status(cls, status: int | None) -> "Kind":
        """Return the kind of an error that a framework raised by itself; a status without a kind of its own is MALFORMED."""
        own = {kind.status: kind for kind in (cls.NOT_FOUND, cls.METHOD_NOT_ALLOWED, cls.TOO_LARGE, cls.NOT_JSON)}
        return own.get(status or 0, cls.MALFORMED)


Location = Sequence[int | str]

_WHOLE = f"must be an array of 1 to {MAX_PASSENGERS} passengers"
_RECORD = "must be an object with the keys Age, Sex and Embarked"
_FIELDS: Mapping[str, str] = {
    "Age": f"must be a number from 0 to {MAX_AGE_YEARS}, or null",
    "Sex": "must be male or female, or null",
    "Embarked": "must be C, Q or S, or null",
}


class ListedError(NamedTuple):
    """One fault of a request: JSON pointer (RFC 6901) and the allowed values there."""

    pointer: str
    message: str


def listed_error(location: Location) -> ListedError:
    """Return the fault at a location (record number, field name) in our own words, whatever the validator said."""
    if not location:
        return ListedError("", _WHOLE)
    if len(location) == 1:
        return ListedError(f"/{location[0]}", _RECORD)
    return ListedError(f"/{location[0]}/{location[1]}", _FIELDS[str(location[1])])


# How a document of the interface (OpenAPI) describes the answer to any request that fails.
PROBLEM_ANSWER: dict[str, Any] = {
    "description": "A problem document (RFC 9457)",
    "content": {
        PROBLEM_TYPE: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    **{name: {"type": "string"} for name in ("type", "title", "detail")},
                    **{name: {"type": "integer"} for name in ("status", "errors_omitted")},
                    "errors": {
                        "type": "array",
                        "items": {"type": "object", "properties": {name: {"type": "string"} for name in ListedError._fields}},
                    },
                },
            }
        }
    },
}


class Failure(Exception):  # noqa: N818 - a request that fails is an outcome, not an error of ours
    """A request that is answered by a problem document. `locations` are the places of invalid values, if any."""

    def __init__(self, kind: Kind, locations: Sequence[Location] = ()) -> None:
        super().__init__(kind.detail)
        self.kind = kind
        self.errors = list(dict.fromkeys(listed_error(location) for location in locations))

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to the kind of failure."""
        return {"Retry-After": str(RETRY_AFTER_S)} if self.kind is Kind.NOT_READY else {}

    def document(self) -> dict[str, Any]:
        """Return the problem document. It holds only our own constants and positions, never a value that was sent."""
        kind = self.kind
        document: dict[str, Any] = {"type": "about:blank", "title": kind.title, "status": kind.status, "detail": kind.detail}
        if self.errors:
            document["errors"] = [error._asdict() for error in self.errors[:MAX_ERRORS_LISTED]]
            document["errors_omitted"] = max(0, len(self.errors) - MAX_ERRORS_LISTED)
        return document
