"""What does a stored picture look like through a view, and which maps are true of it there? Warped pixels, heat, fields and weights."""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np

from limbfix.geometry import scaled_from_first_centre
from limbfix.nets.body_maps import BONES, CENTRE_UNIT, ENDS, JOINTS, PARTS, STRIDE
from limbfix.training.body_storage import (
    HIDDEN,
    MAP_STEP,
    NONE,
    OTHERS,
    OUTSIDE,
    OVER,
    SEEN,
    UNKNOWN,
    UNSURE,
    StoredBody,
    unpacked,
)

BORDER = (127, 127, 127)
"""What lies outside the picture."""

HEAT_SIGMA = 1.3
"""Cells; spread of a joint's heat. Two ankles side by side lie about 5 cells apart and must stay two peaks."""

VAGUE = 4.0
"""Cells around a joint that is not known in which nothing is said of its kind; also those around a seen one that are believed."""

FAR = 0.25
"""How far beyond the picture a neck may lie, in sides, for cells to be told the way to it: of a close hand nobody can tell where the neck is."""

BONE_SHARE, BONE_WIDTHS = 0.1, (1.0, 2.5)
"""Half width of a bone's field: a share of its length, within limits in cells."""

_SMOOTH_BELOW = 0.7
"""Scale from which on downwards a picture is softened before it is sampled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyTargets:
    """What is true of one picture, in cells (h, w); float32. A weight is 0 where nobody knows.

    Attributes:
        heat, heat_weights: (10, h, w), 0-1.
        fields: (18, h, w); field_weights: (9, h, w).
        centre: (2, h, w); centre_weights: (1, h, w).
        side, side_weights, covered, covered_weights: (1, h, w), 0 or 1.
        parts: (1, h, w) classes; part_weights: (1, h, w).
        ends: (3, h, w), 0-1; end_weights: (1, h, w).
    """

    heat: np.ndarray
    heat_weights: np.ndarray
    fields: np.ndarray
    field_weights: np.ndarray
    centre: np.ndarray
    centre_weights: np.ndarray
    side: np.ndarray
    side_weights: np.ndarray
    covered: np.ndarray
    covered_weights: np.ndarray
    parts: np.ndarray
    part_weights: np.ndarray
    ends: np.ndarray
    end_weights: np.ndarray


def joined(first: BodyTargets, second: BodyTargets, at: int, axis: int) -> BodyTargets:
    """Returns the first targets up to a row (axis 1) or column (axis 2) of cells, and the second from there on."""

    def cut(name: str) -> np.ndarray:
        one, two = getattr(first, name), getattr(second, name)
        return np.concatenate([np.take(one, range(at), axis), np.take(two, range(at, two.shape[axis]), axis)], axis)

    return BodyTargets(**{each.name: cut(each.name) for each in fields(BodyTargets)})


def seen_pixels(body: StoredBody, matrix: np.ndarray, size: int) -> np.ndarray:
    """Returns (size, size, 3) uint8 RGB: the picture along a (2, 3) matrix from stored px."""
    pixels = unpacked(body.jpeg)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < _SMOOTH_BELOW:
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.4 / scale)
    warped = cv2.warpAffine(pixels, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=BORDER)
    return np.ascontiguousarray(warped[..., ::-1])


def seen_targets(
    body: StoredBody, matrix: np.ndarray, size: int, frame: tuple[float, float, float, float]
) -> BodyTargets:
    """Returns what is true of that view; `frame`: x0, y0, x1, y1 in px, what lies beyond it leaves the picture."""
    side = size // STRIDE
    joints = body.joints.copy()
    joints[:, 1:3] = joints[:, 1:3] @ matrix[:, :2].T + matrix[:, 2]
    x0, y0, x1, y1 = frame
    beyond = (joints[:, 1] < x0) | (joints[:, 1] > x1 - 1) | (joints[:, 2] < y0) | (joints[:, 2] > y1 - 1)
    joints[beyond, 3] = OUTSIDE
    joints[:, 1:3] = scaled_from_first_centre(joints[:, 1:3], 1 / STRIDE)
    maps = _warped_maps(body, matrix, side)
    believed = (
        np.ones((1, side, side), np.float32) if body.exact else (maps[None, ..., 3] == UNKNOWN).astype(np.float32)
    )
    heat, heat_weights = draw_heat(joints, body.complete, believed)
    bones, bone_weights = draw_fields(joints, body.bones, body.complete, believed)
    labelled = (maps[..., 3] != OTHERS).astype(np.float32)
    centre, centre_weights = _centre(body, matrix, maps[..., 3])
    values, weights = {}, {}
    for channel, name in ((1, "covered"), (2, "side")):
        known = maps[..., channel] != UNKNOWN
        values[name] = np.where(known, maps[..., channel], 0)[None].astype(np.float32)
        weights[name] = known[None].astype(np.float32)
    if np.linalg.det(matrix[:, :2]) < 0:
        values["side"] = (1 - values["side"]) * weights["side"]
    known = maps[..., 0] != UNKNOWN
    return BodyTargets(
        heat=heat, heat_weights=heat_weights * labelled, fields=bones, field_weights=bone_weights * labelled,
        centre=centre, centre_weights=centre_weights,
        side=values["side"], side_weights=weights["side"],
        covered=values["covered"], covered_weights=weights["covered"],
        parts=np.where(known, maps[..., 0], 0)[None], part_weights=known[None].astype(np.float32),
        ends=draw_ends(joints, body.chains, side), end_weights=believed,
    )  # fmt: skip


def _warped_maps(body: StoredBody, matrix: np.ndarray, side: int) -> np.ndarray:
    """Returns (side, side, 4) uint8; nobody and background beyond the picture."""
    maps = unpacked(body.maps)
    linear = matrix[:, :2] * (MAP_STEP / STRIDE)
    shift = scaled_from_first_centre(matrix[:, :2] @ np.full(2, (MAP_STEP - 1) / 2) + matrix[:, 2], 1 / STRIDE)
    nothing = (PARTS.index("background"), UNKNOWN, UNKNOWN, UNKNOWN)
    whole = np.column_stack([linear, shift])
    return cv2.warpAffine(maps, whole, (side, side), flags=cv2.INTER_NEAREST, borderValue=nothing)


def _bell(x: float, y: float, side: int, sigma: float = HEAT_SIGMA) -> np.ndarray:
    cells = np.arange(side, dtype=np.float32)
    spread = 2 * sigma**2
    return np.exp(-((cells - y) ** 2) / spread)[:, None] * np.exp(-((cells - x) ** 2) / spread)[None]


def _near(x: float, y: float, side: int) -> np.ndarray:
    cells = np.arange(side, dtype=np.float32)
    return (cells[:, None] - y) ** 2 + (cells[None] - x) ** 2 <= VAGUE**2


def draw_heat(joints: np.ndarray, complete: np.ndarray, believed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns heat and its weights, (10, side, side), of joints (n, 4) in cells.

    Args:
        joints: kind, x, y, state.
        complete: (10,) bool, see `StoredBody`.
        believed: (1, side, side), 1 where no joint can be but the labelled ones.
    """
    side = believed.shape[1]
    heat = np.zeros((len(JOINTS), side, side), np.float32)
    weights = np.maximum(believed, complete[:, None, None]).astype(np.float32)
    for wanted in (UNSURE, SEEN):  # what is seen is said, even beside what is not known
        for kind, x, y, state in joints[joints[:, 3] == wanted]:
            if wanted == SEEN:
                np.maximum(heat[int(kind)], _bell(x, y, side), out=heat[int(kind)])
            weights[int(kind)][_near(x, y, side)] = state == SEEN
    return heat, weights


