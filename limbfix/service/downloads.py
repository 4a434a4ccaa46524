"""May a picture be fetched from an address that a client names, and how? Public addresses alone, and nothing but a picture.

A server that fetches what it is told can be made to read what only it can reach. So every address of a name must be
public, the connection goes to the address that was checked and not to what the name resolves to a moment later, every
redirect is checked the same way, proxies of the environment are not used, and what arrives must begin like a picture.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

import h11

from limbfix.containers import HEAD_BYTES, sniff
from limbfix.errors import PictureError, RequestRefused
from limbfix.service.uploads import Upload, too_large

MOST_REDIRECTS = 3
MOST_URL_CHARACTERS = 2048
_PORTS = {"http": 80, "https": 443}
_PIECE = 64 << 10

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: IpAddress) -> bool:
    """Says whether an address belongs to the public internet, looking through every form that wraps an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped or address.sixtofour or address.teredo or address.scope_id:
            return False
        if address in ipaddress.ip_network("64:ff9b::/96") or address in ipaddress.ip_network("64:ff9b:1::/48"):
            return False  # NAT64 leads to IPv4 addresses of its own choice.
    return address.is_global and not address.is_multicast and not address.is_reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloader:
    """Fetches pictures.

    Attributes:
        most_bytes: of one picture.
        seconds: for everything, redirects included.
        is_allowed: which addresses may be asked; tests that serve on this machine put another function in its place.
        ports: by scheme, the one port that is allowed.
    """

    most_bytes: int
    seconds: float
    is_allowed: Callable[[IpAddress], bool] = is_public
    ports: tuple[tuple[str, int], ...] = tuple(_PORTS.items())

    async def fetch(self, url: str, target: Path) -> Upload:
        """Fetches one picture into a file.

        Raises:
            RequestRefused: a forbidden address, no answer in time, too large, or no picture.
        """
        try:
            async with asyncio.timeout(self.seconds):
                place = url
                for _ in range(MOST_REDIRECTS + 1):
                    moved = await self._ask(place, target)
                    if moved is None:
                        return Upload(name=url, file=target)
                    place = _joined(place, moved)
        except TimeoutError as error:
            raise _failed(f"no whole answer within {self.seconds:g} s") from error
        except (OSError, UnicodeError, h11.ProtocolError) as error:  # UnicodeError: a host that no TLS name can be
            raise _failed(f"{type(error).__name__} on the way") from error
        raise _failed(f"more than {MOST_REDIRECTS} redirects")

    async def _ask(self, url: str, target: Path) -> str | None:
        """Writes what lies at an address to the file; returns the address of a redirect instead, if it is one."""
        parts = self._parsed(url)
        port = dict(self.ports)[parts.scheme]
        address = await self._resolved(parts.hostname or "", port)
        context = ssl.create_default_context() if parts.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            address, port, ssl=context, server_hostname=parts.hostname if context else None
        )
        try:
            connection = h11.Connection(h11.CLIENT)
            writer.write(connection.send(_request(parts)) or b"")
            writer.write(connection.send(h11.EndOfMessage()) or b"")
            await writer.drain()
            return await self._receive(_events(connection, reader), target)
        finally:
            writer.close()

    async def _receive(self, events: AsyncIterator[h11.Event], target: Path) -> str | None:
        head, size = b"", 0
        with target.open("wb") as file:
            async for event in events:
                if isinstance(event, h11.Response):
                    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
                    if event.status_code in (301, 302, 303, 307, 308) and "location" in headers:
                        return headers["location"]
                    if event.status_code != 200 or headers.get("content-encoding", "identity") != "identity":
                        raise _failed(f"status {event.status_code}, or a compressed answer")
                elif isinstance(event, h11.Data):
                    head = (head + bytes(event.data))[:HEAD_BYTES] if len(head) < HEAD_BYTES else head
                    if len(head) >= HEAD_BYTES:
                        _check_begin(head)
                    size += file.write(event.data)
                    if size > self.most_bytes:
                        raise too_large(self.most_bytes, "more from the address")
        _check_begin(head)
        return None

    def _parsed(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _forbidden("something that is no address") from error
        is_plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= MOST_URL_CHARACTERS
        if not is_plain or not parts.hostname or parts.scheme not in dict(self.ports):
            raise _forbidden("another scheme, no host, odd characters, or too many")
        if parts.username is not None or parts.password is not None:
            raise _forbidden("an address with a user name")
        if port not in (None, dict(self.ports)[parts.scheme]):
            raise _forbidden("an address with a port of its own")
        return parts

    async def _resolved(self, host: str, port: int) -> str:
        """Returns one address of a host, all of which are allowed."""
        try:
            rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise _failed("a name that does not resolve") from error
        addresses = [str(row[4][0]) for row in rows]
        if not addresses or not all(self.is_allowed(ipaddress.ip_address(address)) for address in addresses):
            raise _forbidden("an address that is not public")
        return addresses[0]


def _joined(place: str, moved: str) -> str:
    try:
        return urljoin(place, moved)
    except ValueError as error:  # such as `http://[x`
        raise _forbidden("a redirect to something that is no address") from error


def _request(parts: SplitResult) -> h11.Request:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    headers = [("Host", host), ("Accept", "image/png, image/jpeg, image/webp"), ("Accept-Encoding", "identity")]
    return h11.Request(method="GET", target=target, headers=[*headers, ("Connection", "close")])


async def _events(connection: h11.Connection, reader: asyncio.StreamReader) -> AsyncIterator[h11.Event]:
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_PIECE))
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
            return
        else:
            yield event  # type: ignore[misc]


def _check_begin(head: bytes) -> None:
    try:
        sniff(head)
    except PictureError as error:
        raise RequestRefused(
            "url-no-picture",
            status=415,
            expected="a PNG, JPEG or WebP picture at the address",
            actual="something else",
            remedy="name the address of the picture itself, not of a page around it",
        ) from error


def _forbidden(actual: str) -> RequestRefused:
    return RequestRefused(
        "url-forbidden",
        status=403,
        expected=f"an http or https address of a public host, its usual port, at most {MOST_URL_CHARACTERS} characters",
        actual=actual,
        remedy="send the bytes of the picture instead",
    )


def _failed(actual: str) -> RequestRefused:
    return RequestRefused(
        "url-failed",
        status=502,
        expected="a picture from the address",
        actual=actual,
        remedy="check the address, or send the bytes of the picture instead",
    )
