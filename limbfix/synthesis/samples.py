"""What does the data engine hand out? One made picture with exact labels: instances, joints, maps and defects.

Every stream (`hands`, `bodies`, `edits`, `failures`) yields `Sample`; writers, shards, benchmarks and trainings read nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from limbfix.findings import DefectCode

Side = Literal["left", "right"]
"""The subject's own side."""

DIGITS = ("thumb", "index", "middle", "ring", "little")
"""From the thumb side across the hand; also the order of `SEGMENTS` and `NAILS`."""

SEGMENTS = (
    "thumb_proximal",
    "thumb_distal",
    *(f"{digit}_{bone}" for digit in DIGITS[1:] for bone in ("proximal", "middle", "distal")),
)
"""The 14 phalanges."""

NAILS = tuple(f"{digit}_nail" for digit in DIGITS)

PARTS = (
    "background",
    "head",
    "torso",
    "upper_arm",
    "forearm",
    "palm",
    *SEGMENTS,
    *NAILS,
    "thigh",
    "shin",
    "foot",
    "toes",
    "object",
)
"""Values of `Sample.part_map`: body > arm > hand > digit > segment > nail, the finest that a pixel belongs to. A covered part
keeps its name (a sleeved forearm is `forearm`); what covers it is in `surface_map`. Palm means the hand without its digits."""

PART_ID: Mapping[str, int] = MappingProxyType({name: value for value, name in enumerate(PARTS)})

SURFACES = ("background", "skin", "nail", "cloth", "glove", "hair", "eye", "jewellery", "object", "shoe")
"""Values of `Sample.surface_map`: what one sees at a pixel."""

SURFACE_ID: Mapping[str, int] = MappingProxyType({name: value for value, name in enumerate(SURFACES)})

Kind = Literal["person", "head", "torso", "arm", "hand", "digit", "leg", "foot", "object"]

JOINTS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "person": (),
        "head": ("neck", "nose", "crown"),
        "torso": ("neck", "pelvis"),
        "arm": ("shoulder", "elbow", "wrist"),
        "hand": ("wrist",),
        "digit": ("mcp", "pip", "dip", "tip"),
        "leg": ("hip", "knee", "ankle"),
        "foot": ("ankle", "heel", "toe_tip"),
        "object": (),
    }
)
"""Joints of an instance, from the body outwards. A thumb's four are CMC, MCP, IP and tip, under the same four names."""

Fault = Literal["extra", "missing", "fused", "shortened", "malformed", "detached", "wrong_side", "wrong_size"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """One joint of one instance.

    Attributes:
        name: as in `JOINTS`.
        xy: px from the upper left corner of the picture; may lie outside it. (nan, nan) where the joint does not exist.
        visible: in the picture, and nothing but the limb itself lies in front of it. The tip of a digit or a foot and the crown lie on the
            outline: what the map shows there may be what lies behind.
    """

    name: str
    xy: tuple[float, float]
    visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One person, limb, hand, digit or object that is there, or that should be.

    Attributes:
        id: positive; its value in `Sample.instance_map`.
        kind: what it is.
        name: a digit's name (`DIGITS`: the one it is or most resembles), an object's kind, else the kind.
        side: the subject's own side; None for what has none.
        owner: id of what it grows from (digit > hand > arm > person); None for people and objects.
        faults: what is wrong with it; empty = normal.
        present: False for a limb or digit that is missing altogether.
        visible_px: pixels of its own in `instance_map` (of a hand: without its digits).
        visible_fraction: 0-1, share of its whole surface outline that can be seen; the rest is covered or outside. nan if unknown, and of
            people, who have no surface but their parts'.
        outside_fraction: 0-1, share that lies outside the picture. nan if unknown.
        occluded_by: ids of the instances in front of it, the one that covers most first; 0 in it means something unlabelled.
        joints: in the order of `JOINTS[kind]`.
    """

    id: int
    kind: Kind
    name: str
    side: Side | None
    owner: int | None
    faults: tuple[Fault, ...] = ()
    present: bool = True
    visible_px: int = 0
    visible_fraction: float = float("nan")
    outside_fraction: float = float("nan")
    occluded_by: tuple[int, ...] = ()
    joints: tuple[Joint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One thing that was made wrong on purpose.

    Attributes:
        code: the limbfix code that a right judge would report.
        operator: the function that made it, `room.function`, for statistics by operator.
        instances: ids of the instances concerned.
        visible: whether this picture shows it at all. Train and measure on visible defects only.
        region: (h, w) bool, where the picture may differ from its twin: what changed its shape, and where its shadow falls; None
            where there is no twin.
    """

    code: DefectCode
    operator: str
    instances: tuple[int, ...]
    visible: bool
    region: np.ndarray | None = None


Role = Literal["defect", "twin", "plain"]
"""`defect`: something is wrong. `twin`: normal, with the traces of a defect's making. `plain`: normal and untouched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One made picture.

    Attributes:
        key: unique in its stream for a seed, `[a-z0-9-]+`; names its files.
        group: shared by pictures of one pair or series: same seed, pose, light and background.
        stream: `hands`, `bodies`, `edits` or `failures`.
        role: see `Role`.
        operator: the operator behind a defect or its twin, `room.function`; "" for plain pictures.
        order: position in a series, 0 the least damaged; in a pair 0 for the twin and 1 for the defect. Orders compare only
            within a group.
        pixels: (h, w, 3) uint8 sRGB.
        instance_map: (h, w) uint16, 0 background, else the id of the finest instance seen at a pixel.
        part_map: (h, w) uint8, values of `PARTS`.
        surface_map: (h, w) uint8, values of `SURFACES`.
        instances: all of them, the missing ones too; ids are unique.
        defects: empty unless `role` is `defect`.
        exact: True where labels come from a renderer; False where they come from a detector on a photograph.
        recipe: plain JSON values that say how it was made (seed, pose, camera, source photograph, strength ...).
    """

    key: str
    group: str
    stream: str
    role: Role
    operator: str
    order: int
    pixels: np.ndarray
    instance_map: np.ndarray
    part_map: np.ndarray
    surface_map: np.ndarray
    instances: tuple[Instance, ...]
    defects: tuple[Defect, ...] = ()
    exact: bool = True
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def hand_digits(self, hand: int) -> tuple[Instance, ...]:
        """Returns the digits of a hand, the missing ones too."""
        return tuple(item for item in self.instances if item.kind == "digit" and item.owner == hand)

    def digits_present(self, hand: int) -> int:
        """Returns how many digits the hand has, seen or not. A merged pair counts as it was made: two that are fused."""
        return sum(digit.present for digit in self.hand_digits(hand))

    def digits_visible(self, hand: int, least_px: int = 12) -> int:
        """Returns how many digits of the hand show at least `least_px` pixels."""
        return sum(digit.present and digit.visible_px >= least_px for digit in self.hand_digits(hand))
