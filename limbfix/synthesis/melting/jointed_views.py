"""What does a melting operator know of a hand or a body? Pixels, a mask, and chains of four joints: digits, or limbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

LIMBS = ("left_arm", "right_arm", "left_leg", "right_leg", "left_foot", "right_foot")
"""Chains of a body. An arm reaches from the shoulder to the fingers, a leg from the hip to the toes, a foot from heel to toes."""

_FINGER_HALF = 0.105
"""Half the breadth of a finger in palm lengths, the same proportions as in `photograph_masks`."""

_LIMB_HALF = (0.1, 0.1, 0.14, 0.14, 0.09, 0.09)
"""Half the breadth of `LIMBS` in lengths of the trunk (shoulders to hips), clothes included."""


_SEEN, _STRAIGHT = 0.4, 0.85
"""Length in units from which a chain is seen at length; end to end over the way along it from which it is stretched out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointedView:
    """Something with joints. The operators read nothing else.

    Attributes:
        pixels: (h, w, 3) uint8 sRGB.
        keypoints: float32 (n, 2) px.
        mask: (h, w) bool, the hand with its forearm, or the person.
        count: number of chains.
    """

    pixels: np.ndarray
    keypoints: np.ndarray
    mask: np.ndarray
    count: ClassVar[int] = 0

    @property
    def unit_px(self) -> float:
        """The length that scales everything, px."""
        raise NotImplementedError

    def chain(self, index: int) -> np.ndarray:
        """Returns four joints, float64 (4, 2) px, from the body outwards."""
        raise NotImplementedError

    def usual_half(self, index: int) -> float:
        """Returns half the breadth that a chain has as a rule, px."""
        raise NotImplementedError

    def half_width(self, index: int) -> float:
        """Returns half the breadth of a chain, px: what the mask says at its middle joints, within what it can have."""
        usual, depth = self.usual_half(index), cv2.distanceTransform(self.mask.astype(np.uint8), cv2.DIST_L2, 3)
        at = [depth[_inside(xy, depth.shape)] for xy in self.chain(index)[1:3]]
        return float(np.clip(np.mean(at), 0.75 * usual, 1.15 * usual))

    def lengths(self) -> np.ndarray:
        """Returns the lengths of the chains in units, as they appear: a folded or foreshortened one is short."""
        chains = [np.linalg.norm(np.diff(self.chain(index), axis=0), axis=1).sum() for index in range(self.count)]
        return np.array(chains) / self.unit_px

    def long_chain(self, pick: float) -> int | None:
        """Returns one of the chains that are seen at length, by `pick` (0-1); None if all are folded or point at the viewer."""
        long = np.flatnonzero(self.lengths() > _SEEN)
        return int(long[int(pick * len(long))]) if len(long) else None

    def straight_chain(self, pick: float) -> int | None:
        """Returns one of the chains that are seen at length and stretched out, by `pick` (0-1); None if there are none.

        A copy or a gap of a folded digit would be lost among its neighbours.
        """
        ends = [np.linalg.norm(self.chain(index)[-1] - self.chain(index)[0]) for index in range(self.count)]
        lengths = self.lengths()
        straight = np.flatnonzero((lengths > _SEEN) & (np.array(ends) / self.unit_px > _STRAIGHT * lengths))
        return int(straight[int(pick * len(straight))]) if len(straight) else None

    def shares_joints(self, one: int, other: int) -> bool:
        """Returns whether two chains run over the same part, so that damage of one is damage of both."""
        return one == other

    def damage_place(self, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Returns (a centre near a joint, its chain): distal joints, where generators fail."""
        index, joint, aside = int(rng.integers(self.count)), int(rng.integers(1, 4)), rng.normal(0, 0.08, 2)
        return self.chain(index)[joint] + aside * self.unit_px, index


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandView(JointedView):
    """One normal hand: `keypoints` are HAND21, chains its digits, the thumb first; the unit is the palm's length."""

    count: ClassVar[int] = 5

    @property
    def unit_px(self) -> float:
        """Wrist to middle knuckle, or what the palm's width says where that is foreshortened, px."""
        length = float(np.linalg.norm(self.keypoints[9] - self.keypoints[0]))
        width = float(np.linalg.norm(self.keypoints[5] - self.keypoints[17]))
        return max(length, 1.3 * width, 8.0)

    def chain(self, index: int) -> np.ndarray:
        """Returns the four joints of a digit, float64 (4, 2) px from the palm outwards; 0 is the thumb."""
        return self.keypoints[4 * index + 1 : 4 * index + 5].astype(np.float64)

    def usual_half(self, index: int) -> float:
        """Returns half the breadth of a finger of such a hand, px."""
        return _FINGER_HALF * self.unit_px * (1.15 if index == 0 else 0.9 if index == 4 else 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyView(JointedView):
    """One normal person: `keypoints` are the joints of `LIMBS`, (24, 2), nan where a limb is not in the picture.

    The unit is the trunk's length. Only limbs that are wholly in the picture can be damaged.
    """

    count: ClassVar[int] = len(LIMBS)

    @property
    def unit_px(self) -> float:
        """Shoulders to hips, or what the shoulders' breadth says where that is foreshortened or unseen, px."""
        shoulders, hips = self.keypoints[[0, 4]], self.keypoints[[8, 12]]
        length = float(np.linalg.norm(shoulders.mean(axis=0) - hips.mean(axis=0)))
        width = float(np.linalg.norm(shoulders[0] - shoulders[1]))
        return float(np.nanmax([length, 1.3 * width, 16.0]))

    def chain(self, index: int) -> np.ndarray:
        """Returns the four joints of a limb, float64 (4, 2) px from the trunk outwards; see `LIMBS`."""
        return self.keypoints[4 * index : 4 * index + 4].astype(np.float64)

    def usual_half(self, index: int) -> float:
        """Returns half the breadth of a limb of such a person, px."""
        return _LIMB_HALF[index] * self.unit_px

    def shares_joints(self, one: int, other: int) -> bool:
        """Returns whether two chains run over the same part: a leg and its foot."""
        return one == other or (abs(one - other) == 2 and min(one, other) >= 2)

    def damage_place(self, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Returns (a centre in a hand or a foot, its chain): the ends of limbs."""
        pick, aside = rng.random(), rng.normal(0, 0.04, 2)
        seen = [index for index in range(self.count) if np.isfinite(self.chain(index)).all()]
        index = seen[int(pick * len(seen))] if seen else 0
        end = self.chain(index)[2:].mean(axis=0)
        return end + aside * self.unit_px, index


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FootView(BodyView):
    """One normal foot: `keypoints` as a `BodyView`'s, nan but for one foot. The trunk is not needed: the unit is read off the foot.

    Attributes:
        foot_px: length of the foot, px.
    """

    foot_px: float

    @property
    def unit_px(self) -> float:
        """The length of the trunk that belongs to such a foot, px: two feet."""
        return max(2 * self.foot_px, 16.0)


def _inside(xy: np.ndarray, shape_hw: tuple[int, ...]) -> tuple[int, int]:
    x, y = np.clip(np.round(np.nan_to_num(xy)), 0, (shape_hw[1] - 1, shape_hw[0] - 1)).astype(int)
    return int(y), int(x)
