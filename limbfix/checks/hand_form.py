"""Does a hand look wrong, whatever its digits number? (`hand.malformed`, `hand.wrong_side`, `hand.proportion`)

The scores are the calibrated ones of our own networks (`HandReading.scores`): a head that was trained on melted, bent,
mirrored and misshapen hands beside good ones. It points and cannot measure; the number behind it is a chance.

It cannot say what is wrong, and strong foreshortening, motion blur and odd grips raise it too. Where no network of ours
read the hand, `hand_agreement` judges the form; `hand_side` and `hand_size` measure on their own in any case.
"""

from __future__ import annotations

from limbfix.checks.digit_count import hand_words
from limbfix.digits import HandReading
from limbfix.findings import DefectCode, Finding, Severity
from limbfix.skeletons import Hand, Scene

_LOOKS = {
    DefectCode.HAND_MALFORMED: ("malformed", "looks wrong", "looks right"),
    DefectCode.HAND_WRONG_SIDE: ("wrong_side", "looks like a hand of the other side", "looks like a hand of its side"),
    DefectCode.HAND_PROPORTION: ("proportion", "looks out of proportion", "is in proportion"),
}
"""Code -> name of the head's raw chance, words for a hand that is wrong, words for one that is not."""


DOUBTFUL = 0.3
"""Score from which a hand is not said to look right. On 2026-11-29, 0.28 of 586 hands in photographs of real people reached it, by any of their codes."""

LIKELY = 0.3
"""Chance from which a hand is not said to look right, and below which not simply wrong. Score and chance part where the hand is small or in doubt
(`limbfix.detectors.hand_belief.tempered`): the score is held down there, and the chance is not."""


def hand_form(scene: Scene) -> tuple[Finding, ...]:
    """Returns a finding for each of the three questions that a hand was read for."""
    return tuple(
        _finding(hand, hand.part.reading, code, hand.part.reading.scores[code])
        for hand in scene.hands
        if hand.part.reading is not None
        for code in _LOOKS
        if code in hand.part.reading.scores
    )


def _finding(hand: Hand, reading: HandReading, code: DefectCode, score: float) -> Finding:
    chance, words = _chance(reading, code)
    return Finding(
        code=code,
        defect_score=score,
        box=hand.part.box,
        measured=None if chance is None else round(chance, 4),
        expected=None if chance is None else 0.0,
        unit=None if chance is None else "chance",
        person_index=hand.person_index,
        hand_index=hand.hand_index,
        message=f"{hand_words(hand)} {_look(code, score, chance)}"
        + ("." if chance is None else f"; {words} {chance:.0%}."),
    )


def _look(code: DefectCode, score: float, chance: float | None) -> str:
    """Returns what a hand looks like, in words that neither its score nor the chance beside them denies."""
    _, wrong, right = _LOOKS[code]
    is_loud, is_likely = Severity.of_score(score) > Severity.INFO, chance is not None and chance >= LIKELY
    if is_loud and (is_likely or chance is None):
        return wrong
    return f"perhaps {wrong}" if score >= DOUBTFUL or is_likely else right


def _chance(reading: HandReading, code: DefectCode) -> tuple[float | None, str]:
    """Returns the number behind a score and what it is: the calibrated chance for the form, else the head's raw one."""
    if code is DefectCode.HAND_MALFORMED and reading.look_probability is not None:
        return reading.look_probability, "by its look, the chance that something is wrong with it is"
    return reading.judgements.get(_LOOKS[code][0]), "the network's raw chance of it is"
