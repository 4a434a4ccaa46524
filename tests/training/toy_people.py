"""Drawn people for the tests: boxes for limbs, with joints at their ends, and faults on demand."""

from __future__ import annotations

import math

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.samples import JOINTS, PART_ID, SURFACE_ID, Defect, Instance, Joint, Sample

SIZE = 128
NECK, CROWN, PELVIS = (64, 30), (64, 8), (64, 66)
ARMS = {"left": ((74, 32), (92, 44), (108, 56), (114, 60)), "right": ((54, 32), (36, 44), (20, 56), (14, 60))}
LEGS = {"left": ((70, 68), (76, 90), (78, 112), (88, 118)), "right": ((58, 68), (52, 90), (50, 112), (40, 118))}
NOWHERE = (math.nan, math.nan)


class _Drawing:
    def __init__(self, shift: int) -> None:
        self.shift = shift
        self.ids, self.parts, self.surfaces = (np.zeros((SIZE, SIZE), t) for t in (np.uint16, np.uint8, np.uint8))
        self.instances: list[Instance] = []

    def line(self, id: int, part: str, start: tuple, end: tuple, half: int = 3, surface: str = "skin") -> None:
        for share in np.linspace(0, 1, 40):
            x, y = (round(a + share * (b - a)) for a, b in zip(start, end, strict=True))
            place = (
                slice(max(0, y - half), y + half + 1),
                slice(max(0, x + self.shift - half), max(0, x + self.shift + half + 1)),
            )
            self.ids[place], self.parts[place], self.surfaces[place] = id, PART_ID[part], SURFACE_ID[surface]

    def add(self, id: int, kind: str, side: str | None, owner: int | None, places: tuple, **more) -> None:
        joints = []
        for name, (x, y) in zip(JOINTS[kind], places, strict=True):
            x += self.shift
            xy = (x + 0.5, y + 0.5)  # the middle of a pixel: places of a sample count from the picture's corner
            joints.append(Joint(name=name, xy=xy, visible=bool(0 <= x < SIZE and 0 <= y < SIZE)))
        self.instances.append(
            Instance(id=id, kind=kind, name=kind, side=side, owner=owner, joints=tuple(joints), **more)
        )


def person(*, key: str = "toy-0", shift: int = 0, fault: str | None = None, order: int = 0) -> Sample:
    """Returns a person with bare arms and trousers; `fault`: `third_leg`, `missing_forearm` (the left) or `detached_hand` (the left)."""
    drawn = _Drawing(shift)
    drawn.add(1, "person", None, None, ())
    drawn.line(3, "torso", NECK, PELVIS, 8, "cloth")
    drawn.add(3, "torso", None, 1, (NECK, PELVIS))
    drawn.line(2, "head", (64, 10), (64, 24), 6)
    drawn.add(2, "head", None, 1, (NECK, (64, 18), CROWN))
    for number, (side, (shoulder, elbow, wrist, hand)) in enumerate(ARMS.items()):
        short = fault == "missing_forearm" and side == "left"
        loose = fault == "detached_hand" and side == "left"
        arm = 10 + 10 * number
        drawn.line(arm, "upper_arm", shoulder, elbow)
        drawn.add(arm, "arm", side, 1, (shoulder, elbow, NOWHERE if short else wrist))
        if not short:
            drawn.line(arm, "forearm", elbow, wrist)
            drawn.line(arm + 1, "palm", wrist, (hand[0] + (wrist[0] < hand[0]) * 6, hand[1]))
            drawn.add(arm + 1, "hand", side, arm, (wrist,), faults=("detached",) if loose else ())
    legs = [*LEGS.items()]
    if fault == "third_leg":
        legs.append(("left", ((64, 70), (64, 92), (64, 114), (68, 122))))
    for number, (side, (hip, knee, ankle, toe)) in enumerate(legs):
        leg = 30 + 10 * number
        drawn.line(leg, "thigh", hip, knee, 3, "cloth")
        drawn.line(leg, "shin", knee, ankle, 3, "cloth")
        drawn.add(leg, "leg", side, 1, (hip, knee, ankle))
        drawn.line(leg + 1, "foot", ankle, toe, 3, "shoe")
        drawn.add(leg + 1, "foot", side, leg, (ankle, ankle, toe))
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 90, (SIZE, SIZE, 3), dtype=np.uint8)
    pixels[drawn.surfaces == SURFACE_ID["skin"]] = (215, 170, 150)
    pixels[drawn.surfaces == SURFACE_ID["cloth"]] = (60, 80, 190)
    code = DefectCode.PERSON_EXTRA_LEG
    return Sample(
        key=key, group=key.rpartition("-")[0], stream="bodies", role="defect" if fault else "twin", operator="toys.person", order=order,
        pixels=pixels, instance_map=drawn.ids, part_map=drawn.parts, surface_map=drawn.surfaces,
        instances=tuple(
            Instance(**{n: getattr(i, n) for n in i.__dataclass_fields__} | {"visible_px": int((drawn.ids == i.id).sum())})
            for i in drawn.instances
        ),
        defects=(Defect(code=code, operator="toys.person", instances=(1,), visible=True),) if fault else (),
    )  # fmt: skip
