"""Which landmarks does a keypoint model name, and which bones join them? Static tables; indices count from 0."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A keypoint layout.

    Attributes:
        name: `hand21`, `blazepose33` or `coco17`.
        landmarks: K names in the model's order.
        bones: (parent, child) index pairs.
    """

    name: str
    landmarks: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]

    def index(self, landmark: str) -> int:
        """Returns the index of a landmark; ValueError for an unknown name."""
        return self.landmarks.index(landmark)


_DIGITS = ("thumb", "index_finger", "middle_finger", "ring_finger", "pinky")
_THUMB = ("cmc", "mcp", "ip", "tip")
_FINGER = ("mcp", "pip", "dip", "tip")

HAND21 = Layout(
    name="hand21",
    landmarks=(
        "wrist",
        *(f"{digit}_{joint}" for digit in _DIGITS for joint in (_THUMB if digit == "thumb" else _FINGER)),
    ),
    bones=(
        *((0, 4 * d + 1) for d in (0, 1, 4)),
        *((4 * d + j, 4 * d + j + 1) for d in range(5) for j in (1, 2, 3)),
        (5, 9),
        (9, 13),
        (13, 17),
    ),
)
"""MediaPipe's hand. It names five digits whatever the picture shows: it can locate a hand, never count its digits."""

HAND21_DIGITS: dict[str, tuple[int, ...]] = {
    name: tuple(4 * d + j for j in (1, 2, 3, 4)) for d, name in enumerate(_DIGITS)
}
"""Indices of each digit's four landmarks, from the palm outwards."""

BLAZEPOSE33 = Layout(
    name="blazepose33",
    landmarks=(
        "nose",
        *(f"{side}_eye{part}" for side in ("left", "right") for part in ("_inner", "", "_outer")),
        *(f"{side}_{name}" for name in ("ear",) for side in ("left", "right")),
        "mouth_left",
        "mouth_right",
        *(
            f"{side}_{name}"
            for name in ("shoulder", "elbow", "wrist", "pinky", "index", "thumb", "hip", "knee", "ankle", "heel", "foot_index")
            for side in ("left", "right")
        ),
    ),
    bones=(
        (11, 12), (11, 23), (12, 24), (23, 24),
        (11, 13), (13, 15), (12, 14), (14, 16),
        (15, 17), (15, 19), (15, 21), (16, 18), (16, 20), (16, 22),
        (23, 25), (25, 27), (24, 26), (26, 28),
        (27, 29), (29, 31), (27, 31), (28, 30), (30, 32), (28, 32),
    ),
)  # fmt: skip
"""MediaPipe's body, two arms and two legs whatever the picture shows."""

COCO17 = Layout(
    name="coco17",
    landmarks=(
        "nose",
        *(
            f"{side}_{name}"
            for name in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
            for side in ("left", "right")
        ),
    ),
    bones=((5, 6), (5, 11), (6, 12), (11, 12), (5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16)),
)
"""COCO's body, as ultralytics pose models give it."""
