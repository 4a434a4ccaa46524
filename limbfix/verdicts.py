"""Do the findings of a picture mean pass, flag or reject? The policy decides here, and only here.

The picture's score is that of its worst counted finding; doubts about several subjects can raise it to a flag together, never to a rejection
(`limbfix.picture_scores`). Every verdict names the finding, or the few findings, that caused it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from limbfix.digits import CannotTell, why_uncounted
from limbfix.findings import DefectCode, Finding
from limbfix.limb_looks import LEAST_PX
from limbfix.picture_scores import PictureScore, picture_score
from limbfix.policies import EffectivePolicy
from limbfix.skeletons import LimbState, Scene


class Outcome(StrEnum):
    """The verdict on a picture."""

    PASS = "pass"
    FLAG = "flag"
    REJECT = "reject"
    NO_SUBJECT = "no_subject"
    UNJUDGED = "unjudged"


LIST_FROM = 0.2
"""Findings below this score are measurements of something normal; they make scores, and are not listed."""

LEAST_PERSON_PX = LEAST_PX
"""Longer side of a person from which limbs can be judged, that from which they are looked at: the third arm of our example is told at 116 px, and thumbnails of it passed."""

_DIGIT_CODES = (DefectCode.HAND_EXTRA_DIGIT, DefectCode.HAND_MISSING_DIGIT, DefectCode.HAND_FUSED_DIGITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a policy makes of the findings.

    Attributes:
        outcome: pass, flag, reject, no_subject or unjudged.
        defect_score: 0-1, see `limbfix.picture_scores`; None where nothing was judged.
        reason: one sentence.
        counted: findings that counted, worst first, however small; an unjudged picture may have quiet ones.
        accepted: (finding, name of the exception) pairs, for findings that an exception excuses.
        dropped: the same for findings that the policy's `ignore` or `min_hand_px` leaves out of the record.
        uncounted: (hand_index, why) of each hand whose digits were not counted; judged by its look at most.
        list_from: defect score from which findings are worth listing: what flags a picture is listed, however low the policy sets that.
        exceptions: names of the exceptions used on findings worth listing, each once.
    """

    outcome: Outcome
    defect_score: float | None
    reason: str
    counted: tuple[Finding, ...] = ()
    accepted: tuple[tuple[Finding, str], ...] = ()
    dropped: tuple[tuple[Finding, str], ...] = ()
    uncounted: tuple[tuple[int, CannotTell], ...] = ()
    list_from: float = LIST_FROM

    @property
    def exceptions(self) -> tuple[str, ...]:
        """Names of the exceptions that excused a finding worth listing, each once, in order of use."""
        used = (name for finding, name in (*self.accepted, *self.dropped) if finding.defect_score >= self.list_from)
        return tuple(dict.fromkeys(used))


def judge(findings: tuple[Finding, ...], scene: Scene, effective: EffectivePolicy) -> Verdict:
    """Returns the verdict on one picture.

    Args:
        findings: of all checks, one for each thing that was measured, normal things included.
        scene: what was seen; an empty scene is `no_subject`, whatever the findings.
        effective: the policy with the prompt rules of this picture.
    """
    if scene.is_empty:
        return Verdict(outcome=Outcome.NO_SUBJECT, defect_score=None, reason="No person and no hand was seen.")
    counted, accepted, dropped = _sorted_out(findings, scene, effective)
    uncounted = _uncounted(scene, effective.policy.min_hand_px)
    policy = effective.policy
    whole = picture_score(counted, policy.reject_at, policy.flag_at)
    score = whole.value
    if counted and score >= policy.reject_at:
        outcome, reason = Outcome.REJECT, _message(counted, whole, policy.reject_at)
    elif counted and score >= policy.flag_at:
        outcome, reason = Outcome.FLAG, _message(counted, whole, policy.flag_at)
    elif _flags_uncounted(uncounted, effective):
        outcome, reason = Outcome.FLAG, f"{_uncounted_words(scene, uncounted)}. The policy flags such pictures."
        reason = reason[0].upper() + reason[1:]
    elif not _is_anything_judged(counted, accepted, scene, policy.min_hand_px):
        outcome, reason = _nothing_judged(scene, effective, uncounted)
    else:
        outcome, reason = Outcome.PASS, _pass_reason(scene, accepted, uncounted)
    return Verdict(
        outcome=outcome,
        defect_score=None if outcome is Outcome.UNJUDGED else score,
        reason=reason,
        counted=counted,
        accepted=accepted,
        dropped=dropped,
        uncounted=uncounted,
        list_from=min(LIST_FROM, policy.flag_at),
    )


