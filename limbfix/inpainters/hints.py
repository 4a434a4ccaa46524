"""How is a plausible hand shown to a ControlNet? As the coloured skeleton that OpenPose models were trained on."""

from __future__ import annotations

import colorsys

import numpy as np

BONES = tuple(
    (0 if joint == 1 else first + joint - 2, first + joint - 1) for first in range(1, 21, 4) for joint in range(1, 5)
)
"""The 20 lines of OpenPose's hand, thumb to little finger, each from the wrist to the tip."""

BONE_COLOURS = tuple(
    tuple(int(255 * value) for value in colorsys.hsv_to_rgb(index / len(BONES), 1.0, 1.0))
    for index in range(len(BONES))
)
JOINT_COLOUR = (0, 0, 255)
LINE_AT_512, DOT_AT_512 = 2.0, 4.0
"""px of line width and of a joint's radius in a picture of 512 px, as ControlNet's annotator draws them."""

_FINER = 4


def openpose_hint(joints: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Draws hands as OpenPose does.

    Args:
        joints: float (21, 2) or (n, 21, 2) px of the hint, in the layout hand21; a joint that is nan is left out.
        size_wh: of the hint, px; that of the request's pixels.

    Returns:
        uint8 (h, w, 3) on black.

    Raises:
        ValueError: another shape.
    """
    from PIL import Image, ImageDraw

    hands = np.asarray(joints, float)
    hands = hands[None] if hands.ndim == 2 else hands
    if hands.shape[1:] != (21, 2) or min(size_wh) < 1:
        raise ValueError(
            f"openpose_hint: expected joints (21, 2) or (n, 21, 2) and a size, got {hands.shape} and {size_wh}"
        )
    image = Image.new("RGB", (size_wh[0] * _FINER, size_wh[1] * _FINER))
    draw = ImageDraw.Draw(image)
    scale = _FINER * max(1.0, max(size_wh) / 512)
    radius, width = DOT_AT_512 * scale, max(1, round(LINE_AT_512 * scale))
    for hand in hands * _FINER:
        for (a, b), colour in zip(BONES, BONE_COLOURS, strict=True):
            if np.isfinite(hand[[a, b]]).all():
                draw.line([*hand[a], *hand[b]], fill=colour, width=width)
        for x, y in hand[np.isfinite(hand).all(axis=1)]:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=JOINT_COLOUR)
    return np.asarray(image.resize(size_wh, Image.Resampling.BOX))


def in_window(
    joints: np.ndarray, corner_xy: tuple[float, float], window_wh: tuple[int, int], size_wh: tuple[int, int]
) -> np.ndarray:
    """Returns joints (..., 2) px of the picture as px of a window that was enlarged to `size_wh`."""
    scale = np.array(size_wh, float) / np.array(window_wh, float)
    return (np.asarray(joints, float) - np.array(corner_xy, float)) * scale
