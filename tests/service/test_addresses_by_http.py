"""A server that may fetch: JSON bodies in, records out; the eyes are fake and the address is on this machine."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from pathlib import Path

import httpx
import pytest
from fake_gate import FakeGate

from limbfix.serve_settings import ServeSettings
from limbfix.service.app import Desk, make_app
from limbfix.service.downloads import Downloader
from limbfix.service.metrics import Metrics
from limbfix.service.visits import House
from limbfix.workers import Judged, JudgingOptions, Task
from limbfix.workers.judging import judge_task

pytestmark = pytest.mark.enable_socket

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


class AtOnce:
    """A queue that judges in this thread."""

    ready, waiting, jobs = 1, 0, 1

    def judge(self, task: Task) -> Future[Judged]:
        answer: Future[Judged] = Future()
        judged = judge_task(FakeGate(), task, JudgingOptions(policy="fake@0"))
        judged.record["verdict"] = "no_subject"  # the fake gate would say what the PNG begins with
        judged.record["notes"] = [str(len(Path(task.file).read_bytes()))]
        answer.set_result(judged)
        return answer

    def seconds_until_free(self) -> float:
        return 1.0


class Failing(Downloader):
    """Has a bug."""

    async def fetch(self, url: str, target: Path):
        raise ZeroDivisionError


def asked(
    tmp_path: Path, path: str, make_body, *, kind: type[Downloader] = Downloader, numbers_say: str = "", **more
) -> httpx.Response:
    """Asks a server on which a picture lies at /a.png, and nothing else."""

    async def serve_one(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        found = request.startswith(b"GET /a.png")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 108\r\n\r\n" + PNG if found else b"HTTP/1.1 404 No\r\n\r\n")
        writer.close()

    async def run() -> httpx.Response:
        server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        ports = (("http", server.sockets[0].getsockname()[1]),)
        downloader = kind(most_bytes=1000, seconds=5, ports=ports, is_allowed=lambda address: True)
        metrics = Metrics()
        house = House(queue=AtOnce(), places=4, wait_seconds=5, spool=tmp_path, metrics=metrics)  # type: ignore[arg-type]
        desk = Desk(
            settings=ServeSettings(urls=True, max_batch=5),
            keys=None,
            house=house,
            metrics=metrics,
            downloader=downloader,
        )
        transport = httpx.ASGITransport(make_app(desk), raise_app_exceptions=kind is Downloader)
        async with server, httpx.AsyncClient(transport=transport, base_url="http://test", verify=False) as client:
            answer = await client.post(path, **{"json": make_body(), **more})
            numbers = await client.get("/metrics")
            assert "limbfix_places_taken 0.0" in numbers.text and numbers_say in numbers.text
            return answer

    return asyncio.run(run())


def test_a_picture_is_fetched_and_judged_under_its_address(tmp_path):
    record = asked(tmp_path, "/v1/inspect", lambda: {"url": "http://127.0.0.1/a.png"}).json()
    assert (record["path"], record["notes"]) == ("http://127.0.0.1/a.png", ["108"])
    assert list(tmp_path.iterdir()) == []


def test_a_batch_of_addresses_is_fetched_in_order(tmp_path):
    urls = ["http://127.0.0.1/a.png", "http://127.0.0.1/a.png?b"]
    records = asked(tmp_path, "/v1/batch", lambda: {"urls": urls}).json()["records"]
    assert [record["path"] for record in records] == urls


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/inspect", {"url": "http://127.0.0.1/none.png"}, 502),
        ("/v1/inspect", {"url": 1}, 422),
        ("/v1/inspect", {"url": "http://127.0.0.1/a.png", "more": 1}, 422),
        ("/v1/inspect", ["http://127.0.0.1/a.png"], 422),
        ("/v1/batch", {"urls": []}, 422),
        ("/v1/batch", {"urls": "http://127.0.0.1/a.png"}, 422),
        ("/v1/batch", {"urls": ["http://127.0.0.1/a.png"] * 5}, 429),  # four places
        ("/v1/batch", {"urls": ["http://127.0.0.1/a.png"] * 6}, 422),
    ],
)
def test_what_cannot_be_fetched_is_a_problem(tmp_path, path, body, status):
    answer = asked(tmp_path, path, lambda: body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert list(tmp_path.iterdir()) == []


def test_an_internal_error_is_counted_and_has_the_headers_of_every_answer(tmp_path):
    counted = 'limbfix_requests_total{route="/v1/inspect",status="500"} 1.0'
    answer = asked(tmp_path, "/v1/inspect", lambda: {"url": "http://127.0.0.1/"}, kind=Failing, numbers_say=counted)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:limbfix:problem:internal-error")
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")


def test_what_is_no_json_is_a_problem(tmp_path):
    for text in (b"{", b"[" * 60_000, b'"' + b"x" * 70_000 + b'"'):
        answer = asked(
            tmp_path, "/v1/inspect", dict, json=None, content=text, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (413, 422)
