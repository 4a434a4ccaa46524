"""Does a limb that is seen in part end in nothing? (`person.missing_hand`, `person.missing_foot`)

Shoulder and elbow are seen and the wrist is not, though its place lies inside the picture. Pockets, backs, furniture
and other people hide wrists, and a pose model cannot tell hidden from absent; only where the person's own mask ends
before the place of the wrist is there a ground for more than a hint.
"""

from __future__ import annotations

import numpy as np

from limbfix.findings import DefectCode, Finding
from limbfix.geometry import Box, distance
from limbfix.skeletons import Limb, LimbKind, LimbState, Person, Scene

HINT, IN_THE_OPEN = 0.3, 0.55
"""Scores: an unseen end somewhere on the body, and an unseen end where the mask shows background. One body in 16 of
`lsp_extended` has a half-seen arm with nothing wrong, so neither rejects on its own."""

NORMAL = 0.02


def limb_end(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each limb whose upper part is seen and whose end lies inside the picture."""
    return tuple(
        _finding(person, limb)
        for person in scene.people
        for limb in person.limbs
        if limb.state is not LimbState.HIDDEN and not limb.leaves_frame
    )


def _finding(person: Person, limb: Limb) -> Finding:
    code = DefectCode.PERSON_MISSING_HAND if limb.kind is LimbKind.ARM else DefectCode.PERSON_MISSING_FOOT
    end = "wrist" if limb.kind is LimbKind.ARM else "ankle"
    ends_open = limb.state is LimbState.PARTLY and _is_background(person, limb)
    score = NORMAL if limb.state is LimbState.SEEN else IN_THE_OPEN if ends_open else HINT
    place = "lies on background, not on this person" if ends_open else "is not seen"
    return Finding(
        code=code,
        defect_score=score,
        box=Box.around(limb.xy[1:]).grown(0.25),
        measured=round(float(limb.visibility[2]), 3) if np.isfinite(limb.visibility[2]) else None,
        expected=0.5,
        unit=f"{end} visibility",
        person_index=person.person_index,
        message=f"The {limb.side.value} {limb.kind.value} of person {person.person_index} is seen to its middle, "
        f"and the place of its {end} {place}.",
    )


def _is_background(person: Person, limb: Limb) -> bool:
    """Whether the person's mask covers the middle joint but not the last quarter of the way to the end."""
    mask = person.body.mask if person.body is not None else None
    if mask is None or distance(limb.xy[1], limb.xy[2]) < 8:
        return False
    if not _covered(mask, limb.xy[1]):
        return False
    points = [limb.xy[1] + share * (limb.xy[2] - limb.xy[1]) for share in (0.75, 0.9, 1.0)]
    return not any(_covered(mask, point) for point in points)


def _covered(mask: np.ndarray, point: np.ndarray) -> bool:
    x, y = int(point[0]), int(point[1])
    return bool(0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x])
