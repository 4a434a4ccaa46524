"""The report says what the ledger says, exactly, to eyes, ears, paper and spreadsheets, and runs nothing of a stranger's."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ledger_cases import add, finding, judged, new_ledger, order, refunds

from limbfix.errors import ReportExists, UsageError
from limbfix.ledger import NOTICE
from limbfix.ledger.cases import current_cases
from limbfix.ledger.overrides import Decision, decide
from limbfix.refund_reports.facts import make_facts
from limbfix.refund_reports.page import summary_sentence
from limbfix.refund_reports.shares import Share
from limbfix.refund_reports.tables import case_rows
from limbfix.refund_reports.words import decision_words
from limbfix.refund_reports.writing import write_report

NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "\u202egnp.exe\x1b[31m",
    '=HYPERLINK("http://evil.example")',
    "@SUM(1)",
    "-2+3",
    "https://evil.example/a.png",
]


def in_words(**more):
    return (
        ("generator", more.get("generator", "SDXL")),
        ("model", more.get("model", "xl-1")),
        ("prompt", more.get("prompt", "a hand")),
    )


@pytest.fixture(scope="module")
def ledger(tmp_path_factory, pictures):
    """Three weeks of two generators: rejects, flags, a duplicate, decisions, two currencies, retries."""
    import hashlib

    folder = tmp_path_factory.mktemp("report")
    policy = refunds(attempt_cost={"EUR": "0.031"})
    real = pictures / "third_arm.jpg"
    with_picture = judged(
        "real", "reject", finding("person.extra_arm", 0.9, hand_index=None), path=str(real),
        sha256=hashlib.sha256(real.read_bytes()).hexdigest(), width=768, height=768,
    )  # fmt: skip
    pairs = [
        (with_picture, order("real", sha256=with_picture["sha256"], price="12.30", more=in_words())),
        (with_picture, order("real", sha256=with_picture["sha256"], number="again", more=in_words())),
        (judged("b", "flag"), order("b", generated_at="2026-11-05T08:00:00+00:00", more=in_words())),
        (
            judged("c", "pass"),
            order("c", attempts=3, generated_at="2026-11-08T08:00:00+00:00", more=in_words(model="xl-2")),
        ),
        (judged("d"), order("d", price="900", currency="JPY", more=in_words(generator="Flux", prompt="a crowd"))),
        (judged("e", "pass"), order("e", customer="other", more=in_words(generator="Flux", prompt="a crowd"))),
        (judged("f", "unjudged"), order("f", customer="other", more=in_words(generator="Flux"))),
        (judged("g", "flag", finding("hand.malformed", 0.6)), order("g", customer="other", more=in_words())),
    ]
    with new_ledger(folder) as made:
        add(made, pairs, policy)
        decide(made, "@order-g", Decision(who="Ada", why="It is fine", answer="decline", label="fine"))
        yield made


@pytest.fixture(scope="module")
def facts(ledger):
    return make_facts(current_cases(ledger))


def page(ledger, tmp_path, **more) -> str:
    write_report(ledger, tmp_path / "r.html", **more)
    return (tmp_path / "r.html").read_text(encoding="utf-8")


def test_pictures_are_counted_once_and_money_to_the_cent(facts):
    assert facts.verdicts == {"reject": 2, "flag": 2, "pass": 2, "unjudged": 1}
    assert (facts.rejected, facts.duplicates) == (Share(hits=2, of=6), 1)
    euro, yen = facts.money
    assert (euro.recommended, euro.waiting, euro.declined) == (Decimal("12.30"), Decimal("10.00"), Decimal("5.00"))
    assert (euro.sold, euro.confirmed, euro.due) == (Decimal("72.30"), 0, Decimal("12.30"))
    assert (yen.currency, yen.due, yen.sold) == ("JPY", Decimal(900), Decimal(900))


def test_groups_and_prompts_and_faults(facts, ledger):
    assert [(group.name, group.rejected.of) for group in facts.groups] == [("SDXL", 4), ("Flux", 2)]
    assert facts.makers == ("Flux / xl-1", "SDXL / xl-1", "SDXL / xl-2")
    assert dict(facts.defects)["hand.extra_digit"] == (1, 1, 0)
    assert [group.name for group in facts.prompts] == ["a crowd", "a hand"]
    by_code = make_facts(current_cases(ledger), group_by="code").groups
    assert {group.name: (group.rejected.hits, group.flagged) for group in by_code} == {
        "hand.extra_digit": (1, 1), "person.extra_arm": (1, 0), "hand.malformed": (0, 1),
    }  # fmt: skip


@pytest.mark.parametrize("group_by", ["generator", "model", "prompt"])
def test_money_of_groups_and_of_the_trend_adds_up_to_all_money_duplicates_included(ledger, group_by):
    facts = make_facts(current_cases(ledger), group_by=group_by)
    for groups in (facts.groups, [group for _, group in facts.trend]):
        sold = [money.sold for group in groups for money in group.money if money.currency == "EUR"]
        assert sum(sold) == facts.money[0].sold


def test_retries_against_what_they_may_have_spared(facts):
    (row,) = facts.retries
    assert (row.retries, row.cost, row.spared, row.saved) == (2, Decimal("0.062"), Decimal("10.00"), 1)


def test_the_trend_is_by_day_and_leaves_out_days_without_pictures(facts):
    assert facts.step == "day"
    assert [day.isoformat() for day, _ in facts.trend] == ["2026-11-01", "2026-11-05", "2026-11-08"]


def test_wilson_intervals_are_the_published_ones():
    # Newcombe 1998, table I.
    for hits, n, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)]:
        assert Share(hits=hits, of=n).interval == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert Share(hits=3, of=3).interval[1] == 1.0
    assert (Share(hits=0, of=0).rate, Share(hits=0, of=0).words) == (None, "-")


def test_every_format_says_that_limbfix_moves_no_money(ledger, tmp_path):
    for format in ("html", "csv", "json"):
        write_report(ledger, tmp_path / f"r.{format}", format=format)
        assert NOTICE in (tmp_path / f"r.{format}").read_text(encoding="utf-8")


def test_the_page_has_a_case_with_evidence_reason_and_thresholds(ledger, tmp_path):
    text = page(ledger, tmp_path)
    case = next(case for case in current_cases(ledger) if case.entry.order_id == "order-real")
    article = text.split(f'<article id="c{case.case_id}"')[1].split("</article>")[0]
    assert article.count("data:image/jpeg;base64,") == 3
    for words in (
        "person.extra_arm was measured.",
        "rejected from 0.8",
        "Rule 1 gives the full price back, 12.30 EUR.",
        case.entry.hash,
    ):
        assert words in article
    assert "Ada declined it on 2026-11-01: It is fine. The picture is fine." in text


def test_the_page_asks_for_nothing_and_runs_nothing(ledger, tmp_path):
    text = page(ledger, tmp_path)
    assert "<script" not in text
    assert "default-src 'none'" in text
    addresses = re.findall(r"(?:src|href|action|url)\s*[=(]\s*[\"']?([^\"')\s>]+)", text)
    assert addresses
    assert all(one.startswith(("data:image/jpeg;base64,", "#")) for one in addresses)
    assert not re.search(r" on\w+=", text)


class Outline(HTMLParser):
    """What a screen reader goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.lacking: list[str] = []
        self.labelled: list[str] = []

    def handle_starttag(self, tag, attributes):
        have = dict(attributes)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if name := have.get("id"):
            assert name not in self.ids
            self.ids.add(name)
        if tag == "img" and not have.get("alt"):
            self.lacking.append("alt")
        if tag == "th" and have.get("scope") not in ("row", "col"):
            self.lacking.append("scope")
        if "aria-labelledby" in have:
            self.labelled.append(have["aria-labelledby"])
        if tag == "label":
            self.labelled.append(have["for"])
        if tag == "a":
            self.links.append(have["href"][1:])


