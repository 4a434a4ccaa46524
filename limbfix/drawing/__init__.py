"""What did limbfix see? Skeletons, hands, digits and findings over a picture, and the colours that every view shares.

What is drawn arrives as a record and as plain dicts, "keypoints", px of the upright original, absent points None:

- `{"layout": "hand21", "xy": [[x, y] | None, ...], "score": [s | None, ...]}`, a skeleton; a hand may bring its `"side"`,
  else it takes the side of the recorded hand around it;
- `{"layout": "digit_outline", "hand_index": i, "digit_index": j, "xy": [[x, y], ...], "score": []}`, the outline of a
  piece of a digit's mask;
- `{"layout": "limb_outline", "person_index": i | None, "limb_index": j, "xy": [[x, y], ...], "score": []}`, that of a limb's mask; without a
  person it is a loose limb's.

`shapes`, `digit_shapes` and `limb_shapes` say what there is to draw, for pixels (`overlay`) and for the report's page alike.
"""

from __future__ import annotations

from limbfix.drawing.digit_shapes import TIP_OF_HAND, DigitShape, digit_shapes, hand_captions, tip_label_place
from limbfix.drawing.label_places import clear_corners, label_corners
from limbfix.drawing.limb_shapes import LIMB_OUTLINE, all_bones, limb_fills
from limbfix.drawing.overlay import draw_digits, draw_overlay
from limbfix.drawing.shapes import (
    COLORS,
    SEVERITIES,
    Bone,
    Mark,
    Xyxy,
    bones,
    box_of,
    finding_marks,
    hand_marks,
)

__all__ = [
    "COLORS",
    "LIMB_OUTLINE",
    "SEVERITIES",
    "TIP_OF_HAND",
    "Bone",
    "DigitShape",
    "Mark",
    "Xyxy",
    "all_bones",
    "bones",
    "box_of",
    "clear_corners",
    "digit_shapes",
    "draw_digits",
    "draw_overlay",
    "finding_marks",
    "hand_captions",
    "hand_marks",
    "label_corners",
    "limb_fills",
    "tip_label_place",
]
