"""What does a caller get back? An Inspection: the record, and what was seen, ready to be drawn."""

from __future__ import annotations

import html
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.digits import CannotTell, Digit, Mask
from limbfix.drawing.limb_shapes import LIMB_OUTLINE
from limbfix.findings import Finding
from limbfix.geometry import Box
from limbfix.images import Picture
from limbfix.outlines import outlines_of
from limbfix.parts import Keypoints, Side
from limbfix.printing import printable
from limbfix.records import Record, shown_score
from limbfix.skeletons import Hand, Scene

if TYPE_CHECKING:
    from PIL.Image import Image

OUTLINE_TOLERANCE = 0.006
"""Of a hand's size: how far a drawn outline of a digit may lie off its mask. Half a line's width on the screen.
At least 0.8 px, more than the steps of a slanting edge."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InspectedHand:
    """One hand and what is in it: `hand.digits[1].segments[0].mask`, `hand.digits[1].nail`. Frame: px of the upright original.

    Attributes:
        hand_index: position in the record's `hands`.
        person_index: the owner, or None.
        side: the subject's own side.
        box: px.
        defect_score: 0-1, the worst counted or accepted finding on it, or None.
        defect_probability: calibrated chance, 0-1, that something is wrong with it, or None where it was not judged.
        count: how many digits it has, or None; see `cannot_tell`.
        visible: how many digits are seen, or None where nobody looked.
        cannot_tell: why there is no count, or None.
        digits: every digit that is seen, as many as there are; each has `polyline`, `mask`, `segments` and `nail`.
        mask: its own pixels with its digits, or None. `mask.full(width, height)` gives it in the picture's frame.
    """

    hand_index: int
    person_index: int | None
    side: Side
    box: Box
    defect_score: float | None
    defect_probability: float | None
    count: int | None
    visible: int | None
    cannot_tell: CannotTell | None
    digits: tuple[Digit, ...]
    mask: Mask | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inspection:
    """The judgement on one picture.

    Attributes:
        record: plain JSON values; see `limbfix.record_schema()`.
        picture: the upright pixels, or None where they could not be read or were judged in another process.
        scene: the people and hands seen, or None likewise.
        findings: every measurement of every check, normal ones included, worst first.
        keypoints: `[{"layout", "xy", "score"}]` of bodies and hands, px of the upright original, for drawing; the outlines
            of digits stand among them (`limbfix.drawing`).
    """

    record: Record
    picture: Picture | None = None
    scene: Scene | None = None
    findings: tuple[Finding, ...] = ()
    keypoints: tuple[dict[str, Any], ...] = ()

    @property
    def verdict(self) -> str:
        """`pass`, `flag`, `reject`, `no_subject` or `unjudged`."""
        return self.record["verdict"]

    @property
    def defect_score(self) -> float | None:
        """0-1, higher = more surely wrong; None where nothing was judged."""
        return self.record["defect_score"]

    @property
    def reason(self) -> str:
        """One sentence."""
        return self.record["reason"]

    @property
    def hands(self) -> tuple[InspectedHand, ...]:
        """The hands, each with its digits, their segments and nails, and the masks of all of them.

        Empty where the scene is not at hand: the picture could not be read, or it was judged in another process. The
        record then still has the lines of the digits, and their masks if the run was asked for them.
        """
        hands = self.scene.hands if self.scene is not None else ()
        return tuple(_inspected(hand, self.record["hands"][hand.hand_index]) for hand in hands)

    def draw(self) -> Image:
        """Returns a copy of the picture with skeletons, numbered digits, boxes and codes on it.

        Raises:
            ValueError: the picture is not at hand (unreadable, or judged in another process).
        """
        from limbfix.drawing import draw_overlay

        if self.picture is None:
            raise ValueError(
                f"draw: expected a picture that was read here, got none for {self.record['path']}: {self.reason}"
            )
        return draw_overlay(self.picture.pixels, self.record, list(self.keypoints))

    def _repr_png_(self) -> bytes | None:
        if self.picture is None:
            return None
        overlay = self.draw()
        overlay.thumbnail((1024, 1024))
        buffer = io.BytesIO()
        overlay.save(buffer, format="PNG")
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        import base64

        score = "no score" if self.defect_score is None else shown_score(self.defect_score)
        name = html.escape(printable(self.record["path"]))
        head = f"<p>{name}<br><b>{html.escape(self.verdict)}</b> ({score}): {html.escape(printable(self.reason))}</p>"
        png = self._repr_png_()
        image = (
            ""
            if png is None
            else f'<img alt="{name} with what was seen drawn on it" style="max-width:100%" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        )
        return head + image


def _inspected(hand: Hand, row: Record) -> InspectedHand:
    """Returns a hand with the numbers of its record, so that both always say the same."""
    reading, digits = hand.part.reading, row["digits"]
    return InspectedHand(
        hand_index=hand.hand_index,
        person_index=hand.person_index,
        side=hand.part.side,
        box=hand.part.box,
        defect_score=row["defect_score"],
        defect_probability=row["defect_probability"],
        count=digits["count"],
        visible=digits["visible"],
        cannot_tell=CannotTell(digits["cannot_tell"]) if digits["cannot_tell"] else None,
        digits=() if reading is None else reading.digits,
        mask=None if reading is None else reading.mask,
    )


def keypoints_for_drawing(scene: Scene) -> tuple[dict[str, Any], ...]:
    """Returns the keypoints of all bodies and hands, then the outlines of digits and limbs, as plain JSON values; absent is null."""
    bodies = [person.body.keypoints for person in scene.people if person.body is not None]
    hands = [hand.part.keypoints for hand in scene.hands]
    skeletons = (_plain(keypoints) for keypoints in (*bodies, *hands) if keypoints is not None)
    digits = (outline for hand in scene.hands for outline in _outlines(hand))
    return (*skeletons, *digits, *_limb_outlines(scene))


def _outlines(hand: Hand) -> list[dict[str, Any]]:
    digits = hand.part.reading.digits if hand.part.reading is not None else ()
    tolerance = max(0.8, OUTLINE_TOLERANCE * hand.part.box.size)
    return [
        {
            "layout": "digit_outline",
            "hand_index": hand.hand_index,
            "digit_index": digit.digit_index,
            "xy": np.add(outline, (digit.mask.left, digit.mask.top)).tolist(),
            "score": [],
        }
        for digit in digits
        if digit.mask is not None
        for outline in outlines_of(digit.mask.pixels, tolerance)
    ]


def _limb_outlines(scene: Scene) -> list[dict[str, Any]]:
    if scene.bodies is None:
        return []
    owned = [
        (graph.person_index, limb)
        for graph in scene.bodies.people
        for limb in graph.limbs
        if graph.person_index is not None
    ]
    owned += [(None, limb) for limb in scene.bodies.loose]
    return [
        {
            "layout": LIMB_OUTLINE,
            "person_index": owner,
            "limb_index": limb.limb_index,
            "xy": np.add(outline, (limb.mask.left, limb.mask.top)).tolist(),
            "score": [],
        }
        for owner, limb in owned
        if limb.mask is not None
        for outline in outlines_of(limb.mask.pixels, max(0.8, OUTLINE_TOLERANCE * limb.box.size))
    ]


def _plain(keypoints: Keypoints) -> dict[str, Any]:
    xy = [[round(float(x), 1), round(float(y), 1)] if np.isfinite([x, y]).all() else None for x, y in keypoints.xy]
    score = [round(float(value), 3) if np.isfinite(value) else None for value in keypoints.score]
    return {"layout": keypoints.layout.name, "xy": xy, "score": score}
