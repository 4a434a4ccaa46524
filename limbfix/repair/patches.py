"""Which pixels of a picture does a finding mean? Shapes of hands, digits and limbs, as the patch that holds them.

Nothing here has the size of the picture but the masks that a detector already made: a region of a large picture costs
what the region costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from limbfix.digits import Digit
from limbfix.digits import Mask as Patch
from limbfix.geometry import Box, distance
from limbfix.parts import Keypoints
from limbfix.skeletons import Hand, Person, Scene

ARM_WIDTH, LEG_WIDTH, TRUNK_WIDTH, HEAD_RADIUS = 0.34, 0.42, 0.20, 0.42
"""In torso lengths: upper arm and thigh, half as wide again as bare ones (ANSUR II: 0.2 and 0.33) for sleeves and a view from near,
shoulders and hips, a head with its hair. What is explained stays: half a sleeve left over is better than half a sleeve lost."""

RIM = 0.03
"""Of a torso length: half the thickness up to which an unexplained piece is only the rim of a limb."""

DIGIT_WIDTH = 0.17
"""Of a hand's size: a digit with its rim of light and shadow."""

_HAND_MARGIN = 0.08
"""Of a hand's box, added around it: boxes cut the tips."""


def union(patches: Sequence[Patch]) -> Patch:
    """Returns all pixels of the patches as one patch.

    Raises:
        ValueError: no patch.
    """
    if not patches:
        raise ValueError("union: expected at least one patch, got none")
    left, top = min(patch.left for patch in patches), min(patch.top for patch in patches)
    right = max(patch.left + patch.pixels.shape[1] for patch in patches)
    bottom = max(patch.top + patch.pixels.shape[0] for patch in patches)
    pixels = np.zeros((bottom - top, right - left), bool)
    for patch in patches:
        pixels |= window_of(patch, left, top, pixels.shape)
    return Patch(left=left, top=top, pixels=pixels)


def window_of(patch: Patch, left: int, top: int, shape: tuple[int, ...]) -> np.ndarray:
    """Returns bool `shape`: what a window with this corner, px of the picture, shows of a patch."""
    shown = np.zeros(shape[:2], bool)
    rows, columns = patch.pixels.shape
    x0, y0 = max(patch.left, left), max(patch.top, top)
    x1, y1 = min(patch.left + columns, left + shape[1]), min(patch.top + rows, top + shape[0])
    if x0 < x1 and y0 < y1:
        part = patch.pixels[y0 - patch.top : y1 - patch.top, x0 - patch.left : x1 - patch.left]
        shown[y0 - top : y1 - top, x0 - left : x1 - left] = part
    return shown


def box_of_patch(patch: Patch) -> Box:
    """Returns the box of a patch's pixels, of the whole patch where it has none."""
    rows, columns = np.flatnonzero(patch.pixels.any(axis=1)), np.flatnonzero(patch.pixels.any(axis=0))
    if not len(rows):
        return Box(patch.left, patch.top, patch.left + patch.pixels.shape[1], patch.top + patch.pixels.shape[0])
    return Box(
        patch.left + int(columns[0]),
        patch.top + int(rows[0]),
        patch.left + int(columns[-1]) + 1,
        patch.top + int(rows[-1]) + 1,
    )


def box_patch(box: Box, scene: Scene) -> Patch:
    """Returns an ellipse-cornered rectangle: what a box alone can say of a thing."""
    left, top, right, bottom = _whole(box, scene)
    image = Image.new("1", (right - left, bottom - top))
    radius = 0.3 * min(image.size)
    ImageDraw.Draw(image).rounded_rectangle((0, 0, image.width - 1, image.height - 1), radius=radius, fill=1)
    return Patch(left=left, top=top, pixels=np.array(image))


def hand_patch(hand: Hand, scene: Scene) -> Patch:
    """Returns a hand's pixels: its mask where a network gave one, the hull of its joints, or its box."""
    reading, keypoints = hand.part.reading, hand.part.keypoints
    box = hand.part.box.grown(_HAND_MARGIN)
    if reading is not None and reading.mask is not None and reading.mask.area:
        return reading.mask
    if keypoints is None or int(np.isfinite(keypoints.xy).all(axis=1).sum()) < len(keypoints.xy):
        return box_patch(box, scene)
    lines = [keypoints.xy[list(bone)] for bone in keypoints.layout.bones]
    return stroke_patch(lines, DIGIT_WIDTH * hand.part.box.size, scene, hull_of=keypoints.xy[:1])


def digit_patch(digit: Digit, hand: Hand, scene: Scene) -> Patch:
    """Returns a digit's own pixels, or its line grown to a digit's width."""
    if digit.mask is not None and digit.mask.area:
        return digit.mask
    return stroke_patch([digit.polyline], DIGIT_WIDTH * hand.part.box.size, scene)


def stroke_patch(lines: Iterable[np.ndarray], width: float, scene: Scene, hull_of: np.ndarray | None = None) -> Patch:
    """Returns lines, float (k, 2) px each, drawn as wide as `width` px with round ends; `hull_of` adds dots there."""
    drawn = [np.asarray(line, float) for line in lines if len(line)]
    points = np.concatenate([*drawn, *([] if hull_of is None else [hull_of])])
    left, top, right, bottom = _whole(_padded(Box.around(points), width / 2 + 1), scene)
    image = Image.new("1", (right - left, bottom - top))
    draw = ImageDraw.Draw(image)
    for line in drawn:
        shifted = [(float(x) - left, float(y) - top) for x, y in line]
        if len(shifted) > 1:
            draw.line(shifted, fill=1, width=max(1, round(width)), joint="curve")
        for x, y in shifted:
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=1)
    return Patch(left=left, top=top, pixels=np.array(image))


