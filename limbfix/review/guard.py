"""Who may talk to the page? A browser of this machine that knows the token, sent by the page itself, and nobody else.

The token stands in the address, so no cookie rides along when another site makes the browser call us. The names `Host`
and `Origin` say are checked too: a site whose name suddenly points to 127.0.0.1 has another `Host`, and a form on another
site has another `Origin`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING

from limbfix.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOSTS = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # `no-referrer` would hide the Origin that we check
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """Stands before the page: everything under `/TOKEN` passes, and everything else gets one bare answer.

    Args:
        app: what is guarded; it sees paths without the token.
        token: the secret part of the address; at least 20 characters of the address alphabet.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        if len(token) < 20 or not token.isascii() or not token.replace("-", "").replace("_", "").isalnum():
            raise UsageError("token: expected at least 20 letters, digits, - or _")
        self._app, self._token = app, token.encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return  # no lifespan, no web sockets
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = _refused(scope["method"], headers)
        first, _, rest = scope["path"].removeprefix("/").partition("/")
        is_known = hmac.compare_digest(first.encode("utf-8", "surrogatepass"), self._token)
        if refused or not is_known:
            await _answer(
                send, 403 if refused else 404, refused or "Not found. Use the whole address that limbfix printed."
            )
            return
        inner = dict(scope) | {"path": f"/{rest}", "raw_path": None, "root_path": ""}

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0].decode("latin-1").lower() not in HEADERS]
                message = {**message, "headers": kept + _pairs(HEADERS)}
            await send(message)

        await self._app(inner, receive, guarded)


def _refused(method: str, headers: Mapping[str, str]) -> str:
    """Returns why a request is refused, or nothing."""
    host = headers.get("host", "")
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    if name not in _HOSTS or (port and not (port.isascii() and port.isdigit())):
        return "Refused: this address is not one of this machine."
    origin = headers.get("origin")
    if origin is not None and origin != f"http://{host}":
        return "Refused: sent by another site."
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return "Refused: sent by another site. Copy the address into the address line."
    if method not in ("GET", "HEAD", "POST"):
        return "Refused: expected GET or POST."
    if method == "POST" and origin is None:
        return "Refused: expected an Origin, which every browser sends."
    return ""


async def _answer(send: Send, status: int, text: str) -> None:
    headers = _pairs(HEADERS | {"content-type": "text/plain; charset=utf-8"})
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode("utf-8")})


def _pairs(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
