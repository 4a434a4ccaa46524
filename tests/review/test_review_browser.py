"""The review in a real browser: keys, undo, two tabs, many pictures, hostile names, light and dark, wide and narrow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_contrast import low_contrast
from review_ledgers import HOSTILE, Site, fill_many, new_ledger, write_case

from limbfix.review.auditing import Rates

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]
playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

LOW_CONTRAST = low_contrast(":disabled, .hidden, .skip-link")

UNNAMED = """() => [...document.querySelectorAll("button, a, input:not([type=hidden]), img, [role=region], progress")]
  .filter((e) => e.checkVisibility() || e.type === "checkbox")
  .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.hasAttribute("alt") || (e.labels && e.labels.length)
    || e.getAttribute("aria-labelledby") || [...e.querySelectorAll("img")].some((i) => i.alt)))
  .map((e) => e.outerHTML.slice(0, 80))"""
"""Lists what a screen reader could not name."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--enable-precise-memory-info"],
        )
        yield chromium
        chromium.close()


class Tab:
    """A tab of one person, and everything it should not do."""

    def __init__(
        self, browser: Any, url: str, name: str = "Ada", width: int = 1280, height: int = 900, **options: Any
    ) -> None:
        self.page = browser.new_context(viewport={"width": width, "height": height}, **options).new_page()
        self.url, self.complaints, self.requests = url, [], []
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.set_default_timeout(8000)
        self.page.goto(url)
        self.page.fill("#name", name)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/case/*")

    @property
    def case_id(self) -> str:
        return self.page.url.rpartition("/")[2]

    @property
    def word(self) -> str:
        return self.page.locator(".word").inner_text()

    def press(self, key: str) -> None:
        """Presses a key that leads to another page, and waits for it."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def assert_quiet(self) -> None:
        assert [text for text in self.complaints if "409" not in text] == []
        assert [url for url in self.requests if not url.startswith(self.url)] == []


def test_the_keyboard_is_enough(browser: Any, site: Site):
    tab = Tab(browser, site.url)
    first = tab.case_id
    assert first == site.queue[0].case_id
    tab.page.keyboard.press("2")
    tab.page.keyboard.press("n")
    tab.page.keyboard.type("as in a dream")
    tab.page.keyboard.press("Escape")
    tab.press("r")
    assert "Rejected" in tab.word
    assert (site.row(first).label, site.row(first).answers[0].who) == ("defective", "Ada")
    with site.ledger.reading() as reader:
        body = reader.history(first)[-1].data
    assert (body["why"], body["codes"], body["answer"]) == ("as in a dream", ["hand.missing_digit"], "confirm")
    second = tab.case_id
    tab.press("a")
    assert site.row(second).label == "fine"
    third = tab.case_id
    tab.press("s")
    assert not site.row(third).is_done and tab.case_id not in (first, second, third)
    tab.press("u")
    assert tab.case_id == second and "Taken back" in tab.word
    assert site.row(second).label is None
    tab.press("u")
    assert tab.case_id == first and not site.row(first).is_done
    assert tab.page.locator("#take-back").is_disabled()
    tab.page.keyboard.press("u")
    tab.press("g")
    assert tab.page.locator(".card").count() == len(site.queue)
    assert "skipped by you" in tab.page.locator(".cards").inner_text()
    tab.assert_quiet()


def test_marks_zoom_and_close_views(browser: Any, site: Site):
    tab = Tab(browser, site.url)
    shown = "() => [...document.querySelectorAll('.stage img')].filter((i) => i.checkVisibility({visibilityProperty: true})).map((i) => i.className)"
    assert tab.page.evaluate(shown) == ["marked"]
    tab.page.keyboard.press("o")
    assert tab.page.evaluate(shown) == ["clean"]
    inside = "() => [...document.images].filter((i) => i.closest('.stage')).every((i) => i.getBoundingClientRect().height <= i.parentElement.clientHeight)"
    assert tab.page.evaluate(inside)
    width = "() => document.querySelector('.stage .clean').getBoundingClientRect().height"
    narrow = tab.page.evaluate(width)
    tab.page.keyboard.press("z")
    assert tab.page.evaluate(width) > 1.9 * narrow
    assert tab.page.locator("#zoom-word").inner_text() == "2 times"
    assert tab.page.evaluate(
        "() => document.querySelector('.stage').scrollWidth > document.querySelector('.stage').clientWidth"
    )
    tab.page.keyboard.press("c")
    assert tab.page.evaluate(shown) == ["close"]
    tab.page.keyboard.press("c")
    assert tab.page.evaluate(shown) == ["clean"]
    tab.press("s")
    assert tab.page.evaluate(shown) == ["clean"], "marks stay off on the next picture"
    tab.page.uncheck("#keys")
    case_id = tab.case_id
    tab.page.keyboard.press("a")
    tab.page.wait_for_timeout(150)
    assert tab.case_id == case_id and not site.row(case_id).is_done
    tab.assert_quiet()


def test_two_tabs_share_the_work_and_a_conflict_is_shown(browser: Any, site: Site):
    ada, ben = Tab(browser, site.url, "Ada"), Tab(browser, site.url, "Ben")
    assert ada.case_id != ben.case_id
    ben.page.goto(
        ada.page.url.replace(
            ada.page.url.split("/desk/")[1].split("/")[0], ben.page.url.split("/desk/")[1].split("/")[0]
        )
    )
    assert "Ada looks at this picture too" in ben.word
    case_id = ada.case_id
    ada.press("r")
    ben.press("a")
    alert = ben.page.locator("[role=alert]").inner_text()
    assert "Ada rejected this picture while you looked" in alert
    assert site.row(case_id).label == "defective"
    ben.press("a")
    assert [answer.label for answer in site.row(case_id).answers] == ["defective", "fine"]
    ada.press("u")
    assert "not taken back" in ada.page.locator("[role=alert]").inner_text()
    assert site.row(case_id).label == "fine"
    ada.assert_quiet()
    ben.assert_quiet()


def test_to_the_end_and_the_numbers(browser: Any, tmp_path: Path):
    with Site(tmp_path, rates=Rates(passed=0.6, rejected=0.6), flags=2, passes=6, rejects=9) as site:
        tab = Tab(browser, site.url)
        total = len(site.queue)
        for place in range(total):
            tab.press("r" if place % 2 else "a")
        assert "Everything is answered" in tab.word
        assert f"{total} of {total} answered" in tab.page.locator(".progress").inner_text()
        expected = site.review.state().estimates.reject_precision.words
        assert expected in tab.page.locator(".numbers").inner_text()
        assert re.search(r"\d+ % \(\d+ to \d+ %\)", expected)
        tab.assert_quiet()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
def test_every_page_can_be_read_in_every_look(browser: Any, site: Site, scheme: str, width: int):
    tab = Tab(browser, site.url, width=width, color_scheme=scheme)
    for path in ("case", "gallery", "start"):
        if path == "gallery":
            tab.press("g")
        if path == "start":
            tab.page.goto(site.url)
        assert tab.page.evaluate(LOW_CONTRAST) == []
        assert tab.page.evaluate(UNNAMED) == []
        assert tab.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), path
        assert tab.page.locator("h1").count() == 1
    tab.assert_quiet()


def test_it_works_without_script(browser: Any, site: Site):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(site.url)
    page.fill("#name", "Ada")
    page.click("text=Begin")
    case_id = page.url.rpartition("/")[2]
    page.click("button.reject")
    assert site.row(case_id).label == "defective"
    page.click("#take-back")
    assert site.row(case_id).label is None


def test_hostile_names_and_prompts_are_only_text(browser: Any, tmp_path: Path):
    with Site(tmp_path, flags=0) as site:
        with site.ledger.writing() as writer:
            ids = [
                write_case(writer, number, "flag", 0.6, path=path, prompt=path) for number, path in enumerate(HOSTILE)
            ]
        tab = Tab(browser, site.url, "Ada <script>window.hit=1</script>")
        for _ in ids:
            assert tab.page.evaluate("() => window.hit") is None
            tab.page.keyboard.press("n")
            tab.page.keyboard.type("<img src=x onerror=window.hit=1>")
            tab.page.keyboard.press("Escape")
            tab.press("r")
        tab.page.goto(tab.page.url + "?show=all")
        assert tab.page.evaluate("() => window.hit") is None
        assert "<script>" in tab.page.locator(".cards").inner_text()
        tab.assert_quiet()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """The command itself on a ledger of 5,000 pictures, in a process of its own."""
    import psutil

    with new_ledger(tmp_path) as ledger:
        fill_many(ledger, 5000)
    env = os.environ | {"LIMBFIX_LEDGER_KEY": str(tmp_path / "key.pem"), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "limbfix", "review", "--ledger", str(tmp_path / "ledger.db")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
    try:
        line = process.stderr.readline()
        yield re.search(r"http://\S+", line)[0], psutil.Process(process.pid)
    finally:
        process.terminate()
        assert process.wait(20) is not None
        process.stderr.close()


def test_five_thousand_pictures_in_flat_memory(browser: Any, served: tuple[str, Any]):
    url, process = served
    tab = Tab(browser, url)
    heap = "() => performance.memory.usedJSHeapSize / 2 ** 20"
    gallery = tab.page.locator("#to-gallery").get_attribute("href")
    origin = url.split("/", 3)[:3]
    gallery = "/".join(origin) + gallery

    def visit(pages: range) -> tuple[float, float]:
        for number in pages:
            tab.page.goto(f"{gallery}?page={number}")
            assert tab.page.locator(".card").count() <= 48
            tab.page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
            tab.page.wait_for_function("() => [...document.images].at(-1).naturalWidth")
        tab.page.context.new_cdp_session(tab.page).send("HeapProfiler.collectGarbage")
        return process.memory_info().rss / 2**20, tab.page.evaluate(heap)

    _, first = visit(range(1, 3))
    tab.page.goto(gallery + "next")
    before = process.memory_info().rss / 2**20
    for _ in range(6):
        tab.press("a")
    after_answers = process.memory_info().rss / 2**20
    server, page = visit(range(3, 105, 20))
    assert "Page 103 of 105" in tab.page.locator(".pager").inner_text()
    assert page - first < 10, f"the page grew from {first:.0f} to {page:.0f} MiB"
    assert max(server, after_answers) - before < 40, f"the server grew from {before:.0f} to {server:.0f} MiB"
    print(f"server {before:.0f} -> {after_answers:.0f} -> {server:.0f} MiB, page {first:.1f} -> {page:.1f} MiB")
    tab.assert_quiet()
