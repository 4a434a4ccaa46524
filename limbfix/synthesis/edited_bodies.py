"""How does a photograph of a person pass through limb surgery? Cropped around the person, split, edited, shrunk, labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.crops import crop_pixels
from limbfix.geometry import Box
from limbfix.images import open_picture
from limbfix.layouts import BLAZEPOSE33
from limbfix.synthesis.edit_body_labels import body_picture, concerned_instances
from limbfix.synthesis.edit_pairs import WORK_SCALE, EditedPair, shrunk_region
from limbfix.synthesis.photograph_joints import BodySighting
from limbfix.synthesis.photographs import BodyPhoto, BodyPhotos, frame_square, uppermost
from limbfix.synthesis.samples import Defect
from limbfix.synthesis.surgery.body_regions import split_body
from limbfix.synthesis.surgery.body_scene import BodyScene
from limbfix.synthesis.surgery.limbs import LIMB_OPERATORS, BodyEdit, relaid_limb

PHOTO_SCALE = 2.0
"""Longer side of a whole photograph over the finished side: a person who fills half of it is cut at full size."""

_CROP_SCALE = 1.35
"""Side of the crop over the person's longer side: room for a limb that is laid aside."""

_LEAST_JOINTS = 6
"""Of the eight of elbows, wrists, knees and ankles: how many must be seen, lest a bus pass for a person."""

_MOST_HANDS = 1.0
"""Hands of 64 px for each person, up to which a folder is one of people."""

_SEEN = 0.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Person:
    """A square crop of a person: pixels, (33, 2) px joints, visibility (33,), mask."""

    pixels: np.ndarray
    keypoints: np.ndarray
    visibility: np.ndarray
    mask: np.ndarray


class BodySurgery:
    """Limb surgery on a folder of people. See `edit_pairs.Surgery`.

    Args:
        photos: whole pictures, `PHOTO_SCALE` times the finished size.
        size_px: side of the finished pictures.
        close_hands: hands by uppermost folder. The pose model sees a body in the close-up of a hand, all its limbs included; a
            folder that shows more hands than people is not believed.
    """

    def __init__(self, photos: BodyPhotos, size_px: int, *, close_hands: Counter[str] | None = None) -> None:
        self._photos, self._size_px = photos, size_px
        self._usable = usable_people(photos.sightings, close_hands or Counter())
        self.operators = tuple(LIMB_OPERATORS) if self._usable else ()

    @property
    def count(self) -> int:
        """See `Surgery.count`."""
        return len(self._usable)

    def make(self, name: str, rng: np.random.Generator) -> EditedPair | None:
        """See `Surgery.make`."""
        if not self._usable:
            return None
        photo = self._photos[self._usable[int(rng.integers(len(self._usable)))]]
        mirrored = bool(rng.random() < 0.5)
        person = _cropped(photo, round(WORK_SCALE * self._size_px), mirrored=mirrored)
        if person is None:
            return None
        scene = BodyScene(pixels=person.pixels, regions=split_body(person.keypoints, person.visibility, person.mask))
        edit = LIMB_OPERATORS[name](scene, rng) if name else None
        twin = relaid_limb(scene, rng) if not name else edit.twin if edit is not None and edit.visible else None
        if twin is None:
            return None
        recipe = {"photograph": photo.source, "sha256": photo.sha256, "mirrored": mirrored}
        nose, size_px = scene.regions.nose, self._size_px
        return EditedPair(
            plain=body_picture(scene.untouched(), nose, size_px),
            twin=body_picture(twin, nose, size_px),
            wrong=None if edit is None else body_picture(edit.defect, nose, size_px),
            operator="surgery.relaid_limb" if edit is None else edit.operator,
            defect=None if edit is None else _defect(edit, size_px),
            recipe=recipe,
        )


def usable_people(sightings: Sequence[BodySighting], close_hands: Counter[str]) -> list[int]:
    """Returns the places of bodies whose limbs are seen, in folders that show more people than close-ups of hands.

    Args:
        sightings: of bodies.
        close_hands: hands by uppermost folder.
    """
    shown = [i for i, body in enumerate(sightings) if _shows_limbs(body.keypoints[:, 2])]
    people = Counter(uppermost(sightings[i].file) for i in shown)
    return [i for i in shown if people[place := uppermost(sightings[i].file)] > _MOST_HANDS * close_hands[place]]


def _shows_limbs(visibility: np.ndarray) -> bool:
    return int((visibility[[13, 14, 15, 16, 25, 26, 27, 28]] > _SEEN).sum()) >= _LEAST_JOINTS


def _cropped(photo: BodyPhoto, side_px: int, *, mirrored: bool) -> _Person | None:
    """Cuts a square around the person; None where it would reach beyond the picture, for a reflection shows limbs twice."""
    y, x = np.nonzero(photo.mask)
    if not len(x):
        return None
    height, width = photo.mask.shape
    person = Box(float(x.min()), float(y.min()), float(x.max()) + 1, float(y.max()) + 1)
    box, framing = frame_square(person, width, height, scale=_CROP_SCALE, least=1.0)
    if framing == "reflected":
        return None
    crop = crop_pixels(open_picture(photo.pixels), box, size_wh=(side_px, side_px))
    matrix = np.array([[crop.scale_xy[0], 0, -crop.box.x_min * crop.scale_xy[0]], [0, crop.scale_xy[1], 0]])
    matrix[1, 2] = -crop.box.y_min * crop.scale_xy[1]
    mask = cv2.warpAffine(photo.mask.astype(np.float32), matrix, (side_px, side_px)) > 0.5
    keypoints, visibility, pixels = crop.from_picture(photo.keypoints), photo.visibility, crop.pixels
    if mirrored:
        order = _mirrored_order()
        keypoints = (keypoints * (-1, 1) + (side_px, 0))[order]
        pixels, mask, visibility = np.ascontiguousarray(pixels[:, ::-1]), mask[:, ::-1].copy(), visibility[order]
    return _Person(pixels=pixels, keypoints=keypoints, visibility=visibility, mask=mask)


def _mirrored_order() -> list[int]:
    """Returns for each landmark the index of its counterpart on the other side."""
    names = BLAZEPOSE33.landmarks
    swap = {"left": "right", "right": "left"}
    return [names.index("_".join(swap.get(word, word) for word in name.split("_"))) for name in names]


def _defect(edit: BodyEdit, size_px: int) -> Defect:
    return Defect(
        code=edit.code,
        operator=edit.operator,
        instances=concerned_instances(edit),
        visible=edit.visible,
        region=shrunk_region(edit.region, size_px),
    )
