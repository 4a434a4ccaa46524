"""Where are hands and bodies in a folder of photographs? MediaPipe's joints, checked by a second look, and kept on disk.

A look takes about 25 ms. The result is written once as JSON (hands) or npz (bodies, for their masks) under a hash of the
folder's listing, so that every later opening, in any process, starts at once from the same joints.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from limbfix.crops import crop_pixels
from limbfix.detectors import make_detectors
from limbfix.discovery import walk_pictures
from limbfix.errors import AssetMissing, PictureError
from limbfix.geometry import Box
from limbfix.images import Picture, open_picture
from limbfix.parts import Detector, Part
from limbfix.synthesis.assets import synthesis_folder

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Called with (pictures done, pictures in all)."""

MASK_PX = 256
"""Longer side of a person mask on disk, as MediaPipe computes it."""

_VERSION = 1
_LEAST_HAND_PX = 64
_LOOK_PX = 256
_LOOK_SCALE = 1.9
_MOST_SPREAD = 0.07
"""Mean distance of the two looks' joints in hand sizes. Above it one of them is wrong."""

_MOST_TOUCHED = 0.15
"""Share of another hand's box that may lie in the crop: more of it would be a hand without labels."""

_LEAST_BODY_PX = 96
LEAST_BODY_SCORE = 0.9
"""Mean visibility of shoulders and hips."""

_SAME_BODY = 0.7
"""Share of the smaller of two masks under the other one from which both are one person, found twice."""


