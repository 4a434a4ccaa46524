"""Which proposals are hands? Finder and parser must be sure together, or another detector must have seen the hand too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from limbfix.detectors.belief_model import Around, BeliefModel
from limbfix.digits import IN_DOUBT, HandReading
from limbfix.geometry import Box
from limbfix.parts import Part

SURE = 1.5
"""Surety from which a hand needs no second opinion; see `surety`. Read off on 2026-11-28: no false hand in 100 held-out places; of the boxes
on AI pictures, together with MediaPipe's, 0.89 are hands, and 0.66 of the labelled hands are found (0.5: 0.79 and 0.69, and whole people
in the distance are taken for hands)."""

SURE_BESIDE = 0.5
"""The same where another detector saw a body or a face, and bodies were weighed: a picture of somebody has hands more often than a place has. On 2026-11-29, with
`LEAST_ALONE`: of the hands that are visible on AI pictures 0.73 found at precision 0.83 (1.5 for all: 0.70 and 0.86), none on 40 places (0.75 for all: one)."""

DOUBTED, DOUBTED_ALONE = 2.5, 3.5
"""Surety below which a lonely hand is told, and cannot flag a picture: what may be an ear or an elbow looks malformed as a hand. The higher one counts where no
body was looked at. On 2026-11-29, of the lonely boxes on AI pictures, 19 of 42 below 2.5 are labelled as hands, 16 of 22 up to 3.5, and 22 of 24 above."""

DOUBT_ENDS = 1.5
"""Surety beyond that bar, from which a score stands as it is; between them the cap rises evenly. A bar alone let the score of one picture jump from 0.45 to 0.76
when it was mirrored."""

REFUSED = -2.0
"""Surety below which what another detector takes for a hand is none, where bodies were looked at. On 2026-11-29, of 277 hands that both saw on AI pictures and
real people, 4 lie below: an ear, a nose, a forearm, and one fist of 16 px. Between it and `SURE` lie 18 of 206 on AI pictures (11 of them hands), elbows and
ears among them: they are told, and cannot flag a picture."""

LEAST_ALONE = -1.25
"""Of presence and finder together, as without bodies: what a lonely hand must reach however sure the rest is. Where an arm ends without a hand, everything around
says hand: the stump of our example reaches -1.3. With the places of `limbfix.detectors.hand_places`, 0.755 of the wrong hands on AI pictures are found at -1.0 and 0.784 at
-1.3, at precision 0.814 and 0.810 (2026-11-30)."""

FAINT, FAINT_ENDS = 1 / 3, 1.5
"""Share of its scores that a hand keeps which is only just believed, and surety beyond that bar from which it keeps all: a hand that is lost, or too small, in the next file of the
same picture shall take little with it. On 2026-11-30, of 350 hands in five other files of 40 pictures 30 were lost and 36 new, half of them within 1.5 of the bar, with scores of 0.3 to 0.4."""

DOUBT_CAP = 0.45
"""Highest defect score of such a hand; the default policy flags from 0.5 on."""

UNTOUCHED = 0.3
"""Score up to which a cap changes nothing; above it scores are drawn together below the cap, so that the worse of two doubtful hands stays the worse."""

SMALL_PX, PLAIN_PX, SMALL_CAP = 48.0, 60.0, 0.75
"""Longer side up to which a hand may flag a picture and not reject it, and from which its score stands as it is: a small hand is enlarged three times and more,
and what blurs in that looks melted. On 2026-11-29, of 60 boxes below 48 px on AI pictures one was rejected, and it is no hand; of real people one, half behind a toy."""

LEAST_PX, TINY_PX, LARGER_PX = 24.0, 28.0, 36.0
"""Longer side below which nothing is judged (`Policy.min_hand_px`, as it is by default; this room does not know the policy); longer side up to which a hand only hints (`DOUBT_CAP`), and from which size is no such doubt. On 2026-11-29, 7 labelled hands of 32 px and more on AI
pictures have found boxes of 20 to 28 px, 4 of them wrong; if all down to
24 px could flag, 12 of 60 pictures of `coco_people` would be flagged and not 9."""

IN_FACE = 0.6
"""Share of the smaller box from which a hand lies in a face; see `is_face`."""

FINDER_WEIGHT = 0.5
"""Of the finder's logit beside the presence, which looks closer. At 1 fewer hands were found for as many false ones (0.64 against 0.65)."""

