"""Is a hand much too large or too small for its body? (`hand.proportion`)

Hand and body models both give their joints in metres and in pixels, so each says how many pixels a metre has; on one
body the two agree up to perspective. A hand held towards the camera is honestly larger, so only gross factors count.
(Hand length is 0.108 of stature, s.d. 0.004: ANSUR II, Gordon et al. 2014.)
"""

from __future__ import annotations

import math

import numpy as np

from limbfix.calibration import score_from
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import distance
from limbfix.skeletons import Hand, LimbState, Person, Scene

USUAL = 1.25
"""Median of hand scale over body scale on real people: 1.18-1.42 (`lsp_extended`, `coco_people`, `subhih`)."""

KNOTS = ((1.0, 0.02), (1.8, 0.08), (3.2, 0.3), (6.0, 0.5), (12.0, 0.7))
"""Factor away from usual -> defect score; the 99th percentile of real hands is 3 to 8 (hands held out to a webcam),
which is why a size alone never rejects."""

_PALM_BONES = ((0, 5), (0, 9), (0, 17), (5, 17), (9, 12))
_TRUNK = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")


def hand_size(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each hand on a seen arm of a body whose trunk is seen."""
    found = []
    for hand in scene.hands:
        if hand.person_index is None or hand.arm is None:
            continue
        person = scene.people[hand.person_index]
        if person.limbs[hand.arm].state is not LimbState.SEEN:
            continue
        ratio = _scale_ratio(hand, person)
        if ratio is not None:
            found.append(_finding(hand, ratio))
    return tuple(found)


def _scale_ratio(hand: Hand, person: Person) -> float | None:
    own, body = hand.part.keypoints, person.body.keypoints if person.body is not None else None
    if own is None or own.world is None or body is None or body.world is None:
        return None
    if not all(body.visibility(name) >= 0.5 for name in _TRUNK):
        return None
    lengths = [(distance(own.xy[i], own.xy[j]), distance(own.world[i, :2], own.world[j, :2])) for i, j in _PALM_BONES]
    hand_scale = float(np.median([px / max(metres, 0.01) for px, metres in lengths]))
    left_top, right_top, left_low, right_low = (body.world[body.layout.index(name)] for name in _TRUNK)
    trunk = distance((left_top + right_top)[:2] / 2, (left_low + right_low)[:2] / 2)
    body_scale = person.torso / max(trunk, 0.05)
    ratio = hand_scale / body_scale if body_scale > 0 else float("nan")
    return ratio if np.isfinite(ratio) and ratio > 0 else None


def _finding(hand: Hand, ratio: float) -> Finding:
    factor = ratio / USUAL
    word = "larger" if factor > 1 else "smaller"
    return Finding(
        code=DefectCode.HAND_PROPORTION,
        defect_score=score_from(math.exp(abs(math.log(factor))), KNOTS),
        box=hand.part.box,
        measured=round(ratio, 2),
        expected=USUAL,
        unit="scale ratio",
        person_index=hand.person_index,
        hand_index=hand.hand_index,
        message=f"This hand is {max(factor, 1 / factor):.1f} times {word} than its body suggests.",
    )
