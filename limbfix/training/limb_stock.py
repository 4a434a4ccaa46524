"""What is kept of made people, and what is wrong with their limbs? Small in memory, a defect beside its twin; and photographs and places beside them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from limbfix.nets.limb_maps import JUDGED, MOST_COUNTED, PLACES
from limbfix.synthesis.samples import Instance, Sample
from limbfix.training.judge_setup import UNKNOWN
from limbfix.training.small_pictures import jpeg_of, small_jpegs, small_pictures

LEAST_PX = 200
"""Pixels of a person who is looked at."""

IN_VIEW = 0.4
"""Share of a limb's outline from which it counts as seen; between `UNCLEAR` and this nobody says how many there are."""

UNCLEAR = 0.15

EXTRA = ("extra_arm", "extra_leg")
"""Of `JUDGED`, limbs that are too many: its first ones."""


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
        for small in small_pictures(folder):
            self.photographs.append((jpeg_of(small), (0.0, 0.0, float(small.shape[1]), float(small.shape[0]))))

    def add_places(self, folder: Path) -> None:
        """Stores the pictures of a folder, which show places without people."""
        self.places += small_jpegs(folder)


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
        jpeg=jpeg_of(sample.pixels),
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
        if defect.visible and name in EXTRA:
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


def _png(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()
