"""What does a client read when something is wrong? One problem (RFC 9457) with what was expected, what came, and the remedy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from limbfix.errors import RequestRefused
from limbfix.records import Record

PROBLEM_TYPE = "application/problem+json"

_TITLES = {
    400: "The request cannot be understood",
    401: "No valid API key",
    403: "Not allowed here",
    404: "Nothing is there",
    405: "Not this method",
    408: "The request took too long to arrive",
    413: "Too large",
    415: "Not a picture of a known format",
    422: "The picture cannot be read",
    429: "Too many pictures at once",
    500: "The picture could not be judged",
    502: "The picture could not be fetched",
    503: "Not now",
    504: "The picture took too long",
}

_READABLE = "a whole PNG, JPEG or WebP picture"

_PICTURE_PROBLEMS = {
    "unsupported_format": (415, "a PNG, JPEG or WebP picture", "send one of these formats"),
    "too_large": (413, "a picture within the limits of this server", "scale it down"),
    "unreadable": (422, _READABLE, "save it again and send the whole file"),
    "timeout": (504, "a picture that is judged in time", "scale it down, or raise `timeout` on the server"),
    "crashed": (500, "a picture that the decoder survives", "do not send it again; report it"),
    "detector_failed": (500, "detectors that work", "run `limbfix doctor` on the server"),
    "internal_error": (500, "a verdict", "report it with the picture"),
}
"""By `error.code` of the record: status, what was expected, and the remedy."""


class JsonResponse(Response):
    """JSON that survives lone surrogates in file names and refuses numbers that JSON does not have."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Returns the bytes of the body."""
        return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


class ProblemResponse(JsonResponse):
    """A problem."""

    media_type = PROBLEM_TYPE


def refusal(error: RequestRefused) -> Response:
    """Returns the answer to a request that is refused."""
    body = problem(error.kind, error.status, error.expected, error.actual, error.remedy)
    return ProblemResponse(body, status_code=error.status, headers=dict(error.headers))


def problem(kind: str, status: int, expected: str, actual: str, remedy: str) -> dict[str, Any]:
    """Returns the body of a problem; `kind` is stable and for programs, the other texts are for people."""
    return {
        "type": f"urn:limbfix:problem:{kind}",
        "title": _TITLES.get(status, "The request failed"),
        "status": status,
        "detail": f"expected {expected}, got {actual}; {remedy}",
        "expected": expected,
        "actual": actual,
        "remedy": remedy,
    }


def record_answer(record: Record) -> Response:
    """Returns a record, or the problem of a picture that could not be judged with its record in it; never a 200."""
    error: Mapping[str, str] | None = record["error"]
    if error is None:
        return JsonResponse(record)
    status, expected, remedy = _PICTURE_PROBLEMS.get(error["code"], _PICTURE_PROBLEMS["internal_error"])
    body = problem(error["code"].replace("_", "-"), status, expected, error["message"], remedy)
    return ProblemResponse(body | {"detail": error["message"], "record": record}, status_code=status)
