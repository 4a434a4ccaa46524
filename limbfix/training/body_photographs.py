"""What do photographs teach the body parser? Real people with the joints that MediaPipe's pose network is sure of, and places without anybody.

What it is not sure of has no weight: its joints behind a table are guesses. Parts are told near sure bones only, and what lies outside of
everybody's mask is background. Of others in the photograph nothing is said: only the largest person has labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from limbfix.discovery import walk_pictures
from limbfix.errors import PictureError
from limbfix.geometry import from_first_centre, scaled_from_first_centre
from limbfix.images import open_picture
from limbfix.nets.body_maps import JOINTS, PARTS
from limbfix.synthesis.photograph_joints import MASK_PX, BodySighting, find_bodies
from limbfix.training.body_storage import (
    LIMBS,
    NONE,
    OTHERS,
    OUTSIDE,
    SEEN,
    UNKNOWN,
    UNSURE,
    JointList,
    StoredBody,
    stored_maps,
    stored_pixels,
    stored_scale,
)

Say = Callable[[str], None]

SURE = 0.85
"""Visibility from which a joint is believed. Below, nothing is said about its place."""

LEAST_SCORE = 0.5
"""Mean visibility of shoulders and hips of a person who counts: both shoulders, while a table or the frame hides the hips."""

NECK_UP = 0.33
"""How far up from the middle of the shoulders to that of the ears the neck's root lies; read off the data engine's bodies."""

_POINTS: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "ear": ((7,), (8,)),
    "shoulder": ((11,), (12,)),
    "elbow": ((13,), (14,)),
    "wrist": ((15,), (16,)),
    "hand": ((17, 19), (18, 20)),
    "hip": ((23,), (24,)),
    "knee": ((25,), (26,)),
    "ankle": ((27,), (28,)),
    "foot": ((31,), (32,)),
}
"""BlazePose points of the left and the right; several: their middle."""

_NOSE = 0

_BAND = 0.16
"""Width of the band around a bone in which its part is told, in lengths of the bone."""

_DOUBT = 5
"""px of the mask around its border in which nobody is said to be or not."""

_BONE_PARTS = {
    ("shoulder", "elbow"): "upper_arm",
    ("elbow", "wrist"): "forearm",
    ("hip", "knee"): "thigh",
    ("knee", "ankle"): "shin",
}


def read_people(folder: Path, say: Say, *, cache: Path | None = None) -> list[StoredBody]:
    """Reads the photographs of a folder in which one person is surely seen; the first time MediaPipe looks at each of them."""
    stored = []
    for sighting in find_bodies(folder, cache=cache, least_score=LEAST_SCORE):
        try:
            pixels = open_picture(folder / sighting.file).pixels
        except PictureError:
            continue
        if shows_person(sighting, pixels.shape):
            stored.append(store_sighting(sighting, pixels))
    say(f"{folder}: {len(stored)} photographs of people")
    return stored


def shows_person(sighting: BodySighting, shape: tuple[int, ...]) -> bool:
    """Tells whether a face and a shoulder lie in the picture and in the mask: of a lone hand MediaPipe makes a whole person too."""
    scale = MASK_PX / max(shape[:2])

    def lies(point: int) -> bool:
        x, y, visibility = (float(value) for value in sighting.keypoints[point])
        inside = 0 <= x < shape[1] and 0 <= y < shape[0]
        return inside and visibility >= SURE and bool(sighting.mask[int(y * scale), int(x * scale)])

    return lies(_NOSE) and any(lies(point) for (point,) in _POINTS["shoulder"])


def read_places(folder: Path, say: Say) -> list[StoredBody]:
    """Reads pictures without people."""
    stored = []
    for found in walk_pictures([folder]):
        try:
            stored.append(store_place(open_picture(found.path).pixels))
        except PictureError:
            continue
    say(f"{folder}: {len(stored)} places")
    return stored


def store_place(pixels: np.ndarray) -> StoredBody:
    """Keeps a picture in which nobody is."""
    nobody = np.full(pixels.shape[:2], UNKNOWN, np.uint8)
    return StoredBody(
        jpeg=stored_pixels(pixels),
        maps=stored_maps([np.full_like(nobody, PARTS.index("background")), nobody, nobody, nobody]),
        necks=np.zeros((0, 2), np.float32),
        complete=np.ones(len(JOINTS), bool),
        **JointList().stored(1.0),
    )


def store_sighting(sighting: BodySighting, pixels: np.ndarray) -> StoredBody:
    """Keeps a photograph with its person."""
    height, width = pixels.shape[:2]
    collected, complete = JointList(), np.ones(len(JOINTS), bool)

    def point(name: str, side: int) -> tuple[np.ndarray, int]:
        rows = sighting.keypoints[list(_POINTS[name][side])]
        xy = from_first_centre(rows[:, :2].mean(0))
        if not (-0.5 <= xy[0] < width - 0.5 and -0.5 <= xy[1] < height - 0.5):
            return xy, OUTSIDE
        return xy, SEEN if rows[:, 2].min() >= SURE else UNSURE

    neck_xy, neck = _trunk(point, collected)
    sides: list[dict[str, np.ndarray]] = []
    for side in (0, 1):
        seen: dict[str, np.ndarray] = {}
        for names in LIMBS.values():
            before = neck
            for name in names:
                xy, state = point(name, side)
                number = collected.joint(name, xy, state)
                collected.bone(before, number)
                before = number
                if state == SEEN:
                    seen[name] = xy
                complete[JOINTS.index(name)] &= state != UNSURE
        sides.append(seen)
    scale = stored_scale(pixels.shape)
    return StoredBody(
        jpeg=stored_pixels(pixels),
        maps=stored_maps(_maps(sighting, (height, width), sides)),
        necks=scaled_from_first_centre(neck_xy[None].astype(np.float32), scale),
        complete=complete,
        exact=False,
        **collected.stored(scale),
    )


def _trunk(point: Callable[[str, int], tuple[np.ndarray, int]], collected: JointList) -> tuple[np.ndarray, int]:
    """Adds head and neck; returns the neck's place, nan where unknown, and its number."""
    ears, shoulders = ([point(name, side) for side in (0, 1)] for name in ("ear", "shoulder"))
    head, low = ((pair[0][0] + pair[1][0]) / 2 for pair in (ears, shoulders))
    states = {state for _, state in (*ears, *shoulders)}
    neck_xy = low + NECK_UP * (head - low)
    # one ear is enough for a head, as in profile; a neck needs both shoulders
    head_state = SEEN if SEEN in {state for _, state in ears} else UNSURE
    neck = collected.joint("neck", neck_xy, SEEN if states == {SEEN} or {s for _, s in shoulders} == {SEEN} else UNSURE)
    collected.bone(neck, collected.joint("head", head, head_state))
    return (neck_xy if neck != NONE else np.full(2, np.nan)), neck


