"""Who may talk to the page, and what it answers: over real connections of this machine."""

from __future__ import annotations

import http.client
import io
import json
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
from ledger_cases import add, judged, order, sha_of_file
from PIL import Image
from review_ledgers import HOSTILE, Site, write_case

from limbfix.errors import LedgerError, UsageError
from limbfix.ledger.overrides import Decision, decide
from limbfix.review.auditing import Rates
from limbfix.review.guard import Guard
from limbfix.review.pictures import Pictures

TESTS = Path(__file__).parents[1]

pytestmark = pytest.mark.enable_socket


class Caller:
    """A client that sends exactly what it is told."""

    def __init__(self, site: Site) -> None:
        self.site, self.base = site, f"/{site.review.token}"

    def ask(self, path: str, *, form: dict | None = None, method: str | None = None, raw: bool = False, **headers: str):
        """Returns (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=20)
        sent = {"Host": self.site.host} | ({"Origin": f"http://{self.site.host}"} if form is not None else {})
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = None if form is None else urlencode(form, doseq=True)
        try:
            verb = method or ("GET" if form is None else "POST")
            connection.request(verb, path if raw else self.base + path, body, {k: v for k, v in sent.items() if v})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def sit_down(self, name: str) -> str:
        """Returns the path of a new desk."""
        status, headers, _ = self.ask("/desks", form={"name": name})
        assert status == 303
        return headers["location"].removeprefix(self.base).removesuffix("next")

    def answer(self, desk: str, case_id: str, choice: str, saw: str, **more):
        return self.ask(f"{desk}case/{case_id}", form={"choice": choice, "saw": saw, **more})


@pytest.fixture
def caller(site: Site) -> Caller:
    return Caller(site)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 404),
        ("/wrong-token-wrong-token-wrong/", {}, 404),
        ("/favicon.ico", {}, 404),
        ("TOKEN/", {"Host": "evil.example"}, 403),
        ("TOKEN/", {"Host": "127.0.0.1.evil.example"}, 403),
        ("TOKEN/", {"Host": "127.0.0.1:80x"}, 403),
        ("TOKEN/", {"Host": "localhost:1"}, 200),
        ("TOKEN/", {"Origin": "http://evil.example"}, 403),
        ("TOKEN/", {"Origin": "null"}, 403),
        ("TOKEN/", {"Sec_Fetch_Site": "cross-site"}, 403),
        ("TOKEN/", {"Sec_Fetch_Site": "same-site"}, 403),
        ("TOKEN/", {"Sec_Fetch_Site": "none"}, 200),
    ],
)
def test_only_a_browser_of_this_machine_that_knows_the_token_gets_in(
    caller: Caller, path: str, headers: dict, status: int
):
    got, sent, body = caller.ask(path.replace("TOKEN", caller.base), raw=True, **headers)
    assert got == status
    assert "default-src 'none'" in sent["content-security-policy"] and "unsafe" not in sent["content-security-policy"]
    assert sent["cache-control"] == "no-store"
    assert (caller.site.review.token in body) == (status == 200)


@pytest.mark.parametrize(
    ("origin", "method", "status"),
    [("", "POST", 403), ("http://evil.example", "POST", 403), (None, "PUT", 403), (None, "POST", 303)],
)
def test_a_form_of_another_site_is_refused(caller: Caller, origin: str | None, method: str, status: int):
    headers = {} if origin is None else {"Origin": origin}
    assert caller.ask("/desks", form={"name": "Ada"}, method=method, **headers)[0] == status


def test_a_short_token_is_refused():
    with pytest.raises(UsageError):
        Guard(None, "short")


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x00b"])
def test_a_name_is_needed(caller: Caller, name: str):
    status, _, body = caller.ask("/desks", form={"name": name})
    assert status == 422
    assert 'role="alert"' in body


def test_a_large_or_broken_form_is_refused(caller: Caller):
    assert caller.ask("/desks", form={"name": "x" * 70_000})[0] == 413
    assert caller.ask("/desks", form={f"f{number}": "x" for number in range(200)})[0] == 400


def test_addresses_of_nothing_lead_nowhere(caller: Caller):
    desk = caller.sit_down("Ada")
    case_id = caller.site.queue[0].case_id
    for path in (
        "/desk/none/",
        "/desk/none/next",
        f"/desk/none/case/{case_id}",
        f"{desk}case/{'0' * 64}",
        f"{desk}case/abc",
    ):
        assert caller.ask(path)[0] == 303
    for path in (
        f"/picture/{'0' * 64}/thumb",
        f"/picture/{case_id}/crop-9",
        f"/picture/{case_id}/secret",
        "/file/app.py",
        "/labels/exe",
    ):
        assert caller.ask(path)[0] == 404


def test_two_people_at_once_lose_nothing(caller: Caller):
    ada, ben = caller.sit_down("Ada"), caller.sit_down("Ben")
    case_id = caller.site.queue[0].case_id
    saw = caller.site.row(case_id).latest
    assert caller.answer(ada, case_id, "reject", saw)[0] == 303
    status, _, body = caller.answer(ben, case_id, "accept", saw)
    assert status == 409
    assert "Ada rejected this picture while you looked" in body
    assert caller.site.row(case_id).label == "defective"
    now = caller.site.row(case_id).latest
    assert now in body
    assert caller.answer(ben, case_id, "accept", now)[0] == 303
    assert [answer.who for answer in caller.site.row(case_id).answers] == ["Ada", "Ben"]
    status, _, body = caller.ask(f"{ada}undo", form={})
    assert status == 409 and "not taken back" in body
    assert caller.site.row(case_id).label == "fine"


def test_people_are_led_to_different_pictures(caller: Caller):
    desks = [caller.sit_down(name) for name in ("Ada", "Ben", "Cleo")]
    places = []
    for desk in desks:
        path = caller.ask(f"{desk}next")[1]["location"].removeprefix(caller.base)
        assert caller.ask(path)[0] == 200
        places.append(path.rpartition("/")[2])
    assert len(set(places)) == 3
    status, _, body = caller.ask(f"{desks[0]}case/{places[1]}")
    assert status == 200 and "Ben looks at this picture too" in body


def test_people_who_ask_at_once_are_led_to_different_pictures(caller: Caller):
    desks = [caller.sit_down(name) for name in ("Ada", "Ben", "Cem")]
    led = [caller.ask(f"{desk}next")[1]["location"].rpartition("/")[2] for desk in desks]  # no page is loaded yet
    assert len(set(led)) == 3


def test_a_press_sent_twice_is_one_answer(caller: Caller):
    desk = caller.sit_down("Ada")
    case_id = caller.site.queue[0].case_id
    saw = caller.site.row(case_id).latest
    for _ in range(2):
        assert caller.answer(desk, case_id, "accept", saw)[0] == 303
    assert len(caller.site.row(case_id).answers) == 1


def test_several_answers_to_one_picture_are_taken_back_one_by_one(caller: Caller):
    desk = caller.sit_down("Ada")
    case_id = caller.site.queue[0].case_id

    def press(choice: str) -> None:
        saw = caller.site.row(case_id).latest
        for _ in range(2):  # a double press is one answer
            assert caller.answer(desk, case_id, choice, saw)[0] == 303

    def labels_after_undo() -> list[str | None]:
        assert caller.ask(f"{desk}undo", form={})[0] == 303
        return [answer.label for answer in caller.site.row(case_id).answers]

    for choice in ("reject", "accept", "reject"):
        press(choice)
    assert labels_after_undo() == ["defective", "fine"]
    assert labels_after_undo() == ["defective"]
    press("accept")
    assert labels_after_undo() == ["defective"]
    assert labels_after_undo() == []
    assert "nothing to take back" in caller.ask(caller.ask(f"{desk}undo", form={})[1]["location"], raw=True)[2]


def test_an_answer_that_could_not_be_taken_back_can_be_the_next_time(caller: Caller, monkeypatch: pytest.MonkeyPatch):
    desk = caller.sit_down("Ada")
    first, second = (row.case_id for row in caller.site.queue[:2])
    for case_id in (first, second):
        assert caller.answer(desk, case_id, "reject", caller.site.row(case_id).latest)[0] == 303
    with monkeypatch.context() as broken:
        broken.setattr("limbfix.review.app.take_back", Mock(side_effect=LedgerError("the disk is full")))
        status, _, said = caller.ask(f"{desk}undo", form={})
        assert status == 500 and "the disk is full" in said
    assert caller.ask(f"{desk}undo", form={})[0] == 303
    assert [caller.site.row(case_id).label for case_id in (first, second)] == ["defective", None]


def test_nobody_takes_back_what_another_said_in_between(caller: Caller):
    ada, ben = caller.sit_down("Ada"), caller.sit_down("Ben")
    case_id = caller.site.queue[0].case_id
    for desk, choice in ((ada, "reject"), (ben, "accept"), (ada, "reject")):
        assert caller.answer(desk, case_id, choice, caller.site.row(case_id).latest)[0] == 303
    assert caller.ask(f"{ada}undo", form={})[0] == 303
    assert caller.ask(f"{ada}undo", form={})[0] == 409
    assert [answer.who for answer in caller.site.row(case_id).answers] == ["Ada", "Ben"]


def test_the_gallery_names_who_labelled_and_not_who_decided_later(caller: Caller):
    desk = caller.sit_down("Ada")
    case_id = caller.site.queue[0].case_id
    caller.answer(desk, case_id, "reject", caller.site.row(case_id).latest)
    decide(caller.site.ledger, case_id, Decision(who="Ben", why="by the book", answer="confirm"))
    gallery = caller.ask(f"{desk}?show=done")[2]
    assert "rejected by Ada" in gallery and "by Ben" not in gallery


def test_a_changed_picture_is_not_shown(caller: Caller):
    from sqlalchemy import text

    case_id = caller.site.queue[0].case_id
    assert caller.ask(f"/picture/{case_id}/picture")[0] == 200
    with caller.site.ledger._engine.begin() as connection:
        connection.execute(text("UPDATE evidence SET data = :data"), {"data": b"\xff\xd8other"})
    caller.site.review.pictures._kept.clear()
    assert caller.ask(f"/picture/{case_id}/picture")[0] == 404


def test_a_picture_that_is_judged_anew_is_shown_anew(tmp_path: Path):
    site, colors = Site(tmp_path), []
    for color in ("red", "blue"):  # two renders, one after the other under one name
        Image.new("RGB", (64, 64), color).save(tmp_path / "a.png")
        record = judged("a", "flag", path="a.png", sha256=sha_of_file(tmp_path / "a.png"))
        add(site.ledger, [(record, order("a", path="a.png", sha256=""))], pictures=tmp_path)
        (row,) = site.queue
        for kind in ("picture", "thumb"):
            shown = Image.open(io.BytesIO(site.review.pictures.jpeg(row.case_id, kind) or b""))
            red, _, blue = shown.convert("RGB").getpixel((2, 60))
            colors.append("red" if red > blue else "blue")
    assert colors == ["red", "red", "blue", "blue"]
    site.ledger.close()


@pytest.mark.parametrize("path", ["renders/a b/ü.png", "/gone/renders/a b/ü.png"])
@pytest.mark.parametrize("folder", [".", "renders", "renders/a b"])
def test_a_picture_is_found_in_the_folder_that_was_named(tmp_path: Path, path: str, folder: str):
    (tmp_path / "renders" / "a b").mkdir(parents=True)
    file = tmp_path / "renders" / "a b" / "ü.png"
    Image.new("RGB", (64, 64), "red").save(file)
    site = Site(tmp_path, rates=Rates(passed=1.0))
    record = judged("a", "pass", path=path, sha256=sha_of_file(file))
    add(site.ledger, [(record, order("a", sha256=record["sha256"]))])
    (row,) = site.queue
    assert Pictures(site.ledger, folder=tmp_path / folder).jpeg(row.case_id, "picture")
    file.write_bytes(b"other")
    assert not Pictures(site.ledger, folder=tmp_path / folder).jpeg(row.case_id, "picture")
    site.ledger.close()


def test_a_page_promises_no_picture_that_was_edited(tmp_path: Path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a.png")
    record = judged("a", "pass", path="a.png", sha256=sha_of_file(tmp_path / "a.png"))
    with Site(tmp_path, rates=Rates(passed=1.0)) as site:
        add(site.ledger, [(record, order("a", sha256=record["sha256"]))], pictures=tmp_path)
        caller = Caller(site)
        (row,) = site.queue
        place = f"{caller.sit_down('Ada')}case/{row.case_id}"
        assert f"/picture/{row.case_id}/overlay" in caller.ask(place)[2]
        Image.new("RGB", (64, 64), "blue").save(tmp_path / "a.png")
        page = caller.ask(place)[2]
        assert f"/picture/{row.case_id}/" not in page and "has changed" in page


def test_what_strangers_wrote_is_text(caller: Caller):
    with caller.site.ledger.writing() as writer:
        ids = [write_case(writer, 500 + n, "flag", 0.6, path=path, prompt=path) for n, path in enumerate(HOSTILE)]
    desk = caller.sit_down("<b>Ada</b>")
    bodies = [caller.ask(f"{desk}?show=all")[2], *(caller.ask(f"{desk}case/{case_id}")[2] for case_id in ids)]
    for body in bodies:
        assert "<script>window" not in body and "<img src=x" not in body and "<b>Ada" not in body
        assert "\u202e" not in body and "\x1b" not in body
        assert body.count("<script") == 1
    assert "{{ 7*7 }}" in bodies[4]


def test_labels_are_there_to_take(caller: Caller):
    desk = caller.sit_down("Ada")
    case_id = caller.site.queue[0].case_id
    caller.answer(desk, case_id, "reject", caller.site.row(case_id).latest, code=["hand.extra_digit", "something else"])
    status, headers, body = caller.ask("/labels/csv")
    assert status == 200 and "attachment" in headers["content-disposition"]
    assert "hand.extra_digit; something else" in body
    assert "defective" in body


def test_a_passed_picture_whose_limbs_were_read_is_shown_with_its_marks(tmp_path: Path):
    golden = json.loads((TESTS / "golden" / "clean_person_standing.jpg.json").read_text(encoding="utf-8"))
    picture = TESTS.parent / "examples" / "pictures" / "clean_person_standing.jpg"
    with Image.open(picture) as image:
        width, height = image.size
    people = [one | {"person_index": 0, "score": 0.9, "defect_score": None} for one in golden["people"]]
    assert people[0]["limbs"]["items"][0]["chance"]
    record = judged(
        "a", "pass", path=str(picture), sha256=sha_of_file(picture), width=width, height=height, people=people
    )
    with Site(tmp_path, rates=Rates(passed=1.0)) as site:
        add(site.ledger, [(record, order("a", sha256=record["sha256"]))])
        caller = Caller(site)
        (row,) = site.queue
        assert f"/picture/{row.case_id}/overlay" in caller.ask(f"{caller.sit_down('Ada')}case/{row.case_id}")[2]
        for kind in ("picture", "overlay", "thumb"):
            status, headers, _ = caller.ask(f"/picture/{row.case_id}/{kind}")
            assert (status, headers["content-type"]) == (200, "image/jpeg")
