"""Which damage joins or dissolves? Fused neighbours, faded ends, smears.

Signature and meaning as in `warps`: (view, rng, harmless); None means that this hand offers no place for it.
"""

from __future__ import annotations

import cv2
import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.melting.calm_places import calm_place, fill_from_beside
from limbfix.synthesis.melting.curves import Curve
from limbfix.synthesis.melting.fields import SHOWN, blob, elastic_flow, feather, mix, warp
from limbfix.synthesis.melting.jointed_views import HandView, JointedView
from limbfix.synthesis.melting.melts import Melt, blended, identity, nearest_of

_CLOSE = 0.55
"""Distance of two fingertips in palm lengths up to which a web between them looks like melting and not like a curtain."""


def fuse(view: HandView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Joins two to four neighbours into one flap: gap and creases between them give way to skin as on both sides.

    Harmless: the same smoothing along the back of the hand or the palm, between two metacarpals.
    """
    strength, pick, count = rng.random(), rng.random(), int(rng.choice([2, 2, 3, 4]))
    first = _close_row(view, pick, count)
    if first is None:
        return None
    strip, lines = np.zeros(view.mask.shape, np.uint8), np.zeros(view.mask.shape, np.uint8)
    reach = 0.65 + 0.35 * strength
    for digit in range(first, first + count):
        half = view.half_width(digit)
        curves = [_row_curve(view, d, half, harmless, reach) for d in (digit, min(digit + 1, first + count - 1))]
        cv2.fillPoly(strip, [np.round(np.concatenate([curves[0], curves[1][::-1]])).astype(np.int32)], 1)
        cv2.polylines(lines, [np.round(curves[0]).astype(np.int32)], False, 1, max(1, round(0.9 * half)))
    skin = (lines > 0) & view.mask
    hole = (strip > 0) & ~skin
    if skin.sum() < 30 or hole.sum() < 20:
        return None
    hole = cv2.morphologyEx(hole.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    alpha = feather(hole, 0.045 * view.unit_px) * (0.85 + 0.15 * strength)
    pixels = mix(view.pixels, _skin_between(view, skin, rng), alpha)
    digits = tuple(range(first, first + count))
    filled = (alpha > 0.5) & ~view.mask
    return blended(
        "blends.fuse",
        pixels,
        alpha >= SHOWN,
        harmless,
        strength,
        digits,
        code=DefectCode.HAND_FUSED_DIGITS,
        fault="fused",
        origin=np.where(filled[..., None], nearest_of(skin), identity(view.mask.shape)),
    )


def fade(view: JointedView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Lets a digit end in nothing: a stub, a ragged end, or tatters with the background between.

    Harmless: a hole of the same shape in the background, filled in the same way.
    """
    strength, pick, start, ragged = rng.random(), rng.random(), rng.uniform(0.25, 0.6), rng.random() < 0.4
    digit = view.straight_chain(pick)
    beside = calm_place(view, 0.3 * view.unit_px, rng)
    noise = elastic_flow(view.mask.shape, 0.035 * view.unit_px + 0.5, 1.0, rng)[..., 0]
    if digit is None or (harmless and beside is None):
        return None
    half = view.half_width(digit)
    curve = Curve.through(view.chain(digit), half)
    hole = curve.tube(view.mask.shape, 1.45 * half, start + 0.12 * strength)
    if _crossed(view, digit, hole) or _surrounded(view, hole):
        return None  # a gap in another digit would leave its end floating, one in the palm would be a hole in the paper
    if ragged:
        hole &= noise > -0.1
    if harmless and beside is not None:
        shift = np.round(beside - view.chain(digit)[2])
        hole = cv2.warpAffine(hole.astype(np.uint8), _shift(shift), hole.shape[::-1]).astype(bool) & ~view.mask
    if hole.sum() < 30:
        return None
    pixels = fill_from_beside(view, hole, rng)
    return blended(
        "blends.fade",
        pixels,
        _grown(hole, 5),
        harmless,
        strength,
        (digit,),
        fault="shortened",
        cleared=hole,
        note="beside",
    )


def smear(view: JointedView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Drags paint: averages along random curved ways, so that digits run into each other and into what they hold."""
    strength, radius = rng.random(), view.unit_px * rng.uniform(0.3, 0.6)
    flow = elastic_flow(
        view.mask.shape, view.unit_px * rng.uniform(0.1, 0.25), view.unit_px * (0.2 + 0.2 * strength), rng
    )
    centre, digit = view.damage_place(rng)
    calm = calm_place(view, radius, rng)
    stretch, angle = rng.uniform(0.7, 1.5), rng.uniform(0, np.pi)
    if harmless:
        if calm is None:
            return None
        centre = calm
    bump = np.clip(1.3 * blob(view.mask.shape, centre, radius, stretch, angle) - 0.05, 0, 1)
    still, steps = identity(view.mask.shape), np.linspace(-0.5, 0.5, 9)
    dragged = np.mean(
        [warp(view.pixels, still + flow * bump[..., None] * step).astype(np.float32) for step in steps], axis=0
    )
    painted = cv2.medianBlur(np.rint(dragged).astype(np.uint8), 5)
    alpha = np.clip(2 * bump, 0, 1)
    pixels = mix(view.pixels, painted, alpha)
    return blended("blends.smear", pixels, alpha >= SHOWN, harmless, strength, (digit,), note="beside")


def _close_row(view: HandView, pick: float, count: int) -> int | None:
    """Returns the first of `count` neighbouring fingers whose joints lie close to each other; None if there are none."""
    gaps = [
        np.linalg.norm(view.chain(d)[2:] - view.chain(d + 1)[2:], axis=1).mean() / view.unit_px for d in range(1, 4)
    ]
    firsts = [d for d in range(1, 6 - count) if max(gaps[d - 1 : d - 2 + count]) < _CLOSE]
    return firsts[int(pick * len(firsts))] if firsts else None


def _row_curve(view: HandView, digit: int, half: float, harmless: bool, reach: float) -> np.ndarray:
    """Returns the line along a digit up to `reach` of its length; harmless: along its metacarpal."""
    if harmless:
        knuckle = view.chain(digit)[0]
        joints = np.linspace(view.keypoints[0] * 0.7 + knuckle * 0.3, knuckle * 0.9 + view.keypoints[0] * 0.1, 4)
        return Curve.through(joints).points
    points = Curve.through(view.chain(digit), 0.5 * half).points
    return points[: max(4, round(reach * len(points)))]


def _skin_between(view: HandView, skin: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns skin that runs from one digit to the next: colours of the digits' middles spread out, with their fine texture."""
    light, weight = view.pixels.astype(np.float32), skin.astype(np.float32)
    sigma = 0.09 * view.unit_px
    spread = cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-4 * cv2.GaussianBlur(weight, (0, 0), 4 * sigma)
    colour = cv2.GaussianBlur(light * weight[..., None], (0, 0), sigma)
    colour += 1e-4 * cv2.GaussianBlur(light * weight[..., None], (0, 0), 4 * sigma)
    colour /= np.maximum(spread, 1e-9)[..., None]
    detail = light - cv2.GaussianBlur(light, (0, 0), 0.025 * view.unit_px + 0.5)
    spread_of = float(detail[skin].std())
    texture = cv2.GaussianBlur(rng.standard_normal((*skin.shape, 1), dtype=np.float32), (0, 0), 0.8)
    return np.clip(colour + texture[..., None] * (spread_of / max(float(texture.std()), 1e-6)) * 0.8, 0, 255)


def _crossed(view: JointedView, digit: int, hole: np.ndarray) -> bool:
    """Returns whether another digit's bones run through a hole."""
    chains = [view.chain(other) for other in range(view.count) if not view.shares_joints(digit, other)]
    others = np.concatenate([np.zeros((0, 2)), *(Curve.through(at).points for at in chains if np.isfinite(at).all())])
    x, y = np.clip(np.round(others), 0, (hole.shape[1] - 1, hole.shape[0] - 1)).astype(int).T
    return bool(hole[y, x].any())


def _surrounded(view: JointedView, hole: np.ndarray) -> bool:
    """Returns whether most of a hole's rim is skin, so that background in it would not end a digit but pierce the hand."""
    rim = _grown(hole, 7) & ~hole
    return bool(view.mask[rim].mean() > 0.5) if rim.any() else True


def _shift(xy: np.ndarray) -> np.ndarray:
    return np.array([[1, 0, xy[0]], [0, 1, xy[1]]], np.float32)


def _grown(mask: np.ndarray, px: int) -> np.ndarray:
    return cv2.dilate(mask.astype(np.uint8), np.ones((px, px), np.uint8)).astype(bool)
