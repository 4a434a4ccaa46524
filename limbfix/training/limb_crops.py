"""What does one person of a made picture look like, and what is wrong with the limbs? Kept small in memory, drawn in a new view each time.

A pair stays a pair: a defect and its twin pass the same view and light, so that what differs is the limb.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from limbfix.nets.hand_maps import BORDER
from limbfix.nets.limb_maps import JUDGED, MOST_COUNTED, PLACES, SIDE, STRIDE
from limbfix.synthesis.samples import Instance, Sample
from limbfix.training.body_storage import unpacked

LEAST_PX = 200
"""Pixels of a person who is looked at."""

IN_VIEW = 0.4
"""Share of a limb's outline from which it counts as seen; between `UNCLEAR` and this nobody says how many there are."""

UNCLEAR = 0.15

UNKNOWN = -1
"""A count that nobody knows."""

_EXTRA = ("extra_arm", "extra_leg")
_ZOOMS = (1.0, 1.6)
"""Side of a view in longer sides of the person's box."""

_UPRIGHT, _TURN, _SHIFT = 0.85, 0.12, 0.06
"""Share of views that are about upright, within so many radians (standard deviation); shift in sides of the crop."""

_OTHER_PEOPLE, _OTHER_PLACE = 0.3, 0.35
"""Share of made people who are put before another made picture, and before another place."""

