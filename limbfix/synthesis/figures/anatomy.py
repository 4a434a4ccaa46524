"""Which bone of the rig belongs to which part, limb and digit?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.samples import DIGITS, PART_ID, Kind, Side

SIDES: Mapping[Side, str] = {"left": ".L", "right": ".R"}
"""Suffix of a side's bones."""

_TORSO = ("root", "spine", "pelvis", "breast", "clavicle", "shoulder01", "neck01")
_PREFIX_PARTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("upperarm",), "upper_arm"),
    (("lowerarm",), "forearm"),
    (("wrist", "metacarpal", "finger1-1"), "palm"),
    (("finger1-2",), "thumb_proximal"),
    (("finger1-3",), "thumb_distal"),
    *(
        ((f"finger{k}-{j}",), f"{DIGITS[k - 1]}_{bone}")
        for k in (2, 3, 4, 5)
        for j, bone in ((1, "proximal"), (2, "middle"), (3, "distal"))
    ),
    (("upperleg",), "thigh"),
    (("lowerleg",), "shin"),
    (("foot",), "foot"),
    (("toe",), "toes"),
    (_TORSO, "torso"),
)
"""A thumb's first bone is its metacarpal: it lies in the palm, as the metacarpals of the fingers do."""


def part_of_bone(bone: str) -> str:
    """Returns the part (`PARTS`) of a bone; what is not named otherwise is in the head."""
    return next((part for prefixes, part in _PREFIX_PARTS if bone.startswith(prefixes)), "head")


def side_of_bone(bone: str) -> Side | None:
    """Returns the side of a bone, None for the middle of the body."""
    return next((side for side, suffix in SIDES.items() if bone.endswith(suffix)), None)


def digit_bones(digit: str, side: Side) -> tuple[str, str, str]:
    """Returns a digit's three bones, from the palm outwards; a thumb's first is its metacarpal."""
    k = DIGITS.index(digit) + 1
    return tuple(f"finger{k}-{j}{SIDES[side]}" for j in (1, 2, 3))  # pyright: ignore[reportReturnType]


_LIMB_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "arm": ("upperarm", "lowerarm", "wrist", "metacarpal", "finger"),
    "forearm": ("lowerarm", "wrist", "metacarpal", "finger"),
    "hand": ("wrist", "metacarpal", "finger"),
    "leg": ("upperleg", "lowerleg", "foot", "toe"),
    "lower_leg": ("lowerleg", "foot", "toe"),
    "foot": ("foot", "toe"),
}
LIMBS: tuple[str, ...] = tuple(_LIMB_PREFIXES)


def limb_bones(model: BodyModel, limb: str, side: Side) -> tuple[str, ...]:
    """Returns all bones of a limb (`LIMBS`), parents first."""
    return tuple(b for b in model.bones if b.startswith(_LIMB_PREFIXES[limb]) and b.endswith(SIDES[side]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbPlan:
    """One instance that every normal body has.

    Attributes:
        kind, name, side: as in `samples.Instance`.
        owner: (kind, name, side) of what it grows from; None: the person.
        parts: names of its parts.
        joints: (joint, bone, `head` or `tail`) from the body outwards.
    """

    kind: Kind
    name: str
    side: Side | None
    owner: tuple[str, str, Side | None] | None
    parts: tuple[str, ...]
    joints: tuple[tuple[str, str, str], ...]


def _digit_plan(digit: str, side: Side) -> LimbPlan:
    bones = digit_bones(digit, side)
    joints = (*((joint, bone, "head") for joint, bone in zip(("mcp", "pip", "dip"), bones, strict=True)),)
    parts = tuple(part for part in PART_ID if part.startswith(f"{digit}_"))
    return LimbPlan(
        kind="digit",
        name=digit,
        side=side,
        owner=("hand", "hand", side),
        parts=parts,
        joints=(*joints, ("tip", bones[2], "tail")),
    )


def _side_plans(side: Side) -> tuple[LimbPlan, ...]:
    s = SIDES[side]
    arm = (("shoulder", f"upperarm01{s}", "head"), ("elbow", f"lowerarm01{s}", "head"), ("wrist", f"wrist{s}", "head"))
    leg = (("hip", f"upperleg01{s}", "head"), ("knee", f"lowerleg01{s}", "head"), ("ankle", f"foot{s}", "head"))
    foot = (("ankle", f"foot{s}", "head"), ("heel", f"foot{s}", "head"), ("toe_tip", f"toe1-2{s}", "tail"))

    def plan(kind: Kind, parts: tuple[str, ...], joints: tuple, owner: Kind | None) -> LimbPlan:
        above = (owner, owner, side) if owner else None
        return LimbPlan(kind=kind, name=kind, side=side, owner=above, parts=parts, joints=joints)

    return (
        plan("arm", ("upper_arm", "forearm"), arm, None),
        plan("hand", ("palm",), (("wrist", f"wrist{s}", "head"),), "arm"),
        *(_digit_plan(digit, side) for digit in DIGITS),
        plan("leg", ("thigh", "shin"), leg, None),
        plan("foot", ("foot", "toes"), foot, "leg"),
    )


LIMB_PLANS: tuple[LimbPlan, ...] = (
    LimbPlan(
        kind="head",
        name="head",
        side=None,
        owner=None,
        parts=("head",),
        joints=(("neck", "neck01", "head"), ("nose", "special03", "tail"), ("crown", "head", "tail")),
    ),
    LimbPlan(
        kind="torso",
        name="torso",
        side=None,
        owner=None,
        parts=("torso",),
        joints=(("neck", "neck01", "head"), ("pelvis", "root", "head")),
    ),
    *_side_plans("left"),
    *_side_plans("right"),
)
"""Every instance of a normal body below the person, owners first."""


def vertex_parts(model: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    """Returns each base vertex's part id (n,) uint8 and side (n,) int8: 1 left, -1 right, 0 middle; by the heaviest weights."""
    classes = sorted({(part_of_bone(b), side_of_bone(b)) for b in model.bones}, key=str)
    place = {c: i for i, c in enumerate(classes)}
    sums = np.zeros((len(model.bones), len(classes)), np.float32)
    for i, bone in enumerate(model.bones):
        sums[i, place[part_of_bone(bone), side_of_bone(bone)]] = 1
    best = np.asarray(model.weights @ sums).argmax(1)
    parts = np.array([PART_ID[part] for part, _ in classes], np.uint8)[best]
    sides = np.array([{"left": 1, "right": -1, None: 0}[side] for _, side in classes], np.int8)[best]
    return parts, sides
