"""What can be wrong with a person? Codes, severities, and Finding: one measured claim with the numbers behind it.

A finding is a fact. Whether it counts is the policy's decision (limbfix.verdicts), never the check's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from limbfix.geometry import Box


class Severity(IntEnum):
    """How sure a finding is that something is wrong; an IntEnum so that `max` picks the worst."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @classmethod
    def of_score(cls, defect_score: float) -> Severity:
        """Returns the band of a defect score: info below 0.5, warning below 0.8, error from there.

        The bands equal the default policy's `flag` and `reject` thresholds, so that a reader who knows one knows both.
        """
        return cls.ERROR if defect_score >= 0.8 else cls.WARNING if defect_score >= 0.5 else cls.INFO


class DefectCode(StrEnum):
    """Stable codes, `part.fault`. A code is never reused or renamed; `hand` selects all that begin with it."""

    HAND_EXTRA_DIGIT = "hand.extra_digit"
    HAND_MISSING_DIGIT = "hand.missing_digit"
    HAND_FUSED_DIGITS = "hand.fused_digits"
    HAND_MALFORMED = "hand.malformed"
    HAND_WRONG_SIDE = "hand.wrong_side"
    HAND_PROPORTION = "hand.proportion"
    FOOT_MALFORMED = "foot.malformed"
    PERSON_EXTRA_ARM = "person.extra_arm"
    PERSON_MISSING_ARM = "person.missing_arm"
    PERSON_EXTRA_LEG = "person.extra_leg"
    PERSON_MISSING_LEG = "person.missing_leg"
    PERSON_EXTRA_HAND = "person.extra_hand"
    PERSON_MISSING_HAND = "person.missing_hand"
    PERSON_EXTRA_FOOT = "person.extra_foot"
    PERSON_MISSING_FOOT = "person.missing_foot"
    PERSON_DETACHED_LIMB = "person.detached_limb"
    PERSON_PROPORTION = "person.proportion"
    PERSON_JOINT_ANGLE = "person.joint_angle"


CODES: tuple[str, ...] = tuple(code.value for code in DefectCode)


def codes_matching(prefix: str) -> tuple[str, ...]:
    """Returns the codes that a selector names: a whole code, or a family such as `hand`; empty if none."""
    return tuple(code for code in CODES if code == prefix or code.startswith(f"{prefix}."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One measured claim about a picture.

    Attributes:
        code: what is wrong.
        severity: band of `defect_score`.
        defect_score: 0-1, higher = more surely wrong; what the number rests on is said by the check that made it.
        measured, expected, unit: the numbers behind the claim; None where the claim is not a number.
        box: where to look, px of the upright original.
        person_index, hand_index: whose it is, or None.
        message: one sentence with the numbers in it.
    """

    code: DefectCode
    defect_score: float
    box: Box
    message: str
    measured: float | None = None
    expected: float | None = None
    unit: str | None = None
    person_index: int | None = None
    hand_index: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.defect_score <= 1:
            raise ValueError(f"Finding.defect_score: expected 0-1, got {self.defect_score} for {self.code}")
        if not all(math.isfinite(value) for value in self.box.xyxy):
            raise ValueError(
                f"Finding.box: expected finite px, got {self.box.xyxy} for {self.code}; a claim needs a place"
            )

    @property
    def severity(self) -> Severity:
        """The band of the defect score."""
        return Severity.of_score(self.defect_score)