def _message(counted: tuple[Finding, ...], whole: PictureScore, threshold: float) -> str:
    """Returns what the worst finding says, or what was counted on the same hand, if that alone reaches the threshold too.

    The look of a hand points and cannot say what is wrong; six digits can be checked by counting. Where no finding reaches the threshold alone, those
    that reach it together are named.
    """
    worst = counted[0]
    if worst.defect_score < threshold and whole.together:
        return _together_words(whole)
    if worst.code is not DefectCode.HAND_MALFORMED:
        return worst.message
    told = (one for one in counted if one.code in _DIGIT_CODES and one.hand_index == worst.hand_index)
    return next((one.message for one in told if one.defect_score >= threshold), worst.message)


def _together_words(whole: PictureScore) -> str:
    """Returns `2 doubts together reach 0.56, neither alone: hand.malformed 0.45 around (120, 80), person.extra_arm 0.45 around (300, 210).`"""
    doubts = []
    for one in whole.together:
        x, y = one.box.center
        doubts.append(f"{one.code.value} {one.defect_score:.2f} around ({x:.0f}, {y:.0f})")
    alone = "neither alone" if len(doubts) == 2 else "none alone"
    return f"{_count(len(doubts), 'doubt', 'doubts')} together reach {whole.value:.2f}, {alone}: {', '.join(doubts)}."


def _uncounted(scene: Scene, min_hand_px: float) -> tuple[tuple[int, CannotTell], ...]:
    """Returns (hand_index, why) of the hands whose digits were not counted."""
    reasons = (
        (hand.hand_index, why_uncounted(hand.part.reading, is_too_small=hand.part.box.size < min_hand_px))
        for hand in scene.hands
    )
    return tuple((index, why) for index, why in reasons if why is not None)


def _flags_uncounted(uncounted: tuple[tuple[int, CannotTell], ...], effective: EffectivePolicy) -> bool:
    """Whether the policy wants a look at hands that could not be counted, and has not said that digits do not matter."""
    matters = any(effective.selects(code) and not effective.ignores(code) for code in _DIGIT_CODES)
    return (
        effective.policy.uncounted == "flag"
        and matters
        and any(why is not CannotTell.TOO_SMALL for _, why in uncounted)
    )


def _is_anything_judged(
    counted: tuple[Finding, ...], accepted: tuple[tuple[Finding, str], ...], scene: Scene, min_hand_px: float
) -> bool:
    """Whether silence means something: a limb, a foot or a hand that can be judged is in view, and something was measured.

    Of somebody who is smaller than `LEAST_PERSON_PX` no limb and no foot can. A quiet measurement of a hand that is hidden, cut off, blurred or
    too small to count is no judgement of that hand. Where no network counts, or one sees the whole hand and is not sure of its digits, the look of
    the hand is what is judged.
    """
    untold = {
        hand.hand_index
        for hand in scene.hands
        if hand.part.reading is not None
        and not hand.part.reading.is_counted
        and hand.part.reading.cannot_tell not in (CannotTell.NO_MODEL, CannotTell.UNCERTAIN)
    }
    large = [person for person in scene.people if person.box.size >= LEAST_PERSON_PX]
    limbs = any(limb.state is not LimbState.HIDDEN for person in large for limb in person.limbs)
    graphs = () if scene.bodies is None else scene.bodies.people
    graphs = [one for one in graphs if one.person_index is not None]  # a ghost's limbs tell nothing
    limbs = limbs or any(graph.limbs for graph in graphs if graph.box.size >= LEAST_PERSON_PX)
    feet = any(person.feet for person in large)
    hands = any(hand.part.box.size >= min_hand_px and hand.hand_index not in untold for hand in scene.hands)
    measured = any(
        not (finding.code.startswith("hand.") and finding.hand_index in untold)
        for finding in (*counted, *(finding for finding, _ in accepted))
    )
    return measured and (limbs or feet or hands)


def _sorted_out(
    findings: tuple[Finding, ...], scene: Scene, effective: EffectivePolicy
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, str], ...], tuple[tuple[Finding, str], ...]]:
    """Returns (counted, worst first; accepted with the exception's name; dropped likewise)."""
    counted: list[Finding] = []
    accepted: list[tuple[Finding, str]] = []
    dropped: list[tuple[Finding, str]] = []
    min_hand_px = effective.policy.min_hand_px
    for finding in findings:
        if not effective.selects(finding.code):
            continue
        if effective.ignores(finding.code):
            dropped.append((finding, f"ignore {finding.code} (policy)"))
            continue
        if _is_too_small(finding, scene, min_hand_px):
            dropped.append((finding, f"min_hand_px {min_hand_px:g} (policy)"))
            continue
        exception = effective.exception_for(finding.code, finding.measured)
        if exception is None:
            counted.append(finding)
        else:
            accepted.append((finding, exception))
    explained = _explained(counted, accepted, effective.policy.flag_at)
    accepted += explained
    counted = [finding for finding in counted if all(finding is not one for one, _ in explained)]
    return tuple(sorted(counted, key=lambda finding: -finding.defect_score)), tuple(accepted), tuple(dropped)


