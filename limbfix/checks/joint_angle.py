"""Does a joint bend past its range? (`person.joint_angle`)

Elbows flex to 140-150 degrees and knees to 135-150 (American Academy of Orthopaedic Surgeons, Joint Motion, 1965;
Boone and Azen 1979), so the inner angle stays above 30. Hyperextension cannot be read from an inner angle, and finger
joints cannot be judged from a model that bends its own normal fingers: both wait for the networks.
"""

from __future__ import annotations

import numpy as np

from limbfix.calibration import score_from
from limbfix.findings import DefectCode, Finding
from limbfix.geometry import Box, angle_deg
from limbfix.skeletons import Limb, LimbKind, Person, Scene, metric_joints

KNOTS = ((5.0, 0.9), (12.0, 0.8), (22.0, 0.5), (30.0, 0.2), (45.0, 0.05), (90.0, 0.02))
"""Inner angle in degrees -> defect score. The 1st percentile of knees in `lsp_extended` (gymnasts) is 34."""


def joint_angle(scene: Scene) -> tuple[Finding, ...]:
    """Returns one finding for each elbow and knee whose limb is surely seen."""
    found = []
    for person in scene.people:
        for limb in person.limbs:
            angle = _angle(person, limb)
            if angle is not None:
                found.append(_finding(person, limb, angle))
    return tuple(found)


def _angle(person: Person, limb: Limb) -> float | None:
    joints = metric_joints(person, limb)
    if joints is None:
        return None
    angle = angle_deg(*joints)
    return angle if np.isfinite(angle) else None


def _finding(person: Person, limb: Limb, angle: float) -> Finding:
    joint = "elbow" if limb.kind is LimbKind.ARM else "knee"
    return Finding(
        code=DefectCode.PERSON_JOINT_ANGLE,
        defect_score=score_from(angle, KNOTS),
        box=Box.around(limb.xy).grown(0.1),
        measured=round(angle, 1),
        expected=30.0,
        unit="degrees",
        person_index=person.person_index,
        message=f"The {limb.side.value} {joint} is folded to {angle:.0f} degrees; people stop at 30.",
    )
