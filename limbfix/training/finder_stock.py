"""What are the finder's training pictures made of? Pictures with the outlines of their hands, kept in memory: renders, photographs, places.

An outline is a convex polygon around palm and digits. It gives the tight box after any turn and scale, which a box cannot.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from limbfix.discovery import SUFFIXES
from limbfix.errors import AssetMissing
from limbfix.images import open_picture
from limbfix.synthesis.samples import Instance, Sample

Say = Callable[[str], None]

PLACE_PX = 400
"""Longest side of a place in memory."""

PHOTO_PX = 480
"""Longest side of a photograph in memory."""

_LEAST_PX = 30
"""Pixels that a hand in a render must show to count; fewer are left open, neither hand nor none."""

_LEAST_SHARE = 0.12
"""Share of a hand's outline that must be seen for the same."""

_JOINTS_GROW = 1.18
"""Joints lie inside the flesh: an outline of joints grows by this from its centre."""

HELD_OUT_PLACES = 1 / 3
HELD_OUT_PHOTOS = 0.15
"""Shares that never train; they choose the threshold and say whether hands are found."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stock:
    """One picture and its hands.

    Attributes:
        pixels: (h, w, 3) uint8.
        mask: (h, w) uint8 0 or 1, people and what they hold, to be cut out; None where only the whole picture can be used.
        hands: float32 (k, 2) px each, convex outlines of hands.
        vague: the same of hands that show too little to ask for them, and too much to deny them.
        group: of pictures that are alike: a defect and its twin, a webcam session; "" for a picture that is like no other.
    """

    pixels: np.ndarray
    mask: np.ndarray | None
    hands: tuple[np.ndarray, ...]
    vague: tuple[np.ndarray, ...] = ()
    group: str = ""


def held_out(name: str, share: float) -> bool:
    """Returns whether a file stays out of training: by its name alone, so that every run agrees."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8 < share


def photo_group(file: str) -> str:
    """Returns what is held out together: a webcam session of subhih, else the file itself."""
    return file.split("_pic")[0]


def stock_of(sample: Sample) -> Stock:
    """Takes the hands of a made picture off its instance map."""
    hands, vague = [], []
    for hand in sample.instances:
        if hand.kind != "hand":
            continue
        ids = [hand.id, *(item.id for item in sample.hand_digits(hand.id))]
        seen = np.isin(sample.instance_map, ids)
        if seen.any():
            outline = outline_of(seen)
            (hands if _shows(hand, seen, outline) else vague).append(outline)
    mask = (sample.instance_map > 0).astype(np.uint8)
    return Stock(pixels=sample.pixels, mask=mask, hands=tuple(hands), vague=tuple(vague), group=sample.group)


def outline_of(seen: np.ndarray) -> np.ndarray:
    """Returns the convex outline of (h, w) bool pixels, float32 (k, 2), on the pixels' outer edges."""
    rows, columns = np.nonzero(seen)
    corners = np.concatenate([np.stack([columns + x, rows + y], 1) for x in (0, 1) for y in (0, 1)])
    return cv2.convexHull(corners.astype(np.float32))[:, 0]