def test_the_page_can_be_read_by_ear_and_walked_by_keyboard(ledger, tmp_path):
    outline = Outline()
    outline.feed(page(ledger, tmp_path))
    assert outline.lacking == []
    assert set(outline.links) <= outline.ids
    assert set(outline.labelled) <= outline.ids
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    steps = zip(outline.headings, outline.headings[1:], strict=False)
    assert all(deeper <= level + 1 for level, deeper in steps)


def nasty_ledger(folder: Path):
    made = new_ledger(folder)
    pairs = []
    for index, text in enumerate(NASTY):
        clean = "".join(char for char in text if char.isprintable() and char != "\u202e")
        record = judged(f"n{index}", "reject", finding(message=text), path=f"{text}.png", reason=text, notes=[text])
        more = (*in_words(generator=text, model=text, prompt=text), (text, text))
        pairs.append((record, order(f"n{index}", customer=clean, number=f"{clean} {index}", more=more)))
    add(made, pairs)
    decide(made, f"@{pairs[0][1].order_id}", Decision(who=NASTY[0], why=NASTY[1], answer="confirm"))
    return made


def test_hostile_texts_are_shown_and_do_nothing(tmp_path):
    with nasty_ledger(tmp_path) as made:
        text = page(made, tmp_path, title=NASTY[0])
    assert "<script" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7*7 }}" in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    Outline().feed(text)


