"""Do all views of a hand show the same hand? (`hand.malformed`)

MediaPipe fits a normal hand to whatever it is shown. On a normal hand every window gives the same joints and the same
side; on a malformed one the fit depends on the window. So the measure is doubt: how far the joints of up to twenty
windows lie apart, how many close windows see no hand, and how unsure the side is.

It speaks of hands whose look no network of ours has scored; of the others `hand_form` speaks, whose score holds this doubt too.
It cannot say what is wrong, and blur, gloves and odd grips raise it too.
Hand by hand on AI pictures (benchmarks/): AUROC 0.68, on photographs-like generators 0.76; MediaPipe's own confidence 0.55.
"""

from __future__ import annotations

import math

from limbfix.calibration import score_from
from limbfix.findings import DefectCode, Finding
from limbfix.skeletons import Hand, Scene

UNSEEN_SPREAD = 0.15
"""Spread taken for a hand that only one window saw: the 95th percentile of real hands seen by several."""

KNOTS = ((-4.0, 0.02), (-3.1, 0.06), (-2.36, 0.15), (-1.45, 0.5), (-0.25, 0.8), (0.6, 0.95))
"""Doubt -> defect score. On 725 real hands of 32 px and more the doubt's median is -3.1, and 75 / 90 / 98.5 % of them
lie below -2.36 / -1.45 / -0.32 (2026-11-23, subhih, epsrc, sld, roboflow_gesture, coco_people, lsp_extended)."""


def hand_agreement(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each hand that was looked at through several windows and whose look nobody has scored."""
    return tuple(_finding(hand) for hand in scene.hands if hand.part.views is not None and not _is_scored(hand))


def _is_scored(hand: Hand) -> bool:
    reading = hand.part.reading
    return reading is not None and DefectCode.HAND_MALFORMED in reading.scores


def _finding(hand: Hand) -> Finding:
    part = hand.part
    agreed, shown = part.views or (0, 0)
    spread = UNSEEN_SPREAD if part.spread is None or not math.isfinite(part.spread) else part.spread
    side_doubt = 1 - (0.5 if part.side_score is None else part.side_score)
    doubt = math.log(spread + 0.01) + 2 * side_doubt + (1 - agreed / max(shown, 1))
    return Finding(
        code=DefectCode.HAND_MALFORMED,
        defect_score=score_from(doubt, KNOTS),
        box=part.box,
        measured=round(spread, 4),
        expected=0.04,
        unit="hand sizes",
        person_index=hand.person_index,
        hand_index=hand.hand_index,
        message=(
            f"The joints of this hand move by {spread:.2f} hand sizes from view to view (0.04 is usual); {agreed} of {shown} "
            f"views find it, and its side is {1 - side_doubt:.0%} sure."
        ),
    )
