"""Which pixel of a hand belongs to which digit? The hand's mask, split by the nearest bone from the web outwards."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.synthesis.photograph_masks import palm_length

BACKGROUND, PALM, FOREARM, FIRST_DIGIT = 0, 1, 2, 3
"""Values of a hand map; digit d of `DIGITS` has the value FIRST_DIGIT + d."""

WEB = 0.33
"""Where the fingers part, as a share of the proximal phalanx from the MCP: the palmar web lies at 40-50 % of it, the dorsal
one at about 25 %."""

WIDTH = (0.25, 0.21, 0.21, 0.2, 0.17)
"""Thickness of each digit in palm lengths, as in `photograph_masks`."""

_EDGE_PX = 4
"""A fingertip nearer to the picture's edge may be cut."""

_STRAIGHT = 0.9
"""Chord over chain of an extended finger; a hooked one falls below."""

_LEAST_LENGTH = (0.3, 0.5, 0.55, 0.5, 0.4)
"""Web to tip in palm lengths, below which a digit points at the camera or is folded."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandRegions:
    """A hand split into its parts.

    Attributes:
        keypoints: float (21, 2) px, HAND21.
        hand_map: (h, w) uint8: BACKGROUND, PALM, FOREARM, or FIRST_DIGIT + d.
        extended: for each digit whether it stands clear of the palm, so that it can be cut as a piece.
    """

    keypoints: np.ndarray
    hand_map: np.ndarray
    extended: tuple[bool, ...]

    def digit_mask(self, digit: int) -> np.ndarray:
        """Returns (h, w) bool, the pixels of a digit, 0 thumb to 4 little."""
        return self.hand_map == FIRST_DIGIT + digit

    @property
    def palm_px(self) -> float:
        """The length that scales everything, px."""
        return palm_length(self.keypoints)


def split_hand(keypoints: np.ndarray, mask: np.ndarray) -> HandRegions:
    """Splits a hand's mask among palm, forearm and digits.

    Args:
        keypoints: float (21, 2) px, HAND21.
        mask: (h, w) bool, hand and forearm.
    """
    palm_px, shape_hw = palm_length(keypoints), mask.shape
    distances = np.stack(
        [_distance_to_digit(keypoints, digit, shape_hw) / (WIDTH[digit] * palm_px) for digit in range(5)]
    )
    nearest, gap = distances.argmin(axis=0), distances.min(axis=0)
    outline = np.zeros(shape_hw, np.uint8)
    cv2.fillPoly(outline, [np.round(keypoints[[0, 1, 5, 9, 13, 17]]).astype(np.int32)], 1)
    is_digit = (gap < 0.6) | ((outline == 0) & (gap < 1.3))
    is_digit &= (
        np.stack([along_digit(keypoints, digit, shape_hw) for digit in range(5)])[nearest, *np.indices(shape_hw)] > WEB
    )
    hand_map = np.where(is_digit, FIRST_DIGIT + nearest, np.where(_behind_wrist(keypoints, shape_hw), FOREARM, PALM))
    hand_map = _without_islands(np.where(mask, hand_map, BACKGROUND).astype(np.uint8))
    extended = tuple(_is_extended(keypoints, hand_map, digit) for digit in range(5))
    return HandRegions(keypoints=keypoints, hand_map=hand_map, extended=extended)


def digit_joints(digit: int) -> list[int]:
    """Returns the HAND21 indices of a digit's four joints, from the palm outwards."""
    return [4 * digit + j for j in (1, 2, 3, 4)]