def test_no_cell_of_a_spreadsheet_is_a_formula_and_amounts_are_plain_decimals(tmp_path):
    with nasty_ledger(tmp_path) as made:
        write_report(made, tmp_path / "r.csv")
        write_report(made, tmp_path / "g.csv", group_by="prompt")
    for name in ("r.csv", "g.csv"):
        rows = list(csv.DictReader(io.StringIO((tmp_path / name).read_text(encoding="utf-8"))))
        assert len(rows) == len(NASTY)
        for row in rows:
            assert not [
                cell
                for cell in row.values()
                if cell[:1] in "=+-@\t\r\n" and cell and not re.fullmatch(r"-?[\d.]+", cell)
            ]
        assert {row.get("amount", row.get("to_give_back")) for row in rows} == {"10.00"}


def test_csv_has_a_row_for_each_case_and_json_the_same_sums(ledger, facts, tmp_path):
    write_report(ledger, tmp_path / "r.csv", format="csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text(encoding="utf-8"))))
    assert len(rows) == 8
    due = sum(
        Decimal(row["amount"])
        for row in rows
        if row["status"] in ("recommended", "confirmed") and row["currency"] == "EUR"
    )
    assert due == facts.money[0].due
    write_report(ledger, tmp_path / "r.json", format="json")
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["money"][0]["to_give_back"] == "12.30"
    assert document["rejected"]["interval"] == list(facts.rejected.interval)
    assert len(document["cases"]) == 8


def test_beside_an_amount_stands_who_decided_it_and_not_who_labelled_the_picture(tmp_path):
    with new_ledger(tmp_path) as made:
        add(made, [(judged("a"), order("a")), (judged("b"), order("b"))])
        decide(made, "@order-a", Decision(who="Bob", why="only looked", answer="label", label="defective"))
        decide(made, "@order-b", Decision(who="Ada", why="half is fair", answer="set", give="part", amount="5"))
        decide(made, "@order-b", Decision(who="Bob", why="looks fine to me", answer="label", label="fine"))
        rows = {row["order_id"]: row for row in case_rows(current_cases(made))}
    told = ("status", "decided_by", "decided_why", "decided_at")
    assert [rows["order-a"][name] for name in told] == ["recommended", None, None, None]
    assert [rows["order-b"][name] for name in told[:3]] == ["confirmed", "Ada", "half is fair"]


def test_parquet_keeps_decimals_exact_and_times_as_times(ledger, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra `parquet`: pip install 'limbfix[parquet]'")
    write_report(ledger, tmp_path / "r.parquet", format="parquet")
    table = parquet.read_table(tmp_path / "r.parquet")
    by_order = dict(zip(table["order_id"].to_pylist(), table["amount"].to_pylist(), strict=True))
    assert (by_order["order-real"], by_order["order-d"]) == (Decimal("12.3000"), Decimal("900.0000"))
    assert str(table.schema.field("generated_at").type) == "timestamp[ms, tz=UTC]"


def test_the_pdf_has_the_content_of_the_page(ledger, tmp_path):
    pytest.importorskip(
        "weasyprint", reason="needs the extra `pdf`: pip install 'limbfix[pdf]', and Pango", exc_type=OSError
    )
    write_report(ledger, tmp_path / "r.pdf", format="pdf")
    data = (tmp_path / "r.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    inside = data + b"".join(_inflated(data))
    pages = len(re.findall(rb"/Type ?/Page(?!s)", inside))
    assert pages >= 1 + 5  # the totals, and a page for each case
    assert b"/StructTreeRoot" in inside  # tagged, for screen readers
    assert b"/URI" not in inside
    assert len(re.findall(rb"/Subtype ?/Image", inside)) == 2  # marks and crop; the clean picture is for screens


def _inflated(data: bytes):
    import zlib

    for block in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL):
        try:
            yield zlib.decompress(block)
        except zlib.error:
            continue


def test_since_and_until_bound_the_time_of_rendering_and_the_last_day_is_in_it(ledger, tmp_path):
    def count(**bounds) -> int:
        return len(write_report(ledger, tmp_path / "r.json", format="json", force=True, **bounds).cases)

    assert count(since="2026-11-05") == 2
    assert count(until="2026-11-05") == 7
    assert count(since="2026-11-05", until="2026-11-05") == 1
    assert count(since="2027-01-01") == 0
    with pytest.raises(UsageError, match="since"):
        count(since="last week")


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["reject", "pass", "unjudged", "no_subject"], "1 of 2 judged pictures was rejected (of so few, the true rate may be "
         "anything from 9.5 to 90.5 %); 2 more were not judged or show nobody. "),
        (["reject", "unjudged"], "1 of 1 judged picture was rejected (of so few, the true rate may be anything from 20.7 to "
         "100.0 %); 1 more was not judged or shows nobody. "),
        (["pass", "pass"], "0 of 2 judged pictures were rejected (of so few, the true rate may be anything from 0.0 to 65.8 %). "),
        (["unjudged", "no_subject"], "2 pictures were not judged or show nobody. "),
    ],
)  # fmt: skip
def test_the_rate_of_the_first_sentence_is_that_of_the_judged_pictures(tmp_path, verdicts, said):
    """Rejected ones of all pictures beside the interval of the judged ones would not belong together."""
    with new_ledger(tmp_path) as made:
        add(made, [(judged(str(number), verdict), order(str(number))) for number, verdict in enumerate(verdicts)])
        facts = write_report(made, tmp_path / "r.html")
        write_report(made, tmp_path / "r.csv", group_by="generator")
    assert summary_sentence(facts).startswith(said)
    assert said in (tmp_path / "r.html").read_text(encoding="utf-8")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text(encoding="utf-8")))
    assert (int(row["judged"]), int(row["rejected"])) == (facts.rejected.of, facts.rejected.hits)


