"""Is there a piece of a person that no skeleton explains?
(`person.extra_arm`, `person.extra_leg`, `person.detached_limb`)

The person masks of all bodies, less what grown bones, heads, hands and feet of all bodies explain. A pose model names
two arms and two legs; a third one stays behind as a large, unexplained piece. So do bags, skirts and hair, which is
why the piece must be large and why the score alone seldom rejects. Where our network read bodies, its part map is measured instead
(`limbfix.unclaimed_limbs`) and counts as far as the limb judge backs it, and loose limbs are asked of `loose_limb`.
"""

from __future__ import annotations

import numpy as np

from limbfix.bodies import EXPECTED_LIMBS, BodyReading, LimbKind
from limbfix.calibration import HINT, score_from
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import Box, distance
from limbfix.parts import Keypoints
from limbfix.skeletons import Person, Scene
from limbfix.unclaimed_limbs import largest_unclaimed

WORK_PX = 256
"""Longer side of the mask that is compared; finer detail than a limb's width is not needed."""

ARM_WIDTH, LEG_WIDTH, HEAD_RADIUS, END_RADIUS = 0.24, 0.34, 0.48, 0.20
"""In torso lengths: a thigh is about 0.33 torso lengths wide and an upper arm 0.2 (ANSUR II), and clothes add a rim.
Wider capsules explain a third leg away."""

KNOTS = ((0.0, 0.02), (0.10, 0.1), (0.25, 0.3), (0.5, 0.5), (1.0, 0.6), (2.0, 0.75))
"""Largest unexplained piece in squared torso lengths -> defect score. The 90th and 97th percentiles of real bodies are
0.46 and 0.99 (`lsp_extended`: contorted athletes), and crowds reach 2, so it never rejects alone. On `ai_images` it
ranks pictures with a wrong limb above the others with AUROC 0.81, partly because wrestlers are harder than portraits."""

DETACHED_SCORE = 0.55
DETACHED_AREA = 0.02
DETACHED_GAP = 0.12
"""A piece of the mask of at least this area (squared torso lengths) that lies this far (torso lengths) from every seen
joint: 8 of 209 bodies of `lsp_extended`, 1 of 147 of `subhih`, and the third leg of our example."""

_MIN_TORSO_PX = 24


