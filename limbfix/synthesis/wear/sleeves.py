"""Where do sleeves end? Anywhere from the shoulder to half-way over the hand."""

from __future__ import annotations

import numpy as np

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.samples import PART_ID, Side
from limbfix.synthesis.wear.body_coordinates import body_coordinates
from limbfix.synthesis.wear.cutting import Cut, edge_vertices

SLEEVES = {"none": 0.0, "short": 0.55, "elbow": 0.95, "three_quarter": 1.5, "wrist": 2.0, "over_long": 2.55}
"""Named lengths, in bones of the arm; see `BodyCoordinates.arm`."""

STRETCHED_FROM = 1.6
"""Sleeves that end beyond the wrist are drawn out from here: the mesh of cloth itself ends at the wrist."""


def sample_sleeve(rng: np.random.Generator, *, warm: bool) -> float:
    """Returns a sleeve's end; warm clothes have long sleeves, one in eight of which covers part of the hand."""
    if warm:
        if rng.random() < 0.13:
            return float(rng.uniform(2.15, SLEEVES["over_long"]))
        return float(rng.uniform(1.1, 1.9) if rng.random() < 0.3 else rng.uniform(1.85, 2.05))
    return float(rng.choice([0.0, 0.3, 0.55, 0.75, 0.95, 1.3], p=[0.16, 0.12, 0.34, 0.16, 0.14, 0.08]))


def lengthen_sleeves(figure: Figure, component: Component, cut: Cut) -> None:
    """Draws the ends of long sleeves out to their cut; what lies over the hand moves with the wrist and is labelled as palm."""
    place = body_coordinates(figure.model).arm[component.topology.vertex_ids]
    sides: tuple[Side, ...] = ("left", "right")
    for side in sides:
        own = (component.rest[:, 0] * (1 if side == "left" else -1) > 0) & (place > STRETCHED_FROM)
        if own.any():
            _draw_out(figure, component, cut.arm, side, own, place)


def _draw_out(figure: Figure, component: Component, end: float, side: Side, own: np.ndarray, place: np.ndarray) -> None:
    frame = hand_frame(figure, side)
    elbow = figure.heads[figure.bone(f"lowerarm01{SIDES[side]}")]
    forearm = frame.wrist - elbow
    share = (component.rest[own] - elbow) @ forearm / (forearm @ forearm) + 1  # 1 elbow, 2 wrist
    reach = max(float(share.max()), STRETCHED_FROM + 0.1)
    drawn = STRETCHED_FROM + (share - STRETCHED_FROM).clip(0) * (end - STRETCHED_FROM) / (reach - STRETCHED_FROM)
    drawn = np.where(share > STRETCHED_FROM, drawn, share)
    drawn[edge_vertices(component.topology)[own] & (share > STRETCHED_FROM)] = end  # a straight cuff
    before, beyond = np.minimum(drawn, 2.0) - np.minimum(share, 2.0), (drawn - 2.0).clip(0) - (share - 2.0).clip(0)
    shift = before[:, None] * forearm + beyond[:, None] * frame.along * frame.palm_length
    # A hand is wider than a wrist: cloth over it widens to both sides, most of all across the palm.
    centre = frame.wrist + (drawn - 2).clip(0)[:, None] * frame.along * frame.palm_length
    moved = component.rest[own] + shift
    width = (drawn - 2).clip(0, 0.6)[:, None]
    offset = moved - centre
    across, up = offset @ frame.across, offset @ frame.dorsal
    moved = moved + width * (1.3 * across[:, None] * frame.across + 0.25 * up[:, None] * frame.dorsal)
    component.rest[own] = moved
    over_hand = np.flatnonzero(own)[drawn > 2.05]
    _follow_wrist(figure, component, over_hand, side)


def _follow_wrist(figure: Figure, component: Component, rows: np.ndarray, side: Side) -> None:
    if not len(rows):
        return
    weights = component.weights.tolil()
    wrist = figure.bone(f"wrist{SIDES[side]}")
    for row in rows:
        weights.rows[row], weights.data[row] = [wrist], [1.0]
    component.weights = weights.tocsr()
    component.instance[rows] = figure.find("hand", side).id
    component.part[rows] = PART_ID["palm"]
