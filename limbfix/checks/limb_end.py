"""Does a limb that is seen end in nothing?
(`person.missing_hand`, `person.missing_foot`; where our network read bodies also `person.missing_arm`, `person.missing_leg`)

Three ways to end: the joint in the middle is seen and the end is not; the end is seen but its bone is a stump; an arm
is seen to its wrist and no hand was found on it. Pockets, backs, furniture and other people hide ends, and neither
model can tell hidden from absent, so none of them rejects on its own. Where our network read a person, its word on the ends replaces all of
this: a stump is one that it sees, and an end behind something or beyond the frame has no finding.
"""

from __future__ import annotations

import numpy as np

from limbfix.bodies import LIMB_JOINTS, LimbEnd, LimbLine, PersonGraph
from limbfix.calibration import score_from
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import Box, distance
from limbfix.parts import Side
from limbfix.skeletons import Limb, LimbKind, LimbState, Person, Scene

HINT, IN_THE_OPEN = 0.3, 0.55
"""Scores: an unseen end somewhere on the body, and an unseen end where the mask shows background. One body in 16 of
`lsp_extended` has a half-seen arm with nothing wrong."""

NO_HAND, STUMP = 0.25, 0.55
"""Scores: no hand found on an arm that is seen to its wrist, and the same where the forearm is a stump. The hand search
misses a quarter of the hands of AI pictures, so the first is a hint; on bodies large enough to judge, a stump without a
hand is seen on 4 of 145 arms of `ai_images`, none of 41 of `subhih` and 1 of 28 of `coco_people`."""

STUMP_RATIO = 0.3
"""Forearm over upper arm, both in px, below which a forearm is a stump; a forearm that points at the camera is as short,
but shows its hand."""

MIN_TORSO_PX, PLAIN_TORSO_PX = 80, 120
"""On bodies up to the first hands are below 20 px, where the hand search finds few; from the second on a missing one says all it says (`NO_HAND`), and between them
more and more, so that a picture's score does not jump where a copy of it is half as large again."""

STUMP_KNOTS = ((0.35, 0.35), (0.5, 0.5), (0.7, 0.75))
"""How surely our network sees a stump (`LimbLine.end_score`) -> defect score; it rejects never alone, for nobody can see whether an end is hidden. Preliminary: heat of a
map that was not trained yet; to be refitted on real people."""

SAME_END = 0.15
"""Distance, in torsos, of the ends of two lines of one side that are one limb seen twice: of `missing_forearm.png` 0.05, a forearm and the whole arm beside it."""

NORMAL = 0.02

NO_HAND_KNOTS = ((MIN_TORSO_PX, NORMAL), (PLAIN_TORSO_PX, NO_HAND))
"""Torso in px -> defect score of an arm on which no hand was found."""


