"""Which pixels of a photograph are this hand? GrabCut seeded from the joints, judged, and a capsule where it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from limbfix.layouts import HAND21_DIGITS

MaskSource = Literal["segmentation", "capsule"]

_WORK_PX = 192
"""GrabCut's side: its time grows with the area, and a finger is still 10 px wide here."""

_ITERATIONS = 4
_BINS = 32
"""Cells along each axis of CIELAB."""

_KNUCKLES = (5, 9, 13, 17)
_DIGIT_WIDTH = {"thumb": 0.25, "index_finger": 0.21, "middle_finger": 0.21, "ring_finger": 0.2, "pinky": 0.17}
"""Width of a finger as a share of the palm's length (wrist to middle knuckle): breadth of the fingers at the PIP over palm
length, ANSUR II medians rounded up."""

_LEAST_INSIDE = 0.86
"""Share of the 21 joints; three may lie outside, as those of a thumb behind the palm do."""

_MOST_LEAK = 0.06
"""Share of the mask further from every bone than a hand is thick."""

_SURE = 0.35
"""Thickness of what is surely hand along the bones, times the usual one."""

_LEAST_FLESH = 0.4
"""Share of the flesh around those bones that a believable mask covers; of 255 photographs none had less than 0.5."""

_FOREARM = 2.6
"""Length of the forearm's capsule in palm lengths: to the elbow; the crop ends it before."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandMask:
    """A hand's pixels and how far they can be believed.

    Attributes:
        mask: (h, w) bool, skin of hand and forearm.
        source: `segmentation`, or `capsule` where the segmentation failed its own checks.
        inside: 0-1, share of the 21 joints inside the segmentation.
        leak: 0-1, share of the segmentation that lies further from every bone than a hand is thick.
    """

    mask: np.ndarray
    source: MaskSource
    inside: float
    leak: float


def palm_length(keypoints: np.ndarray) -> float:
    """Returns the length that scales everything on a hand, px: wrist to middle knuckle, or the palm's width where the
    hand points at the camera and the former shrinks.

    Args:
        keypoints: float (21, 2) px, HAND21.
    """
    length = float(np.linalg.norm(keypoints[9] - keypoints[0]))
    width = float(np.linalg.norm(keypoints[5] - keypoints[17]))
    return max(length, 1.3 * width, 1.0)


def segment_hand(pixels: np.ndarray, keypoints: np.ndarray) -> HandMask:
    """Segments one hand with its forearm.

    Bones are sure foreground, everything far from them sure background; between them colour decides (GrabCut, Rother et al.
    2004). The result keeps the component that holds most joints, without holes.

    Args:
        pixels: (h, w, 3) uint8 RGB.
        keypoints: float (21, 2) px, HAND21.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, _WORK_PX / max(height, width))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    xy = keypoints * scale
    shape_hw = small.shape[:2]
    mask = _grabcut(small, _trimap(small, xy))
    mask = _main_component(mask, xy)
    inside, leak = _quality(mask, xy)
    flesh = bone_capsules(xy, shape_hw, 1.0)
    is_thin = _coverage(mask, flesh & ~bone_capsules(xy, shape_hw, _SURE)) < _LEAST_FLESH
    fails = inside < _LEAST_INSIDE or leak > _MOST_LEAK or is_thin
    chosen = flesh | _forearm(xy, shape_hw, 0.72) if fails else mask
    full = cv2.resize(chosen.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    return HandMask(mask=full, source="capsule" if fails else "segmentation", inside=inside, leak=leak)


def bone_capsules(keypoints: np.ndarray, shape_hw: tuple[int, int], widths: float) -> np.ndarray:
    """Draws a hand as capsules around its bones and a polygon for the palm.

    Args:
        keypoints: float (21, 2) px, HAND21.
        shape_hw: of the mask.
        widths: times the usual thickness.

    Returns:
        (h, w) bool.
    """
    palm = palm_length(keypoints)
    canvas = np.zeros(shape_hw, np.uint8)
    for name, indices in HAND21_DIGITS.items():
        thickness = max(1, round(widths * _DIGIT_WIDTH[name] * palm))
        cv2.polylines(canvas, [_points(keypoints[list(indices)])], False, 1, thickness)
        for index in indices:
            cv2.circle(canvas, _points(keypoints[index])[0].tolist(), thickness // 2, 1, -1)
    outline = _points(keypoints[[0, 1, *_KNUCKLES]])  # without the thumb's MCP: between it and the index may be air
    cv2.fillPoly(canvas, [outline], 1)
    cv2.polylines(canvas, [outline], True, 1, max(1, round(widths * 0.15 * palm)))
    return canvas.astype(bool)


def _trimap(pixels: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Returns GrabCut's starting labels: thin bones sure, their surroundings and the forearm open, the rest background.

    What is open starts by colour, not by place: a start that counts the air between the fingers as hand never loses it.
    """
    shape_hw = pixels.shape[:2]
    near = bone_capsules(xy, shape_hw, 2.1)
    trimap = np.full(shape_hw, cv2.GC_BGD, np.uint8)
    trimap[_forearm(xy, shape_hw, 1.3) | near] = cv2.GC_PR_BGD
    sure = bone_capsules(xy, shape_hw, _SURE)
    likely = _likelier(pixels, sure, trimap == cv2.GC_BGD)
    trimap[likely & (bone_capsules(xy, shape_hw, 1.3) | _forearm(xy, shape_hw, 0.8))] = cv2.GC_PR_FGD
    trimap[sure] = cv2.GC_FGD
    return trimap


def _likelier(pixels: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Returns (h, w) bool: whether a pixel's colour is commoner inside than outside, by smoothed CIELAB histograms."""
    cells = (cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float32) * (_BINS - 1) / 255).round().astype(int)
    index = (cells[..., 0] * _BINS + cells[..., 1]) * _BINS + cells[..., 2]
    shares = []
    for region in (inside, outside):
        counts = np.bincount(index[region], minlength=_BINS**3).reshape((_BINS,) * 3).astype(np.float64)
        shares.append(gaussian_filter(counts, 1.0).ravel() / max(region.sum(), 1) + 1e-6)
    return (shares[0] > shares[1])[index]


def _forearm(xy: np.ndarray, shape_hw: tuple[int, int], breadth: float) -> np.ndarray:
    """Draws the forearm, (h, w) bool: from the wrist away from the knuckles, `breadth` palm lengths wide."""
    palm = palm_length(xy)
    away = xy[0] - xy[list(_KNUCKLES)].mean(axis=0)
    away = away / max(float(np.linalg.norm(away)), 1e-6)
    canvas = np.zeros(shape_hw, np.uint8)
    line = _points(np.stack([xy[0], xy[0] + away * _FOREARM * palm]))
    cv2.polylines(canvas, [line], False, 1, max(1, round(breadth * palm)))
    return canvas.astype(bool)


def _grabcut(pixels: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    cv2.setRNGSeed(0)  # its k-means starts from OpenCV's global generator
    labels, inner, outer = trimap.copy(), np.zeros((1, 65)), np.zeros((1, 65))
    # CIELAB is nearly even to the eye, so skin in light and shadow stays one cluster.
    colour = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    try:
        cv2.grabCut(colour, labels, (0, 0, 1, 1), outer, inner, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # no background pixel at all: the hand fills the crop
        return (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)


def _main_component(mask: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Smooths the edge, keeps the component that holds most joints and fills holes that are specks."""
    binary = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(binary)
    votes = np.bincount(labels[_rows_columns(xy, mask.shape)], minlength=2)
    votes[0] = 0
    kept = labels == int(votes.argmax()) if votes.any() else binary.astype(bool)
    _, holes, stats, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8))
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < (0.08 * palm_length(xy)) ** 2)
    return kept | np.isin(holes, small[small > 0])


def _quality(mask: np.ndarray, xy: np.ndarray) -> tuple[float, float]:
    """Returns (share of joints inside, share of the mask that lies where no hand can be)."""
    near = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    inside = float(near[_rows_columns(xy, mask.shape)].mean())
    possible = bone_capsules(xy, mask.shape[:2], 1.8) | _forearm(xy, mask.shape[:2], 1.2)
    return inside, float((mask & ~possible).sum() / max(mask.sum(), 1))


def _coverage(mask: np.ndarray, region: np.ndarray) -> float:
    """Returns the share of a region that the mask covers."""
    return float((mask & region).sum() / max(region.sum(), 1))


def _rows_columns(xy: np.ndarray, shape_hw: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    limits = np.array([shape_hw[1] - 1, shape_hw[0] - 1])
    clipped = np.clip(np.round(xy), 0, limits).astype(int)
    return clipped[:, 1], clipped[:, 0]


def _points(xy: np.ndarray) -> np.ndarray:
    return np.round(np.atleast_2d(xy)).astype(np.int32)
