"""What would a normal hand look like here? Five digits, fitted to the wrist, the knuckles and the good digits that were seen.

It is a hint for a ControlNet, not a measurement: where nothing is known it is the open hand of an adult, placed in the box.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from limbfix.digits import Digit, HandReading
from limbfix.geometry import Box
from limbfix.layouts import HAND21_DIGITS
from limbfix.parts import Keypoints

GOOD_DIGIT = 0.5
"""Score from which a line that was read is taken as a digit that is right."""

SIZES = (0.45, 1.6)
"""How long the fitted hand, wrist to middle fingertip, may be in sides of its box; outside it the fit is not believed."""

_ROWS = tuple(HAND21_DIGITS.values())
_PALM = (0, 5, 9, 13, 17)
_SPREAD = 0.7
"""How much of its neighbour's bend and spread a thumb, or a finger at the end of the row, takes over."""


def _template() -> np.ndarray:
    """Returns float64 (21, 2): a flat open hand, thumb to the left, fingers up (y down), wrist at the origin, in millimetres.

    Lengths of bones: Buryanov and Kotiuk, Proportions of Hand Segments, 2010 (means of 66 adults), with 4 mm of flesh at the tips.
    Places of the knuckles and directions: an open hand at rest on a table.
    """
    starts = ((-22, -20), (-24, -90), (-2, -93), (18, -87), (35, -76))  # thumb: base; fingers: knuckles
    angles = ((-46, -36, -26), (-8, -8, -8), (-1, -1, -1), (7, 7, 7), (16, 16, 16))  # degrees from straight up
    lengths = ((46.2, 31.6, 25.7), (39.8, 22.4, 19.8), (44.6, 26.3, 21.4), (41.4, 25.7, 21.3), (32.7, 18.1, 20.0))
    joints = np.zeros((21, 2))
    for row, start, turns, bones in zip(_ROWS, starts, angles, lengths, strict=True):
        steps = [
            (bone * np.sin(np.radians(turn)), -bone * np.cos(np.radians(turn)))
            for turn, bone in zip(turns, bones, strict=True)
        ]
        joints[list(row)] = np.cumsum([start, *steps], axis=0)
    return joints


TEMPLATE = _template()


