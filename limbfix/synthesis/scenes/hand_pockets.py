"""How is a hand put into a pocket? It is laid on the thigh, and a piece of the trousers' cloth is drawn over its fingers."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.props.meshes import sheet
from limbfix.synthesis.props.placed import Placed
from limbfix.synthesis.scenes.hand_contacts import flat_hand, towards
from limbfix.synthesis.scenes.hand_free import rest_arm, stand
from limbfix.synthesis.scenes.hand_stage import Stage, hand_place
from limbfix.synthesis.scenes.hand_touch import Spot, hand_axes, lay_hand
from limbfix.synthesis.scenes.landmarks import place_on
from limbfix.synthesis.scenes.surfaces import Surface, arm_ids, but, surface_of

LEAST_LEG = 0.6
"""`Cut.leg` of trousers that reach below a hand in their pocket."""

_ROWS, _COLUMNS = 36, 30
"""Grid of the cloth: cells of about 0.04 dm, half a finger's width at most."""

_AROUND = 0.16
"""Decimetres about a grid point in which the hand lifts the cloth: it spans the gaps between fingers."""

_THICK, _MARGIN = 0.04, 0.25
"""Decimetres of cloth over the hand, and of cloth beyond it on each side, where it runs out into the leg."""


def in_pocket(stage: Stage, rng: np.random.Generator) -> bool:
    """A hand in a trouser pocket; False for who wears no trousers."""
    figure, side = stage.figure, stage.side
    garments = stage.people[0].outfit.garments
    if not any(g.name == "bottom" and g.skirt is None and g.cut.leg >= LEAST_LEG for g in garments):
        return False
    stand(figure, rng)
    rest_arm(stage, stage.other_side, rng)
    surface = surface_of([(figure, but(arm_ids(figure, side)))])
    point, normal = surface.nearest(place_on(figure, "thigh_side", side) + np.array([0.0, rng.uniform(0.0, 0.5), 0.15]))
    spot = Spot(point=point, normal=normal, fingers=np.array([0.0, -1.0, 0.35]), pole=towards((0.6, 0.0, -1.0), side))
    pose = lay_hand(figure, side, spot, surface.distance, *flat_hand(rng, "in_pocket", fan=-0.06))
    if pose is None:
        return False
    stage.hold(side, pose, rng)
    cloth = _cloth(stage, surface, float(rng.uniform(0.4, 0.95)))
    if cloth is None:
        return False
    stage.things.append(cloth)
    return True


def _cloth(stage: Stage, surface: Surface, line: float) -> Placed | None:
    """Returns the cloth over a hand, from a line across its back (in palm lengths from the wrist) to beyond its finger tips.

    None where the leg does not lie below all of it: a pocket must not hang in the air.
    """
    figure, side = stage.figure, stage.side
    wrist, across, along, _ = hand_axes(figure, side)
    out = unit(np.cross(across, along))
    out = out if out @ hand_place(figure, side).dorsal > 0 else -out
    hand = (hand_place(figure, side).points - wrist) @ np.stack([across, along, out], 1)
    first = line * hand_frame(figure, side).palm_length
    under = hand[hand[:, 1] > first - _AROUND]
    u = np.linspace(under[:, 0].min() - _MARGIN, under[:, 0].max() + _MARGIN, _COLUMNS)
    v = np.linspace(first, under[:, 1].max() + _MARGIN, _ROWS)
    grid = np.stack(np.meshgrid(v, u, indexing="ij")[::-1], -1).reshape(-1, 2)
    plane = wrist + grid[:, :1] * across + grid[:, 1:] * along
    leg = np.zeros(len(grid))
    for _ in range(4):
        leg -= surface.distance(plane + leg[:, None] * out)
    if (np.abs(surface.distance(plane + leg[:, None] * out)) > 0.06).mean() > 0.05 or np.ptp(leg) > 1.0:
        return None
    lifted = leg + 0.01
    for k, near in enumerate(KDTree(under[:, :2]).query_ball_point(grid, _AROUND)):
        if near:
            lifted[k] = max(lifted[k], float(under[near, 2].max()) + _THICK)
    height = gaussian_filter(lifted.reshape(_ROWS, _COLUMNS), 1.5, mode="nearest")
    height = np.maximum(height, (lifted - 0.03).reshape(_ROWS, _COLUMNS))
    edge = np.minimum(np.arange(_COLUMNS), np.arange(_COLUMNS)[::-1])[None, :] / 4
    edge = np.minimum(edge, np.arange(_ROWS)[::-1, None] / 4).clip(0, 1)
    height = edge * height + (1 - edge) * (leg.reshape(_ROWS, _COLUMNS) - 0.02)
    positions, triangles = sheet((plane + height.reshape(-1, 1) * out).reshape(_ROWS, _COLUMNS, 3))
    paint = stage.people[0].paint(figure, "bottom")
    return Placed(
        id=figure.find("leg", side).id, name="pocket", positions=positions, triangles=triangles,
        colour=np.asarray(paint.colours).reshape(-1, 3).mean(0), material=paint.material, surface="cloth", part="thigh",
    )  # fmt: skip
