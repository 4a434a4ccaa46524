"""index.html: one self-contained file that asks nobody for anything and runs nothing but its own script.

Every string of a record is a stranger's: jinja2 escapes it in the markup, `_data_block` in the data, and the content
security policy forbids whatever should slip through.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from limbfix.drawing import COLORS
from limbfix.printing import printable
from limbfix.records import shown_score, standing
from limbfix.reports.code_lists import code_lists
from limbfix.reports.escaping import shown
from limbfix.reports.summary import RunSummary
from limbfix.reports.svg_overlay import Overlay, make_overlay

VERDICT_NAMES: dict[str, str] = {
    "reject": "Reject",
    "flag": "Flag",
    "pass": "Pass",
    "no_subject": "No subject",
    "unjudged": "Unjudged",
}

_LIGHT_FROM = 100
"""Pictures on the page from which they are embedded smaller, so that 400 of them still open on a phone."""

_LIGHT_PICTURE_SIDE, _LIGHT_CROP_SIDE, _LIGHT_CROPS = 640, 224, 4
_LIGHT_QUALITY = 74


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One picture of the page.

    Attributes:
        index: place in the run, from 0.
        record: as in records.jsonl.
        keypoints: dicts as limbfix.drawing reads them.
        thumbnail: JPEG of the clean picture, or None.
        crops: finding indices that share a crop, and its JPEG.
        repaired: JPEG of the repaired picture, or None.
    """

    index: int
    record: Mapping[str, Any]
    keypoints: list[dict[str, Any]]
    thumbnail: bytes | None
    crops: tuple[tuple[tuple[int, ...], bytes], ...]
    repaired: bytes | None = None


def page_blocks(
    *, title: str, summary: RunSummary, provenance: Mapping[str, Any], shown_count: int, cards: Iterable[Card]
) -> Iterator[str]:
    """Yields the page block by block; only one picture is in memory at a time.

    Args:
        title: heading.
        summary: the run's counts.
        provenance: what else is shown about the run.
        shown_count: number of cards.
        cards: the pictures in the order of the gallery.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    style = _colors_css() + _package_text("page.css")
    script = _package_text("page.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["data_block"] = lambda value: Markup(_data_block(value))
    environment.filters["printable"] = lambda value: printable(str(value))
    environment.filters["score"] = lambda value: "–" if value is None else shown_score(value)
    environment.filters["share"] = lambda part, whole: f"{100 * part / whole:.1f}\u00a0%" if whole else "-"
    environment.filters["moment"] = _moment
    template = environment.from_string(_package_text("page.html"))
    is_light = shown_count > _LIGHT_FROM
    return template.generate(
        title=title,
        summary=summary,
        speed=_speed(summary),
        names=VERDICT_NAMES,
        provenance=shown(dict(provenance)),
        shown_count=shown_count,
        cards=(_card_view(card, is_light) for card in cards),
        style=Markup(style),
        style_hash=_source_hash(style),
        script=Markup(script),
        script_hash=_source_hash(script),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _CardView:
    """What the template reads of one picture. `data` is what the detail view reads."""

    id: str
    record: dict[str, Any]
    folder: str
    name: str
    codes: list[str]
    hints: list[str]
    picture: str | None
    overlay: Overlay | None
    crops: list[tuple[str, str]]
    data: dict[str, Any]
    verdict: str
    score: float | None
    repaired: str | None


def _card_view(card: Card, is_light: bool) -> _CardView:
    record = shown(_without_digits(card.record))
    path = printable(card.record["path"])
    cut = max(path.rfind("/"), path.rfind("\\")) + 1
    if cut == len(path):
        cut = 0
    picture, overlay, repaired = None, None, None
    if card.thumbnail:
        jpeg, size_wh = _embedded(card.thumbnail, _LIGHT_PICTURE_SIDE if is_light else None)
        frame_wh = (card.record.get("width") or size_wh[0], card.record.get("height") or size_wh[1])
        if card.repaired:
            repaired = _data_uri(_embedded(card.repaired, _LIGHT_PICTURE_SIDE if is_light else None)[0])
        picture, overlay = _data_uri(jpeg), make_overlay(card.record, card.keypoints, frame_wh)
    crops = card.crops[:_LIGHT_CROPS] if is_light else card.crops
    verdict, score = standing(card.record)
    codes, hints = code_lists(record)
    return _CardView(
        id=f"p{card.index}",
        record=record | {"path": path},
        folder=path[:cut],
        name=path[cut:],
        codes=codes,
        hints=hints,
        picture=picture,
        overlay=overlay,
        crops=[
            (" ".join(map(str, indices)), _data_uri(_embedded(jpeg, _LIGHT_CROP_SIDE if is_light else None)[0]))
            for indices, jpeg in crops
        ],
        data=record | {"path": path, "index": card.index, "standing": [verdict, score]},
        verdict=verdict,
        score=score,
        repaired=repaired,
    )


def _without_digits(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the record without masks and lines of digits, which are drawn and would only make the page heavy."""
    hands = [
        {key: value for key, value in hand.items() if key != "mask"}
        | ({"digits": {**hand["digits"], "items": []}} if "digits" in hand else {})
        for hand in record.get("hands") or ()
    ]
    return {**record, "hands": hands}


def _embedded(jpeg: bytes, side: int | None) -> tuple[bytes, tuple[int, int]]:
    """Returns a JPEG of at most `side` px, and its size; None = as it is."""
    from PIL import Image

    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        if side is None or max(image.size) <= side:
            return jpeg, image.size
        image.draft("RGB", (side, side))
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=_LIGHT_QUALITY)
        return buffer.getvalue(), image.size


def _speed(summary: RunSummary) -> str:
    """Returns `2.5 per second`, or for a slower run `32.5 seconds for each`; empty where no time was measured."""
    if not summary.pictures or summary.seconds <= 0:
        return ""
    each = summary.seconds / summary.pictures
    return f"{1 / each:.1f} per second" if each <= 1 else f"{each:.1f} seconds for each"


def _moment(created: object) -> str:
    """Returns an ISO time in UTC as `2026-11-30 at 21:58 UTC`; anything else as it is."""
    text = str(created)
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(\+00:00|Z)", text)
    return f"{found[1]} at {found[2]} UTC" if found else text


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _data_block(value: Any) -> str:
    """Returns JSON that cannot end or open a script element: no `<`, `>` or `&`, ASCII only."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _source_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _colors_css() -> str:
    return ":root{" + "".join(f"--c-{name.replace('_', '-')}:{value};" for name, value in COLORS.items()) + "}\n"


def _package_text(name: str) -> str:
    return resources.files("limbfix.reports").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")
