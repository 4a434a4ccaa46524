"""Which hands does the generator learn from? Crops of photographs and renders as arrays on disk, drawn with small changes.

All hands are normal. A crop is kept a little larger than the networks need, so that turns and scales seldom meet its edge.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from limbfix.errors import AssetMissing
from limbfix.geometry import from_first_centre
from limbfix.synthesis.samples import DIGITS, Instance, Joint, Sample

STORED_PX = 144
"""Side of a stored crop; the networks see 128 px of it on average."""

HELD_OUT_SHARE = 0.05
"""Share of hands, chosen by the hash of their source, that no training sees."""

_RENDER_SCALE, _LEAST_SCALE = 1.9, 1.12
"""Side of a crop of a render in hand sizes, as wanted and the least, as in photographs."""

_CUT = 3
"""Grows with every change of how crops are cut, so that old arrays are not taken for new ones."""

_LEAST_RENDER_PX = 40
_LEAST_SEEN = 0.7
"""Share of a render's joints that nothing covers: behind an object or in a pocket there is no hand to learn from."""

_TURN_DEG = 20.0
_SCALES = (0.8, 1.12)
_SHIFT = 0.06
_GAIN, _OFFSET = 0.12, 0.05

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandCrops:
    """Hands in memory.

    Attributes:
        pixels: (n, s, s, 3) uint8 sRGB, s = `STORED_PX`.
        masks: (n, s, s) bool, skin of hand and forearm.
        keypoints: float32 (n, 21, 2) px from the centre of the first pixel, HAND21.
        sources: folder and file, or shard and key, of each.
        held_out: (n,) bool.
    """

    pixels: np.ndarray
    masks: np.ndarray
    keypoints: np.ndarray
    sources: tuple[str, ...]
    held_out: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Hands as the networks see them: pixels (n, s, s, 3) uint8, masks (n, s, s) bool, keypoints (n, 21, 2) px."""

    pixels: np.ndarray
    masks: np.ndarray
    keypoints: np.ndarray


def load_crops(photographs: Sequence[Path], renders: Sequence[Path], cache: Path, say: Say) -> HandCrops:
    """Returns all crops; cuts those of each folder once and keeps them below `cache`.

    Args:
        photographs: folders of photographs of normal hands.
        renders: folders of shards of the stream `hands`, or shards.
        cache: folder for the arrays.
        say: told about each folder that is cut.

    Raises:
        AssetMissing: a folder is missing or holds no hand.
    """
    parts = [
        _kept(cache / f"{kind}{_CUT}-{_digest(folder)}.npz", folder, rows, say)
        for kind, folders, rows in (("photographs", photographs, _photograph_rows), ("renders", renders, _render_rows))
        for folder in folders
    ]
    if not parts:
        raise AssetMissing("expected a folder of hands, got none; give one with --photographs DIR or --renders SHARDS")
    sources = tuple(str(source) for part in parts for source in part["sources"])
    return HandCrops(
        pixels=np.concatenate([part["pixels"] for part in parts]),
        masks=np.concatenate([part["masks"] for part in parts]),
        keypoints=np.concatenate([part["keypoints"] for part in parts]),
        sources=sources,
        held_out=np.array([is_held_out(source) for source in sources]),
    )


def is_held_out(source: str) -> bool:
    """Tells whether a source stays out of training; the same in every run and for every mixture of folders."""
    return int(hashlib.sha256(source.encode()).hexdigest()[:8], 16) / 16**8 < HELD_OUT_SHARE


def draw_batch(
    crops: HandCrops, indices: np.ndarray, rng: np.random.Generator, *, size_px: int, vary: bool = True
) -> Batch:
    """Returns crops turned, scaled, shifted, mirrored and relit a little; the same for the same generator's state."""
    drawn = [_drawn(crops, int(index), rng, size_px, vary) for index in indices]
    pixels, masks, keypoints = zip(*drawn, strict=True)
    return Batch(pixels=np.stack(pixels), masks=np.stack(masks), keypoints=np.stack(keypoints))


