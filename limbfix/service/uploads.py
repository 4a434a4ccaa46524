"""What did the client send? Bytes go from the connection to files, piece by piece, within limits of size and time."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from limbfix.errors import RequestRefused
from limbfix.serve_settings import ServeSettings

MOST_JSON_BYTES = 64 << 10
MOST_NAME_CHARACTERS = 1024
UNNAMED = "<upload>"

RAW_TYPES = ("image/png", "image/jpeg", "image/webp", "application/octet-stream")
FORM_TYPE = "multipart/form-data"
JSON_TYPE = "application/json"

_PIECE = 1 << 20
_FORM_OVERHEAD = 64 << 10
_PICTURES_PER_BATCH_BYTES = 4
"""A batch may have so many times the bytes of the largest single picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One picture as it came.

    Attributes:
        name: what its record calls it.
        file: where its bytes lie.
    """

    name: str
    file: Path


def media_type(request: Request) -> str:
    """Returns the type of the body without its parameters; raw bytes where nothing is said."""
    return request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()


def wrong_type(request: Request, allowed: tuple[str, ...]) -> RequestRefused:
    """Returns the error of a body of another type."""
    return RequestRefused(
        "content-type",
        status=415,
        expected=f"a body of type {', '.join(allowed)}",
        actual=media_type(request)[:200] or "an empty Content-Type",
        remedy="name the type in a header, with curl: -H 'Content-Type: image/png'",
    )


async def read_raw(request: Request, folder: Path, limits: ServeSettings) -> Upload:
    """Writes a body that is one picture to a file.

    Raises:
        RequestRefused: empty, too large or too slow.
    """
    limited = _limited(request, limits.max_upload_bytes, limits.upload_seconds)
    upload = Upload(name=UNNAMED, file=folder / "0")
    size = 0
    with upload.file.open("wb") as file:
        async for piece in limited.stream():
            size += file.write(piece)
    if not size:
        raise _empty("an empty body")
    return upload


async def read_form(request: Request, folder: Path, limits: ServeSettings, *, most: int) -> list[Upload]:
    """Writes the files of a form's fields `picture` to files, in their order.

    Raises:
        RequestRefused: no form, no file, too many, too large or too slow.
    """
    total = limits.max_upload_bytes * (1 if most == 1 else _PICTURES_PER_BATCH_BYTES) + _FORM_OVERHEAD
    limited = _limited(request, total, limits.upload_seconds)
    try:
        form = await limited.form(max_files=most, max_fields=0, max_part_size=_FORM_OVERHEAD)
    except HTTPException as error:
        raise _malformed(f"a form with at most {most} files `picture`, no other fields", str(error.detail)) from error
    try:
        parts = form.multi_items()
        wrong = [key for key, part in parts if key != "picture" or not isinstance(part, UploadFile)]
        if wrong:
            raise _malformed("files named `picture` alone", f"a field {wrong[0][:100]!r}")
        files = [part for _, part in parts if isinstance(part, UploadFile)]
        if not files:
            raise _empty("a form without a file `picture`")
        return [await _kept(part, folder / str(number), limits) for number, part in enumerate(files)]
    finally:
        await form.close()


async def read_json(request: Request, limits: ServeSettings) -> Any:
    """Returns a small JSON body.

    Raises:
        RequestRefused: not JSON, too large or too slow.
    """
    body = await _limited(request, MOST_JSON_BYTES, limits.upload_seconds).body()
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _malformed("JSON", type(error).__name__) from error


async def _kept(part: UploadFile, target: Path, limits: ServeSettings) -> Upload:
    if not part.size:
        raise _empty("an empty file")
    if part.size > limits.max_upload_bytes:
        raise too_large(limits.max_upload_bytes, f"a file of {part.size}")

    def copy() -> None:
        part.file.seek(0)
        with target.open("wb") as file:
            shutil.copyfileobj(part.file, file, _PIECE)

    await asyncio.to_thread(copy)
    return Upload(name=(part.filename or UNNAMED)[:MOST_NAME_CHARACTERS], file=target)


def _limited(request: Request, most_bytes: int, seconds: float) -> Request:
    """Returns the request with a body that ends in a refusal where it grows too large or takes too long."""
    promised = request.headers.get("content-length", "")
    if promised.isdecimal() and int(promised[:20]) > most_bytes:
        raise too_large(most_bytes, f"a body of {promised[:20]}")
    deadline, size = time.monotonic() + seconds, 0
    original: Callable[[], Awaitable[Any]] = request.receive

    async def receive() -> Any:
        nonlocal size
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                message = await original()
        except TimeoutError as error:
            raise RequestRefused(
                "upload-timeout",
                status=408,
                expected=f"the whole body within {seconds:g} s",
                actual=f"{size} bytes by then",
                remedy="send it faster, or a smaller picture",
                headers={"Connection": "close"},
            ) from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        size += len(message.get("body", b""))
        if size > most_bytes:
            raise too_large(most_bytes, "more")
        return message

    return Request(request.scope, receive)


def too_large(most_bytes: int, actual: str) -> RequestRefused:
    """Returns the error of a body or file with too many bytes."""
    return RequestRefused(
        "too-many-bytes",
        status=413,
        expected=f"at most {most_bytes} bytes",
        actual=actual,
        remedy="save the picture smaller, or raise `serve.max_upload_bytes` on the server",
    )


def _empty(actual: str) -> RequestRefused:
    return RequestRefused(
        "no-picture",
        status=422,
        expected="a picture",
        actual=actual,
        remedy="send the bytes of a PNG, JPEG or WebP file, or a form with a file `picture`",
    )


def _malformed(expected: str, actual: str) -> RequestRefused:
    return RequestRefused(
        "malformed-body",
        status=422,
        expected=expected,
        actual=actual[:300],
        remedy="see /openapi.json for the form of the body",
    )