def _nobody() -> np.ndarray:
    return np.zeros((MASK_PX, MASK_PX), bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandSighting:
    """One hand in one picture of a folder.

    Attributes:
        file: path relative to the folder, with forward slashes.
        sha256: of the file.
        side: `left` or `right`, the subject's own, as MediaPipe says it; wrong where a webcam mirrors.
        keypoints: 21 (x, y) px of the picture.
    """

    file: str
    sha256: str
    side: str
    keypoints: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BodySighting:
    """The main person of one picture of a folder.

    Attributes:
        file, sha256: as in `HandSighting`.
        keypoints: float32 (33, 3): x, y px of the picture, visibility 0-1.
        mask: (MASK_PX, MASK_PX) bool: the picture scaled to it, in the upper left corner.
        others: the same of everybody else that MediaPipe saw, however unsure it was.
    """

    file: str
    sha256: str
    keypoints: np.ndarray
    mask: np.ndarray
    others: np.ndarray = field(default_factory=_nobody)


def find_hands(
    folder: Path, *, cache: Path | None = None, progress: Progress | None = None, detector: Detector | None = None
) -> tuple[HandSighting, ...]:
    """Finds whole hands of at least 64 px that a closer look confirms and no other hand touches.

    Args:
        folder: searched below too.
        cache: where results are kept; None for `photos` in the engine's folder.
        progress: called after each picture; never where the result is known already.
        detector: finds hands; None for MediaPipe, one call a look.

    Raises:
        AssetMissing: the folder is missing, or no usable hand lies in it.
    """
    files = _list_pictures(folder)
    path = _cache_file(folder, files, cache, "hands.json")
    if not path.is_file():
        looked = _each_picture(
            folder,
            files,
            progress,
            detector or make_detectors(["mediapipe_hands"], device="cpu", search="single")[0],
            _hands_of,
        )
        _write(path, json.dumps([asdict(hand) for hand in looked], separators=(",", ":")).encode())
    rows = json.loads(path.read_text("utf-8"))
    if not rows:
        raise AssetMissing(_nothing(folder, len(files), f"a whole hand of {_LEAST_HAND_PX} px or more"))
    return tuple(HandSighting(**row | {"keypoints": tuple(map(tuple, row["keypoints"]))}) for row in rows)


def find_bodies(
    folder: Path,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
    detector: Detector | None = None,
    least_score: float = LEAST_BODY_SCORE,
) -> tuple[BodySighting, ...]:
    """Finds the largest person of each picture, if shoulders and hips are surely seen. See `find_hands`.

    Args:
        folder, cache, progress, detector: as in `find_hands`.
        least_score: mean visibility of shoulders and hips from which on a person counts; 0.5 takes people of whom a table hides the hips.
    """
    files = _list_pictures(folder)
    # files named "bodies" are older and do not say where others are
    name = "people.npz" if least_score == LEAST_BODY_SCORE else f"people-{least_score:g}.npz"
    path = _cache_file(folder, files, cache, name)
    if not path.is_file():
        from limbfix.detectors.mediapipe_pose import MediaPipePose

        look = partial(_body_of, least_score=least_score)
        seen = _each_picture(folder, files, progress, detector or MediaPipePose(crops=False), look)
        _write(path, _packed(list(seen)))
    bodies = _unpacked(path)
    if not bodies:
        raise AssetMissing(_nothing(folder, len(files), f"a person of {_LEAST_BODY_PX} px or more"))
    return bodies


def look_at(folder: Path) -> None:
    """Looks for hands and for bodies in a folder, so that every later opening finds both on disk; a folder that shows none is no fault here."""
    for find in (find_hands, find_bodies):
        with suppress(AssetMissing):
            find(folder)


def _list_pictures(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        raise AssetMissing(f"expected a folder of photographs at {folder}, found none; give one with --photographs DIR")
    files = tuple(Path(found.relative).as_posix() for found in walk_pictures([folder]))
    if not files:
        raise AssetMissing(f"expected PNG, JPEG or WebP photographs below {folder}, found none; give another folder")
    return files


def _nothing(folder: Path, n: int, what: str) -> str:
    return (
        f"expected {what} in the {n} photographs below {folder}, found none; give clearer ones with --photographs DIR"
    )


def _cache_file(folder: Path, files: Sequence[str], cache: Path | None, name: str) -> Path:
    """Returns where a folder's result lies: a hash of names and sizes, so a changed folder is looked at again."""
    listing = [(file, (folder / file).stat().st_size) for file in files]
    digest = hashlib.sha256(json.dumps([_VERSION, listing]).encode()).hexdigest()[:16]
    return (cache or synthesis_folder() / "photos") / digest / name


def _write(path: Path, data: bytes) -> None:
    """Writes at once or not at all: several processes may open one folder at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.part")
    scratch.write_bytes(data)
    scratch.replace(path)


def _each_picture(
    folder: Path,
    files: Sequence[str],
    progress: Progress | None,
    detector: Detector,
    look: Callable[[Detector, Picture, str], list[T]],
) -> Iterator[T]:
    try:
        for done, file in enumerate(files, start=1):
            try:
                picture = open_picture(folder / file)
            except PictureError:  # a damaged file among thousands is no reason to stop
                continue
            yield from look(detector, picture, file)
            if progress is not None:
                progress(done, len(files))
    finally:
        detector.close()


def _hands_of(detector: Detector, picture: Picture, file: str) -> list[HandSighting]:
    hands = [hand for hand in detector.detect(picture, ()) if hand.keypoints is not None]
    found = []
    for hand in hands:
        if hand.box.size < _LEAST_HAND_PX or _is_touched(hand, hands):
            continue
        xy = _confirmed(detector, picture, hand)
        if xy is not None:
            rounded = tuple((round(float(x), 2), round(float(y), 2)) for x, y in xy)
            found.append(HandSighting(file=file, sha256=picture.sha256, side=hand.side.value, keypoints=rounded))
    return found


def _is_touched(hand: Part, hands: Sequence[Part]) -> bool:
    crop = hand.box.squared(_LOOK_SCALE)
    return any(other is not hand and other.box.intersection(crop) > _MOST_TOUCHED * other.box.area for other in hands)


def _confirmed(detector: Detector, picture: Picture, hand: Part) -> np.ndarray | None:
    """Looks at the hand alone. Returns the closer look's joints, (21, 2) px of the picture, or None if the looks disagree."""
    assert hand.keypoints is not None
    first, size = hand.keypoints.xy, Box.around(hand.keypoints.xy).size
    crop = crop_pixels(picture, hand.box.squared(_LOOK_SCALE), size_wh=(_LOOK_PX, _LOOK_PX), outside="reflect")
    looks = detector.detect(open_picture(crop.pixels), ())
    joints = [crop.to_picture(look.keypoints.xy) for look in looks if look.keypoints is not None]
    if not joints:
        return None
    gaps = [float(np.linalg.norm(xy - first, axis=1).mean()) for xy in joints]
    xy = joints[int(np.argmin(gaps))]
    inside = (xy >= 1).all() and (xy <= (picture.width - 2, picture.height - 2)).all()
    return xy if inside and min(gaps) <= _MOST_SPREAD * size else None


def _body_of(detector: Detector, picture: Picture, file: str, *, least_score: float) -> list[BodySighting]:
    bodies = [body for body in detector.detect(picture, ()) if body.keypoints is not None and body.mask is not None]
    body = max(bodies, key=lambda body: body.box.area, default=None)
    if body is None or body.keypoints is None or body.mask is None:
        return []
    if body.box.size < _LEAST_BODY_PX or (body.detection_score or 0) < least_score:
        return []
    mask, others = _small_mask(body.mask), _nobody()
    for other in (_small_mask(one.mask) for one in bodies if one is not body and one.mask is not None):
        if (mask & other).sum() < _SAME_BODY * min(mask.sum(), other.sum()):
            others |= other
    keypoints = np.column_stack([body.keypoints.xy, body.keypoints.score]).astype(np.float32)
    return [BodySighting(file=file, sha256=picture.sha256, keypoints=keypoints, mask=mask, others=others)]


def _small_mask(mask: np.ndarray) -> np.ndarray:
    """Returns a mask (h, w) of a picture as (MASK_PX, MASK_PX) bool; see `BodySighting`."""
    scale = MASK_PX / max(mask.shape)
    size_wh = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
    small = _nobody()
    small[: size_wh[1], : size_wh[0]] = cv2.resize(mask.astype(np.uint8), size_wh, interpolation=cv2.INTER_AREA) > 0
    return small


def _packed(bodies: Sequence[BodySighting]) -> bytes:
    data = io.BytesIO()
    np.savez_compressed(
        data,
        names=np.array(json.dumps([(body.file, body.sha256) for body in bodies])),
        keypoints=np.array([body.keypoints for body in bodies], np.float32).reshape(-1, 33, 3),
        masks=np.array([np.packbits(body.mask) for body in bodies], np.uint8),
        others=np.array([np.packbits(body.others) for body in bodies], np.uint8),
    )
    return data.getvalue()


def _unpacked(path: Path) -> tuple[BodySighting, ...]:
    with np.load(path, allow_pickle=False) as data:
        names, keypoints = json.loads(str(data["names"])), data["keypoints"]
        masks, others = (np.unpackbits(data[name].reshape(len(names), -1), axis=1) > 0 for name in ("masks", "others"))
    return tuple(
        BodySighting(
            file=file,
            sha256=sha256,
            keypoints=keypoints[i],
            mask=masks[i].reshape(MASK_PX, MASK_PX),
            others=others[i].reshape(MASK_PX, MASK_PX),
        )
        for i, (file, sha256) in enumerate(names)
    )
