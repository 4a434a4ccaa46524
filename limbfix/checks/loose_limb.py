"""Is there a limb that belongs to nobody? (`person.detached_limb`)

An arm or leg, or a piece of one, that our network found, that no bone joins to a body, and that begins in the open: background lies before
its beginning, no body, nothing that hides one, no frame. It cannot tell a statue's arm or a glove on a hook from a limb, so it never
rejects alone. Silent where no network read bodies; what begins behind something or beyond the frame has no finding.
"""

from __future__ import annotations

from limbfix.bodies import LimbLine, LimbRoot
from limbfix.calibration import score_from
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import distance
from limbfix.skeletons import Scene

KNOTS = ((0.2, 0.1), (0.4, 0.35), (0.55, 0.5), (0.75, 0.7), (0.9, 0.75))
"""How surely it is a limb (`LimbLine.score`) -> defect score. Preliminary: read off drawn figures (0.7 to 0.9), to be refitted on real people;
capped as `limbfix.checks.attachment` is."""


def loose_limb(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each limb that begins in the open."""
    loose = scene.bodies.loose if scene.bodies is not None else ()
    return tuple(_finding(scene, limb) for limb in loose if limb.root is LimbRoot.OPEN)


def _finding(scene: Scene, limb: LimbLine) -> Finding:
    nearest = min(scene.people, key=lambda person: distance(person.box.center, limb.box.center), default=None)
    return Finding(
        code=DefectCode.PERSON_DETACHED_LIMB,
        defect_score=score_from(limb.score, KNOTS),
        box=limb.box,
        measured=round(limb.score, 2),
        expected=0.0,
        unit="surety of a loose limb",
        person_index=None if nearest is None else nearest.person_index,
        message=f"{'An arm' if limb.kind == 'arm' else 'A leg'} begins at its {limb.joints[0]} in the open and hangs on nobody.",
    )
