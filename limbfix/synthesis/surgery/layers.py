"""How is a piece of a picture lifted, moved and laid down again without a halo? Colours bled beyond its edge, and a soft alpha."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

_SOFT_PX = 1.0
"""Blur of the alpha's edge: what a lens and a small camera give a finger's edge at these sizes."""

_TRUSTED_PX = 1
"""px; width of the rim whose colours are replaced by those further in: it is mixed with what lay behind."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """A piece of a picture.

    Attributes:
        colour: float32 (h, w, 3), defined everywhere: beyond the piece the nearest colour inside goes on.
        alpha: float32 (h, w), 0-1.
    """

    colour: np.ndarray
    alpha: np.ndarray

    def moved(self, matrix: np.ndarray) -> Layer:
        """Returns the layer under an affine map, float (2, 3), px to px."""
        size_wh = (self.alpha.shape[1], self.alpha.shape[0])
        colour = cv2.warpAffine(self.colour, matrix, size_wh, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpAffine(self.alpha, matrix, size_wh, flags=cv2.INTER_LINEAR)
        return Layer(colour=colour, alpha=np.clip(alpha, 0, 1))

    def bent(self, map_x: np.ndarray, map_y: np.ndarray) -> Layer:
        """Returns the layer that shows at each pixel what lay at (map_x, map_y), float32 (h, w) px."""
        colour = cv2.remap(self.colour, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return Layer(colour=colour, alpha=np.clip(cv2.remap(self.alpha, map_x, map_y, cv2.INTER_LINEAR), 0, 1))

    def behind(self, front: np.ndarray) -> Layer:
        """Returns the layer where `front`, float (h, w) alpha, does not cover it."""
        return Layer(colour=self.colour, alpha=self.alpha * (1 - front))

    def on(self, canvas: np.ndarray) -> np.ndarray:
        """Lays the layer on a float32 (h, w, 3) canvas."""
        alpha = self.alpha[..., None]
        return canvas * (1 - alpha) + self.colour * alpha


def lift(
    pixels: np.ndarray, mask: np.ndarray, fade: np.ndarray | None = None, faded: np.ndarray | None = None
) -> Layer:
    """Lifts a piece.

    Args:
        pixels: (h, w, 3) uint8.
        mask: (h, w) bool, the piece.
        fade: float (h, w), 0-1, what the alpha is multiplied with, e.g. where a finger passes into the palm.
        faded: (h, w) bool, pixels added to the piece that keep their own colours: where it passes into its owner.
    """
    whole = mask if faded is None else mask | faded
    core = cv2.erode(whole.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=_TRUSTED_PX).astype(bool)
    if faded is not None:
        core |= cv2.erode(faded.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    if not core.any():
        core = whole
    _, (rows, columns) = distance_transform_edt(~core, return_indices=True)  # type: ignore[misc]
    colour = pixels[rows, columns].astype(np.float32)
    alpha = soft(whole)
    return Layer(colour=colour, alpha=alpha if fade is None else (alpha * fade).astype(np.float32))


def soft(mask: np.ndarray) -> np.ndarray:
    """Returns a mask as float32 alpha with a soft edge."""
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _SOFT_PX)


def turn_about(
    pivot: np.ndarray, degrees: float, scale: float = 1.0, offset: tuple[float, float] | np.ndarray = (0.0, 0.0)
) -> np.ndarray:
    """Returns the float (2, 3) matrix that turns (clockwise on screen) and scales about a point, then moves it by `offset` px."""
    matrix = cv2.getRotationMatrix2D((float(pivot[0]), float(pivot[1])), -degrees, scale)
    matrix[:, 2] += offset
    return matrix


def map_points(matrix: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Returns (N, 2) points under a (2, 3) matrix."""
    return xy @ matrix[:, :2].T + matrix[:, 2]


def dilated(mask: np.ndarray, radius: float) -> np.ndarray:
    """Returns a mask grown by `radius` px."""
    size = 2 * max(1, round(radius)) + 1
    return cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))).astype(bool)