def leftover(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for the person nearest to the largest unexplained piece; none without masks.

    Where bodies were read, one for arms and one for legs.
    """
    if scene.bodies is not None:
        return tuple(one for kind in LimbKind if (one := _unclaimed(scene.bodies, kind)) is not None)
    people = [person for person in scene.people if person.body is not None and person.body.mask is not None]
    people = [person for person in people if np.isfinite(person.torso) and person.torso >= _MIN_TORSO_PX]
    if not people:
        return ()
    scale = WORK_PX / max(scene.width, scene.height)
    mask = _reduced(people, scale)
    piece, box = _largest(mask & ~_explained(scene, scale))
    nearest = (
        people[0] if piece == 0 else min(people, key=lambda person: distance(person.box.center * scale, box.center))
    )
    area = piece / max((nearest.torso * scale) ** 2, 1.0)
    around = Box(*(value / scale for value in box.xyxy)) if piece else nearest.box
    kind = _likely_kind(nearest, around)
    found = _another_limb(
        kind,
        area,
        score_from(area, KNOTS),
        around,
        nearest.person_index,
        f"A piece of this person as large as {area:.2f} squared torso lengths belongs to no seen limb; "
        f"it may be another {kind.value}.",
    )
    return (found, *_detached(mask, people, scale))


def _unclaimed(reading: BodyReading, kind: LimbKind) -> Finding | None:
    found = largest_unclaimed(reading, kind, least_torso=_MIN_TORSO_PX)
    if found is None:
        return None
    graph, area, box = found
    # of somebody who shows fewer than two they may be the second: a hand that is held up from below the frame
    is_second = len(graph.counted(kind)) < EXPECTED_LIMBS
    score = min(score_from(area, KNOTS), HINT if is_second else 1.0) * graph.backing(kind)
    return _another_limb(
        kind,
        area,
        round(score, 4),
        box,
        graph.person_index,
        f"{kind.value.capitalize()} pixels as large as {area:.2f} squared torso lengths belong to no {kind.value} "
        "that was found; there may be another one.",
    )


def _likely_kind(person: Person, box: Box) -> LimbKind:
    """Returns what a piece in this box may be: a leg where it lies below the person's hip, else an arm."""
    hips = person.body.keypoints.point("left_hip")[1] if person.body and person.body.keypoints else float("nan")
    return LimbKind.LEG if np.isfinite(hips) and box.center[1] > hips else LimbKind.ARM


def _another_limb(
    kind: LimbKind, area: float, score: float, box: Box, person_index: int | None, message: str
) -> Finding:
    """Returns the finding for a piece of this area, squared torso lengths.

    `KNOTS` were read off whole bodies' masks, of which unclaimed pixels are a part: for these the score is preliminary.
    """
    return Finding(
        code=DefectCode.PERSON_EXTRA_ARM if kind is LimbKind.ARM else DefectCode.PERSON_EXTRA_LEG,
        defect_score=score,
        box=box,
        measured=round(area, 3),
        expected=0.1,
        unit="squared torso lengths",
        person_index=person_index,
        message=message,
    )


def _detached(mask: np.ndarray, people: list[Person], scale: float) -> list[Finding]:
    """Returns a finding for each piece of the mask that hangs together with no seen joint of anybody."""
    from scipy import ndimage
    from scipy.spatial import KDTree

    labels, count = ndimage.label(mask)  # type: ignore[misc]
    bodies = [
        person.body.keypoints for person in people if person.body is not None and person.body.keypoints is not None
    ]
    joints = np.concatenate([keypoints.xy[keypoints.score > 0.3] for keypoints in bodies]) * scale
    joints = joints[np.isfinite(joints).all(axis=1)]
    torso = max(person.torso for person in people) * scale
    found = []
    for index, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        ys, xs = np.nonzero(labels[rows, columns] == index)
        if count < 2 or not len(joints) or len(ys) < DETACHED_AREA * torso**2:
            continue
        pixels = np.stack([xs + columns.start, ys + rows.start], axis=1)
        gap = float(np.min(np.asarray(KDTree(joints).query(pixels)[0])))
        if gap <= DETACHED_GAP * torso:
            continue
        box = Box(columns.start / scale, rows.start / scale, columns.stop / scale, rows.stop / scale)
        person = min(people, key=lambda one: distance(one.box.center, box.center))
        found.append(
            Finding(
                code=DefectCode.PERSON_DETACHED_LIMB,
                defect_score=DETACHED_SCORE,
                box=box,
                measured=round(gap / torso, 2),
                expected=DETACHED_GAP,
                unit="torso lengths",
                person_index=person.person_index,
                message=f"A piece of this person hangs together with no seen joint: "
                f"the nearest is {gap / torso:.2f} torso lengths away.",
            )
        )
    return found


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
    xy = keypoints.xy * scale
    present = np.asarray(np.isfinite(xy).all(axis=1))
    names = keypoints.layout.landmarks
    for parent, child in keypoints.layout.bones:
        if not (present[parent] and present[child]):
            continue
        leg = any(word in names[child] for word in ("knee", "ankle", "heel", "foot"))
        trunk = names[parent].endswith(("shoulder", "hip")) and names[child].endswith(("shoulder", "hip"))
        width = (0.6 if trunk else LEG_WIDTH if leg else ARM_WIDTH) * torso
        draw.line([tuple(xy[parent]), tuple(xy[child])], fill=1, width=max(1, round(width)))  # type: ignore[attr-defined]
    trunk_points = [
        tuple(keypoints.point(name) * scale) for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
    ]
    draw.polygon(trunk_points, fill=1)  # type: ignore[attr-defined]
    for name, landmark in zip(np.array(names)[present], xy[present], strict=True):
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
