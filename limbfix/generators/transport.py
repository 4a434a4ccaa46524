"""How is an image server spoken to without being hurt by it? Every wait ends, every body has a limit, and nothing is believed unread."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from limbfix.errors import MissingExtra, ServerError, UsageError
from limbfix.printing import printable

if TYPE_CHECKING:
    import httpx

MAX_BODY_BYTES = 64 << 20
"""A picture of 16 megapixels as PNG in base64 has about this size."""
ATTEMPTS = 3
RETRY_PAUSE_SECONDS = 0.5
_TURNED_AWAY = (429, 503)
_LOST_BEHIND_GATEWAY = (502, 504)
"""A gateway had no answer in time, or a broken one, from a server that it had reached, as far as it says."""
_TEXT_SHOWN = 300


class ServerLink:
    """One server.

    Args:
        url: `http://host:port`, with a path where the server lives below one; `user:password@` in it becomes `auth`.
        timeout_s: longest wait for the first byte, and for the whole answer.
        connect_s: longest wait for a connection.
        max_bytes: larger answers are refused, unread where the server announces them.
        auth: (user, password), sent in clear over http.
        headers: sent with every request to this server, and to no other.

    Raises:
        UsageError: no http or https address. MissingExtra: httpx is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 300.0,
        connect_s: float = 10.0,
        max_bytes: int = MAX_BODY_BYTES,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = _split(url)
        if parts.username is not None:  # Never shown, so never part of the address.
            auth = auth or (unquote(parts.username), unquote(parts.password or ""))
            url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        if not timeout_s > 0 or not connect_s > 0 or max_bytes < 1:
            raise UsageError(
                f"server {url}: expected times and sizes above 0, got {timeout_s}, {connect_s}, {max_bytes}"
            )
        try:
            import httpx
        except ImportError as error:
            raise MissingExtra("httpx: expected to import; install it with: pip install 'httpx>=0.28'") from error
        self.url, self.timeout_s, self.max_bytes = url.rstrip("/"), timeout_s, max_bytes
        is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout_s, connect=connect_s),
            auth=auth,
            headers=dict(headers or {}),
            follow_redirects=False,
            trust_env=not is_local,  # A proxy of the environment cannot reach this machine's own servers.
        )

    def get_json(self, path: str, **options: Any) -> Any:
        """Asks and returns the JSON document."""
        return self._json(path, self.request("GET", path, **options))

    def post_json(self, path: str, body: Any, **options: Any) -> Any:
        """Sends a JSON document and returns the one that comes back."""
        return self._json(path, self.request("POST", path, json=body, **options))

    def post_form(self, path: str, data: Mapping[str, Any], files: Any) -> Any:
        """Sends a form with files and returns the JSON document that comes back."""
        return self._json(path, self.request("POST", path, data=data, files=files))

    def request(self, method: str, path: str, *, timeout_s: float | None = None, **options: Any) -> bytes:
        """Returns the body of an answer of status 200.

        A request that never reached the server, or that it turned away for now (429, 503), is sent again twice. One that timed out,
        or whose answer a gateway lost (502, 504), may still be rendered, and paid for: only a GET, which starts nothing, is then
        sent again.

        Raises:
            ServerError: no answer in time, another status, a body above the limit, or an address that is none.
        """
        import httpx

        address = path if "://" in path else self.url + path
        limit_s = timeout_s or self.timeout_s
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._read(method, address, limit_s, **options)
            except (httpx.ConnectError, httpx.ConnectTimeout, _TurnedAway) as error:
                if isinstance(error, _Lost) and method != "GET":
                    raise ServerError(
                        f"{address}: expected status 200, got {error} from a gateway; it was not sent again, because the server may "
                        "still be working on it. Look there for the picture first, and raise the gateway's time limit"
                    ) from error
                if attempt == ATTEMPTS:
                    raise ServerError(self._unreachable(address, error)) from error
                time.sleep(RETRY_PAUSE_SECONDS * attempt)
            except httpx.TimeoutException as error:
                raise ServerError(
                    f"{address}: expected an answer within {limit_s:g} s, got none; it was not sent again. Look whether the "
                    "server is still rendering, or give it more time with timeout_s"
                ) from error
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # the last two: an address that is none
                raise ServerError(
                    f"{printable(address)}: expected an answer, got {type(error).__name__}: {printable(str(error))}"
                ) from error
        raise AssertionError("unreachable")

    def _unreachable(self, address: str, error: Exception) -> str:
        if isinstance(error, _TurnedAway):
            return f"{address}: expected status 200, got {error} {ATTEMPTS} times; the server is busy, try again later"
        return f"{address}: expected a server there, got none after {ATTEMPTS} attempts ({error}); start it, or check the address"

    def _read(self, method: str, address: str, limit_s: float, **options: Any) -> bytes:
        import httpx

        timeout = httpx.Timeout(limit_s, connect=self._client.timeout.connect)
        with self._client.stream(method, address, timeout=timeout, **options) as response:
            if response.status_code in _TURNED_AWAY:
                raise _TurnedAway(f"status {response.status_code}")
            if response.status_code in _LOST_BEHIND_GATEWAY:
                raise _Lost(f"status {response.status_code}")
            body = self._body(response, address, limit_s)
        if response.status_code != 200:
            raise ServerError(f"{address}: expected status 200, got {response.status_code}: {_shown(body)}")
        return body

    def _body(self, response: httpx.Response, address: str, limit_s: float) -> bytes:
        announced = response.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self.max_bytes:
            raise ServerError(self._too_large(address, int(announced)))
        end, body = time.monotonic() + limit_s, bytearray()
        for chunk in response.iter_bytes():  # As it comes: a wanted size would wait until it is full.
            body += chunk
            if len(body) > self.max_bytes:
                raise ServerError(self._too_large(address, len(body)))
            if time.monotonic() > end:  # A server that sends a byte now and then never meets the socket's own limit.
                raise ServerError(
                    f"{address}: expected the whole answer within {limit_s:g} s, got {len(body)} bytes of it; "
                    "give it more time with timeout_s"
                )
        return bytes(body)

    def _too_large(self, address: str, size: int) -> str:
        return (
            f"{address}: expected at most {self.max_bytes >> 20} MiB, got {size >> 20} MiB or more; it was not read. "
            "Ask for smaller pictures or raise max_bytes"
        )

    def _json(self, path: str, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            hint = ""
            if body.lstrip()[:1] == b"<":
                hint = (
                    "; that is a web page: check the address, and that the server's API is switched on (A1111: --api)"
                )
            raise ServerError(f"{self.url}{path}: expected JSON, got {_shown(body)}{hint}") from error

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def __enter__(self) -> ServerLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _TurnedAway(Exception):
    """The server answered that it has no time now."""


class _Lost(_TurnedAway):
    """A gateway answered that it lost the server's answer."""


def _split(url: str) -> SplitResult:
    """Returns the parts of a server's address.

    Raises:
        UsageError: no http or https address.
    """
    with suppress(ValueError):  # Its message may hold the password.
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    raise UsageError(f"server: expected an address such as http://127.0.0.1:7860, got {url.rpartition('@')[2]!r}")


def _shown(body: bytes) -> str:
    """Returns the beginning of a stranger's text in one safe line."""
    text = printable(body[:_TEXT_SHOWN].decode("utf-8", "replace"))
    return text + ("..." if len(body) > _TEXT_SHOWN else "") or "nothing"
