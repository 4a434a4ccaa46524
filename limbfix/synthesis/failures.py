"""Stream 4: hands that fail as those of generators do: melted photographs and renders, and what the small generator makes of them.

Two thirds of the groups are a damaged hand and its harmless twin, a quarter a harmless operation beside the untouched picture, the
rest a series of the generator: plain, a little (its texture, normal anatomy), more, and much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from limbfix.errors import AssetMissing, SynthesisError, UsageError
from limbfix.synthesis.body_photo_samples import PERSON, body_photo_sample
from limbfix.synthesis.degradation import Degradation, sample_degradation
from limbfix.synthesis.melting.generated_series import generated_series
from limbfix.synthesis.melting.melted_pairs import MeltedPair, melt_pair
from limbfix.synthesis.melting.operators import HAND_OPERATORS, LIMB_OPERATORS
from limbfix.synthesis.melting.targets import body_target, hand_target
from limbfix.synthesis.samples import Sample
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.streams import Stream, StreamOptions, key_of, make_stream

if TYPE_CHECKING:
    from limbfix.synthesis.photographs import BodyPhotos, HandPhotos

NAME = "failures"

_BENIGN, _GENERATED = 0.25, 0.12
"""Shares of groups: a harmless operation beside the untouched picture; a series of the generator, where its weights are."""

_RENDERED = 0.4
"""Share of renders where there are both renders and photographs."""

_BODIES = 0.2
"""Share of groups that are a whole body with a melted limb, where there are photographs of people."""

_LEAST_DIGITS = 3
"""Digits that must be seen of a hand: damage of a hidden one would be damage of what hides it."""

_TRIES = 20
"""Hands that are tried for one group before it fails; about one in thirty offers no place for any operator."""


class FailuresStream:
    """Makes groups of failed hands; see `limbfix.synthesis.streams.Stream`.

    Attributes:
        name: `failures`.
        group_size: pictures of a pair; a series of the generator has four.
    """

    name = NAME
    group_size = 2

    def __init__(
        self,
        options: StreamOptions,
        photos: HandPhotos | None,
        renders: Stream | None,
        bodies: BodyPhotos | None = None,
    ) -> None:
        self._options, self._photos, self._renders, self._bodies = options, photos, renders, bodies

    def group(self, index: int) -> tuple[Sample, ...]:
        """Returns the pictures of one group; SynthesisError if no hand of many offers a place for damage."""
        rng = rng_for(self._options.seed, NAME, index, "kind")
        benign, generated = rng.random() < _BENIGN, rng.random() < _GENERATED
        if benign:
            return self.benign_group(index)
        series = self._series(index) if generated else None
        if series is not None:
            return self._finished(series, index)
        _, pair = self._melted(index)
        return self._finished((pair.twin, pair.defect), index)

    def benign_group(self, index: int) -> tuple[Sample, ...]:
        """Returns the untouched picture and the harmless operation, whatever kind the group is: for tests of give-aways."""
        plain, pair = self._melted(index)
        return self._finished((plain, pair.twin), index)

    def _melted(self, index: int) -> tuple[Sample, MeltedPair]:
        for attempt in range(_TRIES):
            rng = rng_for(self._options.seed, NAME, index, attempt, "source")
            is_body = self._bodies is not None and rng.random() < _BODIES
            plain = self._plain_body(rng) if is_body else self._plain(rng)
            if plain is None:
                continue
            pair = self._damaged(plain, index, is_body)
            if pair is not None:
                return plain, pair
        raise SynthesisError(
            f"expected a hand to damage in group {index}, got none in {_TRIES} tries; use another seed"
        )

    def _damaged(self, plain: Sample, index: int, is_body: bool) -> MeltedPair | None:
        if is_body:
            return melt_pair(plain, partial(body_target, person=PERSON), LIMB_OPERATORS, self._options.seed, index)
        hand = _whole_hand(plain)
        if hand is None:
            return None
        return melt_pair(plain, partial(hand_target, hand=hand), HAND_OPERATORS, self._options.seed, index)

    def _series(self, index: int) -> tuple[Sample, ...] | None:
        """Returns a series of the generator; None where it cannot be had."""
        plain = self._plain(rng_for(self._options.seed, NAME, index, "source"))
        hand = None if plain is None else _whole_hand(plain)
        if plain is None or hand is None:
            return None
        return generated_series(plain, hand, rng_for(self._options.seed, NAME, index, "series"))

    def close(self) -> None:
        """Closes the stream of renders."""
        if self._renders is not None:
            self._renders.close()

    def _plain_body(self, rng: np.random.Generator) -> Sample | None:
        """Returns a photograph of a person; None if its trunk is not seen."""
        if self._bodies is None:
            return None
        photo = self._bodies[int(rng.integers(len(self._bodies)))]
        return body_photo_sample(photo, self._options.size_px, rng, key="", group="", stream=NAME)

    def _plain(self, rng: np.random.Generator) -> Sample | None:
        """Returns a normal hand, from a photograph or rendered."""
        rendered = self._photos is None or (self._renders is not None and rng.random() < _RENDERED)
        if rendered and self._renders is not None:
            try:
                group = self._renders.group(int(rng.integers(2**31)))
            except SynthesisError:
                return None  # that scene could not be seen; another one is tried
            normal = [sample for sample in group if sample.role != "defect"]
            return replace(normal[0], role="plain", operator="", order=0) if normal else None
        if self._photos is None:
            return None
        from limbfix.synthesis.photo_samples import photo_sample

        photo = self._photos[int(rng.integers(len(self._photos)))]
        if photo.mask_source != "segmentation":
            return None
        return photo_sample(photo, rng, key="", group="", stream=NAME)

    def _finished(self, samples: Sequence[Sample], index: int) -> tuple[Sample, ...]:
        """Gives all pictures of a group the same degradation, and their names."""
        seed = self._options.seed
        chain = (
            sample_degradation(rng_for(seed, NAME, index, "degradation")) if self._options.degrade else Degradation()
        )
        return tuple(
            replace(
                sample,
                key=key_of(NAME, seed, index, f"{sample.role}{place}"),
                group=f"{NAME}-{seed}-{index:06d}",
                stream=NAME,
                pixels=chain.apply(np.ascontiguousarray(sample.pixels), rng_for(seed, NAME, index, "noise")),
                recipe={**sample.recipe, "seed": seed, "index": index, "degradation": chain.recipe()},
            )
            for place, sample in enumerate(samples)
        )


def open_stream(options: StreamOptions) -> FailuresStream:
    """Opens the stream on photographs, on rendered hands, or on both.

    Raises:
        UsageError: no photographs were named, and no hand can be rendered here.
        AssetMissing: the folder holds no usable hand.
    """
    photos, bodies, renders, reason = None, None, None, ""
    if options.photographs is not None:
        photos, bodies = _open_photos(options.photographs, options.size_px)
    try:
        renders = make_stream("hands", replace(options, degrade=False))
    except (SynthesisError, ImportError) as error:
        reason = str(error)
    if photos is None and renders is None:
        raise UsageError(
            f"expected --photographs, a folder of normal hands, or a machine that renders hands ({reason})"
        )
    return FailuresStream(options, photos, renders, bodies)


def _open_photos(folder: Path, size_px: int) -> tuple[HandPhotos, BodyPhotos | None]:
    """Returns (hands, bodies) of a folder; close-ups of hands have no bodies, and that is no fault.

    The pose model sees a body in many a close-up of a hand: a finger would be bent and called a foot.
    """
    from limbfix.synthesis.edited_bodies import usable_people
    from limbfix.synthesis.photographs import BodyPhotos, open_body_photos, open_hand_photos, uppermost

    hands = open_hand_photos(folder, size_px=size_px)
    try:
        bodies = open_body_photos(folder)
    except AssetMissing:
        return hands, None
    usable = usable_people(bodies.sightings, Counter(uppermost(hand.file) for hand in hands.sightings))
    people = [bodies.sightings[place] for place in usable]
    return hands, BodyPhotos(folder, people, bodies.size_px) if people else None


def _whole_hand(sample: Sample) -> int | None:
    """Returns the id of the largest hand with its wrist in view and all digits present and sound."""
    size = sample.instance_map.shape[0]
    hands = []
    for item in sample.instances:
        digits = sample.hand_digits(item.id)
        sound = item.kind == "hand" and len(digits) == 5 and all(digit.present and not digit.faults for digit in digits)
        if not sound or not item.joints or sample.digits_visible(item.id) < _LEAST_DIGITS:
            continue
        joints = np.array([joint.xy for part in (item, *digits) for joint in part.joints])
        inside = ((joints >= 0) & (joints < size)).all(axis=1).mean()
        area = item.visible_px + sum(digit.visible_px for digit in digits)
        if inside > 0.85 and area > 0.02 * size * size:
            hands.append((area, item.id))
    return max(hands)[1] if hands else None
