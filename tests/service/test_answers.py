"""What the server answers, with the fake gate, whose pictures say what becomes of them."""

from __future__ import annotations

import io
import json

import jsonschema
import pytest
from serve_runs import Served, served

from limbfix.records import record_schema

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(folder=tmp_path_factory.mktemp("server"), settings="max_upload_bytes = 1000\nmax_batch = 3") as server:
        yield server


def form(*texts: str) -> list:
    return [("picture", (f"{number}.png", io.BytesIO(text.encode()))) for number, text in enumerate(texts)]


def assert_problem(answer, status: int, kind: str) -> dict:
    body = answer.json()
    assert (answer.status_code, body["type"]) == (status, f"urn:limbfix:problem:{kind}"), body
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert all(isinstance(body[key], str) and body[key] for key in ("title", "detail", "expected", "actual", "remedy"))
    return body


@pytest.mark.parametrize("word", ["pass", "flag", "reject", "no_subject"])
def test_plain_bytes_get_the_record_of_limbfix_check(server: Served, word):
    answer = server.inspect(f"{word} a".encode(), params={"name": "hand.png"})
    assert answer.status_code == 200
    record = answer.json()
    jsonschema.validate(record, record_schema())
    assert (record["verdict"], record["path"]) == (word, "hand.png")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_form_with_a_file_is_the_same(server: Served):
    record = server.client.post("/v1/inspect", files=form("reject")).json()
    assert (record["verdict"], record["path"]) == ("reject", "0.png")


def test_a_batch_gets_a_record_for_each_picture_in_order_and_errors_are_records_there(server: Served):
    answer = server.client.post("/v1/batch", files=form("reject", "unreadable", "pass"))
    assert answer.status_code == 200
    records = answer.json()["records"]
    assert [record["verdict"] for record in records] == ["reject", "unjudged", "pass"]
    assert [record["path"] for record in records] == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize(
    ("text", "status", "kind"), [("unreadable", 422, "unreadable"), ("bug", 500, "internal-error")]
)
def test_a_picture_that_cannot_be_judged_is_a_problem_with_its_record(server: Served, text, status, kind):
    body = assert_problem(server.inspect(text.encode()), status, kind)
    assert body["record"]["verdict"] == "unjudged"
    jsonschema.validate(body["record"], record_schema())


def test_what_is_no_picture_request_is_a_problem_with_a_remedy(server: Served):
    post = server.client.post
    assert_problem(server.inspect(b""), 422, "no-picture")
    assert_problem(server.inspect(b"x" * 1001), 413, "too-many-bytes")
    assert_problem(post("/v1/inspect", content=iter([b"x" * 600, b"x" * 600])), 413, "too-many-bytes")
    assert_problem(server.inspect(b"pass", headers={"Content-Type": "text/html"}), 415, "content-type")
    assert_problem(post("/v1/inspect", files={"other": b"pass"}), 422, "malformed-body")
    assert_problem(post("/v1/inspect", data={"picture": "pass"}, files={"picture": b"pass"}), 422, "malformed-body")
    assert_problem(post("/v1/inspect", files=form("pass", "pass")), 422, "malformed-body")
    assert_problem(post("/v1/inspect", files=form("")), 422, "no-picture")
    assert_problem(post("/v1/batch", files=form("pass", "x" * 1001)), 413, "too-many-bytes")
    assert_problem(post("/v1/batch", files=form(*["pass"] * 4)), 422, "malformed-body")
    assert_problem(post("/v1/batch", content=b"pass"), 415, "content-type")
    empty = {"Content-Type": "multipart/form-data; boundary=x"}
    assert_problem(post("/v1/inspect", content=b"--x--\r\n", headers=empty), 422, "no-picture")
    broken = {"Content-Type": "multipart/form-data"}
    assert_problem(post("/v1/inspect", content=b"--x--\r\n", headers=broken), 422, "malformed-body")


@pytest.mark.parametrize("query", ["name=", "name=a&name=b", "name=" + "a" * 1025])
def test_a_name_that_is_none_is_refused(server: Served, query):
    assert_problem(server.inspect(b"pass", params=query), 422, "malformed-body")


def test_an_address_is_refused_unless_the_settings_allow_it(server: Served):
    assert_problem(server.client.post("/v1/inspect", json={"url": "http://example.com/a.png"}), 403, "urls-off")
    assert_problem(server.client.post("/v1/batch", json={"urls": ["http://example.com/a.png"]}), 403, "urls-off")


def test_unknown_places_and_methods_are_problems_too(server: Served):
    assert_problem(server.client.get("/v1/nothing"), 404, "request")
    answer = server.client.get("/v1/inspect")
    assert_problem(answer, 405, "request")
    assert answer.headers["allow"] == "POST"
    assert server.client.get("/docs").status_code == 404


def test_a_name_of_any_kind_comes_back_as_it_went(server: Served):
    name = 'x\udce9\u202e"<b>\n.png'.encode("utf-8", "surrogatepass")
    answer = server.client.post("/v1/inspect?name=" + "".join(f"%{byte:02x}" for byte in name), content=b"pass")
    assert answer.status_code == 200
    assert json.loads(answer.content)["path"].endswith('"<b>\n.png')


def test_metrics_count_pictures_and_requests_and_no_path_of_a_stranger(server: Served):
    before = server.numbers()
    server.inspect(b"reject")
    server.client.get("/secret-looking-path")
    after = server.numbers()
    rejected = 'limbfix_pictures_total{error="",verdict="reject"}'
    assert after[rejected] == before.get(rejected, 0) + 1
    assert after['limbfix_requests_total{route="other",status="404"}'] >= 1
    assert after["limbfix_places_taken"] == after["limbfix_line_length"] == 0
    assert "secret" not in server.client.get("/metrics").text


def test_health_names_the_workers(server: Served):
    assert server.client.get("/healthz").json()["workers"] == 1


def test_a_worker_that_dies_costs_its_picture_alone(server: Served):
    body = assert_problem(server.inspect(b"crash"), 500, "crashed")
    assert "SIGSEGV" in body["actual"]
    assert server.inspect(b"pass").json()["verdict"] == "pass"
    records = server.client.post("/v1/batch", files=form("pass", "crash", "flag")).json()["records"]
    assert [record["verdict"] for record in records] == ["pass", "unjudged", "flag"]


def test_nothing_of_a_request_stays_on_the_disk(server: Served, tmp_path):
    spools = [path for path in server_folder(server).glob("limbfix-serve-*")]
    assert len(spools) == 1
    assert list(spools[0].iterdir()) == []


def server_folder(server: Served):
    from pathlib import Path

    return Path(f"/proc/{server.process.pid}/cwd").resolve()
