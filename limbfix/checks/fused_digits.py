"""Have digits of a hand grown into one? (`hand.fused_digits`)

The score is the calibrated one of our own networks (`HandReading.scores`): the appearance head sees skin where a gap
should be. Fingers held together show a crease between them, and score low.

It cannot tell fused fingers from fingers in one glove or mitten, and it cannot say which ones have grown together.
"""

from __future__ import annotations

from limbfix.checks.digit_count import digit_words, digits_seen, hand_words
from limbfix.digits import EXPECTED_DIGITS
from limbfix.findings import DefectCode, Finding, Severity
from limbfix.skeletons import Hand, Scene


def fused_digits(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each hand that was read for it, however many of its digits are in view."""
    found = []
    for hand in scene.hands:
        reading = hand.part.reading
        score = None if reading is None else reading.scores.get(DefectCode.HAND_FUSED_DIGITS)
        if score is not None:
            found.append(_finding(hand, score))
    return tuple(found)


def _finding(hand: Hand, score: float) -> Finding:
    reading = hand.part.reading
    if reading is None:
        raise ValueError("_finding: expected a hand that was read")
    doubt = "some look grown together" if Severity.of_score(score) > Severity.INFO else "none looks grown to another"
    return Finding(
        code=DefectCode.HAND_FUSED_DIGITS,
        defect_score=score,
        box=hand.part.box,
        measured=digits_seen(reading),
        expected=EXPECTED_DIGITS,
        unit="digits",
        person_index=hand.person_index,
        hand_index=hand.hand_index,
        message=f"{hand_words(hand)} {digit_words(reading)}, and {doubt}.",
    )
