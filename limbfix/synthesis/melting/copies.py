"""Which damage shows a part of a hand a second time? Doubled digits, stray fingertips, pieces of another hand.

Signature and meaning as in `warps`: (view, rng, harmless); None means that this hand offers no place for it.
"""

from __future__ import annotations

import cv2
import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.melting.curves import Curve
from limbfix.synthesis.melting.fields import SHOWN, blob, feather, mix
from limbfix.synthesis.melting.jointed_views import HandView, JointedView
from limbfix.synthesis.melting.melts import ExtraLimb, Melt, blended, identity, nearest_of


def double(view: JointedView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Shows a digit a second time, a little aside and turned, before or behind the first."""
    strength, pick, side, behind = rng.random(), rng.random(), rng.choice([-1, 1]), rng.random() < 0.6
    turn, scale, start = np.radians(rng.uniform(3, 16)), rng.uniform(0.8, 1.05), rng.uniform(0.05, 0.3)
    digit = view.straight_chain(pick)
    if digit is None:
        return None
    half = view.half_width(digit)
    curve = Curve.through(view.chain(digit), 0.7 * half)
    aside = curve.normals[0] * side * half * (0.5 + 0.9 * strength)
    return _copy(view, rng, "copies.double", harmless, strength, digit, curve, start, aside, side * turn, scale, behind)


def stray_tip(view: HandView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Lets one more fingertip look out: beside the palm, between fingers, out of the back of the hand."""
    strength, pick, start, scale = rng.random(), rng.random(), rng.uniform(0.45, 0.65), rng.uniform(0.75, 1.0)
    turn, behind, where = rng.uniform(-np.pi, np.pi), rng.random() < 0.6, rng.random(2)
    digit = view.straight_chain(pick)
    if digit is None:
        return None
    curve = Curve.through(view.chain(digit), 0.7 * view.half_width(digit))
    base = curve.points[int(start * (len(curve.points) - 1))]
    corners = view.keypoints[[1, 5, 17, 0]].astype(float)
    goal = corners[int(where[0] * 4)] * (1 - where[1]) + corners[(int(where[0] * 4) + 1) % 4] * where[1]
    out = goal - view.keypoints[[0, 5, 9, 17]].mean(axis=0)
    way = curve.points[-1] - base
    turn = 0.35 * turn + np.arctan2(way[0] * out[1] - way[1] * out[0], way @ out)
    return _copy(
        view, rng, "copies.stray_tip", harmless, strength, digit, curve, start, goal - base, turn, scale, behind
    )


def chimera(view: HandView, rng: np.random.Generator, harmless: bool, donor: HandView | None = None) -> Melt | None:
    """Blends a piece of a hand, turned, over the digits: of another hand, or of this one from another place.

    Harmless: the same piece of this hand at its own place, with a shift below one pixel.
    """
    strength, radius = rng.random(), view.unit_px * rng.uniform(0.28, 0.5)
    centre, digit = view.damage_place(rng)
    stretch, angle, turn = rng.uniform(0.7, 1.4), rng.uniform(0, np.pi), rng.uniform(30, 150) * rng.choice([-1, 1])
    giver, taken = donor or view, int(rng.integers(5))
    scale = view.unit_px / giver.unit_px * rng.uniform(0.85, 1.15)
    origin = giver.chain(taken)[2] if donor or taken != digit else giver.keypoints[9].astype(float)
    nudge = rng.uniform(-0.5, 0.5, 2)
    if harmless:
        giver, scale, turn, origin = view, 1.0, 0.0, centre + nudge
    matrix = cv2.getRotationMatrix2D((float(origin[0]), float(origin[1])), turn, scale)
    matrix[:, 2] += centre - origin
    piece = cv2.warpAffine(
        giver.pixels, matrix, view.mask.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    alpha = np.clip(1.8 * blob(view.mask.shape, centre, radius, stretch, angle) - 0.3, 0, 1)
    if not harmless:
        piece = _like(piece, giver, view)
        skin = cv2.warpAffine(feather(giver.mask, 1.0), matrix, view.mask.shape[::-1])
        alpha = skin * np.where(view.mask, alpha, feather(alpha > 0.4, 1.0))  # no half-lit skin over the background
    pixels, grown = mix(view.pixels, piece, alpha), (alpha > 0.5) & ~view.mask
    origin = np.where(grown[..., None], nearest_of(view.mask), identity(view.mask.shape))
    return blended("copies.chimera", pixels, alpha >= SHOWN, harmless, strength, (digit,), origin=origin)


def _copy(
    view: JointedView,
    rng: np.random.Generator,
    name: str,
    harmless: bool,
    strength: float,
    digit: int,
    curve: Curve,
    start: float,
    aside: np.ndarray,
    turn: float,
    scale: float,
    behind: bool,
) -> Melt | None:
    """Pastes the part of a digit from `start` on, shifted, turned and scaled about its base; harmless: at its own place."""
    nudge = rng.uniform(-0.5, 0.5, 2)
    base = curve.points[int(start * (len(curve.points) - 1))]
    if harmless:
        aside, turn, scale = nudge, 0.0, 1.0
    shape_wh = view.mask.shape[::-1]
    matrix = cv2.getRotationMatrix2D((float(base[0]), float(base[1])), -np.degrees(turn), scale)
    matrix[:, 2] += aside
    tube = curve.tube(view.mask.shape, 1.05 * view.half_width(digit), start) & view.mask
    if tube.sum() < 40:
        return None
    alpha = feather(tube, 0.8) * np.clip((curve.coordinates(view.mask.shape)[0] - start) / 0.1, 0, 1)
    alpha = cv2.warpAffine(alpha, matrix, shape_wh)
    if behind and not harmless:
        alpha = alpha * (1 - feather(view.mask, 0.8))
    if alpha.sum() < 0.3 * tube.sum() * scale**2 * (0.5 if behind else 1):
        return None  # it would hide behind the hand, or lie outside the picture
    piece = cv2.warpAffine(view.pixels, matrix, shape_wh, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    inverse = cv2.invertAffineTransform(matrix)
    still = identity(view.mask.shape)
    origin = np.where((alpha > 0.5)[..., None], still @ inverse[:, :2].T + inverse[:, 2], still).astype(np.float32)
    joints = view.chain(digit) @ matrix[:, :2].T + matrix[:, 2]
    return blended(
        name,
        mix(view.pixels, piece, alpha),
        alpha >= SHOWN,
        harmless,
        strength,
        code=DefectCode.HAND_EXTRA_DIGIT,
        fault="extra",
        origin=origin,
        extras=(ExtraLimb(like=digit, mask=alpha > 0.5, joints=joints),),
    )


def _like(piece: np.ndarray, giver: HandView, view: HandView) -> np.ndarray:
    """Returns a piece of another hand in the colours of this one: mean and spread of the skin, in CIELAB."""
    lab, own = (cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32) for pixels in (piece, view.pixels))
    theirs = cv2.cvtColor(giver.pixels, cv2.COLOR_RGB2LAB).astype(np.float32)[giver.mask]
    mine = own[view.mask]
    scale = np.clip(mine.std(axis=0) / np.maximum(theirs.std(axis=0), 1), 0.6, 1.6)
    lab = (lab - theirs.mean(axis=0)) * scale + mine.mean(axis=0)
    return cv2.cvtColor(np.clip(np.rint(lab), 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)