def plausible_hand(
    box: Box,
    *,
    keypoints: Keypoints | None = None,
    reading: HandReading | None = None,
    wrist_xy: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Returns float32 (21, 2) px: the joints of a normal hand in the layout `hand21`.

    Args:
        box: of the hand, px; finite and with an area.
        keypoints: of the layout hand21. Only wrist and knuckles are believed: the model that gives them names five digits
            whatever is there.
        reading: its good digits keep their place; forked ones and those too many do not.
        wrist_xy: float (2,) px, of the body's pose, where the hand has no keypoints.

    Raises:
        ValueError: no such box.
    """
    if not np.isfinite(box.xyxy).all() or not box.area:
        raise ValueError(f"plausible_hand: expected a box with an area, got {box.xyxy}")
    palm = _palm_of(keypoints, wrist_xy)
    good = good_digits(reading)
    best: tuple[float, np.ndarray] | None = None
    for names in _namings(good):
        known = {**palm, **_known_joints(good, names)}
        for mirror in (1.0, -1.0):
            fitted = _fit(known, mirror, box)
            if fitted is None:
                continue
            error = float(np.mean([np.linalg.norm(fitted[index] - xy) for index, xy in known.items()]))
            if best is None or error < best[0]:
                best = (error, _with_digits(fitted, known, good, names))
    joints = in_box(box, wrist_xy) if best is None else best[1]
    return joints.astype(np.float32)


def good_digits(reading: HandReading | None) -> tuple[Digit, ...]:
    """Returns the digits of a reading that a normal hand may keep: surely read, not forked, none too many, five at most."""
    if reading is None:
        return ()
    extra = set(reading.extra)
    good = [
        digit
        for digit in reading.digits
        if digit.score >= GOOD_DIGIT
        and not digit.forked
        and digit.digit_index not in extra
        and len(digit.polyline) >= 2
    ]
    thumbs = sorted((digit for digit in good if digit.is_thumb), key=lambda digit: -digit.score)[:1]
    fingers = sorted((digit for digit in good if not digit.is_thumb), key=lambda digit: -digit.score)[:4]
    return tuple(sorted((*thumbs, *fingers), key=lambda digit: digit.digit_index))


def in_box(box: Box, wrist_xy: np.ndarray | None = None) -> np.ndarray:
    """Returns (21, 2) px: the template at rest in a box, its wrist at the side where the wrist is, else at the lower side."""
    toward = np.array([0.0, -1.0]) if box.height >= 0.8 * box.width else np.array([1.0, 0.0])
    if wrist_xy is not None and np.isfinite(wrist_xy).all():
        away = box.center - np.asarray(wrist_xy, float)
        if np.linalg.norm(away) > 0.1 * box.size:
            toward = away / np.linalg.norm(away)
    turn = np.array([[-toward[1], -toward[0]], [toward[0], -toward[1]]])  # (0, -1) becomes `toward`
    turned = TEMPLATE @ turn.T
    own = Box.around(turned)
    scale = min(box.width / own.width, box.height / own.height)
    return (turned - own.center) * scale + box.center


def _palm_of(keypoints: Keypoints | None, wrist_xy: np.ndarray | None) -> dict[int, np.ndarray]:
    found: dict[int, np.ndarray] = {}
    if keypoints is not None and keypoints.layout.name == "hand21":
        found = {index: keypoints.xy[index].astype(float) for index in _PALM if np.isfinite(keypoints.xy[index]).all()}
    if 0 not in found and wrist_xy is not None and np.isfinite(wrist_xy).all():
        found[0] = np.asarray(wrist_xy, float)
    return found


def _namings(good: Sequence[Digit]) -> list[tuple[int, ...]]:
    """Returns every way to call the digits thumb (0) to little finger (4): in their order around the wrist, either way round."""
    thumbs = [place for place, digit in enumerate(good) if digit.is_thumb]
    names: list[tuple[int, ...]] = []
    for chosen in itertools.combinations(range(1, 5), len(good) - len(thumbs)):
        for order in (chosen, chosen[::-1]):
            fingers = iter(order)
            names.append(tuple(0 if place in thumbs else next(fingers) for place in range(len(good))))
    return list(dict.fromkeys(names))


def _known_joints(good: Sequence[Digit], names: Sequence[int]) -> dict[int, np.ndarray]:
    """Returns what is known of the 21 joints: those of the good digits, four to each, where a digit has all of them."""
    known = {}
    for digit, name in zip(good, names, strict=True):
        for joint, index in zip(("mcp", "pip", "dip", "tip"), _ROWS[name], strict=True):
            if joint in digit.joints:
                known[index] = digit.polyline[digit.joints.index(joint)].astype(float)
    return known


def _fit(known: dict[int, np.ndarray], mirror: float, box: Box) -> np.ndarray | None:
    """Returns the template moved, turned and scaled onto the known joints by least squares; None where they do not say."""
    places = list(known)
    if len(places) < 3:
        return None
    template = TEMPLATE * (mirror, 1.0)
    source, target = template[places], np.stack([known[index] for index in places])
    a, b = (xy[:, 0] + 1j * xy[:, 1] for xy in (source, target))
    a0, b0 = a.mean(), b.mean()
    spread = float((np.abs(a - a0) ** 2).sum())
    if spread < 1e-6:
        return None
    turn = (np.conj(a - a0) * (b - b0)).sum() / spread  # a complex number turns and scales at once
    moved = (template[:, 0] + 1j * template[:, 1] - a0) * turn + b0
    fitted = np.stack([moved.real, moved.imag], axis=1)
    length = float(np.linalg.norm(fitted[12] - fitted[0])) / box.size
    return fitted if SIZES[0] <= length <= SIZES[1] else None


def _with_digits(
    fitted: np.ndarray, known: dict[int, np.ndarray], good: Sequence[Digit], names: Sequence[int]
) -> np.ndarray:
    """Returns the fitted hand with the seen digits in their places; the others bend and spread as their neighbours do."""
    joints = fitted.copy()
    seen: dict[int, np.ndarray] = {}
    for digit, name in zip(good, names, strict=True):
        joints[list(_ROWS[name])] = _four_joints(digit, fitted[list(_ROWS[name])])
        seen[name] = joints[list(_ROWS[name])] - fitted[list(_ROWS[name])]
    for index, xy in known.items():
        if index in _PALM:
            joints[index] = xy
    for name in range(5):
        if name in seen or not seen:
            continue
        row = list(_ROWS[name])
        root = joints[row[0]] - fitted[row[0]]
        bend = _between_neighbours(name, {k: offsets - offsets[0] for k, offsets in seen.items()})
        joints[row] = fitted[row] + root + bend
    return joints


def _between_neighbours(name: int, seen: dict[int, np.ndarray]) -> np.ndarray:
    """Returns (4, 2) px: how a digit that is not seen leaves the template, from the seen digits beside it."""
    below = [k for k in seen if k < name and k > 0]
    above = [k for k in seen if k > name and k > 0]
    if name and below and above:
        low, high = max(below), min(above)
        share = (name - low) / (high - low)
        return (1 - share) * seen[low] + share * seen[high]
    fingers = [k for k in seen if k > 0]
    if not fingers:
        return np.zeros((4, 2))
    nearest = min(fingers, key=lambda k: abs(k - name))
    return seen[nearest] * (_SPREAD if name else 0.0)


def _four_joints(digit: Digit, fallback: np.ndarray) -> np.ndarray:
    """Returns (4, 2) px: root, two joints and tip of a digit; joints that were not seen stand where the bones' lengths put them."""
    line = digit.polyline.astype(float)
    names = ("mcp", "pip", "dip", "tip")
    if all(name in digit.joints for name in names):
        return np.stack([line[digit.joints.index(name)] for name in names])
    joints = fallback + (line[-1] - fallback[names.index(digit.joints[-1])])
    for name, xy in zip(digit.joints, line, strict=True):
        joints[names.index(name)] = xy
    return joints
