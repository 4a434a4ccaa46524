"""How does a function of a request become an endpoint? In a thread, with the fields of its form, and no error goes astray."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from limbfix.errors import LimbfixError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_MOST_BODY = 64 * 1024


def endpoint(answer: Callable[..., Response], *, is_form: bool) -> Callable[[Request], Any]:
    """Returns an endpoint: the work runs in a thread, so that one slow disk does not stop everybody."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import PlainTextResponse

    async def run(request: Request) -> Response:
        try:
            if not is_form:
                return await run_in_threadpool(answer, request)
            body = b""
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BODY:
                    return PlainTextResponse("Too much text.", 413)
            fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=100)
            return await run_in_threadpool(answer, request, fields)
        except ValueError:
            return PlainTextResponse("Expected the fields of a form.", 400)
        except LimbfixError as error:
            return PlainTextResponse(f"limbfix: {error}", 500)

    return run
