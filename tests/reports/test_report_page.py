"""The page in a real browser: it shows what the records say, works by keyboard, and trusts no string."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_records import XSS_PAYLOADS, evidence, finding, outline, picture, read_record, record
from page_contrast import low_contrast

from limbfix.reports.evidence import make_evidence
from limbfix.reports.folder import ReportFolder
from limbfix.reports.summary import RunTally

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.enable_socket,  # the browser is driven over a local pipe, which asyncio opens as a socket pair
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]
playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

LOW_CONTRAST = low_contrast("svg, script, noscript, :disabled")


def build(folder: Path, records: list[dict], provenance: dict | None = None, **options: Any) -> Path:
    tally = RunTally()
    with ReportFolder(folder, **options) as report:
        for made in records:
            tally.add(made)
            report.add(made, evidence(made))
        return report.finish(tally.summary(2.0), provenance or {"created": "2026-11-23"})


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


class Watched:
    """A page and everything it should not do."""

    def __init__(self, browser: Any, index: Path, width: int = 1280, height: int = 900, **options: Any) -> None:
        self.page = browser.new_context(viewport={"width": width, "height": height}, **options).new_page()
        self.dialogs: list[str] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.url = index.as_uri()
        self.page.goto(self.url)

    def assert_quiet(self) -> None:
        assert self.dialogs == []
        assert self.complaints == []
        outside = [url for url in self.requests if not url.startswith("data:") and url.split("#")[0] != self.url]
        assert outside == []

    def names(self) -> list[str]:
        return [element.inner_text() for element in self.page.locator(".card:visible .name").all()]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = [
        record("a/pass.png", "pass", findings=[finding("person.extra_arm", 0.3)]),
        record(
            "a/reject.png",
            "reject",
            findings=[finding(), finding("person.extra_arm", 0.6, box_xyxy=[20, 10, 200, 230])],
        ),
        record("b/unjudged.png", "unjudged"),
        record("b/flag.png", "flag", findings=[finding("hand.malformed", 0.6)], exceptions=["missing_arm"]),
        record("b/nobody.png", "no_subject"),
    ]
    return build(tmp_path_factory.mktemp("page") / "report", records)


@pytest.fixture
def watched(browser: Any, index: Path) -> Iterator[Watched]:
    made = Watched(browser, index)
    yield made
    made.assert_quiet()
    made.page.context.close()


@pytest.mark.parametrize("is_mobile", [False, True])
def test_25_payloads_in_every_string_do_nothing(browser: Any, tmp_path: Path, is_mobile: bool) -> None:
    records = []
    for text in XSS_PAYLOADS:
        for verdict in ("reject", "unjudged"):
            made = record(
                text + ".png", verdict, reason=text, notes=[text], exceptions=[text], policy=text, models={text: text}
            )
            made["source"] = {"generator": text, "prompt": text, "seed": text}
            if verdict == "reject":
                made["findings"] = [finding(text, message=text, unit=text, exception=text)]
            else:
                made["error"] = {"code": text, "message": text}
            records.append(made)
    html = build(
        tmp_path / "report", records, {"created": XSS_PAYLOADS[1], "command": XSS_PAYLOADS}, title=XSS_PAYLOADS[0]
    )
    watched = Watched(browser, html, 390 if is_mobile else 1280, 844, is_mobile=is_mobile, has_touch=is_mobile)
    page = watched.page
    assert page.locator(".card").count() == 50
    page.locator(".card .open").first.click()
    for _ in range(49):
        assert page.locator("dialog[open] #facts h2").inner_text().strip()
        for figure in page.locator("#facts figure").all():
            figure.hover()
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.locator(".code").first.click()
    page.mouse.move(5, 5)
    watched.assert_quiet()
    markup = html.read_text(encoding="utf-8")
    assert len(re.findall(r"<script(?! type=\"application/json\")", markup)) == 1
    assert "evil.invalid" in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= (390 if is_mobile else 1280)


def test_the_policy_forbids_everything_but_the_pages_own_style_script_and_pictures(index: Path) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', index.read_text()).group(1)  # type: ignore[union-attr]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert set(rules) == {"default-src", "img-src", "style-src", "script-src", "base-uri", "form-action"}
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", rules["style-src"])
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", rules["script-src"])


def test_the_policy_works_in_the_browser(watched: Watched) -> None:
    watched.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"alert(1)\">')")
    watched.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'alert(1)'}))"
    )
    watched.page.wait_for_timeout(100)
    assert watched.dialogs == []
    assert watched.complaints, "the browser reports what it blocked"
    watched.complaints.clear()
    watched.requests.clear()


def test_the_gallery_is_sorted_by_score_and_can_be_sorted_otherwise(watched: Watched) -> None:
    assert watched.names() == ["reject.png", "flag.png", "pass.png", "unjudged.png", "nobody.png"]
    watched.page.select_option("#sort", "best")
    assert watched.names()[:3] == ["pass.png", "flag.png", "reject.png"]
    watched.page.select_option("#sort", "path")
    assert watched.names() == ["pass.png", "reject.png", "flag.png", "nobody.png", "unjudged.png"]
    watched.page.select_option("#sort", "run")
    assert watched.names() == ["pass.png", "reject.png", "unjudged.png", "flag.png", "nobody.png"]


def test_filters_by_verdict_code_and_path_narrow_the_gallery_and_say_so(watched: Watched) -> None:
    page = watched.page
    page.click(".verdict.reject")
    assert watched.names() == ["reject.png"]
    page.click(".verdict.flag")
    assert watched.names() == ["reject.png", "flag.png"]
    page.click('[data-code="hand.malformed"]')
    assert watched.names() == ["flag.png"]
    assert page.inner_text("#result") == "1 of 5 shown"
    page.fill("#search", "A/")
    assert watched.names() == []
    assert page.inner_text("#none").startswith("No picture on this page matches.")
    page.click("#clear")
    assert len(watched.names()) == 5
    page.click('[data-code="person.extra_arm"]')
    assert watched.names() == ["reject.png"]
    page.click('[data-code="person.extra_arm"]')
    page.click('[data-hint="person.extra_arm"]')
    assert watched.names() == ["pass.png"]
    assert page.locator(".card:visible .tags").inner_text().strip() == "hint: person.extra_arm"
    page.click('[data-hint="person.extra_arm"]')
    page.fill("#search", "b/ PNG")
    assert watched.names() == ["flag.png", "unjudged.png", "nobody.png"]


def test_a_score_just_below_a_threshold_is_not_rounded_up_to_it(browser: Any, tmp_path: Path) -> None:
    found = [finding("hand.malformed", 0.7996)]
    made = Watched(browser, build(tmp_path / "report", [record("a.png", "flag", defect_score=0.7996, findings=found)]))
    assert made.page.locator(".card .score").inner_text() == "0.79"
    made.page.locator(".open").click()
    assert made.page.locator("#facts .judged .score").inner_text() == "0.79"
    assert made.page.locator(".found td").nth(1).inner_text() == "0.79"
    made.page.context.close()


def test_folders_that_begin_alike_can_be_told_apart_in_the_gallery(browser: Any, tmp_path: Path) -> None:
    start = "/srv/pictures/of/a/project/with/a/long/common/beginning"
    made = Watched(browser, build(tmp_path / "report", [record(f"{start}/{name}/a.png") for name in ("left", "right")]))
    for folder in made.page.locator(".open .folder").all():
        frame, text = folder.bounding_box(), folder.locator("bdi").bounding_box()
        assert text["width"] > frame["width"], "too long for its line"
        assert text["x"] + text["width"] == pytest.approx(frame["x"] + frame["width"], abs=1), "its end is what is seen"
    assert made.page.locator(".open").first.get_attribute("title") == f"{start}/left/a.png"
    made.page.locator(".open").first.click()
    assert made.page.locator("#detail-name").inner_text().split() == [f"{start}/left/", "a.png"]
    made.page.context.close()


@pytest.mark.parametrize("has_script", [True, False])
def test_labels_on_a_narrow_picture_are_not_cut(browser: Any, tmp_path: Path, has_script: bool) -> None:
    made = record(
        "strip.png",
        "reject",
        width=100,
        height=400,
        findings=[finding("person.detached_limb", box_xyxy=[60, 100, 90, 150])],
    )
    folder = tmp_path / "report"
    with ReportFolder(folder) as report:
        tally = RunTally()
        tally.add(made)
        report.add(made, make_evidence(picture(100, 400), made, []))
        index = report.finish(tally.summary(2.0), {})
    page = Watched(browser, index, java_script_enabled=has_script).page
    page.wait_for_timeout(100)
    frame, tag = page.locator(".card .frame").bounding_box(), page.locator(".card .tag").bounding_box()
    shown = frame["height"] * 100 / 400
    left = frame["x"] + (frame["width"] - shown) / 2
    assert left - 1 <= tag["x"] and tag["x"] + tag["width"] <= left + shown + 1
    page.context.close()


def test_counts_at_the_top_are_those_of_the_run(watched: Watched) -> None:
    counts = [element.inner_text() for element in watched.page.locator(".verdict .count").all()]
    assert counts == ["1"] * 5
    chips = [element.inner_text() for element in watched.page.locator(".code").all()]
    assert sorted(chips[:-1]) == ["hand.extra_digit 1", "hand.malformed 1", "person.extra_arm 1"]
    assert chips[-1] == "person.extra_arm hint 1"


def test_detail_view_works_by_keyboard_alone_and_gives_the_focus_back(watched: Watched) -> None:
    page = watched.page
    page.locator(".open").first.focus()
    page.keyboard.press("Enter")
    title = page.locator("dialog[open] #facts h2")
    assert "reject.png" in title.inner_text()
    page.keyboard.press("ArrowRight")
    assert "flag.png" in title.inner_text()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert "reject.png" in title.inner_text(), "the first picture has none before it"
    assert page.inner_text("#position") == "1 of 5"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert page.evaluate("document.activeElement.innerText").endswith("reject.png")


def test_the_focus_stays_in_the_detail_view_at_the_last_picture_and_at_the_first(watched: Watched) -> None:
    page = watched.page
    focused = "document.activeElement.id"
    page.locator(".open").nth(3).click()
    page.locator("#next").focus()
    page.keyboard.press("Enter")
    assert page.locator("#position").inner_text() == "5 of 5"
    assert page.evaluate(focused) == "previous"
    for _ in range(4):
        page.keyboard.press("Enter")
    assert page.locator("#position").inner_text() == "1 of 5"
    assert page.evaluate(focused) == "next"


def test_arrows_walk_through_the_filtered_pictures_only(watched: Watched) -> None:
    page = watched.page
    page.fill("#search", "b/")
    page.locator(".card:visible .open").first.click()
    seen = []
    for _ in range(4):
        seen.append(page.inner_text("#facts h2 .name"))
        page.keyboard.press("ArrowRight")
    assert seen == ["flag.png", "unjudged.png", "nobody.png", "nobody.png"]


def test_detail_view_shows_the_findings_with_their_numbers_and_where_they_are(watched: Watched) -> None:
    page = watched.page
    page.locator(".open").first.click()
    rows = page.locator(".found tbody")
    assert rows.count() == 2
    assert rows.first.locator("td").all_text_contents() == [
        "hand.extra_digit (error)", "0.93", "6", "5", "digits", "6 digits on the left hand; a hand has 5",
    ]  # fmt: skip
    assert page.locator("#facts .strip img").count() == 2
    facts = page.inner_text("#facts")
    for expected in (
        "limbs seen of expected (raw)",
        "Raw readings of the detectors, often wrong; only findings count.",
        "2 of 2",
        "cannot tell: no model",
        "ComfyUI",
        "two friends\njogging",
        "-1",
        "default@0123456789ab",
        "320 × 240",
    ):
        assert expected in facts
    rows.nth(1).hover()
    marked = page.locator("#canvas [data-finding].focus .box")
    assert marked.count() == 1
    assert marked.get_attribute("width") == "180.0"


def test_close_views_of_several_hands_can_be_told_apart_without_a_mouse(browser: Any, tmp_path: Path) -> None:
    found = [
        finding("hand.malformed", 0.84, message="The right hand looks wrong."),
        finding("hand.malformed", 0.67, message="The left hand looks wrong.", box_xyxy=[150, 60, 200, 120]),
    ]
    made = Watched(browser, build(tmp_path / "report", [record("a.png", "reject", findings=found)]))
    made.page.locator(".open").click()
    assert made.page.locator("#facts figcaption").all_inner_texts() == ["hand.malformed 0.84", "hand.malformed 0.67"]
    alts = [image.get_attribute("alt") for image in made.page.locator("#facts figure img").all()]
    assert alts == ["Close view: The right hand looks wrong.", "Close view: The left hand looks wrong."]
    made.page.context.close()


def test_an_unjudged_picture_shows_its_error_and_a_used_exception_is_named(watched: Watched) -> None:
    page = watched.page
    page.click(".verdict.unjudged")
    assert "got 12 of 90 bytes" in page.locator(".card:visible .reason").inner_text()
    page.locator(".card:visible .open").click()
    assert "unreadable: expected a whole PNG" in page.inner_text("#facts .why")
    assert "Not judged." in page.inner_text("#facts")
    page.keyboard.press("Escape")
    page.click(".verdict.unjudged")
    page.click(".verdict.flag")
    page.locator(".card:visible .open").click()
    assert "missing_arm" in page.inner_text("#facts")


def test_overlays_can_be_switched_off_in_the_gallery_and_layer_by_layer_in_the_detail_view(watched: Watched) -> None:
    page = watched.page
    overlay = page.locator(".card .overlay").first
    assert overlay.locator(".bones path.line").count() >= 3
    assert overlay.locator(".tag text").all_text_contents() == ["person.extra_arm", "hand.extra_digit"]
    page.click("#overlays")
    assert not overlay.is_visible()
    page.keyboard.press("o")
    assert overlay.is_visible()
    page.locator(".open").first.click()
    page.click('[data-layer="bones"]')
    assert not page.locator("#canvas .bones path").first.is_visible()
    assert page.locator("#canvas .findings rect").first.is_visible()
    page.keyboard.press("o")
    assert not page.locator("#canvas .findings rect").first.is_visible()


def test_the_drawing_lies_on_the_picture_and_labels_stay_inside(watched: Watched) -> None:
    page = watched.page
    page.locator(".open").first.click()
    page.wait_for_timeout(100)
    box = page.locator('#canvas [data-finding="0"] .box').bounding_box()
    frame = page.locator("#canvas").bounding_box()
    scale = min(frame["width"] / 320, frame["height"] / 240)
    left, top = frame["x"] + (frame["width"] - 320 * scale) / 2, frame["y"] + (frame["height"] - 240 * scale) / 2
    assert box["x"] == pytest.approx(left + 40 * scale, abs=3)
    assert box["y"] == pytest.approx(top + 60 * scale, abs=3)
    assert box["width"] == pytest.approx(60 * scale, abs=6)
    for tag in page.locator("#canvas .tag").all():
        place = tag.bounding_box()
        assert place["height"] == pytest.approx(17, abs=1), "labels keep their size on the screen"
        assert left - 1 <= place["x"]
        assert place["y"] >= top - 1


def test_a_link_to_one_picture_opens_it(browser: Any, index: Path) -> None:
    watched = Watched(browser, index)
    watched.page.goto("about:blank")
    watched.page.goto(index.as_uri() + "#p3")
    assert watched.page.inner_text("#facts h2 .name") == "flag.png"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_in_one_direction_only(browser: Any, index: Path, scheme: str) -> None:
    watched = Watched(browser, index, 390, 844, is_mobile=True, has_touch=True, color_scheme=scheme)
    page = watched.page
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator(".open").first.tap()
    assert page.evaluate("document.querySelector('dialog').scrollWidth") == 390
    page.locator("#close").tap()
    assert page.locator("dialog[open]").count() == 0
    watched.assert_quiet()


def test_numbers_of_a_large_run_stay_inside_their_tiles_on_a_phone(browser: Any, tmp_path: Path) -> None:
    tally = RunTally()
    with ReportFolder(tmp_path / "report", shown=1) as report:
        report.add(record(), None)
        for verdict, count in (("pass", 12000), ("no_subject", 4000), ("unjudged", 4000)):
            for _ in range(count):
                tally.add(record(verdict=verdict))
        page = Watched(browser, report.finish(tally.summary(2.0), {}), width=360, height=740).page
    overfull = (
        "[...document.querySelectorAll('.verdict, .verdict > *')].filter((one) => one.scrollWidth > one.clientWidth)"
    )
    assert page.evaluate(f"{overfull}.map((one) => one.textContent.trim())") == []
    page.context.close()


def test_a_long_reason_can_be_read_whole_beside_its_picture(browser: Any, tmp_path: Path) -> None:
    reason = "Nothing wrong in what could be measured; digits were not counted on 2 of 2 hands (2 uncertain). " * 3
    made = record("long.png", "reject", reason=reason)
    watched = Watched(browser, build(tmp_path / "report", [made]))
    element = watched.page.locator(".card .reason")
    assert element.evaluate("one => one.scrollHeight <= one.clientHeight")
    watched.page.context.close()


def test_text_keeps_its_contrast_in_light_and_dark(browser: Any, index: Path) -> None:
    for scheme in ("light", "dark"):
        page = Watched(browser, index, color_scheme=scheme).page
        page.locator("summary").first.click()
        assert page.evaluate(LOW_CONTRAST) == []
        page.locator(".open").first.click()
        assert page.evaluate(LOW_CONTRAST) == []


def test_paper_is_light_and_holds_no_controls(browser: Any, index: Path) -> None:
    page = Watched(browser, index, color_scheme="dark").page
    page.emulate_media(media="print")
    root = "getComputedStyle(document.documentElement)"
    assert page.evaluate(f"{root}.colorScheme") == "light"
    assert page.evaluate(f"['--bg', '--control', '--focus'].map((name) => {root}.getPropertyValue(name))") == [
        "#fff", "#85827b", "#00588f",
    ]  # fmt: skip
    controls = page.locator(":is(input, select, button:not(.verdict, .open), .tools, .top):visible")
    kinds = {one.evaluate("one => one.className") for one in controls.all()}
    assert kinds <= {"tools", "top"}
    stuck = "[...document.querySelectorAll('*')].filter((one) => /sticky|fixed/.test(getComputedStyle(one).position))"
    assert page.evaluate(f"{stuck}.filter((one) => one.checkVisibility()).length") == 0
    page.context.close()


def test_paper_says_that_a_filter_left_pictures_out(watched: Watched) -> None:
    page = watched.page
    page.click('[data-code="hand.malformed"]')
    page.fill("#search", "b/")
    page.emulate_media(media="print")
    assert page.inner_text("#result") == "1 of 5 shown"
    assert page.locator(".code:visible").all_inner_texts() == ["hand.malformed 1"]
    assert page.locator("#search").is_visible()
    assert not page.locator("#sort, #overlays").first.is_visible()


def test_paper_cuts_no_path_and_prints_the_key(browser: Any, tmp_path: Path) -> None:
    folder = "/srv/pictures/of/a/project/with/a/long/common/beginning/and/an/end/that/goes/on/beyond/the/card"
    watched = Watched(browser, build(tmp_path / "report", [record(f"{folder}/{'long_name_' * 20}.png")]))
    page = watched.page
    page.locator("summary").last.click()
    page.emulate_media(media="print")
    for part in (".open .folder", ".open .name", ".reason"):
        cut = "one => one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight"
        assert not page.locator(part).evaluate(cut), part
    opened = "[...document.querySelectorAll('.legend')].map((one) => one.open)"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(opened) == [True, True]
    assert page.locator(".keys").first.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(opened) == [False, True], "as they were"
    page.context.close()


def test_labels_of_a_printed_picture_are_laid_for_the_paper(browser: Any, index: Path) -> None:
    page = Watched(browser, index, width=360, height=500).page  # a stage that is smaller than the paper's
    page.locator("#p1 .open").click()
    scale = "Number(/scale\\((.*)\\)/.exec(document.querySelector('#canvas .tag').getAttribute('transform'))[1])"
    on_screen = page.evaluate(scale)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(scale) < 0.8 * on_screen
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(scale) == pytest.approx(on_screen)
    page.context.close()


def test_the_legend_says_which_uncounted_hands_can_pass(index: Path) -> None:
    text = index.read_text(encoding="utf-8")
    assert "(uncertain) is judged by its look and can pass" in text and "has not passed" not in text


def test_the_legend_says_what_an_unjudged_picture_is(index: Path) -> None:
    legend = index.read_text(encoding="utf-8").split("<dt>Unjudged</dt>")[1].split("<dt>")[0]
    assert "somebody is there" in legend
    assert "nothing could be measured" in legend


def test_a_slow_run_has_a_speed_and_both_shares_at_the_top_say_of_what_they_are(tmp_path: Path) -> None:
    tally = RunTally()
    with ReportFolder(tmp_path / "report") as report:
        for verdict in ("reject", "pass", "pass", "unjudged"):
            tally.add(record(f"{verdict}.png", verdict))
            report.add(record(f"{verdict}.png", verdict), None)
        page = report.finish(tally.summary(130.0), {"created": "2026-11-30T21:58:27+00:00"}).read_text(encoding="utf-8")
    ran = " ".join(page.split('<p class="ran">')[1].split("</p>")[0].split())
    assert "on 2026-11-30 at 21:58 UTC, 32.5 seconds for each" in ran
    assert "<b>33.3 %</b> of the 3 judged were rejected." in ran


def test_controls_have_names_and_states_for_a_screen_reader(watched: Watched) -> None:
    page = watched.page
    assert page.get_by_role("searchbox", name="Search paths").count() == 1
    assert page.get_by_role("combobox", name="Sort").count() == 1
    assert page.get_by_role("button", name="Reject 1 20.0 %", pressed=False).count() == 1
    assert page.get_by_role("button", name="a/ reject.png").count() == 1
    page.locator(".open").first.click()
    assert page.get_by_role("dialog", name="a/ reject.png").count() == 1
    assert page.get_by_role("button", name="Next picture").count() == 1
    assert page.get_by_role("button", name="Close details").count() == 1
    assert page.get_by_role("img", name="a/reject.png, reject").count() == 1


def test_an_empty_run_says_so(browser: Any, tmp_path: Path) -> None:
    watched = Watched(browser, build(tmp_path / "report", []))
    assert "No pictures were judged" in watched.page.inner_text("main")
    watched.assert_quiet()


def test_the_page_shows_everything_without_javascript(browser: Any, index: Path) -> None:
    watched = Watched(browser, index, java_script_enabled=False)
    assert len(watched.names()) == 5
    assert "records.jsonl" in watched.page.inner_text("main")
    watched.assert_quiet()


def test_a_large_report_embeds_smaller_pictures(tmp_path: Path) -> None:
    few = build(tmp_path / "few", [record(f"{k}.png", "reject") for k in range(3)])
    many = build(tmp_path / "many", [record(f"{k}.png", "reject") for k in range(120)])
    assert many.read_text().count('<li class="card"') == 120
    assert many.stat().st_size / 120 < few.stat().st_size / 3


@pytest.fixture
def read(browser: Any, tmp_path: Path) -> Iterator[Watched]:
    """The detail view of a hand with six digits; the next picture's hand could not be counted."""
    six = read_record("a/six.png", number=6, extra=5)
    six["hands"][0]["digits"]["items"][0]["mask"] = {"size": [240, 320], "counts": [76800]}
    hidden = read_record("b/hidden.png", "flag", number=2, cannot_tell="occluded")
    tally = RunTally()
    with ReportFolder(tmp_path / "report") as report:
        for made in (six, hidden):
            tally.add(made)
            report.add(made, make_evidence(picture(), made, [outline(0), outline(5)]))
        index = report.finish(tally.summary(2.0), {})
    watched = Watched(browser, index)
    yield watched
    watched.assert_quiet()
    watched.page.context.close()


