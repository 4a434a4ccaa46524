"""Where do people stand? On one ground, beside each other and not inside of each other, on seats if they sit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.posing import skinned, world_matrices
from limbfix.synthesis.figures.rotations import turn
from limbfix.synthesis.poses.body_gestures import adult_scale
from limbfix.synthesis.poses.body_poses import BodyPose
from limbfix.synthesis.poses.limb_chains import head_position
from limbfix.synthesis.props.placed import Placed
from limbfix.synthesis.props.seats import NARROW_SEATS, SEAT_KINDS, SeatRoom, make_seat
from limbfix.synthesis.samples import PART_ID

CELL_DM = 0.6
"""Side of the cells in which two people's outlines are compared as they are slid apart."""

LOWEST_SEAT_DM = 1.2
"""Lower than that nobody brings a chair: the ground will do."""

SINK_DM = 0.15
"""Decimetres by which a body presses into what it sits on."""

_TRUNK = [PART_ID[part] for part in ("torso", "thigh", "head")]
_ARMS = [PART_ID[part] for part in ("upper_arm", "forearm", "palm")]
_DIGITS = [value for name, value in PART_ID.items() if name.endswith(("_proximal", "_middle", "_distal"))]


@dataclass(slots=True, kw_only=True, eq=False)
class BodyStage:
    """A scene in the making.

    Attributes:
        figures: people, the one that the picture is about first.
        poses: what each does; yaws: where each faces, radians about the vertical, 0 = +z.
        things: objects, in the world.
        first_object: id of the first object.
    """

    figures: list[Figure]
    poses: list[BodyPose]
    yaws: list[float]
    first_object: int
    things: list[Placed] = field(default_factory=list)

    def next_id(self) -> int:
        """Returns the id of the next object."""
        return self.first_object + len(self.things)


def points_of(figure: Figure, *, without_arms: bool = False) -> np.ndarray:
    """Returns (n, 3) world positions of all of a figure's vertices, clothes too."""
    matrices = world_matrices(figure)
    parts = np.concatenate([component.part for component in figure.components])
    points = np.concatenate([skinned(component, matrices) for component in figure.components])
    return points[~np.isin(parts, _ARMS + _DIGITS)] if without_arms else points


def stand_on_ground(figure: Figure, lift: float) -> None:
    """Moves a posed figure so that its lowest point lies `lift` decimetres above the ground (y = 0)."""
    lowest = skinned(figure.body, world_matrices(figure))[:, 1].min()
    figure.place = figure.place + np.array([0, lift - lowest, 0], np.float32)


def clearance(first: np.ndarray, second: np.ndarray, direction: np.ndarray) -> float:
    """Returns how far some points must be moved so that they lie beyond others.

    Args:
        first: (n, 3) points that stay.
        second: (m, 3) points that are moved; the result may be negative.
        direction: (3,) unit, level.

    Returns:
        decimetres along the direction; -inf if the two pass each other.
    """
    across = np.cross([0.0, 1.0, 0.0], direction)
    low = np.minimum(first.min(0), second.min(0))
    base, width = low @ np.abs(across) - 60, 400  # cells enough for 24 m
    farthest, nearest = np.full(width * 100, -np.inf), np.full(width * 100, np.inf)

    def cells(points: np.ndarray) -> np.ndarray:
        column = ((points @ across - base) / CELL_DM).astype(int).clip(0, width - 1)
        return column * 100 + (points[:, 1] / CELL_DM).astype(int).clip(0, 99)

    np.maximum.at(farthest, cells(first), first @ direction)
    np.minimum.at(nearest, cells(second), second @ direction)
    return float((farthest - nearest).max())


def place_beside(
    stage: BodyStage, person: int, direction: np.ndarray, gap: float, *, close: bool = False
) -> None:  # fmt: skip
    """Slides a person along a level direction until it is clear of all before it, plus a gap.

    Args:
        stage: whose figures before `person` have their places.
        person: place in `stage.figures`.
        direction: (3,) unit.
        gap: decimetres.
        close: whether arms may overlap, as of people who touch.
    """
    points = points_of(stage.figures[person], without_arms=close)
    shifts = [clearance(points_of(o, without_arms=close), points, direction) for o in stage.figures[:person]]
    shift = max([shift for shift in shifts if np.isfinite(shift)], default=0.0)
    stage.figures[person].place = (stage.figures[person].place + direction * (shift + gap)).astype(np.float32)


def seat_person(stage: BodyStage, person: int, rng: np.random.Generator) -> None:
    """Brings a seat under a sitting person."""
    figure = stage.figures[person]
    kinds = SEAT_KINDS if len(stage.figures) == 1 else NARROW_SEATS
    kind = kinds[int(rng.integers(len(kinds)))]
    room = _seat_room(figure, stage.yaws[person])
    if room is not None:
        stage.things.append(make_seat(kind, room, rng, id=stage.next_id()))


def _seat_room(figure: Figure, yaw: float) -> SeatRoom | None:
    points = skinned(figure.body, world_matrices(figure))
    root, scale = head_position(figure, figure.bone("root")), adult_scale(figure)
    own = (points - root) @ turn([0, 1.0, 0], yaw)
    own[:, 1] = points[:, 1]
    trunk = np.isin(figure.body.part, _TRUNK)
    bottom = trunk & (np.abs(own[:, 2]) < 1.4 * scale) & (np.abs(own[:, 0]) < 1.6 * scale)
    top = float(own[bottom, 1].min()) + SINK_DM
    if top < LOWEST_SEAT_DM:
        return None
    back_height = 4.0 * scale
    behind = trunk & (own[:, 1] < top + back_height) & (own[:, 1] > top)
    thighs = figure.body.part == PART_ID["thigh"]
    return SeatRoom(
        place=np.array([root[0], top, root[2]]),
        yaw=yaw,
        half_width=float(np.abs(own[bottom, 0]).max()) + 0.15,
        ahead=0.62 * float(own[thighs, 2].max()),
        behind=-float(own[behind, 2].min()) - 0.05,
        back_height=back_height,
    )
