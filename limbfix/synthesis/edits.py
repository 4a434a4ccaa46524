"""Stream 3: which photographs were edited, and how? Hands and limbs of photographs after surgery, each with its benign twin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from limbfix.errors import AssetMissing, SynthesisError, UsageError
from limbfix.synthesis.degradation import Degradation, sample_degradation
from limbfix.synthesis.edit_pairs import WORK_SCALE, EditedPair, LabelledPicture, Surgery
from limbfix.synthesis.edited_bodies import PHOTO_SCALE, BodySurgery
from limbfix.synthesis.edited_hands import HandSurgery
from limbfix.synthesis.photographs import open_body_photos, open_hand_photos
from limbfix.synthesis.samples import Role, Sample
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.streams import StreamOptions, key_of

_PLAIN_SHARE = 0.25
"""Share of groups of a benign operation and the untouched picture."""

_BODY_SHARE = 0.35
"""Share of groups of whole people, where a folder shows both hands and people."""

_TRIES = 60
"""Photographs that one group looks at before it gives up; one in two to four suits."""

_FEWEST_BODIES = 8
"""People below which a folder counts as one of hands: the pose model sees a body behind a few hands too."""


class EditedPhotographs:
    """Groups of two: a defect and its twin, or a benign operation and the untouched picture.

    Args:
        options: of the stream.
        hands: finger surgery, or None where no hand is at hand.
        bodies: limb surgery, or None.
    """

    name = "edits"
    group_size = 2

    def __init__(self, options: StreamOptions, hands: Surgery | None, bodies: Surgery | None) -> None:
        self._options = options
        self._hands = hands if hands is not None and hands.operators else None
        self._bodies = bodies if bodies is not None and bodies.operators else None
        if self._hands is None and self._bodies is None:
            raise AssetMissing(
                "stream edits: expected open hands or whole people in the photographs, found none; "
                "give others with --photographs DIR"
            )

    def group(self, index: int) -> tuple[Sample, ...]:
        """Returns the two pictures of a group. See `Stream.group`."""
        rng = rng_for(self._options.seed, self.name, index, "plan")
        surgery = self._surgery(rng)
        if rng.random() < _PLAIN_SHARE:
            return self._benign(index, self._made(index, surgery, ""))
        pair = self._made(index, surgery, surgery.operators[int(rng.integers(len(surgery.operators)))])
        assert pair.wrong is not None
        twin = self._sample(index, pair, pair.twin, "twin")
        return twin, self._sample(index, pair, pair.wrong, "defect")

    def benign_group(self, index: int) -> tuple[Sample, ...]:
        """Returns an untouched picture and the twin of any operator, to measure whether twins give themselves away."""
        rng = rng_for(self._options.seed, self.name, index, "benign")
        surgery = self._surgery(rng)
        names = ("", *surgery.operators)
        return self._benign(index, self._made(index, surgery, names[int(rng.integers(len(names)))]))

    def close(self) -> None:
        """Does nothing: a photograph needs no graphics."""

    def _surgery(self, rng: np.random.Generator) -> Surgery:
        wants_body = rng.random() < _BODY_SHARE
        chosen = self._bodies if wants_body or self._hands is None else self._hands
        chosen = chosen or self._hands
        assert chosen is not None
        return chosen

    def _made(self, index: int, surgery: Surgery, name: str) -> EditedPair:
        """Looks for a photograph that suits an operator; after some tries it takes the next operator."""
        names = [name] if not name else _rotated(surgery.operators, name)
        for attempt in range(_TRIES):
            tried = names[attempt * len(names) // _TRIES]
            pair = surgery.make(tried, rng_for(self._options.seed, self.name, index, "surgery", attempt))
            if pair is not None:
                return pair
        raise SynthesisError(
            f"edits: expected one of {_TRIES} photographs to suit '{name or 'a benign operation'}', none did; "
            "give photographs with more open hands or whole people (--photographs DIR)"
        )

    def _benign(self, index: int, pair: EditedPair) -> tuple[Sample, ...]:
        return self._sample(index, pair, pair.plain, "plain"), self._sample(index, pair, pair.twin, "twin")

    def _sample(self, index: int, pair: EditedPair, picture: LabelledPicture, role: Role) -> Sample:
        seed = self._options.seed
        operator = "" if role == "plain" else pair.operator
        return Sample(
            key=key_of(self.name, seed, index, role),
            group=key_of(self.name, seed, index, "group"),
            stream=self.name,
            role=role,
            operator=operator,
            order=1 if role == "defect" else 0,
            pixels=self._lossy(index)(picture.pixels),
            instance_map=picture.instance_map,
            part_map=picture.part_map,
            surface_map=picture.surface_map,
            instances=picture.instances,
            defects=(pair.defect,) if role == "defect" and pair.defect is not None else (),
            exact=False,
            recipe={**pair.recipe, "seed": seed, "index": index, "operator": operator},
        )

    def _lossy(self, index: int) -> Callable[[np.ndarray], np.ndarray]:
        """Returns the losses of a group: the same, with the same noise, for both of its pictures."""
        seed, losses = self._options.seed, Degradation()
        if self._options.degrade:
            losses = sample_degradation(rng_for(seed, self.name, index, "losses"))
        return lambda pixels: losses.apply(pixels, rng_for(seed, self.name, index, "noise"))


def open_stream(options: StreamOptions) -> EditedPhotographs:
    """Opens stream 3 on the folder of `options.photographs`.

    The first opening of a folder looks at every picture twice, for hands and for people (about 15 pictures a second).

    Raises:
        UsageError: no folder was given.
        AssetMissing: it is not there, or shows no usable hand or person.
    """
    if options.photographs is None:
        raise UsageError("stream edits: expected a folder of photographs of people; give one with --photographs DIR")
    return EditedPhotographs(
        options, _hands(options.photographs, options.size_px), _bodies(options.photographs, options.size_px)
    )


def _hands(folder: Path, size_px: int) -> HandSurgery | None:
    try:
        return HandSurgery(open_hand_photos(folder, size_px=round(WORK_SCALE * size_px)), size_px)
    except AssetMissing:
        if not folder.is_dir():
            raise
        return None


def _bodies(folder: Path, size_px: int) -> BodySurgery | None:
    try:
        surgery = BodySurgery(open_body_photos(folder, size_px=round(PHOTO_SCALE * size_px)), size_px)
    except AssetMissing:
        return None
    return surgery if surgery.count >= _FEWEST_BODIES else None


def _rotated(names: Sequence[str], first: str) -> list[str]:
    start = list(names).index(first)
    return [*names[start:], *names[:start]]
