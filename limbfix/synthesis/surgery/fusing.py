"""How do two fingers become one? The gap between them is closed with skin that goes over from one to the other."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from limbfix.filling import spread
from limbfix.synthesis.surgery.hand_scene import HandScene, HandVersion
from limbfix.synthesis.surgery.layers import dilated, soft
from limbfix.synthesis.surgery.regions import FIRST_DIGIT, PALM, WIDTH, digit_base

_SEAM = 0.42
"""Width of the strip that is painted over, in finger widths: both edges and their shadow."""

_LEAST_SEAM_PX = 40


def join_digits(
    scene: HandScene, version: HandVersion, pair: tuple[int, int], share: float
) -> tuple[HandVersion, HandVersion] | None:
    """Joins two digits that already lie side by side.

    Args:
        scene: whose hand it is.
        version: the hand with both digits close together.
        pair: the two digits.
        share: 0-1, how far from the web to the shorter tip they are joined.

    Returns:
        (the joined hand, the twin: the same paint on the palm instead of between the fingers), or None where there is no gap.
    """
    seam = _seam(scene, version, pair, share)
    if seam.sum() < _LEAST_SEAM_PX:
        return None
    values = [FIRST_DIGIT + digit for digit in pair]
    skin = np.isin(version.hand_map, values)
    pixels = _painted(version.pixels, seam, skin & ~seam)
    hand_map = version.hand_map.copy()
    nearest = _nearer_first(version, pair)
    hand_map[seam & ~skin] = np.where(nearest, values[0], values[1])[seam & ~skin]
    digits = tuple(
        replace(digit, faults=("fused",)) if index in pair else digit for index, digit in enumerate(version.digits)
    )
    joined = HandVersion(pixels=pixels, hand_map=hand_map, digits=digits)
    return joined, replace(version, pixels=_painted_palm(scene, version, seam))


def _seam(scene: HandScene, version: HandVersion, pair: tuple[int, int], share: float) -> np.ndarray:
    """Returns (h, w) bool: the strip along the middle between the two digits."""
    keypoints = [version.digits[digit].keypoints for digit in pair]
    middle = (keypoints[0] + keypoints[1]) / 2
    bases = (digit_base(scene.regions.keypoints, pair[0])[0] + digit_base(scene.regions.keypoints, pair[1])[0]) / 2
    middle[0] = bases + 0.2 * (middle[1] - bases)
    dense = np.concatenate([np.linspace(middle[i], middle[i + 1], 20) for i in range(3)])
    lengths = np.concatenate([[0.0], np.linalg.norm(np.diff(dense, axis=0), axis=1).cumsum()])
    line = dense[lengths <= share * lengths[-1]]
    canvas = np.zeros(version.hand_map.shape, np.uint8)
    width = (WIDTH[pair[0]] + WIDTH[pair[1]]) / 2 * scene.regions.palm_px
    cv2.polylines(canvas, [np.round(line).astype(np.int32)], False, 1, max(3, round(_SEAM * width)))
    # Wherever the two leave a gap below the end of the line, the gap is closed whole.
    skin = np.isin(version.hand_map, [FIRST_DIGIT + digit for digit in pair]).astype(np.uint8)
    size = 2 * max(1, round(0.35 * width)) + 1
    closed = cv2.morphologyEx(skin, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    near_line = dilated(canvas.astype(bool), 0.25 * width)
    others = (version.hand_map != 0) & (skin == 0) & (version.hand_map != PALM)
    return (canvas.astype(bool) & closed.astype(bool) | (closed.astype(bool) & (skin == 0) & near_line)) & ~others


def _painted(pixels: np.ndarray, seam: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Paints skin over a strip: colours spread from both sides, grain copied from beside it."""
    rim = dilated(seam, 6) & cv2.erode(skin.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    if not rim.any():
        rim = skin
    weights = rim.astype(np.float32)
    values = pixels.astype(np.float32)
    smooth = spread(values * weights[..., None], weights)
    grain = values - cv2.GaussianBlur(values, (0, 0), 2.0)
    grain = np.where(rim[..., None], grain, 0.0)
    # Grain has no place of its own: any neighbour's will do, so the strip takes what lies a few pixels away.
    shifted = sum(np.roll(grain, shift, axis=(0, 1)) for shift in ((0, 7), (0, -7), (7, 0), (-7, 0)))
    alpha = soft(seam)[..., None]
    result = pixels * (1 - alpha) + (smooth + 0.6 * np.asarray(shifted)) * alpha
    return np.clip(result + 0.5, 0, 255).astype(np.uint8)


def _painted_palm(scene: HandScene, version: HandVersion, seam: np.ndarray) -> np.ndarray:
    """Paints a strip of the same shape on the palm, where there is nothing to wipe out but wrinkles."""
    y, x = np.nonzero(seam)
    target = scene.regions.keypoints[[0, 5, 9, 13, 17]].mean(axis=0)
    matrix = np.array([[0.8, 0, target[0] - 0.8 * x.mean()], [0, 0.8, target[1] - 0.8 * y.mean()]])
    moved = cv2.warpAffine(seam.astype(np.uint8), matrix, (seam.shape[1], seam.shape[0]), flags=cv2.INTER_NEAREST)
    strip = moved.astype(bool) & (version.hand_map == PALM)
    return _painted(version.pixels, strip, (version.hand_map == PALM) & ~strip) if strip.any() else version.pixels


def _nearer_first(version: HandVersion, pair: tuple[int, int]) -> np.ndarray:
    """Returns (h, w) bool: nearer to the first digit's pixels than to the second's."""
    distances = [
        cv2.distanceTransform((version.hand_map != FIRST_DIGIT + digit).astype(np.uint8), cv2.DIST_L2, 5)
        for digit in pair
    ]
    return distances[0] <= distances[1]
