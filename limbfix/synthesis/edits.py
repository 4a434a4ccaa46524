"""Stream 3: which photographs were edited, and how? Hands and limbs of photographs after surgery, each with its benign twin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from limbfix.errors import AssetMissing, SynthesisError, UsageError
from limbfix.synthesis.degradation import Degradation, sample_degradation
from limbfix.synthesis.edit_pairs import WORK_SCALE, EditedPair, LabelledPicture, Surgery
from limbfix.synthesis.edited_bodies import PHOTO_SCALE, BodySurgery
from limbfix.synthesis.edited_hands import HandSurgery
from limbfix.synthesis.photographs import open_body_photos, open_hand_photos, uppermost
from limbfix.synthesis.samples import Role, Sample
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.streams import StreamOptions, key_of

P = TypeVar("P")

_PLAIN_SHARE = 0.25
"""Share of groups of a benign operation and the untouched picture."""

_TURNS, _TRIES = 10, 20
"""Operators that one group turns to before it gives up, and photographs tried with each; one in two to four suits."""


class EditedPhotographs:
    """Groups of two: a defect and its twin, or a benign operation and the untouched picture.

    Args:
        options: of the stream.
        surgeries: on hands, on bodies or both; each is drawn with the square root of its number of photographs, so that the
            many do not drown the few.
    """

    name = "edits"
    group_size = 2

    def __init__(self, options: StreamOptions, surgeries: Sequence[Surgery]) -> None:
        self._options = options
        self._surgeries = tuple(surgery for surgery in surgeries if surgery.count)
        if not self._surgeries:
            raise AssetMissing(
                "stream edits: expected open hands or whole people in the photographs, found none; "
                "give others with --photographs DIR"
            )
        weights = np.sqrt([surgery.count for surgery in self._surgeries])
        self._shares = weights / weights.sum()

    def group(self, index: int) -> tuple[Sample, ...]:
        """Returns the two pictures of a group. See `Stream.group`."""
        rng = rng_for(self._options.seed, self.name, index, "plan")
        if rng.random() < _PLAIN_SHARE:
            return self._benign(index, self._made(index, rng, is_benign=True))
        pair = self._made(index, rng, is_benign=False)
        assert pair.wrong is not None
        twin = self._sample(index, pair, pair.twin, "twin")
        return twin, self._sample(index, pair, pair.wrong, "defect")

    def benign_group(self, index: int) -> tuple[Sample, ...]:
        """Returns an untouched picture and the twin of any operator, to measure whether twins give themselves away."""
        rng = rng_for(self._options.seed, self.name, index, "benign")
        return self._benign(index, self._made(index, rng, is_benign=None))

    def close(self) -> None:
        """Does nothing: a photograph needs no graphics."""

    def _made(self, index: int, rng: np.random.Generator, *, is_benign: bool | None) -> EditedPair:
        """Draws surgery and operator, and looks for a photograph that suits them; later tries draw others.

        Args:
            index: of the group.
            rng: for the plan.
            is_benign: whether the operation is; None for any.
        """
        seed, attempts = self._options.seed, iter(range(_TURNS * _TRIES))
        for _ in range(_TURNS):
            surgery = self._surgeries[int(rng.choice(len(self._surgeries), p=self._shares))]
            names = ("",) if is_benign else surgery.operators if is_benign is False else ("", *surgery.operators)
            name = names[int(rng.integers(len(names)))] if names else ""
            for _ in range(_TRIES if names else 0):
                pair = surgery.make(name, rng_for(seed, self.name, index, "surgery", next(attempts)))
                if pair is not None:
                    return pair
        raise SynthesisError(
            f"edits: expected one of {_TURNS * _TRIES} photographs to suit an operator, none did; "
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
    hands, bodies = _open(open_hand_photos, options, WORK_SCALE), _open(open_body_photos, options, PHOTO_SCALE)
    surgeries: list[Surgery] = []
    if hands is not None:
        surgeries.append(HandSurgery(hands, options.size_px))
    if bodies is not None:
        close_hands = Counter(uppermost(hand.file) for hand in hands.sightings) if hands is not None else None
        surgeries.append(BodySurgery(bodies, options.size_px, close_hands=close_hands))
    return EditedPhotographs(options, surgeries)


def _open(opener: Callable[..., P], options: StreamOptions, scale: float) -> P | None:
    """Opens photographs at a multiple of the finished size; None where the folder shows nothing of the kind."""
    assert options.photographs is not None
    try:
        return opener(options.photographs, size_px=round(scale * options.size_px))
    except AssetMissing:
        if not options.photographs.is_dir():
            raise
        return None
