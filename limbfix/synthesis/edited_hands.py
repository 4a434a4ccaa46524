"""How does a photograph of a hand pass through finger surgery? Placed at 1.25 times its size, split, edited, shrunk, labelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from limbfix.filling import MOST_MISFIT
from limbfix.synthesis.edit_hand_labels import hand_picture
from limbfix.synthesis.edit_pairs import EditedPair, shrunk_region
from limbfix.synthesis.photo_samples import FIRST, placed
from limbfix.synthesis.photographs import HandPhotos, uppermost
from limbfix.synthesis.samples import Defect, Side
from limbfix.synthesis.surgery.fingers import FINGER_OPERATORS, may_suit, respaced
from limbfix.synthesis.surgery.hand_edits import HandEdit
from limbfix.synthesis.surgery.hand_scene import HandScene, HandVersion
from limbfix.synthesis.surgery.regions import split_hand, straight_digits


class HandSurgery:
    """Finger surgery on a folder of hands. See `edit_pairs.Surgery`.

    Args:
        photos: at `edit_pairs.WORK_SCALE` times the finished size.
        size_px: side of the finished pictures.
    """

    def __init__(self, photos: HandPhotos, size_px: int) -> None:
        self._photos, self._size_px = photos, size_px
        suited = {name: _by_folder(photos, name) for name in ("", *FINGER_OPERATORS)}
        self._suited = {name: folders for name, folders in suited.items() if folders}
        self.operators = tuple(name for name in self._suited if name)

    @property
    def count(self) -> int:
        """See `Surgery.count`."""
        return sum(map(len, self._suited.get("", [])))

    def make(self, name: str, rng: np.random.Generator) -> EditedPair | None:
        """See `Surgery.make`."""
        folders = self._suited.get(name)
        if not folders:
            return None
        chosen = folders[int(rng.integers(len(folders)))]
        photo = self._photos[chosen[int(rng.integers(len(chosen)))]]
        pixels, keypoints, mask, side, turned = placed(photo, rng)
        scene = HandScene(pixels, split_hand(keypoints.astype(np.float64), mask))
        recipe = {"photograph": photo.source, "sha256": photo.sha256, "placed": turned, "mask": photo.mask_source}
        if not name:
            version = respaced(scene, rng)
            if version is None or scene.misfit > MOST_MISFIT:
                return None
            return self._pair(scene, side, version, None, recipe)
        edit = FINGER_OPERATORS[name](scene, rng)
        if edit is None or not edit.visible or scene.misfit > MOST_MISFIT:
            return None
        return self._pair(scene, side, edit.twin, edit, recipe)

    def _pair(
        self, scene: HandScene, side: Side, twin: HandVersion, edit: HandEdit | None, recipe: Mapping[str, Any]
    ) -> EditedPair:
        wrist, size_px = scene.regions.keypoints[0], self._size_px
        return EditedPair(
            plain=hand_picture(scene.untouched(), wrist, side, size_px),
            twin=hand_picture(twin, wrist, side, size_px),
            wrong=None if edit is None else hand_picture(edit.defect, wrist, side, size_px),
            operator="surgery.respaced" if edit is None else edit.operator,
            defect=None if edit is None else _defect(edit, size_px),
            recipe=recipe,
        )


def _by_folder(photos: HandPhotos, name: str) -> list[list[int]]:
    """Returns the hands that may suit an operator, by the uppermost folder: a large collection shall not drown the others."""
    folders: dict[str, list[int]] = {}
    for index, sighting in enumerate(photos.sightings):
        if may_suit(name, straight_digits(np.array(sighting.keypoints))):
            folders.setdefault(uppermost(sighting.file), []).append(index)
    return [folders[folder] for folder in sorted(folders)]


def _defect(edit: HandEdit, size_px: int) -> Defect:
    return Defect(
        code=edit.code,
        operator=edit.operator,
        instances=tuple(FIRST + index for index in edit.concerned),
        visible=edit.visible,
        region=shrunk_region(edit.region, size_px),
    )
