"""What should the body parser say of a made picture? Who owns which pixels, where every joint is, and whether it can be seen.

What nobody can know is marked as such: a joint behind its own body may be found or not, one behind something else must not.
"""

from __future__ import annotations

import numpy as np

from limbfix.geometry import from_first_centre, scaled_from_first_centre
from limbfix.nets.body_maps import JOINTS, PARTS
from limbfix.synthesis.samples import PARTS as MADE_PARTS
from limbfix.synthesis.samples import SURFACE_ID, Instance, Sample
from limbfix.training.body_storage import (
    HIDDEN,
    LIMBS,
    NONE,
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

HEAD_UP = 0.55
"""How far up from the neck to the crown the skull's middle lies."""

HAND_OUT = 0.35
"""Where a hand without fingers has its middle, in forearms beyond the wrist."""

_COVERS = tuple(SURFACE_ID[name] for name in ("cloth", "glove", "shoe"))
_PEOPLE_KINDS = ("head", "torso", "arm", "hand", "digit", "leg", "foot")


def store_body(sample: Sample) -> StoredBody:
    """Keeps a made picture of whole people."""
    people = _People(sample)
    scale = stored_scale(sample.pixels.shape)
    collected = JointList()
    necks = [people.collect(person, collected) for person in people.people]
    return StoredBody(
        jpeg=stored_pixels(sample.pixels),
        maps=stored_maps(people.maps()),
        necks=scaled_from_first_centre(np.array(necks, np.float32).reshape(-1, 2), scale),
        complete=np.ones(len(JOINTS), bool),
        **collected.stored(scale),
    )


class _People:
    """Answers what belongs to whom in one sample."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.items = {item.id: item for item in sample.instances}
        self.people = [item for item in sample.instances if item.kind == "person"]
        self._person = {item.id: self._root(item) for item in sample.instances}

    def _root(self, item: Instance) -> int:
        while item.owner is not None:
            item = self.items[item.owner]
        return item.id

    def parts_of(self, owner: int, kind: str) -> list[Instance]:
        return [item for item in self.sample.instances if item.owner == owner and item.kind == kind and item.present]

    def state(self, xy: np.ndarray, visible: bool, person: int, own: set[int]) -> int:
        """Says how a joint stands; `own`: instances that may lie on it without hiding it."""
        height, width = self.sample.instance_map.shape
        if not np.isfinite(xy).all() or not (-0.5 <= xy[0] < width - 0.5 and -0.5 <= xy[1] < height - 0.5):
            return OUTSIDE
        there = int(self.sample.instance_map[round(float(xy[1])), round(float(xy[0]))])
        if visible or there in own:
            return SEEN
        return UNSURE if self._person.get(there) == person else HIDDEN

    def joint(self, item: Instance, name: str) -> tuple[np.ndarray, int]:
        """Returns place and state of a joint that an instance names."""
        for joint in item.joints:
            if joint.name == name:
                xy = from_first_centre(joint.xy)
                return xy, self.state(xy, joint.visible, self._person[item.id], set())
        return np.full(2, np.nan), OUTSIDE

    def collect(self, person: Instance, collected: JointList) -> np.ndarray:
        """Adds all joints of a person; returns the neck's place."""
        neck, neck_xy = NONE, np.full(2, np.nan)
        for torso in self.parts_of(person.id, "torso"):
            neck_xy, state = self.joint(torso, "neck")
            heads = {head.id for head in self.parts_of(person.id, "head")}
            neck = collected.joint(
                "neck", neck_xy, max(state, self.state(neck_xy, False, person.id, {torso.id, *heads}))
            )
        for head in self.parts_of(person.id, "head"):
            (root, _), (crown, _) = self.joint(head, "neck"), self.joint(head, "crown")
            xy = root + HEAD_UP * (crown - root)
            collected.bone(neck, collected.joint("head", xy, self.state(xy, False, person.id, {head.id, person.id})))
        for kind in LIMBS:
            for limb in self.parts_of(person.id, kind):
                self._limb(limb, neck, collected)
        return neck_xy

    def _limb(self, limb: Instance, neck: int, collected: JointList) -> None:
        *names, end = LIMBS[limb.kind]
        numbers = [collected.joint(name, *self.joint(limb, name)) for name in names]
        if "detached" not in limb.faults:
            collected.bone(neck, numbers[0])
        ends = self.parts_of(limb.id, "hand" if limb.kind == "arm" else "foot")
        grown = [item for item in ends if "detached" not in item.faults]
        first = collected.joint(end, *self._end(grown[0], limb)) if grown else NONE
        collected.chain([*numbers, first])
        for item in grown[1:]:  # a second foot on one ankle
            collected.chain([numbers[-1], collected.joint(end, *self._end(item, limb))])
        for item in ends:
            if item not in grown:
                root = collected.joint(names[-1], *self.joint(item, names[-1]))
                collected.chain([root, collected.joint(end, *self._end(item, limb))])

    def _end(self, item: Instance, limb: Instance) -> tuple[np.ndarray, int]:
        """Returns place and state of a hand's middle or of the tip of a foot."""
        if item.kind == "foot":
            return self.joint(item, "toe_tip")
        digits = [digit for digit in self.sample.hand_digits(item.id) if digit.present]
        places = [digit.joints[0].xy for digit in digits if digit.joints and digit.name != "thumb"]
        roots = from_first_centre(places).reshape(-1, 2)
        roots = roots[np.isfinite(roots).all(1)]
        if len(roots) >= 2:
            xy = roots.mean(0)
        else:
            (elbow, _), (wrist, _) = self.joint(limb, "elbow"), self.joint(item, "wrist")
            xy = wrist + HAND_OUT * (wrist - elbow)
        return xy, self.state(xy, False, self._person[item.id], {item.id, *(digit.id for digit in digits)})

    def maps(self) -> list[np.ndarray]:
        """Returns the four maps of a `StoredBody` at the picture's size."""
        ids, highest = self.sample.instance_map, max(self.items, default=0)
        person_of, side_of = np.full(highest + 1, UNKNOWN, np.uint8), np.full(highest + 1, UNKNOWN, np.uint8)
        numbers = {person.id: number for number, person in enumerate(self.people)}
        for item in self.sample.instances:
            person_of[item.id] = numbers.get(self._person[item.id], UNKNOWN)
            limb = self.items[item.owner] if item.kind == "digit" and item.owner is not None else item
            if limb.kind in _PEOPLE_KINDS and limb.side is not None and "wrong_side" not in limb.faults:
                side_of[item.id] = limb.side == "left"
        people = person_of[ids]
        covered = np.isin(self.sample.surface_map, _COVERS).astype(np.uint8)
        covered[people == UNKNOWN] = UNKNOWN
        return [_PART_OF[self.sample.part_map], covered, side_of[ids], people]


def _part_of(name: str) -> int:
    if name in PARTS:
        return PARTS.index(name)
    return PARTS.index("foot" if name == "toes" else "hand")


_PART_OF = np.array([_part_of(name) for name in MADE_PARTS], np.uint8)
