"""Whose limbs are there? limbfix's own network for bodies, and people assembled from what it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limbfix import feet as foot_models
from limbfix import limb_beliefs
from limbfix.bodies import BodyReading
from limbfix.body_masks import BodyPlace
from limbfix.body_readings import read_bodies
from limbfix.detectors.body_sight import BodySight
from limbfix.detectors.foot_looker import FootLooker
from limbfix.detectors.limb_looker import LimbLooker
from limbfix.limb_beliefs import shipped_model
from limbfix.shipped import shipped_hashes

if TYPE_CHECKING:
    from limbfix.images import Picture
    from limbfix.parts import Part


class LimbfixBodies:
    """Reads bodies: it gives the scene a reading and no parts of its own.

    Args:
        sight: what looks at pictures; others may look through it too.
        feet: looks at the feet of what was read; None does without.
        limbs: judges the limbs of everybody; None does without.
        notes: for every record.

    Raises:
        AssetMissing, ModelCorrupt: see `limbfix.limb_beliefs.shipped_model`.
    """

    name = "limbfix_bodies"

    def __init__(
        self,
        sight: BodySight,
        *,
        feet: FootLooker | None = None,
        limbs: LimbLooker | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.notes = notes
        self._sight = sight
        self._lookers = tuple(looker for looker in (feet, limbs) if looker is not None)
        self._judge = None if limbs is None else limbs.network
        self._model = shipped_model()  # a broken installation is told at once, not picture by picture

    def model_hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of the weights, and of the small models that judge lines and feet."""
        networks = [self._sight.network, *([] if self._judge is None else [self._judge])]
        small = (limb_beliefs.FILE, *(foot_models.FILE for one in self._lookers if isinstance(one, FootLooker)))
        return {network.file.name: network.sha256 for network in networks} | shipped_hashes(*small)

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns no parts: what it sees is in the reading. See `Detector.detect`."""
        return ()

    def read_bodies(self, picture: Picture) -> BodyReading:
        """Returns people and limbs; see `limbfix.bodies.ReadsBodies`."""
        seen = self._sight.look(picture)
        height, width = picture.pixels.shape[:2]
        place = BodyPlace(scale_xy=seen.view.scale_xy, width=width, height=height)
        reading = read_bodies(seen.maps, place, seen.guides, self._model)
        for looker in self._lookers:
            reading = looker.looked(picture.pixels, reading)
        return reading

    def close(self) -> None:
        """Frees the networks; they load again when used again."""
        self._sight.close()
        for looker in self._lookers:
            looker.close()