def draw_fields(
    joints: np.ndarray, bones: np.ndarray, complete: np.ndarray, believed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns unit vectors along the bones between seen joints (18, side, side), and weights (9, side, side); see `draw_heat`."""
    side = believed.shape[1]
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    drawn = np.zeros((2 * len(BONES), side, side), np.float32)
    whole = np.array([all(complete[JOINTS.index(end)] for end in bone) for bone in BONES])
    weights = np.maximum(believed, whole[:, None, None]).astype(np.float32)
    for row, inner, outer in bones:
        (_, x0, y0, first), (_, x1, y1, last) = joints[inner], joints[outer]
        length = float(np.hypot(x1 - x0, y1 - y0))
        states = {int(first), int(last)}
        if length < 1e-3 or states & {HIDDEN, OUTSIDE}:
            continue
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        along = (columns - x0) * ux + (rows - y0) * uy
        aside = np.abs((rows - y0) * ux - (columns - x0) * uy)
        half = float(np.clip(BONE_SHARE * length, *BONE_WIDTHS))
        on = (along >= -0.5) & (along <= length + 0.5) & (aside <= half)
        if UNSURE in states:
            weights[row][on] = 0
        else:
            weights[row][on] = 1
            drawn[2 * row][on], drawn[2 * row + 1][on] = ux, uy
    return drawn, weights


def ends_of(joints: np.ndarray, chains: np.ndarray) -> list[tuple[str, int]]:
    """Returns (name of `ENDS`, joint) of every limb whose last seen joint is not its last one."""
    found = []
    for chain in chains:
        seen = [place for place, joint in enumerate(chain) if joint >= 0 and joints[joint, 3] == SEEN]
        after = int(chain[seen[-1] + 1]) if seen and seen[-1] + 1 < len(chain) else OVER
        if after == OVER:
            continue
        name = "stump" if after == NONE else "outside" if joints[after, 3] == OUTSIDE else "behind"
        found.append((name, int(chain[seen[-1]])))
    return found


def draw_ends(joints: np.ndarray, chains: np.ndarray, side: int) -> np.ndarray:
    """Returns the heat of ends, (3, side, side)."""
    heat = np.zeros((len(ENDS), side, side), np.float32)
    for name, joint in ends_of(joints, chains):
        row = heat[ENDS.index(name)]
        np.maximum(row, _bell(joints[joint, 1], joints[joint, 2], side), out=row)
    return heat


def _centre(body: StoredBody, matrix: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    side = len(people)
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    centre, weights = np.zeros((2, side, side), np.float32), np.zeros((1, side, side), np.float32)
    for number, neck in enumerate(body.necks):
        x, y = scaled_from_first_centre(matrix[:, :2] @ neck + matrix[:, 2], 1 / STRIDE)  # nan where nobody knows
        if max(abs(x - side / 2), abs(y - side / 2)) <= side * (0.5 + FAR):
            own = people == number
            centre[0][own], centre[1][own] = (
                ((x - columns) * STRIDE / CENTRE_UNIT)[own],
                ((y - rows) * STRIDE / CENTRE_UNIT)[own],
            )
            weights[0][own] = 1
    return centre, weights
