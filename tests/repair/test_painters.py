"""What the painters behind the flags of `limbfix fix` are shown, and what they give back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from blob_detector import GOOD, drawn
from drawn_repairs import three_hands
from picture_files import encoded
from PIL import Image

from limbfix.cli.painters import EnlargedOnly, hand_hints
from limbfix.findings import DefectCode
from limbfix.geometry import Box
from limbfix.parts import Side
from limbfix.repair import Action, repair_picture
from limbfix.repair.focus import focus_on
from limbfix.repair.focus_pass import focus_plan
from limbfix.repair.patches import box_patch, union
from limbfix.repair.plans import make_plan

POSE, DEPTH = "lllyasviel/control_v11p_sd15_openpose", "lllyasviel/control_v11f1p_sd15_depth"


@pytest.fixture
def place(gate):
    """Gives (inspection, step, focus) of the third hand, which goes."""
    inspection = gate.inspect(encoded(three_hands()))
    (step,) = make_plan(inspection, flag_at=0.5)
    return inspection, step, focus_on(step.patch, 320, 240, native_px=512, multiple=16)


def test_no_hand_is_shown_where_one_is_taken_away(place):
    inspection, step, focus = place
    assert step.action is Action.REMOVE and step.hand_indices
    hint = hand_hints(POSE)
    assert hint(inspection, step, focus) is None
    assert hint(inspection, replace(step, action=Action.REDRAW), focus).any()


def test_a_hand_that_loses_a_digit_is_still_shown(place):
    inspection, step, focus = place
    digit = replace(step.findings[0], code=DefectCode.HAND_EXTRA_DIGIT)
    assert hand_hints(POSE)(inspection, replace(step, findings=(digit,)), focus).any()


def test_every_hand_of_a_place_is_shown(place):
    inspection, step, _ = place
    boxes = [hand.part.box for hand in inspection.scene.hands[:2]]
    patch = union([box_patch(box, inspection.scene) for box in boxes])
    step = replace(step, action=Action.REDRAW, patch=patch, hand_indices=(0, 1))
    focus = focus_on(patch, 320, 240, native_px=512, multiple=16)
    shown = hand_hints(POSE)(inspection, step, focus).any(axis=2)
    scale = np.array(focus.size_wh) / np.array(focus.alpha.shape[::-1])
    for box in boxes:
        x, y = ((np.array(box.center) - (focus.left, focus.top)) * scale).astype(int)
        assert shown[y - 20 : y + 20, x - 20 : x + 20].any()


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_depth_shows_the_side_of_the_hand_that_faces_the_viewer(place, side, monkeypatch):
    inspection, step, focus = place
    said = []
    monkeypatch.setattr(
        "limbfix.inpainters.posed_depth.depth_hint",
        lambda joints, size_wh, *, shows_palm=False: said.append(shows_palm) or np.ones((*size_wh, 3), np.uint8),
    )
    hand = inspection.scene.hands[step.hand_indices[0]]
    hand = replace(hand, part=replace(hand.part, side=side))
    scene = replace(inspection.scene, hands=(*inspection.scene.hands[:-1], hand))
    hand_hints(DEPTH)(replace(inspection, scene=scene), replace(step, action=Action.REDRAW), focus)
    assert said == [side is Side.LEFT], (
        "without joints, a box holds the back of a right hand, which is the palm of a left one"
    )


@dataclass
class Soft:
    """An area that is merely soft."""

    box: Box
    reason: str = "soft"
    hand_index: int | None = None
    strength: float = 0.4


@pytest.mark.parametrize(("side_px", "is_enlarged"), [(200, True), (700, False)])
def test_an_upscaler_alone_leaves_an_area_that_it_cannot_enlarge(gate, side_px, is_enlarged):
    """Its window would be shrunk for the painter and enlarged again: detail lost, and nobody counts that."""
    pixels = np.array(drawn(GOOD).resize((2000, 1600)))
    pixels[..., 1] = np.clip(pixels[..., 1].astype(int) - 20 * (np.indices(pixels.shape[:2]).sum(axis=0) % 2), 0, 255)
    inspection = gate.inspect(encoded(Image.fromarray(pixels)))
    calls = []

    def enlarge(crop, size_wh):
        calls.append(size_wh)
        return np.asarray(Image.fromarray(crop).resize(size_wh, Image.Resampling.LANCZOS))

    painter = EnlargedOnly("upscaler:test", enlarge)
    area = Soft(Box(600, 500, 600 + side_px, 500 + side_px))
    repaired = repair_picture(
        inspection, gate, inpainter=painter, plan=focus_plan([area], inspection.scene), enlarge=painter.enlarged
    )
    assert bool(calls) is is_enlarged
    assert repaired.is_changed is is_enlarged
    if not is_enlarged:
        assert "already" in repaired.attempts[0].reason