SAME_HAND_IOU = 0.3
"""From which a hand of another detector is one of ours; or the smaller lies in the larger by this share:"""
SAME_HAND_INSIDE = 0.8

BODY_TIMES = 4.0
"""Area of a doubtful hand in areas of a surer one that lies in it, from which it is taken for a body; nobody's hands differ so much."""

PIECE = 0.6
"""Share of the smaller box from which a proposal that nobody confirmed is taken for a piece of a hand that is known."""


def is_believed(
    hand: Part,
    *,
    own: str,
    sure: float | None = None,
    weighed: bool = False,
    alone: float = math.inf,
    beside: bool = False,
) -> bool:
    """Tells whether a hand stands: another detector's does, and ours if it was joined to one, or if our networks are sure together.

    Args:
        hand: may not be read yet.
        own: name of our detector.
        sure: its surety; by default that of its reading.
        weighed: whether that surety knows the bodies around the hand; then it may refuse another detector's too.
        alone: its surety as it would be without them.
        beside: whether another detector saw a body or a face in the picture.
    """
    sure = surety(hand) if sure is None else sure
    if _is_confirmed(hand, own):
        return sure >= REFUSED or not weighed
    if not weighed:
        return sure >= SURE
    return sure >= _lonely_bar(beside=beside) and alone >= LEAST_ALONE


def _lonely_bar(*, beside: bool) -> float:
    return SURE_BESIDE if beside else SURE


def _is_confirmed(hand: Part, own: str) -> bool:
    return hand.detector != own or hand.keypoints is not None  # the joints are the other detector's


def is_face(hand: Part, faces: Sequence[Box], *, own: str) -> bool:
    """Tells whether a hand that was read is a piece of a face that was found (`IN_FACE`): nobody confirmed it, or half of the windows at
    most, against our networks."""
    is_weak = not _is_confirmed(hand, own) or _is_denied(hand)
    return is_weak and any(hand.box.overlap_of_smaller(face) > IN_FACE for face in faces)


def is_paw(hand: Part) -> bool:
    """Tells whether a hand that was read where nobody is in sight is none: half of another detector's windows at most saw it, and our networks,
    which looked for bodies, speak against it. On `backgrounds` (2026-11-29) a dog's paw."""
    features = {} if hand.reading is None else hand.reading.features
    return bool(features.get("weighed")) and _is_denied(hand)


def _is_denied(hand: Part) -> bool:
    agreed, shown = hand.views or (1, 1)
    return 2 * agreed <= shown and surety(hand) < 0


def tempered(hand: Part, *, own: str, beside: bool = True) -> Part:
    """Returns a hand whose scores are no higher than `DOUBT_CAP` if it is in doubt: a lonely one below `DOUBTED`, another one below `SURE` where
    bodies were looked at, or if it is tiny (`TINY_PX`). Up to `DOUBT_ENDS` beyond they are capped less and less, and what is only just believed, or only just
    large enough to be judged, counts in part (`FAINT`). Those of a small one are `SMALL_CAP` at most. A lonely one below `DOUBTED` is told to be in doubt,
    `HandReading.in_doubt`. `beside` as for `is_believed`."""
    if hand.reading is None:
        return hand
    features, is_confirmed = hand.reading.features, _is_confirmed(hand, own)
    most = SMALL_CAP + (1 - SMALL_CAP) * _share(hand.box.size, SMALL_PX, PLAIN_PX)
    scores = {code: min(score, most) for code, score in hand.reading.scores.items()}
    doubted, believed = _bars(is_confirmed=is_confirmed, weighed=bool(features.get("weighed")), beside=beside)
    sure = min(_share(surety(hand), doubted, doubted + DOUBT_ENDS), _share(hand.box.size, TINY_PX, LARGER_PX))
    if sure < 1:
        cap = round(DOUBT_CAP + (1 - DOUBT_CAP) * sure, 4)
        # how far it is from being no hand, or too small to be judged, in the next file of its picture
        stands = min(_share(surety(hand), believed, believed + FAINT_ENDS), _share(hand.box.size, LEAST_PX, LARGER_PX))
        share = FAINT + (1 - FAINT) * stands
        scores = {code: round(share * _eased(score, cap), 4) for code, score in scores.items()}
    if not is_confirmed and surety(hand) < DOUBTED:
        features = {**features, IN_DOUBT: 1.0}
    return replace(hand, reading=replace(hand.reading, scores=scores, features=features))