def _drawn(
    crops: HandCrops, index: int, rng: np.random.Generator, size_px: int, vary: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draws = rng.random(8)
    turn = np.deg2rad(_TURN_DEG) * (2 * draws[0] - 1) * vary
    scale = size_px / STORED_PX * (_SCALES[0] + (_SCALES[1] - _SCALES[0]) * draws[1] if vary else 1.0)
    shift = _SHIFT * size_px * (2 * draws[2:4] - 1) * vary
    mirror = -1.0 if vary and draws[4] < 0.5 else 1.0
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([mirror, 1.0])
    centre = (STORED_PX - 1) / 2
    offset = (size_px - 1) / 2 + shift - linear @ (centre, centre)
    affine = np.column_stack([linear, offset])
    size = (size_px, size_px)
    pixels = cv2.warpAffine(crops.pixels[index], affine, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
    mask = cv2.warpAffine(crops.masks[index].astype(np.uint8), affine, size, borderMode=cv2.BORDER_REFLECT)
    keypoints = crops.keypoints[index] @ linear.T + offset
    if vary:
        lit = pixels * (1 + _GAIN * (2 * draws[5] - 1)) + 255 * _OFFSET * (2 * draws[6] - 1)
        pixels = np.clip(lit + 0.5, 0, 255).astype(np.uint8)
    return pixels, mask > 0, keypoints.astype(np.float32)


Row = tuple[np.ndarray, np.ndarray, np.ndarray, str]
"""Pixels, mask, keypoints and source of one crop."""


def _kept(file: Path, folder: Path, rows: Callable[[Path], Iterator[Row]], say: Say) -> dict[str, np.ndarray]:
    """Returns the arrays of a folder, from the cache if they are there."""
    if not file.is_file():
        say(f"cutting the hands of {folder}")
        pixels, masks, keypoints, sources = zip(*rows(folder), strict=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_suffix(".part.npz")
        np.savez_compressed(
            scratch, pixels=np.stack(pixels), masks=np.stack(masks), keypoints=np.stack(keypoints), sources=sources
        )
        scratch.replace(file)
    with np.load(file, allow_pickle=False) as data:
        return dict(data)


def _digest(folder: Path) -> str:
    files = sorted((path.name, path.stat().st_size) for path in folder.rglob("*") if path.is_file())
    return f"{folder.name}-{hashlib.sha256(json.dumps([STORED_PX, files]).encode()).hexdigest()[:12]}"


def _photograph_rows(folder: Path) -> Iterator[Row]:
    from limbfix.synthesis.photographs import open_hand_photos

    for photo in open_hand_photos(folder, size_px=STORED_PX):
        keypoints = from_first_centre(photo.keypoints).astype(np.float32)
        yield photo.pixels, photo.mask, keypoints, f"{folder.name}/{photo.source}"


def _render_rows(folder: Path) -> Iterator[Row]:
    from limbfix.synthesis.shards import read_shard

    found = 0
    for shard in sorted(folder.rglob("*.tar")) if folder.is_dir() else [folder]:
        for sample in read_shard(shard):
            if sample.role == "defect":
                continue
            for hand in sample.instances:
                row = _render_row(sample, hand)
                if row is not None:
                    found += 1
                    yield row
    if not found:
        raise AssetMissing(f"expected shards of the stream `hands` at {folder}, found no normal hand in them")


def _render_row(sample: Sample, hand: Instance) -> Row | None:
    """Cuts one whole, normal hand that is mostly seen out of a render; None for any other."""
    from limbfix.synthesis.samples import PART_ID, SURFACE_ID

    joints = _normal_joints(sample, hand)
    if joints is None:
        return None
    xy = np.array([joint.xy for joint in joints], np.float32)
    window = _render_window(xy, *sample.pixels.shape[1::-1])
    if np.mean([joint.visible for joint in joints]) < _LEAST_SEEN or window is None:
        return None
    left, top, side = window
    skin = np.isin(sample.surface_map, [SURFACE_ID["skin"], SURFACE_ID["nail"], SURFACE_ID["jewellery"]])
    shown = skin & (sample.part_map >= PART_ID["forearm"]) & (sample.part_map <= PART_ID["little_nail"])
    pixels, mask = (
        cv2.resize(
            np.ascontiguousarray(array[top : top + side, left : left + side]), (STORED_PX, STORED_PX), interpolation=way
        )
        for array, way in ((sample.pixels, cv2.INTER_CUBIC), (shown.astype(np.uint8), cv2.INTER_NEAREST))
    )
    keypoints = from_first_centre((xy - (left, top)) * (STORED_PX / side))
    return pixels, mask > 0, keypoints.astype(np.float32), f"{sample.stream}/{sample.key}"


def _normal_joints(sample: Sample, hand: Instance) -> list[Joint] | None:
    """Returns the 21 joints of a hand with five normal digits; None for anything else."""
    digits = sample.hand_digits(hand.id)
    if hand.kind != "hand" or hand.faults or any(digit.faults or not digit.present for digit in digits):
        return None
    named = {digit.name: digit for digit in digits}
    if len(digits) != len(DIGITS) or set(named) != set(DIGITS):
        return None
    joints = [hand.joints[0], *(joint for name in DIGITS for joint in named[name].joints)]
    return joints if len(joints) == 21 and np.isfinite([joint.xy for joint in joints]).all() else None


def _render_window(xy: np.ndarray, width: int, height: int) -> tuple[int, int, int] | None:
    """Returns left, top and side of a square inside the picture around joints; None where it would cut or swell the hand.

    Never past the picture's edge: a mirrored edge would show a second hand.
    """
    low, high = xy.min(axis=0), xy.max(axis=0)
    extent = float((high - low).max())
    side = round(min(extent * _RENDER_SCALE, width, height))
    if (
        extent < _LEAST_RENDER_PX
        or side < extent * _LEAST_SCALE
        or (low < 0).any()
        or (high > (width - 1, height - 1)).any()
    ):
        return None
    left, top = (
        int(np.clip(round(float(centre) - side / 2), 0, limit - side))
        for centre, limit in zip((low + high) / 2, (width, height), strict=True)
    )
    return left, top, side
