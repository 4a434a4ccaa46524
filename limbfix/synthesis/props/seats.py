"""What do people sit on? Chairs, stools, boxes and benches, as wide and high as whoever sits there needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.rotations import turn
from limbfix.synthesis.props.placed import Placed
from limbfix.synthesis.rendering.drawables import Material

NARROW_SEATS = ("chair", "stool", "box")
SEAT_KINDS = (*NARROW_SEATS, "bench")

BOARD_DM = 0.35
LEG_DM = 0.28
"""Thickness of a seat's board and legs."""

_CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float64)
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeatRoom:
    """The room that a seat has to fill, decimetres.

    Attributes:
        place: (3,) world position below the pelvis, at the height of the seat's top.
        yaw: where the sitter faces, radians about the vertical; 0 = +z.
        half_width: from the middle to either side.
        ahead, behind: from the place to the seat's front and back edge.
        back_height: of a backrest above the seat.
    """

    place: np.ndarray
    yaw: float
    half_width: float
    ahead: float
    behind: float
    back_height: float


def _box(low: Sequence[float], high: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Returns a box with corners of its own for each side, so that its edges are sharp."""
    corners = np.asarray(low) + _CUBE * (np.asarray(high) - np.asarray(low))
    points = np.concatenate([corners[list(side)] for side in _SIDES])
    first = np.arange(6)[:, None] * 4
    return points, np.concatenate([first + np.array([0, 1, 2]), first + np.array([0, 2, 3])])


def _joined(boxes: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    points = np.concatenate([box[0] for box in boxes])
    starts = np.cumsum([0, *(len(box[0]) for box in boxes[:-1])])
    return points, np.concatenate([box[1] + start for box, start in zip(boxes, starts, strict=True)])


def _legs(w: float, front: float, back: float, top: float) -> list[tuple[np.ndarray, np.ndarray]]:
    return [_box((x, 0, z), (x + LEG_DM, top, z + LEG_DM)) for x in (-w, w - LEG_DM) for z in (-back, front - LEG_DM)]


def _mesh(kind: str, room: SeatRoom) -> tuple[np.ndarray, np.ndarray]:
    """Returns a seat's mesh in the sitter's axes: y from the ground up, z ahead, the place at x = z = 0."""
    height, w = float(room.place[1]), room.half_width
    board = (0.0 if kind == "box" else max(0.1, height - BOARD_DM), height)
    wide = w * {"chair": 1.0, "stool": 0.85, "box": 1.1, "bench": 2.6}[kind]
    boxes = [_box((-wide, board[0], -room.behind), (wide, board[1], room.ahead))]
    if kind != "box" and board[0] > 0.3:
        boxes += _legs(wide, room.ahead, room.behind, board[0])
    if kind == "chair":
        boxes.append(_box((-wide, height, -room.behind - BOARD_DM), (wide, height + room.back_height, -room.behind)))
    return _joined(boxes)


def make_seat(kind: str, room: SeatRoom, rng: np.random.Generator, *, id: int) -> Placed:
    """Builds a seat of a kind (`SEAT_KINDS`) in a random colour.

    Args:
        kind: of seat.
        room: what it has to fill.
        rng: for its colour.
        id: in the label buffer.
    """
    points, triangles = _mesh(kind, room)
    world = points @ turn([0, 1.0, 0], room.yaw).T.astype(np.float64) + [room.place[0], 0.0, room.place[2]]
    wood = np.array([0.32, 0.17, 0.08]) * rng.uniform(0.3, 1.8)
    paint = rng.uniform(0.02, 0.7, 3)
    material = Material(bump=0.08, shine=float(rng.uniform(0.2, 0.9)), roughness=float(rng.uniform(0.3, 0.7)))
    return Placed(
        id=id, name=kind, positions=world, triangles=triangles, colour=wood if rng.random() < 0.5 else paint,
        material=material,
    )  # fmt: skip