def _bars(*, is_confirmed: bool, weighed: bool, beside: bool) -> tuple[float, float]:
    """Returns below which surety a hand is in doubt, and from which it is believed; -inf where surety does not decide."""
    if not weighed:
        return (-math.inf if is_confirmed else DOUBTED_ALONE), -math.inf
    return (SURE, REFUSED) if is_confirmed else (DOUBTED, _lonely_bar(beside=beside))


def _share(value: float, none: float, all_: float) -> float:
    """Returns 0 up to `none`, 1 from `all_` on, and evenly more between them; 1 where both are minus infinity."""
    return 1.0 if math.isinf(none) else min(max((value - none) / (all_ - none), 0.0), 1.0)


def _eased(score: float, cap: float) -> float:
    share = (cap - UNTOUCHED) / (1 - UNTOUCHED)
    return score if score <= UNTOUCHED else round(UNTOUCHED + (score - UNTOUCHED) * share, 4)


def surety(hand: Part) -> float:
    """Returns how surely a hand that was read is one, a logit; see `sureness`."""
    features = {} if hand.reading is None else hand.reading.features
    return features["surety"] if "surety" in features else sureness(hand, features.get("presence", 0.0))


def sureness(
    hand: Part,
    presence: float,
    model: BeliefModel | None = None,
    around: Around | None = None,
    close: np.ndarray | None = None,
) -> float:
    """Returns how surely a box shows a hand, a logit.

    Args:
        hand: with the finder's score.
        presence: what the parser says of its crop.
        model: weighs them, with the bodies around the box; without it, the presence plus half the finder's logit.
        around: what lies around the box; None where nobody looked.
        close: what the body parser's trunk sees in the crop; None: the highest surety that it could lead to.
    """
    score = min(max(hand.detection_score or 0.0, 1e-3), 1 - 1e-3)
    finder = math.log(score / (1 - score))
    if model is None or around is None:
        return presence + FINDER_WEIGHT * finder
    return model.surety(presence, finder, around, close)


def with_surety(reading: HandReading, sure: float, *, weighed: bool = False) -> HandReading:
    """Returns a reading that knows how surely its box shows a hand, and whether the bodies around it were weighed."""
    told = {"surety": round(sure, 4)} | ({"weighed": 1.0} if weighed else {})
    return replace(reading, features={**reading.features, **told})


def apart(hands: Sequence[Part], *, own: str) -> list[Part]:
    """Returns the hands without those of ours that are a piece of a hand that is better known: confirmed ones first, then surest first."""
    ranked = sorted(hands, key=lambda hand: (not _is_confirmed(hand, own), -surety(hand)))
    kept: list[Part] = []
    for hand in ranked:
        near = any(
            hand.box.iou(other.box) > SAME_HAND_IOU or hand.box.overlap_of_smaller(other.box) > PIECE for other in kept
        )
        if _is_confirmed(hand, own) or not near:
            kept.append(hand)
    return [hand for hand in kept if not any(_is_body_of(hand, other) for other in kept)]


def _is_body_of(hand: Part, other: Part) -> bool:
    """Tells whether a doubtful hand is the person or the arm on whom a surer one was found: `BODY_TIMES` as large, with that hand in it."""
    is_large = hand.box.area > BODY_TIMES * other.box.area and hand.box.overlap_of_smaller(other.box) > SAME_HAND_INSIDE
    return is_large and surety(hand) < min(DOUBTED_ALONE, surety(other)) and surety(other) >= SURE
