"""Which photographs of normal hands and bodies are there? Folders as sequences of labelled crops, cut when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Generic, Literal, TypeVar, overload

import cv2
import numpy as np

from limbfix.crops import crop_pixels, resized
from limbfix.geometry import Box
from limbfix.images import open_picture
from limbfix.parts import Detector
from limbfix.synthesis.photograph_joints import (
    MASK_PX,
    BodySighting,
    HandSighting,
    Progress,
    find_bodies,
    find_hands,
)
from limbfix.synthesis.photograph_masks import MaskSource, segment_hand
from limbfix.synthesis.samples import Side

S = TypeVar("S")
P = TypeVar("P")

_CROP_SCALE = 1.9
_LEAST_SCALE = 1.12
"""Sides of the crop in hand sizes: as wanted, and the least that keeps the finger ends whole."""

_KEPT = 64
"""Crops kept in memory by one sequence, 17 MB at 256 px."""

Framing = Literal["centred", "shifted", "narrowed", "reflected"]
"""How a crop got its place: around the hand; moved inside the picture; moved and made smaller, because the picture is no
larger; or reflected at the picture's edge, because a smaller one would have cut the hand."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandPhoto:
    """A square crop around one normal hand of a photograph. The arrays are read-only.

    Attributes:
        pixels: (s, s, 3) uint8 sRGB.
        keypoints: float32 (21, 2) px of the crop, HAND21.
        mask: (s, s) bool, skin of hand and forearm.
        side: the subject's own, as MediaPipe says it; wrong where a webcam mirrors.
        source: path of the file relative to the folder.
        sha256: of the file.
        framing: see `Framing`.
        mask_source: `segmentation`, or `capsule` where that failed its own checks.
    """

    pixels: np.ndarray
    keypoints: np.ndarray
    mask: np.ndarray
    side: Side
    source: str
    sha256: str
    framing: Framing
    mask_source: MaskSource


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodyPhoto:
    """A whole photograph with its main person. The arrays are read-only.

    Attributes:
        pixels: (h, w, 3) uint8 sRGB; the longer side is `size_px`.
        keypoints: float32 (33, 2) px, BLAZEPOSE33; may lie outside.
        visibility: float32 (33,), 0-1.
        mask: (h, w) bool, the person.
        source: path of the file relative to the folder.
        sha256: of the file.
    """

    pixels: np.ndarray
    keypoints: np.ndarray
    visibility: np.ndarray
    mask: np.ndarray
    source: str
    sha256: str


class _Photos(Sequence[P], Generic[S, P]):
    """Photographs of a folder that are cut when they are asked for.

    Attributes:
        sightings: what was found, in the order of the pictures' names.
    """

    def __init__(self, folder: Path, sightings: Sequence[S], size_px: int) -> None:
        self.folder, self.sightings, self.size_px = folder, tuple(sightings), size_px
        self._kept = lru_cache(maxsize=_KEPT)(lambda index: self._cut(self.sightings[index]))

    def __len__(self) -> int:
        return len(self.sightings)

    @overload
    def __getitem__(self, index: int) -> P: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[P]: ...
    def __getitem__(self, index: int | slice) -> P | Sequence[P]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._kept(range(len(self))[index])

    def _cut(self, sighting: S) -> P:
        raise NotImplementedError


class HandPhotos(_Photos[HandSighting, HandPhoto]):
    """Hands of a folder, as `open_hand_photos` finds them."""

    def _cut(self, sighting: HandSighting) -> HandPhoto:
        picture = open_picture(self.folder / sighting.file)
        xy = np.array(sighting.keypoints)
        box, framing = frame_square(Box.around(xy), picture.width, picture.height)
        crop = crop_pixels(picture, box, size_wh=(self.size_px, self.size_px), outside="reflect")
        keypoints = crop.from_picture(xy).astype(np.float32)
        mask = segment_hand(crop.pixels, keypoints)
        return HandPhoto(
            pixels=_locked(crop.pixels),
            keypoints=_locked(keypoints),
            mask=_locked(mask.mask),
            side="left" if sighting.side == "left" else "right",
            source=sighting.file,
            sha256=sighting.sha256,
            framing=framing,
            mask_source=mask.source,
        )


