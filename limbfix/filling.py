"""What was behind this? A hole is filled with a shifted copy of the background that fits its rim best, colours evened out.

OpenCV's own inpainting smears: at 25 px of width it leaves a fog that a network learns at once. A copy keeps grain and
texture. All shifts are compared in one go by Fourier transform; a hole that no single shift fits is halved.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import fft

_RIM_PX = 6
_LEAST_RIM_PX = 100
_SEARCH = 0.5
"""Scale of the picture in which shifts are compared: a quarter of the time, and a shift to within 2 px is enough."""

_GOOD_FIT = 12.0
"""Root mean square difference on the rim, grey levels, above which a hole is halved."""

_DISTANCE_COST = 4.0
"""Grey levels that a copy from one hole's length away costs: near ones share light and focus."""

_MOST_STEP = 24.0
"""Grey levels by which a rim pixel may differ from the median; more is another thing at the rim, not another light."""

NO_COPY = 255.0
MOST_MISFIT = 20.0
"""Misfit, grey levels, above which a fill shows at a glance (60 sheets looked at)."""

_HALVINGS = 3
_LEAST_HOLE_PX = 60


def fill_hole(pixels: np.ndarray, hole: np.ndarray, forbidden: np.ndarray) -> np.ndarray:
    """Fills a hole from its surroundings.

    Args:
        pixels: (h, w, 3) uint8.
        hole: (h, w) bool, what is replaced.
        forbidden: (h, w) bool, what must not be copied (the hand, the person); the hole is added to it.

    Returns:
        (h, w, 3) uint8, equal to `pixels` outside the hole.
    """
    return fill_and_judge(pixels, hole, forbidden)[0]


def fill_and_judge(pixels: np.ndarray, hole: np.ndarray, forbidden: np.ndarray) -> tuple[np.ndarray, float]:
    """Fills as `fill_hole` does, and says how well.

    Returns:
        (pixels, misfit: grey levels between the rim and what was copied, of the worst piece; `NO_COPY` where a piece could
        only be smeared).
    """
    if not hole.any():
        return pixels.copy(), 0.0
    return _filled(pixels, hole, forbidden | hole, _HALVINGS)