def test_an_empty_span_is_said_and_not_drawn(ledger, tmp_path):
    text = page(ledger, tmp_path, since="2027-01-01")
    assert "There are no cases in this span of time." in text


def test_a_file_that_is_there_is_left_alone(ledger, tmp_path):
    (tmp_path / "r.html").write_text("mine")
    with pytest.raises(ReportExists, match="left as it is"):
        write_report(ledger, tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


def test_the_same_ledger_gives_the_same_bytes(ledger, tmp_path):
    for name in ("a.html", "b.html"):
        write_report(ledger, tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_cases_that_wait_come_first_and_the_rest_is_named(ledger, tmp_path):
    text = page(ledger, tmp_path, most_cases=2)
    assert text.count("<article ") == 2
    assert text.index("Waits for a person:") < text.index("<strong>Recommended:")
    assert "The other 3 are in the tables" in text


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("Looks fine", "Looks fine. The picture is fine."),
        ("Looks fine.", "Looks fine. The picture is fine."),
        ("Well... see ../notes; is it short?", "Well... see ../notes; is it short? The picture is fine."),
    ],
)
def test_a_persons_words_stand_in_the_report_as_they_were_written(why: str, told: str) -> None:
    data = {"who": "Ada", "answer": "decline", "why": why, "label": "fine"}
    assert decision_words(data, "2026-11-30T10:00:00+00:00") == f"Ada declined it on 2026-11-30: {told}"