_SOFT_BELOW = 0.6
"""Scale from which on downwards a picture is softened before it is sampled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenPerson:
    """One person of a picture.

    Attributes:
        box: x0, y0, x1, y1 px, around every pixel of the person.
        wrong: (6,) bool, what of `JUDGED` is true and seen; known: (6,) bool, what is not merely out of view.
        counts: arms and legs in view, or `UNKNOWN`.
        limbs: ids of the pixels of arms, of legs, and of limbs that are too many.
    """

    box: tuple[float, float, float, float]
    wrong: np.ndarray
    known: np.ndarray
    counts: tuple[int, int]
    limbs: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredPicture:
    """A picture in memory.

    Attributes:
        jpeg: the pixels; ids: PNG of the instance map.
        gone: PNG of where limbs are missing, or None.
        people: by their id.
    """

    jpeg: bytes
    ids: bytes
    gone: bytes | None
    people: dict[int, SeenPerson]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LimbCut:
    """One crop and what is true of it.

    Attributes:
        pixels: (SIDE, SIDE, 3) uint8.
        places: (4, cells, cells) float32, share of each cell; weight of them: 0 where nobody knows.
        wrong, known: (6,) float32.
        counts: (2,) int64.
    """

    pixels: np.ndarray
    places: np.ndarray
    place_weight: float
    wrong: np.ndarray
    known: np.ndarray
    counts: np.ndarray


@dataclass(slots=True, kw_only=True)
class LimbStock:
    """All stored people.

    Attributes:
        wrong, usual: pairs of pictures with a person who is in both: one of whom something is wrong in the first, or nothing in either.
        photographs: of one real person each, with the box.
        places: JPEGs of places without people.
    """

    wrong: list[tuple[StoredPicture, StoredPicture, int]] = field(default_factory=list)
    usual: list[tuple[StoredPicture, StoredPicture, int]] = field(default_factory=list)
    photographs: list[tuple[bytes, tuple[float, float, float, float]]] = field(default_factory=list)
    places: list[bytes] = field(default_factory=list)

    def add(self, samples: Iterable[Sample]) -> None:
        """Stores made pictures, whose pairs come one after the other."""
        for _, members in itertools.groupby(samples, lambda sample: sample.group):
            pair = sorted(members, key=lambda sample: sample.role != "defect")[:2]
            if len(pair) < 2:
                continue
            one, other = map(store_picture, pair)
            for person in one.people.keys() & other.people.keys():
                kind = self.wrong if one.people[person].wrong.any() else self.usual
                kind.append((one, other, person))

    def add_photographs(self, folder: Path) -> None:
        """Stores the photographs of a folder, each of one person with sound limbs who fills it."""
        for small in _small_pictures(folder):
            self.photographs.append((_jpeg(small), (0.0, 0.0, float(small.shape[1]), float(small.shape[0]))))

    def add_places(self, folder: Path) -> None:
        """Stores the pictures of a folder, which show places without people."""
        self.places += [_jpeg(small) for small in _small_pictures(folder)]

    def drawn_ground(self, rng: np.random.Generator) -> np.ndarray | None:
        """Returns what a person of a made picture is put before, (SIDE, SIDE, 3) uint8: a place, another picture with its people, or None for its own ground.

        Other people behind teach that their limbs are nobody else's; other places, that a place says nothing of limbs.
        """
        which = rng.random()
        if which < _OTHER_PEOPLE:
            kind = self.wrong if rng.random() < 0.5 or not self.usual else self.usual
            one, other, _ = kind[int(rng.integers(len(kind)))]
            return _covering((one if rng.random() < 0.5 else other).jpeg, rng)
        if which < _OTHER_PEOPLE + _OTHER_PLACE and self.places:
            return _covering(self.places[int(rng.integers(len(self.places)))], rng)
        return None


def _small_pictures(folder: Path) -> Iterator[np.ndarray]:
    """Yields the JPEGs of a folder, RGB, their longer side 256 px."""
    for file in sorted(folder.glob("*.jp*g")):
        pixels = cv2.imread(str(file))
        if pixels is None:
            print(f"{file}: expected a picture, left out", flush=True)
            continue
        scale = 256 / max(pixels.shape[:2])
        yield cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[..., ::-1]


def _covering(jpeg: bytes, rng: np.random.Generator) -> np.ndarray:
    """Returns a part of a picture that fills a crop."""
    pixels = unpacked(jpeg)[..., ::-1]
    height, width = pixels.shape[:2]
    scale = SIDE / min(height, width) * float(rng.uniform(1.0, 1.6))
    mirror = rng.choice([-1.0, 1.0])
    x, y = (rng.uniform(SIDE / 2, scale * side - SIDE / 2) for side in (width, height))
    view = np.array([[mirror * scale, 0, SIDE / 2 - mirror * x], [0, scale, SIDE / 2 - y]])
    return _warped(pixels, view, border=cv2.BORDER_REFLECT)


def store_picture(sample: Sample) -> StoredPicture:
    """Keeps a made picture of whole people."""
    items = {item.id: item for item in sample.instances}
    roots = {number: _root(items, number) for number in items}
    owner_of = np.zeros(max(items, default=0) + 1, np.int64)
    for number, root in roots.items():
        owner_of[number] = root
    owners = owner_of[sample.instance_map]
    people = {}
    for person in (item.id for item in sample.instances if item.kind == "person"):
        ys, xs = np.nonzero(owners == person)
        if len(xs) >= LEAST_PX:
            box = (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
            people[person] = _seen(sample, items, roots, person, box)
    gone = [
        defect.region
        for defect in sample.defects
        if defect.visible and defect.region is not None and "missing" in defect.code.value
    ]
    return StoredPicture(
        jpeg=_jpeg(sample.pixels),
        ids=_png(sample.instance_map),
        gone=_png(np.any(gone, axis=0).astype(np.uint8)) if gone else None,
        people=people,
    )


def _seen(
    sample: Sample,
    items: dict[int, Instance],
    roots: dict[int, int],
    person: int,
    box: tuple[float, float, float, float],
) -> SeenPerson:
    wrong, known = np.zeros(len(JUDGED), bool), np.ones(len(JUDGED), bool)
    surplus: set[int] = set()
    for defect in sample.defects:
        name = defect.code.value.removeprefix("person.")
        own = {number for number in defect.instances if roots.get(number) == person}
        if not own or name not in JUDGED:
            continue
        row = JUDGED.index(name)
        wrong[row] |= defect.visible
        known[row] &= defect.visible
        if defect.visible and name in _EXTRA:
            surplus |= own
    limb_of = {number: _limb(items, number) for number in items if roots[number] == person}
    kinds = {number: items[limb].kind for number, limb in limb_of.items() if limb is not None}
    arms, legs = (tuple(number for number, kind in kinds.items() if kind == name) for name in PLACES[:2])
    extra = tuple(number for number in kinds if number in surplus or limb_of[number] in surplus)
    counts = (_in_view(sample, person, "arm"), _in_view(sample, person, "leg"))
    return SeenPerson(box=box, wrong=wrong, known=known, counts=counts, limbs=(arms, legs, extra))


def _in_view(sample: Sample, person: int, kind: str) -> int:
    shares = [
        item.visible_fraction
        for item in sample.instances
        if item.owner == person and item.kind == kind and item.present
    ]
    if any(UNCLEAR < share < IN_VIEW for share in shares):
        return UNKNOWN
    return min(MOST_COUNTED, sum(share >= IN_VIEW for share in shares))


def _root(items: dict[int, Instance], number: int) -> int:
    while (owner := items[number].owner) is not None:
        number = owner
    return number


def _limb(items: dict[int, Instance], number: int | None) -> int | None:
    while number is not None and items[number].kind not in PLACES[:2]:
        number = items[number].owner
    return number


def _jpeg(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def _png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


def drawn_view(box: tuple[float, float, float, float], rng: np.random.Generator) -> np.ndarray:
    """Returns the (2, 3) matrix of a square around a person that scales, turns, shifts and perhaps mirrors."""
    x0, y0, x1, y1 = box
    zoom = float(np.exp(rng.uniform(*np.log(_ZOOMS))))
    angle = rng.normal(0, _TURN) if rng.random() < _UPRIGHT else rng.uniform(-np.pi, np.pi)
    mirror, shift = rng.choice([-1.0, 1.0]), rng.normal(0, _SHIFT, 2)
    scale = SIDE / (max(x1 - x0, y1 - y0, 1.0) * zoom)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[mirror * cosine, -sine], [mirror * sine, cosine]])
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return np.column_stack([linear, SIDE / 2 + shift * SIDE - linear @ middle])


def cut_person(
    picture: StoredPicture,
    person: int,
    view: np.ndarray,
    light: Callable[[np.ndarray], np.ndarray],
    ground: np.ndarray | None = None,
) -> LimbCut:
    """Returns a person of a made picture, seen through a view.

    Args:
        picture, person: who.
        view: (2, 3) matrix.
        light: changes the pixels.
        ground: (SIDE, SIDE, 3) uint8, shown where the picture has neither people nor things; None for its own.
    """
    seen = picture.people[person]
    ids = _warped(unpacked_ids(picture.ids), view, cv2.INTER_NEAREST)
    pixels = _warped(unpacked(picture.jpeg)[..., ::-1], view)
    if ground is not None:
        whole = np.ones(unpacked_ids(picture.ids).shape, np.uint8)
        is_ground = (ids == 0) & (_warped(whole, view, cv2.INTER_NEAREST) > 0)  # beyond the frame there is nothing
        pixels = np.where(is_ground[..., None], ground, pixels)
    places = np.zeros((len(PLACES), SIDE // STRIDE, SIDE // STRIDE), np.float32)
    for row, numbers in enumerate(seen.limbs):
        if numbers:
            places[row] = _shares(np.isin(ids, numbers))
    if picture.gone is not None and seen.wrong[len(_EXTRA) :].any():
        places[-1] = _shares(_warped(unpacked_ids(picture.gone), view, cv2.INTER_NEAREST) > 0)
    return LimbCut(
        pixels=light(pixels),
        places=places,
        place_weight=1.0,
        wrong=seen.wrong.astype(np.float32),
        known=seen.known.astype(np.float32),
        counts=np.array(seen.counts, np.int64),
    )


def cut_photograph(jpeg: bytes, view: np.ndarray, light: Callable[[np.ndarray], np.ndarray]) -> LimbCut:
    """Returns a real person with sound limbs, of whom nobody knows what lies where."""
    cells = SIDE // STRIDE
    return LimbCut(
        pixels=light(_warped(unpacked(jpeg)[..., ::-1], view)),
        places=np.zeros((len(PLACES), cells, cells), np.float32),
        place_weight=0.0,
        wrong=np.zeros(len(JUDGED), np.float32),
        known=np.ones(len(JUDGED), np.float32),
        counts=np.full(2, UNKNOWN, np.int64),
    )


def unpacked_ids(data: bytes) -> np.ndarray:
    """Returns a map of ids as it was stored, uint8 or uint16."""
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))


def _warped(
    pixels: np.ndarray, view: np.ndarray, how: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_CONSTANT
) -> np.ndarray:
    pixels = np.ascontiguousarray(pixels)
    scale = float(np.sqrt(abs(np.linalg.det(view[:, :2]))))
    is_picture = how == cv2.INTER_LINEAR
    if is_picture and scale < _SOFT_BELOW:
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.5 / scale)
    beyond = BORDER if is_picture else 0
    return cv2.warpAffine(pixels, view, (SIDE, SIDE), flags=how, borderMode=border, borderValue=beyond)


def _shares(mask: np.ndarray) -> np.ndarray:
    return cv2.resize(mask.astype(np.float32), (SIDE // STRIDE,) * 2, interpolation=cv2.INTER_AREA)
