"""Is there a piece of a person that no skeleton explains? (`person.extra_arm`, `person.extra_leg`)

The person masks of all bodies, less what grown bones, heads, hands and feet of all bodies explain. A pose model names
two arms and two legs; a third one stays behind as a large, unexplained piece. So do bags, skirts and hair, which is
why the piece must be large and why the score alone seldom rejects.
"""

from __future__ import annotations

import numpy as np

from limbfix.calibration import score_from
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import Box, distance
from limbfix.parts import Keypoints
from limbfix.skeletons import Person, Scene

WORK_PX = 256
"""Longer side of the mask that is compared; finer detail than a limb's width is not needed."""

ARM_WIDTH, LEG_WIDTH, HEAD_RADIUS, END_RADIUS = 0.34, 0.50, 0.48, 0.26
"""In torso lengths. Clothed limbs are about twice as wide as bare ones (upper arm 0.2, thigh 0.33 of the torso's
length, ANSUR II), and BlazePose's masks add a rim."""

KNOTS = ((0.0, 0.02), (0.10, 0.1), (0.22, 0.3), (0.45, 0.5), (0.9, 0.7), (1.8, 0.82))
"""Largest unexplained piece in squared torso lengths -> defect score."""

_MIN_TORSO_PX = 24


def leftover(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for the person nearest to the largest unexplained piece; none without masks."""
    people = [person for person in scene.people if person.body is not None and person.body.mask is not None]
    people = [person for person in people if np.isfinite(person.torso) and person.torso >= _MIN_TORSO_PX]
    if not people:
        return ()
    scale = WORK_PX / max(scene.width, scene.height)
    piece, box = _largest(_reduced(people, scale) & ~_explained(scene, scale))
    nearest = (
        people[0] if piece == 0 else min(people, key=lambda person: distance(person.box.center * scale, box.center))
    )
    area = piece / max((nearest.torso * scale) ** 2, 1.0)
    return (_finding(nearest, area, Box(*(value / scale for value in box.xyxy)) if piece else nearest.box),)


def _finding(person: Person, area: float, box: Box) -> Finding:
    hips = person.body.keypoints.point("left_hip")[1] if person.body and person.body.keypoints else float("nan")
    is_low = bool(np.isfinite(hips) and box.center[1] > hips)
    limb = "leg" if is_low else "arm"
    return Finding(
        code=DefectCode.PERSON_EXTRA_LEG if is_low else DefectCode.PERSON_EXTRA_ARM,
        defect_score=score_from(area, KNOTS),
        box=box,
        measured=round(area, 3),
        expected=0.1,
        unit="squared torso lengths unexplained",
        person_index=person.person_index,
        message=f"A piece of person {person.person_index} as large as {area:.2f} squared torso lengths belongs to no seen limb; "
        f"it may be another {limb}.",
    )


def _reduced(people: list[Person], scale: float) -> np.ndarray:
    """Returns the union of the people's masks as bool at `scale`."""
    union: np.ndarray | None = None
    for person in people:
        mask = person.body.mask if person.body is not None else None
        if mask is not None:
            union = mask if union is None else union | mask
    if union is None:
        raise ValueError("leftover: expected at least one mask, got none")
    rows = np.minimum((np.arange(max(1, round(union.shape[0] * scale))) / scale).astype(int), union.shape[0] - 1)
    columns = np.minimum((np.arange(max(1, round(union.shape[1] * scale))) / scale).astype(int), union.shape[1] - 1)
    return union[np.ix_(rows, columns)]


def _explained(scene: Scene, scale: float) -> np.ndarray:
    from PIL import Image, ImageDraw

    size_wh = (max(1, round(scene.width * scale)), max(1, round(scene.height * scale)))
    canvas = Image.new("1", size_wh)
    draw = ImageDraw.Draw(canvas)
    for person in scene.people:
        keypoints = person.body.keypoints if person.body is not None else None
        if keypoints is not None and np.isfinite(person.torso):
            _draw_body(draw, keypoints, person.torso * scale, scale)
    for hand in scene.hands:
        draw.ellipse([value * scale for value in hand.part.box.grown(0.25).xyxy], fill=1)
    return np.array(canvas)


def _draw_body(draw: object, keypoints: Keypoints, torso: float, scale: float) -> None:
    xy = np.nan_to_num(keypoints.xy * scale, nan=-1e4)
    names = keypoints.layout.landmarks
    for parent, child in keypoints.layout.bones:
        leg = any(word in names[child] for word in ("knee", "ankle", "heel", "foot"))
        trunk = names[parent].endswith(("shoulder", "hip")) and names[child].endswith(("shoulder", "hip"))
        width = (0.6 if trunk else LEG_WIDTH if leg else ARM_WIDTH) * torso
        draw.line([tuple(xy[parent]), tuple(xy[child])], fill=1, width=max(1, round(width)))  # type: ignore[attr-defined]
    trunk_points = [
        tuple(keypoints.point(name) * scale) for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
    ]
    draw.polygon(trunk_points, fill=1)  # type: ignore[attr-defined]
    for name, landmark in zip(names, xy, strict=True):
        radius = HEAD_RADIUS if name == "nose" else END_RADIUS
        x, y = landmark
        reach = radius * torso
        draw.ellipse([x - reach, y - reach, x + reach, y + reach], fill=1)  # type: ignore[attr-defined]


def _largest(mask: np.ndarray) -> tuple[int, Box]:
    """Returns the area in px and the box of the largest connected piece; (0, empty box) without one."""
    from scipy import ndimage

    labels, count = ndimage.label(mask)  # type: ignore[misc]
    if not count:
        return 0, Box(0, 0, 0, 0)
    areas = np.bincount(labels.ravel())[1:]
    best = int(areas.argmax())
    rows, columns = ndimage.find_objects(labels)[best]
    return int(areas[best]), Box(float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