def test_digits_are_drawn_numbered_and_counted_in_the_detail_view(read: Watched) -> None:
    page = read.page
    assert page.locator(".card .overlay path.digit.line").count() == 8
    assert not page.locator(".card .tip").first.is_visible(), "too small to read in the gallery"
    page.locator(".card .open").first.click()
    tips = page.locator("#canvas .tip")
    assert [text.text_content() for text in tips.locator("text").all()] == ["1", "2", "3", "4", "5", "6"]
    assert page.locator("#canvas .tip.extra .ring").count() == 1
    assert page.locator("#canvas .fill").count() == 2
    assert page.locator("#canvas .caption text").text_content() == "6 digits, 6 too many"
    frame = page.locator("#canvas .overlay").bounding_box()
    for tip in tips.all():
        box = tip.bounding_box()
        assert frame["x"] - 1 <= box["x"] and box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
        assert 3 < box["height"] < 40
    number, line = tips.first.bounding_box(), page.locator("#canvas path.digit.line").first.bounding_box()
    above = line["y"] - (number["y"] + number["height"] / 2)
    assert 0 < above < 1.5 * number["height"], "just beyond the tip"
    hands = page.locator("#facts tr", has_text="87 %").inner_text().split("\t")
    assert hands[3:5] == ["6", "87 %"]
    page.keyboard.press("ArrowRight")
    assert page.locator("#canvas .caption text").text_content() == "cannot tell: occluded"
    assert "cannot tell: occluded, 2 in view" in page.locator("#facts").inner_text()


def test_labels_do_not_cover_the_numbers_of_digits(read: Watched) -> None:
    read.page.locator(".card .open").first.click()
    read.page.wait_for_timeout(100)
    labels = [tag.bounding_box() for tag in read.page.locator("#canvas .tag").all()]
    for tip in read.page.locator("#canvas .tip").all():
        box = tip.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for label in labels:
            inside = 0 < x - label["x"] < label["width"] and 0 < y - label["y"] < label["height"]
            assert not inside


def test_digits_are_a_layer_of_their_own(read: Watched) -> None:
    read.page.locator(".card .open").first.click()
    read.page.locator("[data-layer=digits]").click()
    assert not read.page.locator("#canvas .tip").first.is_visible()
    assert not read.page.locator("#canvas .caption").first.is_visible()
    assert read.page.locator("#canvas .hands rect.box").first.is_visible()


def test_masks_and_lines_stay_out_of_the_pages_data_and_in_the_records(read: Watched) -> None:
    data = read.page.locator(".card .data").first.text_content()
    assert "polyline" not in data and "counts" not in data
    assert '"count":6' in data
    folder = Path(read.url.removeprefix("file://")).parent
    assert "polyline" in (folder / "records.jsonl").read_text()