def unexplained_patch(near: Patch, scene: Scene, *, spared: Iterable[Hand] = ()) -> Patch | None:
    """Returns the piece of the people's masks that hangs together with a patch and that no skeleton explains.

    A pose model names two arms; the arm of a third hand stays behind when bones, heads and the `spared` hands are taken away.

    Args:
        near: the thing from which the piece is followed, such as the extra hand.
        scene: with body masks; without one there is no answer.
        spared: hands that belong to somebody and stay.
    """
    box = box_of_patch(near)
    reach = max((person.torso for person in scene.people if np.isfinite(person.torso)), default=0.0)
    left, top, right, bottom = _whole(_padded(box, 1.6 * reach), scene)
    shape = (bottom - top, right - left)
    people = np.zeros(shape, bool)
    for person in scene.people:
        mask = person.body.mask if person.body is not None else None
        if mask is not None:
            people |= mask[top:bottom, left:right]
    if not people.any():
        return None
    seed = window_of(near, left, top, shape)
    piece = people & ~skeleton_window(scene, left, top, shape, spared)
    # rims of explained limbs hang together with everything; a limb is thicker than they are
    thick = np.asarray(ndimage.distance_transform_edt(piece)) > RIM * reach
    piece &= np.asarray(ndimage.distance_transform_edt(~thick)) <= 1.5 * RIM * reach if thick.any() else False
    piece = np.asarray(ndimage.gaussian_filter(piece.astype(np.float32), max(1.0, 0.5 * RIM * reach))) > 0.5
    labels, _ = ndimage.label(piece | seed)  # type: ignore[misc]
    touched = np.unique(labels[seed])
    return Patch(left=left, top=top, pixels=np.isin(labels, touched[touched > 0]))


def skeleton_window(scene: Scene, left: int, top: int, shape: tuple[int, ...], hands: Iterable[Hand]) -> np.ndarray:
    """Returns bool `shape`: what bones grown to limbs, trunks, heads and some hands cover of a window."""
    image = Image.new("1", (shape[1], shape[0]))
    draw = ImageDraw.Draw(image)
    for person in scene.people:
        keypoints = person.body.keypoints if person.body is not None else None
        if keypoints is not None and np.isfinite(person.torso):
            _draw_person(draw, person, keypoints, np.array([left, top]))
    for hand in hands:
        draw.ellipse(hand.part.box.grown(0.15).shifted(-left, -top).xyxy, fill=1)
    return np.array(image)


def people_window(scene: Scene, left: int, top: int, shape: tuple[int, ...]) -> np.ndarray:
    """Returns bool `shape`: where people and hands are in a window, as well as is known."""
    return skeleton_window(scene, left, top, shape, scene.hands) | masks_window(scene, left, top, shape)


def masks_window(scene: Scene, left: int, top: int, shape: tuple[int, ...]) -> np.ndarray:
    """Returns bool `shape`: what the people's own masks cover of a window; nothing where nobody made any."""
    covered = np.zeros(shape[:2], bool)
    for person in scene.people:
        mask = person.body.mask if person.body is not None else None
        if mask is not None:
            covered |= mask[top : top + shape[0], left : left + shape[1]]
    return covered


def _draw_person(draw: ImageDraw.ImageDraw, person: Person, keypoints: Keypoints, corner: np.ndarray) -> None:
    def spot(name: str) -> np.ndarray:
        return keypoints.point(name) - corner

    def capsule(start: np.ndarray, end: np.ndarray, width: float) -> None:
        if np.isfinite([*start, *end]).all():
            draw.line([*map(float, start), *map(float, end)], fill=1, width=max(1, round(width)))
            for x, y in (start, end):
                draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=1)

    torso = person.torso
    for limb in person.limbs:
        width = (ARM_WIDTH if limb.kind == "arm" else LEG_WIDTH) * torso
        for start, end in zip(limb.xy[:-1], limb.xy[1:], strict=True):
            capsule(start - corner, end - corner, width)
    corners = [spot(name) for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
    if np.isfinite(corners).all():
        draw.polygon([(float(x), float(y)) for x, y in corners], fill=1)
        for start, end in zip(corners, (*corners[1:], corners[0]), strict=True):
            capsule(start, end, TRUNK_WIDTH * torso)
    nose, neck = spot("nose"), (corners[0] + corners[1]) / 2
    if np.isfinite([*nose, *neck]).all():
        radius = HEAD_RADIUS * torso
        draw.ellipse([nose[0] - radius, nose[1] - radius, nose[0] + radius, nose[1] + radius], fill=1)
        capsule(nose, neck, 0.5 * distance(corners[0], corners[1]))


def _padded(box: Box, margin: float) -> Box:
    return Box(box.x_min - margin, box.y_min - margin, box.x_max + margin, box.y_max + margin)


def _whole(box: Box, scene: Scene) -> tuple[int, int, int, int]:
    """Returns (left, top, right, bottom) in whole px inside the picture, at least 1 px wide and high."""
    inside = box.clipped(scene.width, scene.height)
    left, top = min(int(inside.x_min), scene.width - 1), min(int(inside.y_min), scene.height - 1)
    return left, top, max(left + 1, int(np.ceil(inside.x_max))), max(top + 1, int(np.ceil(inside.y_max)))
