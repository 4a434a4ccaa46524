"""Where beside a hand can something be done that harms nobody? Background, clothes and the forearm; and fillings from there."""

from __future__ import annotations

import cv2
import numpy as np

from limbfix.synthesis.melting.fields import feather, mix
from limbfix.synthesis.melting.jointed_views import JointedView


def calm_place(view: JointedView, radius: float, rng: np.random.Generator) -> np.ndarray | None:
    """Returns a centre, (2,) px, around which `radius` px hold no part of a hand but forearm; None if there is no such place."""
    return _draw(_free(view, radius), rng)


def fill_from_beside(view: JointedView, hole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the picture with a hole, (h, w) bool, filled by background.

    A piece of background of the same shape is moved in, the one that fits best along the hole's rim out of many; where the
    hand fills the picture, the hole is filled smoothly from its rim.
    """
    rim = cv2.dilate(hole.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool) & ~hole & ~view.mask
    shift = _best_shift(view, hole, rim, rng)
    if shift is None:
        return _smooth_fill(view.pixels, hole | view.mask)
    moved = cv2.warpAffine(
        view.pixels,
        np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32),
        hole.shape[::-1],
        borderMode=cv2.BORDER_REFLECT,
    ).astype(np.float32)
    if rim.any():
        moved += view.pixels[rim].mean(axis=0) - moved[rim].mean(axis=0)
    return mix(view.pixels, moved, feather(hole, 0.9))


def _free(view: JointedView, radius: float) -> np.ndarray:
    """Returns (h, w) bool: centres of calm places."""
    height, width = view.mask.shape
    beside = cv2.distanceTransform((~view.mask).astype(np.uint8), cv2.DIST_L2, 3) > 0.8 * radius
    joints = np.ones((height, width), np.uint8)
    known = view.keypoints[np.isfinite(view.keypoints).all(axis=1)]
    for x, y in np.clip(np.round(known), 0, (width - 1, height - 1)).astype(int):
        joints[y, x] = 0
    away = cv2.distanceTransform(joints, cv2.DIST_L2, 3) > 0.8 * radius + 0.2 * view.unit_px
    free = (beside | view.mask) & away
    margin = round(min(height, width) * 0.03)
    free[:margin] = free[-margin:] = free[:, :margin] = free[:, -margin:] = False
    return free


def _draw(free: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    choice, places = rng.random(), np.flatnonzero(free)
    if not len(places):
        return None
    y, x = np.divmod(places[int(choice * len(places))], free.shape[1])
    return np.array([x, y], float)


def _best_shift(
    view: JointedView, hole: np.ndarray, rim: np.ndarray, rng: np.random.Generator, tries: int = 60
) -> tuple[int, int] | None:
    """Returns the shift that brings only background into the hole and differs least along the rim; None if none does."""
    ys, xs = np.nonzero(hole | rim)
    edge_y, edge_x = np.nonzero(rim)
    height, width = hole.shape
    best, least = None, np.inf
    if not len(ys):
        return None
    for angle, far in zip(rng.uniform(0, 2 * np.pi, tries), rng.uniform(0.05, 0.6, tries), strict=True):
        dx, dy = int(far * width * np.cos(angle)), int(far * height * np.sin(angle))
        if xs.min() < dx or ys.min() < dy or xs.max() - dx >= width or ys.max() - dy >= height:
            continue
        if view.mask[ys - dy, xs - dx].mean() > 0.01:
            continue
        rest = view.pixels[edge_y, edge_x].astype(float) - view.pixels[edge_y - dy, edge_x - dx]
        cost = float(np.abs(rest).mean()) if len(edge_y) else 0.0
        if cost < least:
            best, least = (dx, dy), cost
    return best


def _smooth_fill(pixels: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Returns the picture with unknown pixels taken from blurs of the known ones, each wider than the last where needed."""
    known = (~unknown).astype(np.float32)
    light, filled, sigma = pixels.astype(np.float32), pixels.astype(np.float32), 2.0
    open_still = unknown.copy()
    while open_still.any() and sigma < max(pixels.shape):
        weight = cv2.GaussianBlur(known, (0, 0), sigma)
        blurred = cv2.GaussianBlur(light * known[..., None], (0, 0), sigma)
        ready = open_still & (weight > 0.05)
        filled[ready] = blurred[ready] / weight[ready, None]
        open_still &= ~ready
        sigma *= 2
    return np.clip(np.rint(filled), 0, 255).astype(np.uint8)
