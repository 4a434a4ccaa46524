"""Which addresses are asked, and what is taken from them; the servers are asyncio's, on this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest

from limbfix.errors import RequestRefused
from limbfix.service.downloads import Downloader, is_public

pytestmark = pytest.mark.enable_socket

PNG = b"\x89PNG\r\n\x1a\n" + bytes(500)


@pytest.mark.parametrize(
    ("address", "is_fine"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.215.14", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("ff02::1", False),
    ],
)
def test_public_addresses_alone_are_asked(address, is_fine):
    assert is_public(ipaddress.ip_address(address)) is is_fine


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://127.1/a.png",
        "http://2130706433/a.png",
        "http://0x7f000001/",
        "http://[::1]/a.png",
        "http://[::ffff:169.254.169.254]/",
        "http://localhost/a.png",
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "file:///etc/passwd",
        "ftp://93.184.215.14/a.png",
        "http://user:word@93.184.215.14/",
        "http://93.184.215.14:8080/",
        "http://93.184.215.14:x/",
        "http:///a.png",
        "//93.184.215.14/",
        "http://93.184.215.14/a\r\nX: y",
        "http://[93.184.215.14/",
        "http://93.184.215.14/" + "a" * 3000,
        "",
    ],
)
def test_what_leads_elsewhere_is_forbidden_and_no_connection_is_made(url, tmp_path, monkeypatch):
    async def connect(*words, **more):
        raise AssertionError("a connection was made")

    monkeypatch.setattr(asyncio, "open_connection", connect)
    with pytest.raises(RequestRefused) as caught:
        asyncio.run(Downloader(most_bytes=1000, seconds=5).fetch(url, tmp_path / "0"))
    assert (caught.value.kind, caught.value.status) == ("url-forbidden", 403)


def test_one_private_address_of_a_name_is_enough_to_refuse_it(tmp_path, monkeypatch):
    async def both(self, *words, **more):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.215.14", "10.0.0.1")]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", both)
    with pytest.raises(RequestRefused, match="not public"):
        asyncio.run(Downloader(most_bytes=1000, seconds=5).fetch("http://example.com/a.png", tmp_path / "0"))


def fetched(tmp_path, answer: bytes, *, seconds: float = 5, pause: float = 0, path: str = "/a.png?b=c"):
    """Fetches from a server that answers everything with these bytes; returns the file, the request and the refusal."""
    asked = []

    async def answer_one(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        await asyncio.sleep(pause)
        writer.write(answer)
        writer.close()

    async def run():
        server = await asyncio.start_server(answer_one, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        downloader = Downloader(
            most_bytes=1000,
            seconds=seconds,
            ports=(("http", port),),
            is_allowed=lambda address: str(address) == "127.0.0.1",
        )
        async with server:
            try:
                return await downloader.fetch(f"http://127.0.0.1{path}", tmp_path / "0"), None
            except RequestRefused as error:
                return None, error

    return (*asyncio.run(run()), asked)


def ok(body: bytes, *, length: int | None = None, more: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body) if length is None else length}\r\n{more}\r\n".encode() + body


def test_a_picture_is_fetched_with_nothing_of_ours_told(tmp_path):
    upload, _, (request,) = fetched(tmp_path, ok(PNG))
    assert upload.file.read_bytes() == PNG
    assert upload.name == "http://127.0.0.1/a.png?b=c"
    assert request.startswith(b"GET /a.png?b=c HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert b"cookie" not in request.lower()
    assert b"authorization" not in request.lower()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ok(b"<html>" + bytes(500)), "url-no-picture"),
        (ok(b""), "url-no-picture"),
        (ok(PNG + bytes(600)), "too-many-bytes"),
        (ok(PNG, length=900), "url-failed"),
        (ok(PNG, more="Content-Encoding: gzip\r\n"), "url-failed"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "url-failed"),
        (b"SSH-2.0-OpenSSH\r\n", "url-failed"),
        (b"", "url-failed"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", "url-forbidden"),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", "url-forbidden"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[x\r\nContent-Length: 0\r\n\r\n", "url-forbidden"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://\xff/\r\nContent-Length: 0\r\n\r\n", "url-forbidden"),
        (b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n", "url-failed"),
    ],
)
def test_anything_else_is_refused(tmp_path, answer, kind):
    upload, error, _ = fetched(tmp_path, answer)
    assert upload is None
    assert error.kind == kind


@pytest.mark.parametrize("path", ['/"<>{}|^`\\', "/%", "?[", "/#[x", "//["])
def test_an_address_with_odd_characters_is_asked_or_refused_and_never_a_bug(tmp_path, path):
    for answer in (ok(PNG), b"HTTP/1.1 302 Found\r\nLocation: //[\r\nContent-Length: 0\r\n\r\n"):
        upload, error, _ = fetched(tmp_path, answer, path=path)
        assert upload is not None or error.kind == "url-forbidden"


def test_a_slow_address_is_given_up(tmp_path):
    _, error, _ = fetched(tmp_path, ok(PNG), seconds=0.2, pause=1)
    assert "0.2 s" in error.actual