def _explained(
    counted: list[Finding], accepted: list[tuple[Finding, str]], flag_at: float
) -> list[tuple[Finding, str]]:
    """Returns the `hand.malformed` findings of hands that are excused for their digits, with that exception's name.

    The look of a hand that lacks a finger holds the lacking finger; who accepts the one accepts what it does to the other.
    """
    excused = {
        finding.hand_index: exception
        for finding, exception in accepted
        if finding.code in _DIGIT_CODES and finding.hand_index is not None and finding.defect_score >= flag_at
    }
    return [
        (finding, excused[finding.hand_index])
        for finding in counted
        if finding.code is DefectCode.HAND_MALFORMED and finding.hand_index in excused
    ]


def _is_too_small(finding: Finding, scene: Scene, min_hand_px: float) -> bool:
    if finding.hand_index is None:
        return False
    hands = [scene.hands[finding.hand_index]]
    if finding.person_index is not None and finding.code.startswith("person."):
        hands = list(scene.hands_of(finding.person_index))  # a third hand rests on the other two as well
    return all(hand.part.box.size < min_hand_px for hand in hands)


def _nothing_judged(
    scene: Scene, effective: EffectivePolicy, uncounted: tuple[tuple[int, CannotTell], ...]
) -> tuple[Outcome, str]:
    seen = _count(len(scene.people), "person", "people") if scene.people else _count(len(scene.hands), "hand", "hands")
    reason = f"{seen} seen, but no hand, arm, leg or foot well enough to judge"
    if any(why not in (CannotTell.NO_MODEL, CannotTell.TOO_SMALL) for _, why in uncounted):
        reason += f"; {_uncounted_words(scene, uncounted)}"
    if effective.policy.out_of_view == "pass":
        return Outcome.PASS, f"{reason}. The policy passes such pictures."
    return Outcome.UNJUDGED, f"{reason}."


def _pass_reason(
    scene: Scene, accepted: tuple[tuple[Finding, str], ...], uncounted: tuple[tuple[int, CannotTell], ...]
) -> str:
    limbs = [limb for person in scene.people for limb in person.limbs]
    hidden = sum(limb.state is not LimbState.SEEN for limb in limbs)
    counts = ((len(scene.people), "person", "people"), (len(scene.hands), "hand", "hands"))
    reason = "Nothing wrong in what could be measured on " + " and ".join(
        _count(*count) for count in counts if count[0]
    )
    reason += f"; {_count(hidden, 'limb', 'limbs')} out of view" if hidden else ""
    if passed_over := people_passed_over(scene):
        listed = ", ".join(f"{number} {why}" for why, number in Counter(why for _, why in passed_over).items())
        reason += f"; the limbs of {len(passed_over)} of {_count(len(scene.people), 'person', 'people')} were not judged as a whole ({listed})"
    excused = sum(finding.defect_score >= LIST_FROM for finding, _ in accepted)
    reason += f"; {_count(excused, 'finding', 'findings')} accepted by exception" if excused else ""
    return f"{reason}; {_uncounted_words(scene, uncounted)}." if uncounted else f"{reason}."


def people_passed_over(scene: Scene) -> tuple[tuple[int, str], ...]:
    """Returns (person_index, why) of those whose limbs nobody judged as a whole: `too small`, or `not among the largest`, which the limb judge takes.

    What else was measured on them stands; but that nothing was found says less than of others.
    """
    graphs = {} if scene.bodies is None else {one.person_index: one for one in scene.bodies.people}
    has_judge = any(one.look is not None for one in graphs.values())
    found = []
    for person in scene.people:
        graph = graphs.get(person.person_index)
        if max(person.box.size, 0.0 if graph is None else graph.box.size) < LEAST_PERSON_PX:
            found.append((person.person_index, "too small"))
        elif has_judge and graph is not None and graph.look is None and graph.box.size >= LEAST_PERSON_PX:
            found.append((person.person_index, "not among the largest"))
    return tuple(found)


def _uncounted_words(scene: Scene, uncounted: tuple[tuple[int, CannotTell], ...]) -> str:
    """Returns `digits were not counted on 2 of 3 hands (1 occluded, 1 too small)`."""
    if all(hand.part.reading is None for hand in scene.hands):
        return "digits were not counted"  # nobody who counts has looked, so there is nothing to list
    reasons = Counter(why.value.replace("_", " ") for _, why in uncounted)
    listed = ", ".join(f"{number} {why}" for why, number in reasons.items())
    return f"digits were not counted on {len(uncounted)} of {_count(len(scene.hands), 'hand', 'hands')} ({listed})"


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"
