"""Which arm and leg pixels does no limb of our network's reading explain? The leftover-area check where there is a part map.

Asked by `limbfix.checks.leftover` in place of the people's masks: the part map names arms and legs, so bags, skirts and hair stay out.
"""

from __future__ import annotations

import numpy as np

from limbfix.bodies import EXPECTED_LIMBS, BodyReading, LimbKind, PersonGraph
from limbfix.digits import Mask
from limbfix.geometry import Box, distance

MOST_PX = 512
"""Longer side at which pieces of a mask are told apart."""


def largest_unclaimed(
    reading: BodyReading, kind: LimbKind, *, least_torso: float
) -> tuple[PersonGraph, float, Box] | None:
    """Returns the largest piece of arm (leg) pixels that no limb explains: whose it may be, its area, its box.

    Args:
        reading: of the picture.
        kind: arm or leg.
        least_torso: px; smaller people are not measured.

    Returns:
        The nearest person, the area in that person's squared torso lengths, and the box in px; area 0 and the person's own box where
        every pixel is explained; None where nobody can be measured, or the nearest person's third limb is told already.
    """
    people = [graph for graph in reading.people if graph.person_index is not None and graph.torso >= least_torso]
    people = [graph for graph in people if graph.has_counted]  # a ghost's torso is no measure
    if not people:
        return None
    mask = reading.unclaimed.get(kind)
    if mask is None:
        return people[0], 0.0, people[0].box
    area, box = _largest(mask)
    nearest = min(people, key=lambda graph: distance(graph.box.center, box.center))
    if len(nearest.of_kind(kind)) > EXPECTED_LIMBS:
        return None
    return nearest, area / nearest.torso**2, box


def _largest(mask: Mask) -> tuple[float, Box]:
    """Returns the area in px squared and the box of a mask's largest connected piece."""
    from scipy import ndimage

    step = -(-max(mask.pixels.shape) // MOST_PX)
    labels, _ = ndimage.label(mask.pixels[::step, ::step])  # type: ignore[misc]
    areas = np.bincount(labels.ravel())[1:]
    if not len(areas):
        return 0.0, Box(mask.left, mask.top, mask.left, mask.top)
    best = int(areas.argmax())
    rows, columns = ndimage.find_objects(labels)[best]
    corners = (columns.start * step, rows.start * step, columns.stop * step, rows.stop * step)
    return float(areas[best] * step**2), Box(*map(float, corners)).shifted(mask.left, mask.top)
