"""What do the pages say? Facts for the templates, and the templates. Every string of a ledger is a stranger's.

jinja2 escapes each of them, `printable` shows what would hide, and the content security policy forbids what should slip
through: no script and no style but our two files, no address but our own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from limbfix.drawing import COLORS
from limbfix.explanations import explanations_of
from limbfix.findings import CODES
from limbfix.ledger.cases import Case
from limbfix.ledger.money import amount_text
from limbfix.printing import printable
from limbfix.review.auditing import Rates, Stratum
from limbfix.review.desks import Desk
from limbfix.review.estimates import Estimates
from limbfix.review.index import Row

if TYPE_CHECKING:
    from jinja2 import Environment

_FILES = {"review.css": "text/css", "review.js": "text/javascript", "icon.svg": "image/svg+xml"}
_USUAL = (
    "hand.extra_digit",
    "hand.missing_digit",
    "hand.fused_digits",
    "hand.malformed",
    "person.extra_arm",
    "person.missing_arm",
    "person.extra_leg",
    "person.detached_limb",
)
_OTHER = ("meant this way", "cannot be seen well", "something else")
LABEL_WORDS = {"fine": "accepted", "defective": "rejected", "unsure": "unsure"}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The queue and the numbers at one moment."""

    queue: list[Row]
    strata: Mapping[str, Stratum]
    estimates: Estimates
    rates: Rates

    @property
    def done(self) -> int:
        """How many of the queue are answered."""
        return sum(row.is_done for row in self.queue)

    def place(self, case_id: str) -> int | None:
        """Returns the place of a case in the queue, from 1."""
        return next((place for place, row in enumerate(self.queue, 1) if row.case_id == case_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One picture of the gallery."""

    id: str
    title: str
    path: str
    state: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """What the template reads of one case besides the case itself.

    Attributes:
        place: in the queue, from 1; None = not in it.
        crops: (kind, code of the finding).
        focus: where to look, shares of width and height, or None.
        findings: (code, meaning, score) of those that led to the verdict, else the strongest one.
        codes: reason codes with their words; those of the findings first.
        history: sentences, oldest first.
        prompt: of the picture, or None.
    """

    place: int | None
    has_picture: bool
    has_overlay: bool
    crops: Sequence[tuple[str, str]]
    focus: tuple[float, float] | None
    findings: Sequence[tuple[str, str, str]]
    codes: Sequence[tuple[str, str]]
    history: Sequence[str]
    prompt: str | None


def card(row: Row, case: Case, desk: Desk) -> Card:
    """Returns a picture of the gallery as this person should see it: without verdict, so that nobody is led."""
    last = next((answer for answer in reversed(row.answers) if answer.label), row.answers[-1] if row.answers else None)
    label = LABEL_WORDS.get(row.label or "", "decided" if row.answers else "")
    words = f"{label} by {last.who}" if label and last else "skipped by you" if row.case_id in desk.skipped else "to do"
    return Card(
        id=row.case_id, title=title_of(case), path=case.data["record"]["path"], state=label or "todo", words=words
    )


def case_view(case: Case, kinds: Sequence[str], state: State) -> CaseView:
    """Returns what one page says."""
    record = case.data["record"]
    findings = record["findings"]
    led = [findings[number] for number in case.data["led_to_verdict"]]
    crops = [item for item in case.data["evidence"] if item["kind"] == "crop"]
    own = dict.fromkeys(finding["code"] for finding in led if finding["code"] in CODES)
    codes = list(own) + [code for code in _USUAL if code not in own]
    return CaseView(
        place=state.place(case.case_id),
        has_picture="picture" in kinds,
        has_overlay="overlay" in kinds,
        crops=[(f"crop-{number}", findings[item["finding"]]["code"]) for number, item in enumerate(crops)],
        focus=_focus(led, record),
        findings=[(one["code"], one["message"], one["defect_score"]) for one in led],
        codes=[(code, explanations_of(code)[0].meaning.rstrip(".")) for code in codes]
        + [(word, "") for word in _OTHER],
        history=[_history(entry.data, entry.data["decided_at"] or entry.at) for entry in case.overrides],
        prompt=case.data["made_with"]["prompt"],
    )


def title_of(case: Case) -> str:
    """Returns how a picture is called: its file name."""
    name = case.data["record"]["path"].replace("\\", "/").rstrip("/").rpartition("/")[2]
    return printable(name or case.case_id[:12])


def conflict_words(case: Case, choice: str) -> str:
    """Returns what a person is told whose answer came second."""
    wanted = "accepted" if choice == "accept" else "rejected"
    if not case.overrides:
        return f"This picture was judged anew, or a decision was taken back, while you looked. You {wanted} it; that was not written. Look again."
    last = case.overrides[-1].data
    label = LABEL_WORDS.get(last["label"] or "", "decided on")
    return (
        f"{last['who']} {label} this picture while you looked. You {wanted} it; that was not written, and theirs stands. "
        "If you do not agree, answer again: both answers will be in the ledger, and yours will hold."
    )


def whole(text: str | None, otherwise: int) -> int:
    """Returns a whole number from an address, or another."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else otherwise


def static_file(name: str) -> tuple[str, str] | None:
    """Returns text and media type of a file of ours, or None."""
    if name not in _FILES:
        return None
    colors = ":root{" + "".join(f"--c-{key.replace('_', '-')}:{value};" for key, value in COLORS.items()) + "}\n"
    return (colors if name == "review.css" else "") + _package_text(name), _FILES[name]


def render(name: str, **values: Any) -> str:
    """Returns a page."""
    return _environment().get_template(name).render(**values)


def _focus(led: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> tuple[float, float] | None:
    box = next((one["box_xyxy"] for one in led if one["box_xyxy"]), None)
    if box is None or not record["width"] or not record["height"]:
        return None
    x0, y0, x1, y1 = map(float, box)
    shares = ((x0 + x1) / 2 / record["width"], (y0 + y1) / 2 / record["height"])
    return min(max(shares[0], 0.0), 1.0), min(max(shares[1], 0.0), 1.0)


def _history(body: Mapping[str, Any], at: str) -> str:
    did = LABEL_WORDS.get(body["label"] or "", f"decided: {body['answer']}")
    return f"{body['who']} {did}, {at[:16].replace('T', ' ')} UTC: {body['why']}"


@cache
def _environment() -> Environment:
    from jinja2 import DictLoader, Environment, StrictUndefined

    names = ("base.html", "start.html", "gallery.html", "case.html", "numbers.html")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown,
        loader=DictLoader({name: _package_text(name) for name in names}),
    )  # fmt: skip
    environment.filters |= {"short": _short, "amount": amount_text, "name": title_of}
    return environment


def _shown(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _short(text: Any, most: int = 160) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _package_text(name: str) -> str:
    return resources.files("limbfix.review").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")
