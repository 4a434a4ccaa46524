"""People and hands drawn to order: parts, keypoints, scenes and findings whose anatomy is known because we made it.

Pixels, x right, y down. A person faces the viewer unless `mirrored`, so the subject's left is at larger x.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbfix.assembly import assemble
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import Box
from limbfix.images import Picture, open_picture
from limbfix.layouts import BLAZEPOSE33, HAND21
from limbfix.parts import Keypoints, Part, PartKind, Side
from limbfix.skeletons import Scene

WIDTH, HEIGHT = 1000, 1000

_SIDE_POINTS = {
    "eye_inner": (0.02, -0.90),
    "eye": (0.03, -0.90),
    "eye_outer": (0.04, -0.90),
    "ear": (0.07, -0.88),
    "shoulder": (0.20, -0.60),
    "elbow": (0.30, -0.30),
    "wrist": (0.38, -0.02),
    "pinky": (0.41, 0.06),
    "index": (0.39, 0.07),
    "thumb": (0.36, 0.05),
    "hip": (0.12, 0.0),
    "knee": (0.13, 0.45),
    "ankle": (0.14, 0.88),
    "heel": (0.13, 0.92),
    "foot_index": (0.17, 0.95),
}
"""(x, y) of the subject's left side in half body heights from the middle of the hips; seen from the front."""

_FINGER_ANGLES = (-55.0, -18.0, 0.0, 16.0, 34.0)
_FINGER_LENGTHS = (0.62, 0.95, 1.0, 0.95, 0.80)


def body_keypoints(
    x: float = 500,
    y: float = 500,
    height: float = 800,
    *,
    mirrored: bool = False,
    visibility: float = 0.99,
    absent: Sequence[str] = (),
    unseen: Sequence[str] = (),
    moved: dict[str, tuple[float, float]] | None = None,
) -> Keypoints:
    """A standing stick person in BLAZEPOSE33.

    Args:
        x, y: middle of the hips, px.
        height: of the body, px.
        mirrored: seen from behind: left and right change places on the picture.
        visibility: score of every landmark.
        absent: landmarks set to nan; a name without side means both.
        unseen: landmarks with score 0.01.
        moved: landmark -> (x, y) px that replaces it.
    """
    half, sign = height / 2, -1 if mirrored else 1
    points = {"nose": (0.0, -0.87), "mouth_left": (0.02 * sign, -0.83), "mouth_right": (-0.02 * sign, -0.83)}
    for name, (dx, dy) in _SIDE_POINTS.items():
        points[f"left_{name}"], points[f"right_{name}"] = (dx * sign, dy), (-dx * sign, dy)
    xy = np.array([points[name] for name in BLAZEPOSE33.landmarks]) * half + (x, y)
    score = np.full(33, visibility)
    for name, place in (moved or {}).items():
        xy[BLAZEPOSE33.index(name)] = place
    for index, name in enumerate(BLAZEPOSE33.landmarks):
        if _named(name, absent):
            xy[index] = np.nan
        if _named(name, unseen):
            score[index] = 0.01
    return Keypoints(layout=BLAZEPOSE33, xy=xy, score=score)


def _named(landmark: str, names: Sequence[str]) -> bool:
    return landmark in names or landmark.removeprefix("left_").removeprefix("right_") in names


def person(x: float = 500, y: float = 500, height: float = 800, *, score: float = 0.9, **options) -> Part:
    """A body part with keypoints; options as `body_keypoints`."""
    keypoints = body_keypoints(x, y, height, **options)
    return Part(
        kind=PartKind.PERSON,
        box=Box.around(keypoints.xy).grown(0.02),
        detection_score=score,
        detector="synthetic",
        keypoints=keypoints,
    )


def person_box(x_min: float, y_min: float, x_max: float, y_max: float, *, score: float = 0.9) -> Part:
    """A person of whom only a box is known."""
    return Part(kind=PartKind.PERSON, box=Box(x_min, y_min, x_max, y_max), detection_score=score, detector="synthetic")


def face(x: float, y: float, size: float = 100, *, score: float = 0.9) -> Part:
    """A face around (x, y) px."""
    box = Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)
    return Part(kind=PartKind.FACE, box=box, detection_score=score, detector="synthetic")


def hand_keypoints(
    x: float, y: float, size: float = 80, *, angle_deg: float = 90, side: Side = Side.LEFT, palm: bool = True
) -> Keypoints:
    """An open hand in HAND21.

    Args:
        x, y: wrist, px.
        size: from the wrist to the tip of the middle finger, px.
        angle_deg: where the middle finger points: 0 = right, 90 = down.
        side: left or right; with `palm` it decides on which side the thumb is.
        palm: the palm faces the viewer.
    """
    thumb_side = 1 if (side is Side.LEFT) == palm else -1
    xy = np.zeros((21, 2))
    for digit, (turn, length) in enumerate(zip(_FINGER_ANGLES, _FINGER_LENGTHS, strict=True)):
        direction = np.radians(angle_deg + turn * thumb_side)
        ray = np.array([np.cos(direction), np.sin(direction)])
        shares = (0.30, 0.55, 0.80, 1.0) if digit == 0 else (0.50, 0.72, 0.88, 1.0)
        xy[4 * digit + 1 : 4 * digit + 5] = np.outer(np.array(shares) * length, ray)
    return Keypoints(layout=HAND21, xy=xy * size + (x, y), score=np.full(21, np.nan))


def hand(x: float, y: float, size: float = 80, *, side: Side = Side.LEFT, score: float | None = 0.9, **options) -> Part:
    """A hand whose wrist lies at (x, y) px; options as `hand_keypoints`."""
    keypoints = hand_keypoints(x, y, size, side=side, **options)
    return Part(
        kind=PartKind.HAND,
        box=Box.around(keypoints.xy).grown(0.06),
        detection_score=score,
        detector="synthetic",
        side=side,
        side_score=0.9,
        keypoints=keypoints,
    )


def hands_of(body: Part, size: float = 80) -> tuple[Part, Part]:
    """The two hands that belong at the wrists of a body: left, right."""
    assert body.keypoints is not None
    left, right = (body.keypoints.point(f"{side}_wrist") for side in ("left", "right"))
    return hand(*left, size, side=Side.LEFT), hand(*right, size, side=Side.RIGHT)


def whole_person(x: float = 500, y: float = 500, height: float = 800, **options) -> tuple[Part, ...]:
    """A body with its two hands."""
    body = person(x, y, height, **options)
    return (body, *hands_of(body, height / 10))


def scene(*parts: Part, width: int = WIDTH, height: int = HEIGHT) -> Scene:
    """The scene that the parts make."""
    return assemble(parts, width, height)


def finding(score: float = 0.9, code: str = "hand.proportion", *, box: Box | None = None, **options) -> Finding:
    """A finding with every field filled; options replace them."""
    values = {"measured": 2.0, "expected": 1.0, "unit": "ratio", "message": f"{code} measured at {score}."} | options
    return Finding(code=DefectCode(code), defect_score=score, box=box or Box(10, 10, 60, 60), **values)


def picture(width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A grey picture."""
    return open_picture(np.full((height, width, 3), 128, dtype=np.uint8))
