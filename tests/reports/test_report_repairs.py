"""Repairs on the report page: before and after under a slider that works by keyboard, and no string of a record is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from made_records import XSS_PAYLOADS, evidence, picture, record

from limbfix.records import record_schema, standing
from limbfix.reports.evidence import make_evidence
from limbfix.reports.folder import ReportFolder
from limbfix.reports.site import Holding, holding_of
from limbfix.reports.summary import RunTally

CHROMIUM = Path("/usr/bin/chromium")
in_a_browser = [
    pytest.mark.enable_socket,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]


def repair(
    output: str | None = "fixed/a.png", text: str = "person.extra_hand is gone", **changes: Any
) -> dict[str, Any]:
    """Returns the `repair` of a record: one place, two attempts."""
    attempt = {
        "step_index": 0,
        "seed": 5,
        "strength": 0.75,
        "accepted": output is not None,
        "reason": text,
        "defect_score_before": 0.93,
        "defect_score_after": 0.1,
        "target_after": 0.0,
        "seam": {"step_share": 0.01, "grain_ratio": 1.0},
    }
    failed = attempt | {"seed": None, "accepted": False, "seam": None, "target_after": None, "defect_score_after": None}
    return {
        "inpainter": "exemplar_fill",
        "plan": [
            {"action": "remove", "codes": ["person.extra_hand"], "box_xyxy": [1.0, 2.0, 3.0, 4.0], "reason": text}
        ],
        "attempts": [attempt, failed],
        "accepted": 1 if output else 0,
        "before": {"verdict": "reject", "defect_score": 0.93},
        "after": {"verdict": "pass", "defect_score": 0.1},
        "parent_sha256": "ab" * 32,
        "output": output,
        "output_sha256": "cd" * 32 if output else None,
        "c2pa": "dropped" if output else "none",
        "notes": [text],
    } | changes


def build(folder: Path, records: list[dict]) -> Path:
    tally = RunTally()
    with ReportFolder(folder) as report:
        for made in records:
            tally.add(made)
            shown = evidence(made)
            if made.get("repair", {}).get("output"):
                pixels = picture()
                shown = make_evidence(pixels, made, (), repaired=np.full_like(pixels, 200))
            report.add(made, shown)
        return report.finish(tally.summary(2.0), {"created": "2026-11-28"})


@pytest.fixture
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


def test_made_repairs_are_what_the_schema_says():
    jsonschema.validate(record("a.png", "reject", repair=repair()), record_schema())
    jsonschema.validate(record("a.png", "reject", repair=repair(None)), record_schema())


def test_a_record_stands_with_what_the_user_is_left_with():
    assert standing(record("a.png", "reject")) == ("reject", 0.93)
    assert standing(record("a.png", "reject", repair=repair())) == ("pass", 0.1)
    assert standing(record("a.png", "reject", repair=repair(None))) == ("reject", 0.93)


def test_counts_are_of_what_is_left(tmp_path):
    tally = RunTally()
    for made in (record("a.png", "reject", repair=repair()), record("b.png", "reject", repair=repair(None))):
        tally.add(made)
    summary = tally.summary(1.0)
    assert (summary.verdicts["pass"], summary.verdicts["reject"], summary.repaired) == (1, 1, 1)
    tally = RunTally()
    tally.add(record("a.png", "pass"))
    assert "repaired" not in tally.summary(1.0).to_json()


def test_a_finished_report_with_repairs_is_known_as_one(tmp_path):
    build(tmp_path / "report", [record("a.png", "reject", repair=repair())])
    assert holding_of(tmp_path / "report")[0] is Holding.FINISHED
    assert (tmp_path / "report" / "evidence" / "000000-after.jpg").is_file()


def test_a_repaired_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match="expected pixels"):
        make_evidence(picture(), record(), (), repaired=np.zeros((5, 5, 3), np.uint8))


class TestInABrowser:
    pytestmark = in_a_browser

    def test_the_slider_moves_the_border_by_keyboard_and_does_not_leave_the_picture(self, browser, tmp_path):
        index = build(tmp_path / "r", [record("a.png", "reject", repair=repair()), record("b.png", "reject")])
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(index.as_uri())
        card = page.locator(".card", has_text="a.png")
        assert card.locator(".badge").inner_text() == "Pass"
        assert "was reject 0.93" in card.locator(".was").inner_text()
        card.locator(".open").press("Enter")
        slider = page.locator("#wipe input")
        edge = lambda: page.locator("#canvas .repaired").evaluate("e => getComputedStyle(e).clipPath")  # noqa: E731
        assert slider.is_visible() and "50%" in edge()
        slider.focus()
        page.keyboard.press("End")
        assert "100%" in edge()
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        assert "97%" in edge()
        assert page.locator("#detail-name").inner_text().endswith("a.png")  # the arrows did not turn the page
        facts = page.locator("#facts").inner_text()
        assert "person.extra_hand is gone" in facts and "fixed/a.png" in facts and "C2PA" in facts
        page.locator("#previous:enabled, #next:enabled").first.click()
        assert not page.locator("#wipe").is_visible()
        assert complaints == []

    def test_no_string_of_a_repair_does_anything(self, browser, tmp_path):
        records = [
            record(f"{number}.png", "reject", repair=repair(text, text, inpainter=text))
            for number, text in enumerate(XSS_PAYLOADS)
        ]
        index = build(tmp_path / "r", records)
        page = browser.new_page()
        dialogs, requests = [], []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(index.as_uri())
        for number in range(len(records)):
            page.locator(".card .open").nth(number).click()
            page.locator("#close").click()
        assert dialogs == []
        assert [url for url in requests if not url.startswith(("data:", "file:"))] == []
