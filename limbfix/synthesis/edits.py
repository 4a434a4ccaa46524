"""Stream 3: which photographs were edited, and how? Hands and limbs of photographs after surgery, each with its benign twin.

Every picture passes the same resampling before and after the surgery, the untouched ones too: a photograph is placed
(mirrored, turned, scaled) at 1.25 times the wanted size, edited there and shrunk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbfix.crops import resized
from limbfix.errors import SynthesisError, UsageError
from limbfix.synthesis.degradation import Degradation, sample_degradation
from limbfix.synthesis.edit_labels import hand_labels
from limbfix.synthesis.photo_samples import FIRST, placed
from limbfix.synthesis.photographs import HandPhotos, open_hand_photos
from limbfix.synthesis.samples import Defect, Role, Sample, Side
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.streams import StreamOptions, key_of
from limbfix.synthesis.surgery.fingers import FINGER_OPERATORS, may_suit, respaced
from limbfix.synthesis.surgery.hand_edits import HandEdit
from limbfix.synthesis.surgery.hand_scene import HandScene, HandVersion
from limbfix.synthesis.surgery.layers import dilated
from limbfix.synthesis.surgery.regions import split_hand, straight_digits

_WORK_SCALE = 1.25
"""Side of the picture that is edited over that of the finished one: shrinking hides what resampling a finger blurs."""

_PLAIN_SHARE = 0.25
"""Share of groups of a benign operation and the untouched picture."""

_TRIES = 60
"""Hands that one group looks at before it gives up; one in two suits."""

_UNSUITED = "expected one of {} hands to suit the operator '{}', none did; give photographs with more open hands (--photographs DIR)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bench:
    """A hand laid out for surgery."""

    scene: HandScene
    side: Side
    recipe: Mapping[str, Any]


_Make = Callable[[int, _Bench, str, np.random.Generator], tuple[Sample, ...] | None]


class EditedPhotographs:
    """Groups of two: a defect and its twin, or a benign operation and the untouched picture.

    Args:
        options: of the stream.
        photos: hands, at 1.25 times `options.size_px`.
    """

    name = "edits"
    group_size = 2

    def __init__(self, options: StreamOptions, photos: HandPhotos) -> None:
        self._options, self._photos = options, photos
        self._suited = {name: _by_folder(photos, name) for name in ("", *FINGER_OPERATORS)}

    def group(self, index: int) -> tuple[Sample, ...]:
        """Returns the two pictures of a group. See `Stream.group`."""
        rng = rng_for(self._options.seed, self.name, index, "plan")
        name = "" if rng.random() < _PLAIN_SHARE else self._operator(rng)
        return self._tried(index, name, self._pair if name else self._benign)

    def benign_group(self, index: int) -> tuple[Sample, ...]:
        """Returns an untouched picture and the twin of any operator, to measure whether twins give themselves away."""
        rng = rng_for(self._options.seed, self.name, index, "benign")
        name = self._operator(rng)
        return self._tried(index, name, self._benign)

    def close(self) -> None:
        """Does nothing: a photograph needs no graphics."""

    def _operator(self, rng: np.random.Generator) -> str:
        return list(FINGER_OPERATORS)[int(rng.integers(len(FINGER_OPERATORS)))]

    def _tried(self, index: int, name: str, make: _Make) -> tuple[Sample, ...]:
        """Looks for a hand that suits the operator `name`."""
        seed = self._options.seed
        for attempt in range(_TRIES):
            bench = self._bench(name, rng_for(seed, self.name, index, "hand", attempt))
            made = make(index, bench, name, rng_for(seed, self.name, index, "surgery", attempt))
            if made is not None:
                return made
        raise SynthesisError(f"edits: {_UNSUITED.format(_TRIES, name)}")

    def _bench(self, name: str, rng: np.random.Generator) -> _Bench:
        folders = self._suited[name]
        if not folders:
            raise SynthesisError(f"edits: {_UNSUITED.format(len(self._photos), name)}")
        chosen = folders[int(rng.integers(len(folders)))]
        photo = self._photos[chosen[int(rng.integers(len(chosen)))]]
        pixels, keypoints, mask, side, turned = placed(photo, rng)
        scene = HandScene(pixels, split_hand(keypoints.astype(np.float64), mask))
        recipe = {"photograph": photo.source, "sha256": photo.sha256, "placed": turned, "mask": photo.mask_source}
        return _Bench(scene=scene, side=side, recipe=recipe)

    def _pair(self, index: int, bench: _Bench, name: str, rng: np.random.Generator) -> tuple[Sample, ...] | None:
        edit = FINGER_OPERATORS[name](bench.scene, rng)
        if edit is None or not edit.visible:
            return None
        finish = self._finish(index)
        twin = self._sample(index, bench, edit.twin, "twin", edit.operator, finish)
        defect = self._sample(index, bench, edit.defect, "defect", edit.operator, finish, edit)
        return twin, defect

    def _benign(self, index: int, bench: _Bench, name: str, rng: np.random.Generator) -> tuple[Sample, ...] | None:
        if name:
            edit = FINGER_OPERATORS[name](bench.scene, rng)
            version, operator = (edit.twin, edit.operator) if edit is not None and edit.visible else (None, "")
        else:
            version, operator = respaced(bench.scene, rng), "surgery.respaced"
        if version is None:
            return None
        finish = self._finish(index)
        plain = self._sample(index, bench, bench.scene.untouched(), "plain", "", finish)
        return plain, self._sample(index, bench, version, "twin", operator, finish)

    def _finish(self, index: int) -> Callable[[np.ndarray], np.ndarray]:
        """Returns what makes both edited pictures of a group into finished ones: the same size, losses and noise."""
        seed, size_px = self._options.seed, self._options.size_px
        losses = Degradation()
        if self._options.degrade:
            losses = sample_degradation(rng_for(seed, self.name, index, "losses"))
        return lambda pixels: losses.apply(
            resized(pixels, (size_px, size_px)), rng_for(seed, self.name, index, "noise")
        )

    def _sample(
        self,
        index: int,
        bench: _Bench,
        version: HandVersion,
        role: Role,
        operator: str,
        finish: Callable[[np.ndarray], np.ndarray],
        edit: HandEdit | None = None,
    ) -> Sample:
        size_px = self._options.size_px
        wrist = bench.scene.regions.keypoints[0]
        instance_map, part_map, surface_map, instances = hand_labels(version, wrist, bench.side, size_px)
        return Sample(
            key=key_of(self.name, self._options.seed, index, role),
            group=key_of(self.name, self._options.seed, index, "group"),
            stream=self.name,
            role=role,
            operator=operator,
            order=1 if role == "defect" else 0,
            pixels=finish(version.pixels),
            instance_map=instance_map,
            part_map=part_map,
            surface_map=surface_map,
            instances=instances,
            defects=() if edit is None else (_defect(edit, size_px),),
            exact=False,
            recipe={**bench.recipe, "index": index, "operator": operator},
        )


def open_stream(options: StreamOptions) -> EditedPhotographs:
    """Opens stream 3 on the folder of `options.photographs`.

    Raises:
        UsageError: no folder was given.
        AssetMissing: it is not there, or holds no usable hand.
    """
    if options.photographs is None:
        raise UsageError("stream edits: expected a folder of photographs of hands; give one with --photographs DIR")
    photos = open_hand_photos(options.photographs, size_px=round(options.size_px * _WORK_SCALE))
    return EditedPhotographs(options, photos)


def _by_folder(photos: HandPhotos, name: str) -> list[list[int]]:
    """Returns the hands that may suit an operator, by the uppermost folder: a large collection shall not drown the others."""
    folders: dict[str, list[int]] = {}
    for index, sighting in enumerate(photos.sightings):
        if may_suit(name, straight_digits(np.array(sighting.keypoints))):
            folders.setdefault(sighting.file.partition("/")[0] if "/" in sighting.file else "", []).append(index)
    return [folders[folder] for folder in sorted(folders)]


def _defect(edit: HandEdit, size_px: int) -> Defect:
    region = (
        resized(np.repeat(edit.region[..., None].astype(np.uint8) * 255, 3, axis=2), (size_px, size_px))[..., 0] > 8
    )
    return Defect(
        code=edit.code,
        operator=edit.operator,
        instances=tuple(FIRST + index for index in edit.concerned),
        visible=edit.visible,
        region=dilated(region, 2),
    )
