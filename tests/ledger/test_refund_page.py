"""The report in a real browser: keyboard, contrast, phone, paper, and nothing that a stranger wrote comes alive."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger_cases import add, finding, judged, new_ledger, order, sha_of_file

from limbfix.refund_reports.writing import write_report

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.enable_socket,  # the browser is driven over a local pipe, which asyncio opens as a socket pair
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]
playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NASTY = "<script>alert(1)</script><img src=//evil.example/x onerror=alert(2)>"

LOW_CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const color = rgb(getComputedStyle(one).backgroundColor);
      if (color.length < 4 || color[3] > 0.99) return color;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("h1, h2, h3, h4, p, dt, dd, th, td, li, a, figcaption, code, .badge")]
    .filter((one) => one.innerText && one.offsetParent !== null)
    .map((one) => {
      const [a, b] = [light(rgb(getComputedStyle(one).color)), light(ground(one))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.className, one.innerText.slice(0, 40)];
    })
    .filter(([contrast]) => contrast < 4.5);
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory, pictures) -> Path:
    folder, picture = tmp_path_factory.mktemp("page"), pictures / "third_arm.jpg"
    record = judged(
        "a", "reject", finding("person.extra_arm", 0.9, message=NASTY, hand_index=None), path=str(picture), reason=NASTY,
        sha256=sha_of_file(picture), width=768, height=768,
    )  # fmt: skip
    told = (("generator", NASTY), ("model", NASTY), ("prompt", NASTY))
    with new_ledger(folder) as ledger:
        flagged = order("b", generated_at="2026-11-03T10:00:00+00:00")
        add(
            ledger,
            [(record, order("a", sha256=record["sha256"], number=NASTY, more=told)), (judged("b", "flag"), flagged)],
        )
        write_report(ledger, folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser():
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, report):
    """Opens the report; afterwards it must have asked for nothing and shown no dialog."""
    noticed: list[str] = []
    contexts = []

    def see(**options):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("dialog", lambda dialog: (noticed.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda message: noticed.append(message.text))
        page.on("request", lambda request: request.url.startswith("data:") or noticed.append(request.url))
        page.goto(report.as_uri())
        return page

    yield see
    for context in contexts:
        context.close()
    assert [one for one in noticed if one != report.as_uri()] == []


def test_hostile_orders_and_prompts_do_nothing(opened):
    page = opened()
    assert page.locator("script").count() == 0
    assert page.locator("img").evaluate_all("all => all.every((one) => one.src.startsWith('data:image/jpeg'))")
    assert NASTY in page.locator(".case h3").nth(1).inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(opened, scheme):
    page = opened(color_scheme=scheme)
    assert page.evaluate(LOW_CONTRAST) == []


def test_a_phone_shows_it_without_scrolling_sideways(opened):
    page = opened(viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_keyboard_goes_from_the_list_to_a_case_and_takes_the_marks_away(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('table').className") == "index"
    toggle = page.locator(".toggle").first
    marked, clean = page.locator("img.marked").first, page.locator("img.clean").first
    assert (marked.is_visible(), clean.is_visible()) == (True, False)
    toggle.focus()
    page.keyboard.press("Space")
    assert (marked.is_visible(), clean.is_visible()) == (False, True)


def test_paper_shows_the_marks_and_no_controls(opened):
    page = opened(color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator(".whole label").first.is_visible()
    assert page.locator("img.marked").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
