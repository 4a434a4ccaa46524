"""Does a hand have too many digits, or too few? (`hand.extra_digit`, `hand.missing_digit`)

Digits are counted from what is seen: our parser joins fingertips and joints to as many digits as there are. The score
is the calibrated one of the hand's code (`HandReading.scores`): how surely there are more lines than usual. The look of a hand is another code.

It cannot tell how many digits a hand has where some are hidden, cut or blurred. Such a hand is never short of a digit;
it can still have too many, because six that are seen are six. What speaks for a sixth digit counts also where the parser is not sure of every line:
then the digits that are seen are shown, and the count stays untold.
"""

from __future__ import annotations

import numpy as np

from limbfix.digits import EXPECTED_DIGITS, Digit, HandReading
from limbfix.findings import DefectCode, Finding, Severity
from limbfix.geometry import Box
from limbfix.parts import Side
from limbfix.skeletons import Hand, Scene

DIGIT_MARGIN = 0.15
"""Added around the line of a digit, as a share of its longer side: a line has no width, a finger has.
Used where the digit has no mask."""


def digit_count(scene: Scene) -> tuple[Finding, ...]:
    """Returns up to two findings for each hand that was read: too many, and too few where all digits were counted."""
    found = []
    for hand in scene.hands:
        reading = hand.part.reading
        if reading is None:
            continue
        if (score := reading.scores.get(DefectCode.HAND_EXTRA_DIGIT)) is not None:
            found.append(_extra(hand, reading, score))
        if reading.is_counted and (score := reading.scores.get(DefectCode.HAND_MISSING_DIGIT)) is not None:
            found.append(_missing(hand, reading, score))
    return tuple(found)


def hand_words(hand: Hand) -> str:
    """Returns the hand and where it is, to begin a message with: `The left hand around (412, 300)`, px."""
    side = f"{hand.part.side.value} " if hand.part.side is not Side.UNKNOWN else ""
    x, y = hand.part.box.center
    return f"The {side}hand around ({x:.0f}, {y:.0f})"


def digits_seen(reading: HandReading) -> int | None:
    """Returns the count, or how many are in view where there is none; None where they are not shown because nobody is sure of them."""
    return (reading.visible or None) if reading.count is None else reading.count


def digit_words(reading: HandReading) -> str:
    """Returns how many digits the hand `has` or `shows`, and why it is not known better: `shows 3 digits (occluded)`."""
    number = digits_seen(reading)
    digits = f"{number} {'digit' if number == 1 else 'digits'}"
    if reading.is_counted:
        return f"has {digits}"
    words = "has digits that cannot be counted" if number is None else f"shows {digits}"
    return words + (f" ({reading.cannot_tell.value.replace('_', ' ')})" if reading.cannot_tell else "")


def _extra(hand: Hand, reading: HandReading, score: float) -> Finding:
    number = digits_seen(reading)
    extra = [digit for digit in reading.digits if digit.digit_index in reading.extra]
    message = f"{hand_words(hand)} {digit_words(reading)}; {EXPECTED_DIGITS} are expected"
    if extra:
        names = " and ".join(str(digit.digit_index + 1) for digit in extra)
        message += f", and number {names} {'is' if len(extra) == 1 else 'are'} too many"
    elif (number or 0) <= EXPECTED_DIGITS and Severity.of_score(score) > Severity.INFO:
        message += ", but it looks like a hand with one too many"
    return _finding(hand, DefectCode.HAND_EXTRA_DIGIT, score, number, f"{message}.", _box(extra) if extra else None)


def _missing(hand: Hand, reading: HandReading, score: float) -> Finding:
    number = digits_seen(reading) or 0  # it was counted
    message = f"{hand_words(hand)} {digit_words(reading)}; {EXPECTED_DIGITS} are expected"
    if number >= EXPECTED_DIGITS and Severity.of_score(score) > Severity.INFO:
        message += ", but it looks like a hand that lacks one"
    return _finding(hand, DefectCode.HAND_MISSING_DIGIT, score, number, f"{message}.", None)


def _finding(hand: Hand, code: DefectCode, score: float, number: int | None, message: str, box: Box | None) -> Finding:
    return Finding(
        code=code,
        defect_score=score,
        box=box or hand.part.box,
        measured=number,
        expected=EXPECTED_DIGITS,
        unit="digits",
        person_index=hand.person_index,
        hand_index=hand.hand_index,
        message=message,
    )


def _box(digits: list[Digit]) -> Box:
    """Returns the box around some digits, px: around their masks, or around their lines and a margin."""
    boxes = [_box_of_one(digit) for digit in digits]
    return Box.around(np.concatenate([np.reshape(box.xyxy, (2, 2)) for box in boxes]))


def _box_of_one(digit: Digit) -> Box:
    line = Box.around(digit.polyline)
    if digit.mask is None:
        return line.grown(DIGIT_MARGIN)
    rows, columns = digit.mask.pixels.shape
    mask = Box(digit.mask.left, digit.mask.top, digit.mask.left + columns, digit.mask.top + rows)
    return Box.around(np.concatenate([np.reshape(box.xyxy, (2, 2)) for box in (line, mask)]))
