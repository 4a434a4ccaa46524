"""What does an edited photograph of a person show? Maps and rows of trunk, head and limbs, at the size of the finished picture.

What is skin and what is cloth the pose does not say: head and hands are called skin, the rest cloth.
"""

from __future__ import annotations

import numpy as np

from limbfix.synthesis.edit_pairs import LabelledPicture, shrunk, shrunk_map
from limbfix.synthesis.samples import JOINTS, PART_ID, SURFACE_ID, Instance, Joint, Kind
from limbfix.synthesis.surgery.body_regions import FIRST_LIMB, HEAD, LIMBS, TRUNK
from limbfix.synthesis.surgery.body_scene import BodyVersion, EditedLimb
from limbfix.synthesis.surgery.limbs import BodyEdit

PERSON_ID, HEAD_ID, TORSO_ID, FIRST_LIMB_ID = 1, 2, 3, 4
"""Limb k is FIRST_LIMB_ID + 2 k, its hand or foot the next; the extra one counts as the fifth."""

_PARTS = {"arm": ("upper_arm", "forearm", "palm"), "leg": ("thigh", "shin", "foot")}
_NOWHERE = (float("nan"), float("nan"))


def concerned_instances(edit: BodyEdit) -> tuple[int, ...]:
    """Returns the ids of the limbs that an edit made wrong, with their hands or feet."""
    own = [FIRST_LIMB_ID + 2 * index for index in edit.concerned]
    return tuple(id for limb in own for id in ((limb, limb + 1) if edit.from_segment < 2 else (limb + 1,)))


def body_picture(version: BodyVersion, nose: np.ndarray, size_px: int) -> LabelledPicture:
    """Labels one state of a body.

    Args:
        version: the body, at the size at which it was edited.
        nose: float (2,) px of that size.
        size_px: side of the finished picture.
    """
    scale = size_px / version.body_map.shape[0]
    body_map = shrunk_map(version.body_map, size_px)
    instance_map = np.zeros(body_map.shape, np.uint16)
    part_map = np.zeros(body_map.shape, np.uint8)
    for value, instance, part in ((HEAD, HEAD_ID, "head"), (TRUNK, TORSO_ID, "torso")):
        instance_map[body_map == value], part_map[body_map == value] = instance, PART_ID[part]
    for index, limb in enumerate(version.limbs):
        for segment, part in enumerate(_PARTS[LIMBS[limb.limb].kind]):
            own = body_map == FIRST_LIMB + 3 * index + segment
            instance_map[own], part_map[own] = FIRST_LIMB_ID + 2 * index + (segment == 2), PART_ID[part]
    bare = np.isin(part_map, [PART_ID["head"], PART_ID["palm"]])
    surface = np.where(bare, SURFACE_ID["skin"], np.where(part_map > 0, SURFACE_ID["cloth"], SURFACE_ID["background"]))
    return LabelledPicture(
        pixels=shrunk(version.pixels, size_px),
        instance_map=instance_map,
        part_map=part_map,
        surface_map=surface.astype(np.uint8),
        instances=_rows(version, nose, scale, instance_map),
    )


def _rows(version: BodyVersion, nose: np.ndarray, scale: float, instance_map: np.ndarray) -> tuple[Instance, ...]:
    counts = np.bincount(instance_map.ravel(), minlength=FIRST_LIMB_ID + 2 * len(version.limbs))
    roots = [limb.chain[0] * scale for limb in version.limbs]
    neck, pelvis = (roots[0] + roots[1]) / 2, (roots[2] + roots[3]) / 2
    head = (
        _joint("neck", neck, instance_map),
        _joint("nose", nose * scale, instance_map),
        _joint("crown", None, instance_map),
    )
    torso = (_joint("neck", neck, instance_map), _joint("pelvis", pelvis, instance_map))
    rows = [
        Instance(id=PERSON_ID, kind="person", name="person", side=None, owner=None),
        _row(HEAD_ID, "head", counts, head),
        _row(TORSO_ID, "torso", counts, torso),
    ]
    for index, limb in enumerate(version.limbs):
        rows += _limb_rows(FIRST_LIMB_ID + 2 * index, limb, scale, instance_map, counts)
    return tuple(rows)


def _limb_rows(id: int, limb: EditedLimb, scale: float, instance_map: np.ndarray, counts: np.ndarray) -> list[Instance]:
    bones, chain = LIMBS[limb.limb], limb.chain * scale
    end: Kind = "hand" if bones.kind == "arm" else "foot"
    is_cut = "shortened" in limb.faults
    places = [chain[0], chain[1], None if is_cut else chain[2]]
    joints = tuple(_joint(name, xy, instance_map) for name, xy in zip(JOINTS[bones.kind], places, strict=True))
    tips = (chain[2],) if end == "hand" else (chain[2], None, chain[3])
    end_joints = tuple(_joint(name, xy, instance_map) for name, xy in zip(JOINTS[end], tips, strict=True))
    return [
        Instance(
            id=id,
            kind=bones.kind,
            name=bones.kind,
            side=bones.side,
            owner=PERSON_ID,
            faults=limb.faults,
            visible_px=int(counts[id]),
            joints=joints,
        ),
        Instance(
            id=id + 1,
            kind=end,
            name=end,
            side=bones.side,
            owner=id,
            faults=("missing",) if not limb.has_end else ("extra",) if "extra" in limb.faults else (),
            present=limb.has_end,
            visible_px=int(counts[id + 1]),
            joints=end_joints if limb.has_end else (),
        ),
    ]


def _row(id: int, kind: Kind, counts: np.ndarray, joints: tuple[Joint, ...]) -> Instance:
    return Instance(id=id, kind=kind, name=kind, side=None, owner=PERSON_ID, visible_px=int(counts[id]), joints=joints)


def _joint(name: str, xy: np.ndarray | None, instance_map: np.ndarray) -> Joint:
    """Returns a joint, visible where it lies on the person; what covers it there the pose does not say."""
    if xy is None or not np.isfinite(xy).all():
        return Joint(name=name, xy=_NOWHERE, visible=False)
    x, y = np.floor(xy).astype(int)
    inside = 0 <= x < instance_map.shape[1] and 0 <= y < instance_map.shape[0]
    return Joint(name=name, xy=(float(xy[0]), float(xy[1])), visible=bool(inside and instance_map[y, x] > 0))
