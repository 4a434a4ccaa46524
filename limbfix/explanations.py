"""What does each code mean, what is measured for it now, and when is it wrong? The texts of `limbfix explain`."""

from __future__ import annotations

from dataclasses import dataclass

from limbfix.errors import UsageError
from limbfix.findings import CODES, DefectCode, codes_matching
from limbfix.printing import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One code in words.

    Attributes:
        code: the code.
        meaning: what is wrong in such a picture.
        measured: what limbfix measures for it today, or that it does not yet.
        mistaken: what looks like it and is fine.
        remedy: what a user can do.
    """

    code: str
    meaning: str
    measured: str
    mistaken: str
    remedy: str


_UNREAD = "Hands that no network of ours has read have no such finding."
_COUNTED = f"digits are counted from what is seen, by fingertips and joints that a network of ours joins, with no number assumed; the score is calibrated on hands of real people. {_UNREAD}"
_POLICY = "if it is meant: `ignore` the code, or `allow` the fault in the policy"
_TEXTS: dict[DefectCode, tuple[str, str, str, str]] = {
    DefectCode.HAND_EXTRA_DIGIT: (
        "a hand shows more than five digits.",
        f"{_COUNTED} The odds of more than five speak also where no count is told; digits that are seen are then shown, and without six of them it flags at most. The extra digit is marked where it is known: the fainter branch of a fork, or of two thumbs. Hidden digits do not matter: six that are seen are six.",
        "fingers of another hand behind or beside it; a ring or pen beside a finger; a finger that is seen twice.",
        f"render the hand again; {_POLICY}.",
    ),
    DefectCode.HAND_MISSING_DIGIT: (
        "an open, unhidden hand shows fewer than five digits.",
        f"{_COUNTED} Only where all digits can be counted: a hand that is cropped, occluded, blurred or too small has `cannot_tell` and no such finding.",
        'bent or hidden fingers, cartoon hands (`cartoon = true`), amputated fingers (`allow = ["missing_digit"]`).',
        f"render the hand again; {_POLICY}.",
    ),
    DefectCode.HAND_FUSED_DIGITS: (
        "two or more fingers have grown into one.",
        f"the calibrated chance of a network that was trained on fingers fused on purpose, beside fingers held together. {_UNREAD}",
        "fingers held together, gloves, mittens.",
        f"render the hand again; {_POLICY}.",
    ),
    DefectCode.HAND_MALFORMED: (
        "a hand has a shape that no human hand takes: bent the wrong way, bones of impossible length.",
        "the calibrated chance that anything is wrong with the hand, from networks trained on melted, bent and misshapen hands beside good ones; it holds wrong digits too. Where none has read the hand, only doubt: how far the joints of up to twenty views of it lie apart, and how many views see no hand. Both point and cannot say what is wrong.",
        "strong foreshortening, motion blur, hands holding things.",
        f"look at the crop in the report; render the hand again; {_POLICY}.",
    ),
    DefectCode.HAND_WRONG_SIDE: (
        "a left hand sits on a right arm, or one person has two hands of the same side.",
        "the side that the hand model names, against the arm it is on and the other hand; one mismatch alone never rejects. Where a network of ours scores the side, its score stands beside it.",
        "mirrors, crossed arms, a second person's hand.",
        f"look at the thumbs in the crop; {_POLICY}.",
    ),
    DefectCode.HAND_PROPORTION: (
        "a hand is much too large or too small for its forearm or its person.",
        "pixels per metre of the hand model against those of the body model on the same person; only gross factors count. Where a network of ours scores the proportion, its score stands beside it.",
        "a hand reached towards the camera, children, cartoon figures (`cartoon = true`).",
        f"{_POLICY}.",
    ),
    DefectCode.FOOT_MALFORMED: (
        "a foot, shod or bare, has a shape that no human foot has.",
        "how far what a network of ours sees of a foot of 40 px and more lies from usual feet, in the direction of melted, turned and misshapen ones; a hint that "
        "flags only together with other doubts. Toes are not counted.",
        "odd shoes, motion blur, feet that are cut off or lie on each other.",
        f"render the foot again; {_POLICY}.",
    ),
    DefectCode.PERSON_EXTRA_ARM: (
        "a person has more than two arms.",
        "the arms that a network of ours joins to one person, with no number assumed; and the area of the person's mask above the hips that no skeleton "
        "explains, which alone seldom rejects. Both count as far as a network that looks at the whole person backs them; it also hints at an arm too many that nobody joined, "
        "and points to it.",
        "an arm of somebody hidden behind; statues; reflections; crowds.",
        f"render again; {_POLICY}.",
    ),
    DefectCode.PERSON_MISSING_ARM: (
        "an arm is absent where it could not be hidden.",
        "whether the place of an arm that is not seen is in plain view, and whether a network that looks at the whole person takes one for missing; hints that flag only together with other doubts. An arm that is seen to its wrist and "
        "has no hand is `person.missing_hand`. Hidden arms are never counted as missing.",
        'arms behind the back, in sleeves or outside the frame; amputees (`allow = ["missing_arm"]`).',
        f"render again; {_POLICY}.",
    ),
    DefectCode.PERSON_EXTRA_LEG: (
        "a person has more than two legs.",
        "the legs that a network of ours joins to one person, with no number assumed; and the area of the person's mask below the hips that no skeleton "
        "explains, which alone seldom rejects. Both count as far as a network that looks at the whole person backs them; it also hints at a leg too many that nobody joined, "
        "and points to it.",
        "trousers of somebody behind, chair legs, long coats; crowds.",
        f"render again; {_POLICY}.",
    ),
    DefectCode.PERSON_MISSING_LEG: (
        "a leg is absent where it could not be hidden.",
        "whether the place of a leg that is not seen is in plain view, and whether a network that looks at the whole person takes one for missing; hints that flag only together with other doubts. A leg that is seen and ends in nothing "
        "is `person.missing_foot`. Hidden legs are never counted as missing.",
        'one leg behind the other, skirts; amputees and mermaids (`allow = ["missing_leg"]`).',
        f"render again; {_POLICY}.",
    ),
    DefectCode.PERSON_EXTRA_HAND: (
        "a person has more than two hands, or an arm has more than one.",
        "the hands found on one person after doubles are merged; other people near by lower the score.",
        "a second person's hand on the shoulder, handshakes.",
        f"render again; {_POLICY}.",
    ),
    DefectCode.PERSON_MISSING_HAND: (
        "a visible forearm ends without a hand.",
        "arms seen to the elbow or wrist inside the frame on which no hand was found, even enlarged; it never rejects alone. A network that looks at the whole person hints at it too.",
        'hands in pockets or behind things; amputees (`allow = ["missing_hand"]`).',
        f"render again; {_POLICY}.",
    ),
    DefectCode.PERSON_EXTRA_FOOT: (
        "a person has more than two feet.",
        "legs of one person that part at the ankle, where a network of ours read the body; else extra legs are looked for instead.",
        "shoes standing beside a person.",
        f"render again; {_POLICY}.",
    ),
    DefectCode.PERSON_MISSING_FOOT: (
        "a visible lower leg ends without a foot.",
        "legs seen to the knee or ankle inside the frame without a foot; it never rejects alone. A network that looks at the whole person hints at it too.",
        'feet in grass, snow or water; long trousers; mermaids (`allow = ["missing_foot"]`).',
        f"render again; {_POLICY}.",
    ),
    DefectCode.PERSON_DETACHED_LIMB: (
        "a hand or limb belongs to nobody: it hangs in the air or is joined to no body.",
        "hands inside a person's box that lie far from both of its wrists, and pieces of the mask that touch no body.",
        "a hand that reaches in from outside the frame; pictures of hands alone are not judged for it.",
        f"render again; {_POLICY}.",
    ),
    DefectCode.PERSON_PROPORTION: (
        "the lengths of a body's parts are outside human range, such as an upper arm twice its forearm.",
        "forearm to upper arm and shin to thigh, from the pose model's metric joints, against people's (ANSUR II) plus the model's own scatter.",
        "strong perspective, children, cartoon figures (`cartoon = true`).",
        f"{_POLICY}.",
    ),
    DefectCode.PERSON_JOINT_ANGLE: (
        "a joint bends further than human joints do, or the wrong way.",
        "inner angles at elbows and knees, which stay above 30 degrees in people (AAOS 1965, Boone and Azen 1979). Joints bent backwards and finger joints are not measured yet.",
        "contortionists, limbs pointing at the camera.",
        f"{_POLICY}.",
    ),
}


def explanations_of(selector: str) -> tuple[Explanation, ...]:
    """Returns the texts of a code, or of all codes of a family.

    Raises:
        UsageError: no code and no family has this name; the message lists them.
    """
    codes = codes_matching(selector)
    if not codes:
        families = ", ".join(dict.fromkeys(code.split(".")[0] for code in CODES))
        raise UsageError(
            f"unknown code '{printable(selector)}'; expected one of {', '.join(CODES)}, or a family: {families}"
        )
    return tuple(_explanation(DefectCode(code)) for code in codes)


def _explanation(code: DefectCode) -> Explanation:
    meaning, measured, mistaken, remedy = _TEXTS[code]
    return Explanation(code=code.value, meaning=meaning, measured=measured, mistaken=mistaken, remedy=remedy)
