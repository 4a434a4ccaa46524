"""Where on the body is skin paler, redder or rougher? Smooth masks over the base vertices, found once on the neutral body."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from limbfix.errors import AssetMissing
from limbfix.synthesis.assets import FETCH_COMMAND, body_data_folder
from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import HandFrame, hand_frame
from limbfix.synthesis.figures.subdivision import triangles_of, vertex_normals
from limbfix.synthesis.samples import Side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkinRegions:
    """Masks (n,) float32, 0-1, over all base vertices.

    Attributes:
        palm: palm side of hands and digits, sole of feet.
        knuckles: over the joints of the digits, on the back of the hand; elbows and knees too.
        tips: ends of the digits.
        flush: cheeks, nose, ears.
        lips: lips.
        beard: where a beard grows.
        scalp: where hair grows.
    """

    palm: np.ndarray
    knuckles: np.ndarray
    tips: np.ndarray
    flush: np.ndarray
    lips: np.ndarray
    beard: np.ndarray
    scalp: np.ndarray


def _near(points: np.ndarray, centre: np.ndarray, reach_dm: float) -> np.ndarray:
    return np.exp(-(np.linalg.norm(points - centre, axis=1) ** 2) / reach_dm**2)


def _hand(figure: Figure, side: Side, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    frame: HandFrame = hand_frame(figure, side)
    points = figure.shaped
    hand = figure.model.weight_of(("wrist", "metacarpal", "finger"), SIDES[side])
    facing = normals @ frame.dorsal
    knuckles, tips = np.zeros(len(points)), np.zeros(len(points))
    for digit in range(1, 6):
        for joint in (1, 2, 3):
            head = figure.heads[figure.bone(f"finger{digit}-{joint}{SIDES[side]}")]
            knuckles += _near(points, head, 0.2 if joint > 1 else 0.26)
        tips += _near(points, figure.tails[figure.bone(f"finger{digit}-3{SIDES[side]}")], 0.28)
    palm = hand * np.clip(0.5 - 1.3 * facing, 0, 1)
    return palm, hand * knuckles * np.clip(0.3 + facing, 0, 1), hand * tips


@lru_cache(maxsize=1)
def skin_regions(model: BodyModel) -> SkinRegions:
    """Finds the regions of a body model's skin."""
    figure = Figure(model, model.vertices, levels=0)
    points = model.vertices
    normals = vertex_normals(points, triangles_of(model.faces[model.mask("body")[model.faces].all(1)]))
    left, right = _hand(figure, "left", normals), _hand(figure, "right", normals)
    palm, knuckles, tips = (a + b for a, b in zip(left, right, strict=True))
    palm += model.weight_of(("foot", "toe")) * np.clip(-1.6 * normals[:, 1] - 0.4, 0, 1)
    for bone, reach in (("lowerarm01", 0.45), ("lowerleg01", 0.6)):
        for suffix in SIDES.values():
            knuckles += 0.6 * _near(points, figure.heads[figure.bone(f"{bone}{suffix}")], reach)
    face = _face_masks(figure, normals)
    clipped = {"palm": palm, "knuckles": knuckles, "tips": tips, **face}
    return SkinRegions(**{name: mask.clip(0, 1).astype(np.float32) for name, mask in clipped.items()})


def _ears(model: BodyModel) -> np.ndarray:
    """Returns (n,) 0-1 from MakeHuman's mask of the ears (CC0), read at each vertex's texture coordinates."""
    path = body_data_folder() / "textures" / "mpfb_ears.jpg"
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise AssetMissing(f"expected a picture in {path}, it cannot be read; remove it, then run: {FETCH_COMMAND}")
    size = np.array(mask.shape[::-1])
    column, row = np.clip((model.uv * [1, -1] + [0, 1]) * size, 0, size - 1).astype(int).T
    ears = np.zeros(len(model.vertices))
    np.maximum.at(ears, model.faces.ravel(), mask[row, column][model.face_uv.ravel()] / 255)
    ears[~model.mask("body")] = 0
    return ears


def _face_masks(figure: Figure, normals: np.ndarray) -> dict[str, np.ndarray]:
    points, model = figure.shaped, figure.model
    head = model.weight_of(("head", "jaw", "neck03", "oris", "levator", "risorius", "special", "temporalis", "oculi"))
    eye = points[model.groups["helper-l-eye"]].mean(0)
    mouth = points[model.groups["helper-upper-teeth"]]
    mouth = np.array([0, mouth[:, 1].min() - 0.02, mouth[:, 2].max() + 0.1])
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    cheek = _near(np.column_stack([x, y, z]), eye + np.array([0.12, -0.42, 0.0]), 0.3)
    nose = _near(points, mouth + np.array([0, 0.42, 0.25]), 0.2)
    ears = _near(np.column_stack([x, y, z]), np.array([0.78, eye[1] - 0.15, 0.35]), 0.28)
    lips = np.exp(-((x / 0.24) ** 4)) * np.exp(-(((y - mouth[1]) / 0.09) ** 4)) * (z > mouth[2] - 0.15)
    upper = (
        mouth[1] + 0.24 - 0.45 * np.clip(x - 0.1, 0, 0.25) + 0.75 * np.clip(x - 0.35, 0, 1)
    )  # moustache, cheek, sideburn
    low = 1 / (1 + np.exp((y - upper) / 0.04))
    jaw = low * np.clip((y - mouth[1] + 0.85) / 0.15, 0, 1) * np.clip((z - 0.2) / 0.2, 0, 1)
    hairline = eye[1] + 0.55 - 0.75 * np.clip((eye[2] - 0.15 - z) / 0.5, 0, 1) - 0.85 * np.clip((0.25 - z) / 0.3, 0, 1)
    bare = 1 - _ears(model)
    scalp = np.clip((y - hairline) / 0.12, 0, 1) * bare
    return {
        "flush": head * (cheek + 0.8 * nose + 0.7 * ears),
        "lips": head * lips,
        "beard": head * jaw * (1 - lips) * bare * np.clip((0.66 - x) / 0.06 + (z > 0.55), 0, 1),
        "scalp": (head > 0.5) * scalp,
    }
