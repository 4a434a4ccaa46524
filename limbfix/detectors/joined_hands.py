"""Which sights are of one hand? Our hands and those of another detector, joined so that one hand is one part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from limbfix.detectors.hand_belief import SAME_HAND_INSIDE, SAME_HAND_IOU
from limbfix.geometry import Box
from limbfix.parts import Part, Side

if TYPE_CHECKING:
    from limbfix.images import Picture

AGREED = 2
"""Windows of a second opinion from which its joints place the box; see `settled`."""

STEADY_SPREAD = 0.12
"""Spread of those joints, in sizes of the hand, from which they place no box: such joints jump with every new look. On 2026-11-30, of 320 pairs of looks at one
hand in two files of one picture the boxes overlap by 0.92 below it and by 0.65 above, and the score of 0.08 and 0.33 of the hands moves by more than 0.1."""


def settled(hand: Part, picture: Picture) -> Part:
    """Returns a hand with the box that is read: around the keypoints of a detector whose windows agreed, else as it is.

    Our finder's boxes are coarse and cut fingertips; a hand on which `AGREED` windows agree has its joints where it has its fingers.
    """
    if hand.keypoints is None or hand.views is None or hand.views[0] < AGREED:
        return hand
    if hand.spread is not None and hand.spread > STEADY_SPREAD:
        return hand
    return replace(hand, box=Box.around(hand.keypoints.xy).grown(0.06).clipped(picture.width, picture.height))


def join_hands(hands: Sequence[Part], *, own: str) -> list[Part]:
    """Makes one part of our sight and another detector's sight of one hand, nearest pairs first.

    Box and reading are ours; keypoints, side, views and spread the other's; the score is the surer one's. Hands that only one saw stay as they are.

    Args:
        hands: of all detectors.
        own: name of our detector.
    """
    ours = [hand for hand in hands if hand.detector == own]
    theirs = [hand for hand in hands if hand.detector != own]
    pairs = [(one.box.iou(other.box), i, j) for i, one in enumerate(ours) for j, other in enumerate(theirs)]
    opinion: dict[int, int] = {}
    taken: set[int] = set()
    for overlap, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        inside = ours[i].box.overlap_of_smaller(theirs[j].box) > SAME_HAND_INSIDE
        if i in opinion or j in taken or not (overlap > SAME_HAND_IOU or inside):
            continue
        opinion[i] = j
        taken.add(j)
    joined = [_joined(one, theirs[opinion[i]]) if i in opinion else one for i, one in enumerate(ours)]
    return joined + [other for j, other in enumerate(theirs) if j not in taken and other.box.area > 0]


def _joined(ours: Part, theirs: Part) -> Part:
    return replace(
        ours,
        detection_score=max(ours.detection_score or 0.0, theirs.detection_score or 0.0),
        side=theirs.side if theirs.side is not Side.UNKNOWN else ours.side,
        side_score=theirs.side_score,
        keypoints=theirs.keypoints,
        mask=ours.mask if ours.mask is not None else theirs.mask,
        views=theirs.views,
        spread=theirs.spread,
    )