def _maps(sighting: BodySighting, shape_hw: tuple[int, int], sides: list[dict[str, np.ndarray]]) -> list[np.ndarray]:
    """Returns part, covered, side and person; a part is known where nobody is, and near sure bones."""
    height, width = shape_hw
    scale = MASK_PX / max(shape_hw)
    room = np.s_[: max(1, round(height * scale)), : max(1, round(width * scale))]
    kernel = np.ones((2 * _DOUBT + 1, 2 * _DOUBT + 1), np.uint8)
    own, others = (mask[room].astype(np.uint8) for mask in (sighting.mask, sighting.others))
    surely, perhaps, theirs, around = (
        cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST) > 0
        for mask in (cv2.erode(own, kernel), cv2.dilate(own, kernel), others, cv2.dilate(others, kernel))
    )
    theirs |= around & ~surely  # masks end in doubt; where two overlap, one of them is wrong
    nobody = np.full(shape_hw, UNKNOWN, np.uint8)
    parts, side_map = nobody.copy(), nobody.copy()
    parts[~perhaps] = PARTS.index("background")
    for number, seen in enumerate(sides):
        for (inner, outer), part in _BONE_PARTS.items():
            if inner in seen and outer in seen:
                band = _band(seen[inner], seen[outer], shape_hw) & perhaps
                parts[band], side_map[band] = PARTS.index(part), number == 0
    parts[theirs] = side_map[theirs] = UNKNOWN
    # person 1 has no neck: nothing is said
    person = np.select([theirs, surely, perhaps], [OTHERS, 0, 1], UNKNOWN).astype(np.uint8)
    return [parts, nobody, side_map, person]


def _band(start: np.ndarray, end: np.ndarray, shape_hw: tuple[int, int]) -> np.ndarray:
    length = float(np.hypot(*(end - start)))
    canvas = np.zeros(shape_hw, np.uint8)
    (x0, y0), (x1, y1) = (tuple(round(float(v)) for v in start + share * (end - start)) for share in (0.12, 0.88))
    cv2.line(canvas, (x0, y0), (x1, y1), 1, max(1, round(_BAND * length)))
    return canvas > 0