def ellipse_of(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Returns an ellipse that fills a box, float32 (24, 2): what is guessed of a hand of which only the box is known."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    centre, half = np.array([x0 + x1, y0 + y1]) / 2, np.array([x1 - x0, y1 - y0]) / 2
    return (centre + half * np.stack([np.cos(turn), np.sin(turn)], 1)).astype(np.float32)


class MadeReader:
    """Reads shards of the data engine, each once; asked again, it reads those that were added since.

    Args:
        folders: searched below too; shards in work are left alone.
        most: pictures that are kept of each shard.
        say: told about each shard.

    Attributes:
        stock: of each folder.
    """

    def __init__(self, folders: Sequence[Path], most: int, say: Say) -> None:
        self._folders, self._most, self._say = folders, most, say
        self._read: set[Path] = set()
        self.stock: list[list[Stock]] = [[] for _ in folders]

    def read_new(self, shards: int | None = None) -> int:
        """Reads at most so many new shards, all of them by default; returns how many it read."""
        from limbfix.synthesis.shards import read_shard

        found = [(path, place) for place, folder in enumerate(self._folders) for path in sorted(folder.rglob("*.tar"))]
        new = [(path, place) for path, place in found if path not in self._read and ".scratch" not in path.parts]
        for path, place in new[:shards]:
            # On photographs of people, hands are mostly not labelled.
            fitting = (s for s in read_shard(path) if s.exact or all(item.kind != "person" for item in s.instances))
            self.stock[place] += [stock_of(sample) for sample in islice(fitting, self._most)]
            self._read.add(path)
            self._say(f"{path}: {len(self.stock[place])} pictures of its folder so far")
        return len(new[:shards])


def read_photos(folder: Path, say: Say, *, training: bool = True) -> list[Stock]:
    """Reads photographs: boxes of `labels.csv` where there are some, else an outline of MediaPipe's joints.

    Args:
        folder: with a folder for each source, and `labels.csv`.
        say: told how many came.
        training: those to train with; False for those that are held out.
    """
    from limbfix.synthesis.photograph_joints import find_hands

    outlines: dict[str, list[np.ndarray]] = {}
    for file, boxes, size_wh in _labelled(folder):
        outlines[file] = [ellipse_of(*(np.array(box) * (*size_wh, *size_wh))) for box in boxes]
    for source in sorted(path for path in folder.iterdir() if path.is_dir()):
        if any(file.startswith(f"{source.name}/") for file in outlines):
            continue
        for hand in find_hands(source):
            xy = np.array(hand.keypoints, np.float32)
            centre = (xy.min(0) + xy.max(0)) / 2
            hull = cv2.convexHull(xy)[:, 0]
            outlines.setdefault(f"{source.name}/{hand.file}", []).append(centre + _JOINTS_GROW * (hull - centre))
    chosen = {file for file in outlines if held_out(photo_group(file), HELD_OUT_PHOTOS) != training}
    stock = [_photo(folder / file, outlines[file], photo_group(file)) for file in sorted(chosen)]
    say(f"{folder}: {len(stock)} photographs")
    return stock


def read_places(folder: Path, say: Say, *, training: bool = True) -> list[Stock]:
    """Reads pictures without people; `training=False` for the third that is held out."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    if not files:
        raise AssetMissing(f"expected pictures without people in {folder}, found none; check --places")
    chosen = [path for path in files if held_out(path.name, HELD_OUT_PLACES) != training]
    stock = [Stock(pixels=_open(path, PLACE_PX)[0], mask=None, hands=()) for path in chosen]
    say(f"{folder}: {len(stock)} places")
    return stock


def _shows(hand: Instance, seen: np.ndarray, outline: np.ndarray) -> bool:
    """Returns whether a person would see a hand there: enough pixels, not only slivers, not almost all covered."""
    pixels = int(seen.sum())
    covered = hand.visible_fraction < _LEAST_SHARE  # False where it is nan
    return pixels >= _LEAST_PX and not covered and pixels >= 0.15 * cv2.contourArea(outline)


def _labelled(folder: Path) -> Iterator[tuple[str, list[tuple[float, ...]], tuple[int, int]]]:
    table = folder / "labels.csv"
    if not table.is_file():
        return
    with table.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["boxes_xyxy01"]:
                boxes = [tuple(map(float, box.split())) for box in row["boxes_xyxy01"].split("|")]
                yield row["file"], boxes, (int(row["width"]), int(row["height"]))


def _photo(path: Path, outlines: list[np.ndarray], group: str) -> Stock:
    pixels, scale = _open(path, PHOTO_PX)
    hands = tuple((xy * scale).astype(np.float32) for xy in outlines)
    return Stock(pixels=pixels, mask=None, hands=hands, group=group)


def _open(path: Path, most_px: int) -> tuple[np.ndarray, float]:
    """Returns a picture whose longest side is at most `most_px`, and its scale."""
    pixels = open_picture(path).pixels
    scale = min(1.0, most_px / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), scale
