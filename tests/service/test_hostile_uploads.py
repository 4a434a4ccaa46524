"""What strangers send: the server answers with a problem each time and goes on judging."""

from __future__ import annotations

import io
import socket
import struct
import time
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from blob_detector import BAD, GOOD, drawn
from serve_runs import KEY

pytestmark = pytest.mark.enable_socket

BEARER = {"Authorization": f"Bearer {KEY}"}


def encoded(hands=GOOD, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    drawn(hands).save(out, form)
    return out.getvalue()


def png(width: int, height: int, data: bytes, *, text: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    text_chunk = chunk(b"zTXt", b"parameters\0\0" + text) if text else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text_chunk + chunk(b"IDAT", data) + chunk(b"IEND", b"")


ZEROS = zlib.compress(bytes(64 << 20), 9)  # 64 kB that inflate to 64 MB


HOSTILE = {
    "bomb of metadata": (png(64, 64, zlib.compress(bytes(64 * 193)), text=ZEROS), 422),
    "truncated": (encoded()[:-200], 422),
    "cut in its header": (encoded()[:20], 422),
    "huge header": (png(10_000, 10_000, zlib.compress(b"")), 413),
    "largest header": (png(2**31 - 1, 2**31 - 1, zlib.compress(b"")), 413),
    "text": (b"<svg onload=alert(1)></svg>", 415),
    "gif": (b"GIF89a" + bytes(100), 415),
    "pdf": (b"%PDF-1.7\n" + bytes(100), 415),
    "zeros": (bytes(1000), 422),
}


@pytest.mark.parametrize(("what", "hands"), [("pass", GOOD), ("reject", BAD)])
def test_pixels_are_judged(guarded, what, hands):
    record = guarded.inspect(encoded(hands), headers=BEARER).json()
    assert (record["verdict"], record["width"]) == (what, 320)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_upload_is_a_problem_and_never_a_pass(guarded, name):
    body, status = HOSTILE[name]
    answer = guarded.inspect(body, headers=BEARER)
    assert (answer.status_code, answer.json()["record"]["verdict"]) == (status, "unjudged")
    assert guarded.inspect(encoded(), headers=BEARER).json()["verdict"] == "pass"


def test_pixels_beyond_those_that_the_header_promised_are_not_inflated(guarded):
    (worker,) = guarded.workers()
    before = peak_mib(worker)
    record = guarded.inspect(png(64, 64, ZEROS), headers=BEARER).json()
    assert (record["width"], record["height"]) == (64, 64)
    assert peak_mib(worker) - before < 32


def peak_mib(process: int) -> float:
    (line,) = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def test_a_whole_batch_of_them_leaves_the_good_one_judged(guarded):
    files = [("picture", body) for body in (HOSTILE["bomb of metadata"][0], encoded(BAD), HOSTILE["huge header"][0])]
    records = guarded.client.post("/v1/batch", files=files, headers=BEARER).json()["records"]
    assert [record["verdict"] for record in records] == ["unjudged", "reject", "unjudged"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Basic {KEY}"},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": "é".encode("latin-1")},
    ],
)
def test_without_a_known_key_nothing_is_read(guarded, headers):
    for method, path in (("POST", "/v1/inspect"), ("POST", "/v1/batch"), ("GET", "/metrics")):
        answer = guarded.client.request(method, path, content=encoded() if method == "POST" else b"", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert guarded.client.get("/healthz").status_code == 200


def test_each_key_and_both_headers_open(guarded):
    for headers in (BEARER, {"X-API-Key": KEY}, {"Authorization": "bearer another-key-of-a-test-0123"}):
        assert guarded.inspect(encoded(), headers=headers).status_code == 200


def raw(guarded, data: bytes, *, seconds: float = 10) -> bytes:
    """Everything that comes back for bytes as they are."""
    place = urlsplit(guarded.url)
    with socket.create_connection((place.hostname, place.port), timeout=seconds) as connection:
        connection.sendall(data)
        got = b""
        while piece := connection.recv(65536):
            got += piece
            if b"\r\n\r\n" in got:
                return got
        return got


HEAD = f"POST /v1/inspect HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n".encode()


def test_headers_without_end_are_refused(guarded):
    assert b" 400 " in raw(guarded, HEAD + b"X: " + b"a" * 200_000 + b"\r\n\r\n").splitlines()[0]


def test_a_promised_flood_is_refused_before_it_comes(guarded):
    assert b" 413 " in raw(guarded, HEAD + b"Content-Length: 999999999999999\r\n\r\nx").splitlines()[0]


def test_a_body_that_does_not_come_is_given_up(guarded):
    began = time.monotonic()
    assert b" 408 " in raw(guarded, HEAD + b"Content-Length: 1000\r\n\r\nx").splitlines()[0]
    assert time.monotonic() - began < 20


def test_a_head_that_does_not_come_is_given_up_on_a_new_connection_and_on_a_used_one(guarded):
    place = urlsplit(guarded.url)
    for first in (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
            connection.sendall(first)
            while first and b'"ok"' not in connection.recv(65536):
                pass
            began = time.monotonic()
            connection.sendall(b"GET /healthz HT")
            assert connection.recv(65536) == b""
            assert time.monotonic() - began < 20


def test_a_client_that_hangs_up_gives_its_place_back(guarded):
    place = urlsplit(guarded.url)
    for _ in range(40):  # more than there are places
        with socket.create_connection((place.hostname, place.port)) as connection:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\nx")
    for _ in range(100):
        if guarded.client.get("/metrics", headers=BEARER).text.count("limbfix_places_taken 0.0"):
            break
        time.sleep(0.05)
    else:
        raise AssertionError("places are still taken")