def spread(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spreads known values smoothly over the rest, the near ones counting most (an approximate membrane).

    Args:
        values: float32 (h, w, c), zero where `weights` is zero.
        weights: float32 (h, w).

    Returns:
        float32 (h, w, c).
    """
    total, share = np.zeros_like(values), np.zeros_like(weights)
    for sigma in (2.0, 4.0, 8.0, 16.0, 32.0):
        total += cv2.GaussianBlur(values, (0, 0), sigma).reshape(values.shape) / sigma**2
        share += cv2.GaussianBlur(weights, (0, 0), sigma) / sigma**2
    return total / (share[..., None] + 1e-9)


def _filled(pixels: np.ndarray, hole: np.ndarray, forbidden: np.ndarray, halvings: int) -> tuple[np.ndarray, float]:
    found = _best_shift(pixels, hole, forbidden)
    if (found is None or found[2] > _GOOD_FIT) and halvings and hole.sum() > 2 * _LEAST_HOLE_PX:
        worst = 0.0
        for half in _halves(hole):
            pixels, misfit = _filled(pixels, half, forbidden | half, halvings - 1)
            worst = max(worst, misfit)
            forbidden = forbidden & ~half  # what was filled may be copied on
        return pixels, worst
    if found is None:
        return _smooth(pixels, hole, forbidden), NO_COPY
    return _copied(pixels, hole, forbidden, found[0], found[1]), found[2]


def _best_shift(pixels: np.ndarray, hole: np.ndarray, forbidden: np.ndarray) -> tuple[int, int, float] | None:
    """Returns (dy, dx, fit): the hole shows best what lies at (y + dy, x + dx); None if no shift stays on background."""
    small = cv2.resize(pixels, None, fx=_SEARCH, fy=_SEARCH, interpolation=cv2.INTER_AREA).astype(np.float32)
    size_wh = (small.shape[1], small.shape[0])
    hole, forbidden = (
        cv2.resize(m.astype(np.float32), size_wh, interpolation=cv2.INTER_AREA) > 0 for m in (hole, forbidden)
    )
    rim = _rim(hole, forbidden, 1 / 2)
    if not rim.any():
        return None
    fit = _fits(small, rim, forbidden) + _DISTANCE_COST * _distances(2 * size_wh[1], 2 * size_wh[0], hole)
    barred = np.ones(fit.shape, np.float32)  # outside the picture too
    barred[: size_wh[1], : size_wh[0]] = forbidden
    fit[_correlate((hole | rim).astype(np.float32), barred) > 0.5] = np.inf
    best = int(fit.argmin())
    if not np.isfinite(fit.flat[best]):
        return None
    dy, dx = divmod(best, fit.shape[1])
    dy, dx = dy - fit.shape[0] * (dy >= size_wh[1]), dx - fit.shape[1] * (dx >= size_wh[0])
    return round(dy / _SEARCH), round(dx / _SEARCH), float(fit.flat[best])


def _fits(pixels: np.ndarray, rim: np.ndarray, forbidden: np.ndarray) -> np.ndarray:
    """Returns float32 (2 h, 2 w), for each shift the root mean square difference between the rim and what is copied there."""
    values = pixels - pixels[rim].mean(axis=0)
    weights = rim.astype(np.float32)
    shape = (2 * rim.shape[0], 2 * rim.shape[1])
    padded = np.zeros((*shape, 3), np.float32)
    padded[: rim.shape[0], : rim.shape[1]] = np.where(forbidden[..., None], 0.0, values)
    cost = _correlate(weights, (padded**2).sum(axis=2)) + float((values[rim] ** 2).sum())
    for channel in range(3):
        cost -= 2 * _correlate(weights * values[..., channel], padded[..., channel])
    return np.sqrt(np.maximum(cost, 0) / (3 * rim.sum()))


def _distances(height: int, width: int, hole: np.ndarray) -> np.ndarray:
    """Returns float (h, w): the length of each shift in lengths of the hole."""
    y, x = np.nonzero(hole)
    length = max(int(np.ptp(y)), int(np.ptp(x)), 1)
    return np.hypot(fft.fftfreq(height, 1 / height)[:, None], fft.fftfreq(width, 1 / width)[None]) / length


def _correlate(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns, for each shift, the sum of weights(y, x) * values(y + dy, x + dx); shifts wrap around."""
    spectrum = np.asarray(fft.rfft2(weights, values.shape)).conj() * np.asarray(fft.rfft2(values))
    return np.asarray(fft.irfft2(spectrum, values.shape)).astype(np.float32)


def _copied(pixels: np.ndarray, hole: np.ndarray, forbidden: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """Copies the shifted background and adds the rim's difference, spread smoothly over the hole."""
    whole, window = pixels, _window(hole)
    shifted = np.roll(pixels, (-dy, -dx), axis=(0, 1))[window].astype(np.float32)
    rim = _rim(hole, forbidden, 1.0)[window]
    pixels, hole = pixels[window], hole[window]
    difference = pixels.astype(np.float32) - shifted
    if rim.any():
        middle = np.median(difference[rim], axis=0)
        difference = np.clip(difference, middle - _MOST_STEP, middle + _MOST_STEP)
    corrected = shifted + spread((difference * rim[..., None]).astype(np.float32), rim.astype(np.float32))
    result = whole.copy()
    result[window] = np.where(hole[..., None], np.clip(corrected + 0.5, 0, 255), pixels).astype(np.uint8)
    return result


def _window(hole: np.ndarray) -> tuple[slice, slice]:
    """Returns rows and columns of a hole and its rim: blurs of the whole picture would take most of the time."""
    y, x = np.nonzero(hole)
    reach = 5 * _RIM_PX
    return slice(max(int(y.min()) - reach, 0), int(y.max()) + reach), slice(
        max(int(x.min()) - reach, 0), int(x.max()) + reach
    )


def _smooth(pixels: np.ndarray, hole: np.ndarray, forbidden: np.ndarray) -> np.ndarray:
    """Spreads the colours of the background over a hole: the last resort, where no copy of it is free."""
    known = (~forbidden).astype(np.float32)
    smooth = spread(pixels * known[..., None], known)
    return np.where(hole[..., None], np.clip(smooth + 0.5, 0, 255), pixels).astype(np.uint8)


def _rim(hole: np.ndarray, forbidden: np.ndarray, scale: float) -> np.ndarray:
    """Returns (h, w) bool: background around a hole, further off where its sides are covered by neighbours."""
    for radius in (_RIM_PX, 2 * _RIM_PX, 5 * _RIM_PX):
        size = 2 * max(1, round(radius * scale)) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        rim = cv2.dilate(hole.astype(np.uint8), kernel).astype(bool) & ~forbidden
        if rim.sum() >= _LEAST_RIM_PX * scale**2:
            return rim
    return rim


def _halves(hole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a hole across its longer axis into two that are not empty."""
    y, x = np.nonzero(hole)
    points = np.stack([x, y], axis=1).astype(np.float64)
    points -= points.mean(axis=0)
    _, axes = np.linalg.eigh(points.T @ points)
    side = points @ axes[:, 1] > 0
    halves = np.zeros((2, *hole.shape), bool)
    halves[0, y[side], x[side]] = True
    halves[1, y[~side], x[~side]] = True
    return halves[0], halves[1]