def digit_base(keypoints: np.ndarray, digit: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (joint where the digit starts, next joint): MCP and PIP; a thumb's MCP and IP, for its CMC lies in the palm."""
    first = digit_joints(digit)[1 if digit == 0 else 0]
    return keypoints[first], keypoints[first + 1]


def along_digit(keypoints: np.ndarray, digit: int, shape_hw: tuple[int, int]) -> np.ndarray:
    """Returns float (h, w): how far a pixel lies along a digit's first bone, 0 at the MCP, 1 at its end, more beyond."""
    base, end = digit_base(keypoints, digit)
    axis = end - base
    length = max(float(axis @ axis), 1e-6)
    y, x = np.indices(shape_hw, dtype=np.float32)
    return ((x - base[0]) * axis[0] + (y - base[1]) * axis[1]) / length


def direction(regions: HandRegions, digit: int) -> float:
    """Returns where a digit points, degrees, clockwise on screen."""
    x, y = regions.keypoints[digit_joints(digit)[3]] - digit_base(regions.keypoints, digit)[0]
    return float(np.degrees(np.arctan2(y, x)))


def towards_little(regions: HandRegions) -> float:
    """Returns +1 where turning clockwise on screen leads from the index to the little finger, else -1."""
    across = regions.keypoints[17] - regions.keypoints[5]
    up = regions.keypoints[9] - regions.keypoints[0]
    return -1.0 if across[0] * up[1] - across[1] * up[0] > 0 else 1.0


def wrapped(degrees: float) -> float:
    """Returns an angle in degrees between -180 and 180."""
    return (degrees + 180) % 360 - 180


def _distance_to_digit(keypoints: np.ndarray, digit: int, shape_hw: tuple[int, int]) -> np.ndarray:
    """Returns float (h, w) px from the line through a digit's joints, from the web to the tip."""
    base, end = digit_base(keypoints, digit)
    joints = keypoints[digit_joints(digit)[2 if digit == 0 else 1 :]]
    line = np.round(np.stack([base + WEB * (end - base), *joints]) * 8).astype(np.int32)
    canvas = np.ones(shape_hw, np.uint8)
    cv2.polylines(canvas, [line], False, 0, 1, cv2.LINE_8, 3)
    return cv2.distanceTransform(canvas, cv2.DIST_L2, 5)


def _behind_wrist(keypoints: np.ndarray, shape_hw: tuple[int, int]) -> np.ndarray:
    """Returns (h, w) bool: beyond the line across the wrist, away from the knuckles."""
    wrist, axis = keypoints[0], keypoints[[5, 9, 13, 17]].mean(axis=0) - keypoints[0]
    y, x = np.indices(shape_hw, dtype=np.float32)
    return (x - wrist[0]) * axis[0] + (y - wrist[1]) * axis[1] < 0


def _without_islands(hand_map: np.ndarray) -> np.ndarray:
    """Gives pieces of a digit that hang apart from its largest piece to the palm, or to nothing where they touch no palm."""
    cleaned = hand_map.copy()
    for value in range(FIRST_DIGIT, FIRST_DIGIT + 5):
        count, labels, stats, _ = cv2.connectedComponentsWithStats((hand_map == value).astype(np.uint8))
        if count > 2:
            largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
            cleaned[(labels > 0) & (labels != largest)] = PALM
    return cleaned


def straight_digits(keypoints: np.ndarray) -> tuple[bool, ...]:
    """Returns for each digit whether its joints lie on a line and far from the palm: what joints alone say of `extended`."""
    return tuple(_is_straight(keypoints, digit) for digit in range(5))


def _is_straight(keypoints: np.ndarray, digit: int) -> bool:
    joints = keypoints[digit_joints(digit)[1 if digit == 0 else 0 :]]
    bones = np.linalg.norm(np.diff(joints, axis=0), axis=1)
    chord = float(np.linalg.norm(joints[-1] - joints[0]))
    is_long = chord > _LEAST_LENGTH[digit] * palm_length(keypoints)
    return is_long and chord / max(float(bones.sum()), 1e-6) > _STRAIGHT


def _is_extended(keypoints: np.ndarray, hand_map: np.ndarray, digit: int) -> bool:
    if not _is_straight(keypoints, digit):
        return False
    base, tip = digit_base(keypoints, digit)[0], keypoints[digit_joints(digit)[3]]
    area = int((hand_map == FIRST_DIGIT + digit).sum())
    chord = float(np.linalg.norm(tip - base))
    expected = max(chord * (1 - WEB / 2) * WIDTH[digit] * palm_length(keypoints), 1.0)
    limits = np.array(hand_map.shape[::-1])
    if not ((tip >= _EDGE_PX) & (tip < limits - _EDGE_PX)).all() or not 0.5 < area / expected < 1.9:
        return False
    column, row = tip.astype(int)
    return hand_map[row, column] in (FIRST_DIGIT + digit, BACKGROUND) and _stands_free(hand_map, digit)


def _stands_free(hand_map: np.ndarray, digit: int) -> bool:
    """Returns whether most of a digit's edge is the edge of the hand: one folded over the palm has little of it."""
    own = (hand_map == FIRST_DIGIT + digit).astype(np.uint8)
    ring = cv2.dilate(own, np.ones((3, 3), np.uint8)).astype(bool) & ~own.astype(bool)
    return bool(ring.any() and (hand_map[ring] == BACKGROUND).mean() > 0.45)