def limb_end(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each limb whose upper part is seen and whose end lies inside the picture."""
    found = []
    for person in scene.people:
        graph = scene.graph_of(person.person_index)
        if graph is not None:
            found += _read_endings(person, graph)
            continue
        found += [
            _finding(scene, person, index, limb)
            for index, limb in enumerate(person.limbs)
            if limb.state is not LimbState.HIDDEN and not limb.leaves_frame
        ]
    return tuple(found)


def _read_endings(person: Person, graph: PersonGraph) -> list[Finding]:
    """Returns one finding for each end that our network knows; of two for one limb that it saw as two lines, the worse."""
    known = [(limb, one) for limb in graph.limbs if (one := _read_ending(person, graph, limb)) is not None]
    known.sort(key=lambda end: (-end[1].defect_score, -end[0].chance))
    kept: list[tuple[LimbLine, Finding]] = []
    for limb, one in known:
        is_told = any(one.code is other.code and _is_same_end(limb, line, graph.torso) for line, other in kept)
        if one.defect_score <= NORMAL or not is_told:
            kept.append((limb, one))
    return [one for _, one in kept]


def _is_same_end(limb: LimbLine, other: LimbLine, torso: float) -> bool:
    return limb.side is other.side and distance(limb.polyline[-1], other.polyline[-1]) <= SAME_END * torso


def _read_ending(person: Person, graph: PersonGraph, limb: LimbLine) -> Finding | None:
    """Returns what our network's reading of a limb says of its end; None where it does not know."""
    outer = LIMB_JOINTS[limb.kind]
    is_short = limb.joints[-1] in outer[:-2]  # it ends at its middle joint, or before
    ends_in_hand = limb.end is LimbEnd.SEEN or bool(limb.hands)
    if ends_in_hand:
        score, what = NORMAL, outer[-1]
    elif limb.end is LimbEnd.STUMP:
        score, what = score_from(limb.end_score, STUMP_KNOTS), f"{limb.joints[-1]} and ends there in a stump"
    elif limb.end is LimbEnd.CANNOT_TELL and limb.joints[-1] == "wrist" and graph.torso >= MIN_TORSO_PX:
        score, what = score_from(graph.torso, NO_HAND_KNOTS), "wrist, and no hand was found there"
    else:
        return None
    is_arm = limb.kind is LimbKind.ARM
    whole = (DefectCode.PERSON_MISSING_ARM, DefectCode.PERSON_MISSING_LEG)
    end = (DefectCode.PERSON_MISSING_HAND, DefectCode.PERSON_MISSING_FOOT)
    side = f"{limb.side.value} " if limb.side is not Side.UNKNOWN else ""
    return Finding(
        code=(whole if is_short and not ends_in_hand else end)[0 if is_arm else 1],
        defect_score=score,
        box=Box.around(limb.polyline[-2:]).grown(0.25),
        measured=round(limb.end_score, 3),
        expected=0.0 if limb.end is LimbEnd.STUMP else 1.0,
        unit="surety of the end",
        person_index=person.person_index,
        message=f"The {side}{limb.kind.value} is seen to its {what}.",
    )


def _finding(scene: Scene, person: Person, index: int, limb: Limb) -> Finding:
    is_arm = limb.kind is LimbKind.ARM
    score, what = _ending(scene, person, index, limb)
    end = "wrist" if is_arm else "ankle"
    return Finding(
        code=DefectCode.PERSON_MISSING_HAND if is_arm else DefectCode.PERSON_MISSING_FOOT,
        defect_score=score,
        box=Box.around(limb.xy[1:]).grown(0.25),
        measured=round(float(limb.visibility[2]), 3) if np.isfinite(limb.visibility[2]) else None,
        expected=0.5,
        unit=f"{end} visibility",
        person_index=person.person_index,
        message=f"The {limb.side.value} {limb.kind.value} is seen to its {what}.",
    )


def _ending(scene: Scene, person: Person, index: int, limb: Limb) -> tuple[float, str]:
    """Returns the score and how the limb ends, in words."""
    end = "wrist" if limb.kind is LimbKind.ARM else "ankle"
    if limb.state is LimbState.PARTLY:
        if _is_background(scene, person, limb):
            return IN_THE_OPEN, f"middle, and the place of its {end} is background"
        return HINT, f"middle; its {end} is not seen"
    has_hand = any(hand.arm == index for hand in scene.hands_of(person.person_index))
    if limb.kind is LimbKind.LEG or has_hand or not person.torso >= MIN_TORSO_PX:
        return NORMAL, end
    if limb.end_length < STUMP_RATIO * distance(limb.xy[0], limb.xy[1]):
        return STUMP, "elbow, its forearm is a stump, and no hand is there"
    return score_from(person.torso, NO_HAND_KNOTS), "wrist, and no hand was found there"


def _is_background(scene: Scene, person: Person, limb: Limb) -> bool:
    """Whether the person's mask covers the middle joint, and nobody's mask the last quarter of the way to the end."""
    own = person.body.mask if person.body is not None else None
    if own is None or distance(limb.xy[1], limb.xy[2]) < 8 or not _covered(own, limb.xy[1]):
        return False
    masks = [other.body.mask for other in scene.people if other.body is not None and other.body.mask is not None]
    points = [limb.xy[1] + share * (limb.xy[2] - limb.xy[1]) for share in (0.75, 0.9, 1.0)]
    return not any(_covered(mask, point) for mask in masks for point in points)


def _covered(mask: np.ndarray, point: np.ndarray) -> bool:
    x, y = int(point[0]), int(point[1])
    return bool(0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x])
