"""Which hand or body of a sample can melt? Its view for the operators, and the instances behind each chain of joints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.melting.jointed_views import LIMBS, BodyView, FootView, HandView, JointedView
from limbfix.synthesis.samples import DIGITS, SURFACE_ID, Instance, Sample

_BEYOND_WRIST = 0.6
"""Length of a hand in forearms, for the end of an arm's chain."""

_SKIN = tuple(SURFACE_ID[name] for name in ("skin", "nail", "glove", "jewellery"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """Something of a sample that can be damaged.

    Attributes:
        view: as the operators see it.
        chains: ids of the instances behind each chain of the view, the one that gets a fault first.
        whole: ids of all instances that belong to it.
    """

    view: JointedView
    chains: tuple[tuple[int, ...], ...]
    whole: tuple[int, ...]


FindTarget = Callable[[Sample], Target | None]
"""Finds the same target in a sample that was already melted; None if it is not whole any more."""


def hand_target(sample: Sample, hand: int) -> Target | None:
    """Returns a hand; None if it lacks a digit or one of its joints."""
    digits = {item.name: item for item in sample.hand_digits(hand) if item.present and "extra" not in item.faults}
    owner = next(item for item in sample.instances if item.id == hand)
    if set(digits) != set(DIGITS) or not owner.joints:
        return None
    rows = [owner.joints[0].xy, *(joint.xy for name in DIGITS for joint in digits[name].joints)]
    keypoints = np.array(rows, np.float32)
    if keypoints.shape != (21, 2) or not np.isfinite(keypoints).all():
        return None
    own = (hand, *(item.id for item in sample.hand_digits(hand)))
    arm = tuple(item.id for item in sample.instances if item.kind == "arm" and item.id == owner.owner)
    mask = np.isin(sample.instance_map, (*own, *arm)) & np.isin(sample.surface_map, _SKIN)
    view = HandView(pixels=sample.pixels, keypoints=keypoints, mask=mask)
    return Target(view=view, chains=tuple((digits[name].id,) for name in DIGITS), whole=own)


def body_target(sample: Sample, person: int) -> Target | None:
    """Returns a person; None if no limb has all its joints in the picture, or the trunk cannot be measured."""
    owned = _descendants(sample.instances, person)
    limbs = {f"{item.side}_{item.kind}": item for item in owned if not item.faults and item.present}
    keypoints = np.full((4 * len(LIMBS), 2), np.nan, np.float32)
    chains: list[tuple[int, ...]] = []
    for index, name in enumerate(LIMBS):
        chain = _chain(limbs, name)
        keypoints[4 * index : 4 * index + 4] = _only_inside(chain, sample.instance_map.shape)
        chains.append(_ids(limbs, name, owned))
    whole = tuple(item.id for item in owned)
    mask = np.isin(sample.instance_map, (person, *whole))
    whole_limbs = np.isfinite(keypoints.reshape(len(LIMBS), -1)).all(axis=1)
    if not whole_limbs.any() or mask.mean() < 0.02:
        return None
    view = BodyView(pixels=sample.pixels, keypoints=keypoints, mask=mask)
    return Target(view=view, chains=tuple(chains), whole=whole)


def foot_target(sample: Sample, foot: int) -> Target | None:
    """Returns a foot; None if it is not whole in the picture, or not normal."""
    item = next(item for item in sample.instances if item.id == foot)
    chain = _only_inside(_chain({f"{item.side}_foot": item}, f"{item.side}_foot"), sample.instance_map.shape)
    if item.faults or not item.present or not np.isfinite(chain).all():
        return None
    ankle = next((np.array(joint.xy) for joint in item.joints if joint.name == "ankle"), chain[0])
    keypoints = np.full((4 * len(LIMBS), 2), np.nan, np.float32)
    index = LIMBS.index(f"{item.side}_foot")
    keypoints[4 * index : 4 * index + 4] = chain
    mask = np.isin(sample.instance_map, [number for number in (foot, item.owner) if number is not None])
    foot_px = float(np.nanmax([np.linalg.norm(chain[-1] - chain[0]), np.linalg.norm(chain[-1] - ankle)]))
    chains: tuple[tuple[int, ...], ...] = tuple((foot,) if place == index else () for place in range(len(LIMBS)))
    view = FootView(pixels=sample.pixels, keypoints=keypoints, mask=mask, foot_px=foot_px)
    return Target(view=view, chains=chains, whole=(foot,))


def _descendants(instances: tuple[Instance, ...], person: int) -> list[Instance]:
    """Returns all that grows from a person, whatever the order of the rows."""
    known, found = {person}, []
    for _ in range(4):  # person > arm > hand > digit
        new = [item for item in instances if item.owner in known and item.id not in known]
        found += new
        known |= {item.id for item in new}
    return found


def _chain(limbs: Mapping[str, Instance], name: str) -> np.ndarray:
    """Returns the four joints of a limb, (4, 2) px; nan where they are not known."""
    side, kind = name.split("_")
    item = limbs.get(name)
    joints = {joint.name: np.array(joint.xy) for joint in item.joints} if item else {}
    nowhere = np.full(2, np.nan)
    if kind == "arm":
        shoulder, elbow, wrist = (joints.get(joint, nowhere) for joint in ("shoulder", "elbow", "wrist"))
        return np.array([shoulder, elbow, wrist, wrist + _BEYOND_WRIST * (wrist - elbow)])
    if kind == "leg":
        foot = limbs.get(f"{side}_foot")
        toes = {joint.name: np.array(joint.xy) for joint in foot.joints} if foot else {}
        hip, knee, ankle = (joints.get(joint, nowhere) for joint in ("hip", "knee", "ankle"))
        return np.array([hip, knee, ankle, toes.get("toe_tip", nowhere)])
    heel, toe = joints.get("heel", nowhere), joints.get("toe_tip", nowhere)
    return heel + np.linspace(0, 1, 4)[:, None] * (toe - heel)


def _only_inside(chain: np.ndarray, shape_hw: tuple[int, ...]) -> np.ndarray:
    """Returns the chain, or nan where it is not known, or leaves the picture before its end."""
    inside = np.all((chain >= 0) & (chain < shape_hw[::-1]), axis=1)
    known = bool(np.isfinite(chain).all()) and bool(inside[1:3].all()) and int(inside.sum()) >= 3
    return chain if known else np.full(chain.shape, np.nan)


def _ids(limbs: Mapping[str, Instance], name: str, owned: list[Instance]) -> tuple[int, ...]:
    item = limbs.get(name)
    if item is None:
        return ()
    return (item.id, *(other.id for other in _descendants(tuple(owned), item.id)))