class BodyPhotos(_Photos[BodySighting, BodyPhoto]):
    """Bodies of a folder, as `open_body_photos` finds them."""

    def _cut(self, sighting: BodySighting) -> BodyPhoto:
        picture = open_picture(self.folder / sighting.file)
        scale = self.size_px / max(picture.width, picture.height)
        size_wh = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        xy = sighting.keypoints[:, :2] * (size_wh[0] / picture.width, size_wh[1] / picture.height)
        return BodyPhoto(
            pixels=_locked(resized(picture.pixels, size_wh)),
            keypoints=_locked(xy.astype(np.float32)),
            visibility=_locked(sighting.keypoints[:, 2]),
            mask=_locked(_person_mask(sighting.mask, size_wh)),
            source=sighting.file,
            sha256=sighting.sha256,
        )


def open_hand_photos(
    folder: Path,
    *,
    size_px: int = 256,
    cache: Path | None = None,
    progress: Progress | None = None,
    detector: Detector | None = None,
) -> HandPhotos:
    """Opens a folder of photographs of normal hands.

    The first opening looks at every picture (about 20 a second); later ones read the result from the cache.

    Args:
        folder: searched below too.
        size_px: side of the square crops.
        cache: where detections are kept; None for `photos` in the engine's folder.
        progress: called with (pictures done, pictures in all) during a first opening.
        detector: finds hands; None for MediaPipe.

    Raises:
        AssetMissing: the folder is missing, or no usable hand lies in it.
        MissingExtra, ModelMissing: MediaPipe or its model is not installed.
    """
    return HandPhotos(folder, find_hands(folder, cache=cache, progress=progress, detector=detector), size_px)


def open_body_photos(
    folder: Path,
    *,
    size_px: int = 512,
    cache: Path | None = None,
    progress: Progress | None = None,
    detector: Detector | None = None,
) -> BodyPhotos:
    """Opens a folder of photographs of people. `size_px` is the longer side of the pictures; see `open_hand_photos`."""
    return BodyPhotos(folder, find_bodies(folder, cache=cache, progress=progress, detector=detector), size_px)


def uppermost(file: str) -> str:
    """Returns the uppermost folder of a relative path, "" for a file that lies in none."""
    return file.partition("/")[0] if "/" in file else ""


def frame_square(
    box: Box, width: int, height: int, *, scale: float = _CROP_SCALE, least: float = _LEAST_SCALE
) -> tuple[Box, Framing]:
    """Chooses the square that shows a hand or a person: inside the picture if at all possible.

    Args:
        box: of the joints, px.
        width: of the picture, px.
        height: of the picture, px.
        scale: side that is wanted, in longer sides of the box.
        least: side below which the picture is reflected at its edge instead.

    Returns:
        (the square on whole pixels, how it got its place).
    """
    wanted = round(box.size * scale)
    x, y = (round(float(value)) for value in box.center)
    side = max(min(wanted, width, height), round(box.size * least), 8)
    left, top = x - side // 2, y - side // 2
    if side > min(width, height):
        return Box(left, top, left + side, top + side), "reflected"
    inside = min(max(left, 0), width - side), min(max(top, 0), height - side)
    square = Box(inside[0], inside[1], inside[0] + side, inside[1] + side)
    if side < wanted:
        return square, "narrowed"
    return square, "centred" if inside == (left, top) else "shifted"


def _person_mask(mask: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Returns a person mask of the cache at a picture's size, with a smooth edge."""
    scale = MASK_PX / max(size_wh)
    shown = mask[: max(1, round(size_wh[1] * scale)), : max(1, round(size_wh[0] * scale))].astype(np.float32)
    return cv2.resize(cv2.GaussianBlur(shown, (0, 0), 0.8), size_wh, interpolation=cv2.INTER_LINEAR) > 0.5


def _locked(array: np.ndarray) -> np.ndarray:
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
