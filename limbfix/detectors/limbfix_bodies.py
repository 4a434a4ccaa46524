"""Whose limbs are there? limbfix's own network for bodies: one pass over the whole picture, and a second one in a mirror."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from limbfix.bodies import BodyReading
from limbfix.body_bones import BodyMaps, mean_maps
from limbfix.body_masks import BodyPlace
from limbfix.body_readings import read_bodies
from limbfix.detectors.hand_windows import letterboxed
from limbfix.runtime.sessions import body_network, load_runtime
from limbfix.shipped import BODY_PARSER, shipped_file

if TYPE_CHECKING:
    from limbfix.images import Picture
    from limbfix.parts import Part

VIEW_PX = 384
"""Longer side of what the network sees; `CENTRE_UNIT` of its maps."""


class LimbfixBodies:
    """Reads bodies: it gives the scene a reading and no parts of its own.

    Args:
        search: `full` looks twice, once in a mirror, and takes the mean; `single` looks once.
        providers: of ONNX Runtime, best first.
        file: weights of the user's own; None for those that come with limbfix.
        notes: for every record.

    Raises:
        MissingExtra: ONNX Runtime is missing.
        AssetMissing, ModelCorrupt: see `limbfix.shipped.shipped_file`.
    """

    name = "limbfix_bodies"

    def __init__(
        self,
        *,
        search: str = "full",
        providers: tuple[str, ...] = ("CPUExecutionProvider",),
        file: Path | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.notes = notes
        self._mirrored = search == "full"
        load_runtime()  # a missing library is told at once, not picture by picture
        self._network = body_network(file or shipped_file(BODY_PARSER), providers)

    def model_hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of the weights."""
        return {self._network.file.name: self._network.sha256}

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns no parts: what it sees is in the reading. See `Detector.detect`."""
        return ()

    def read_bodies(self, picture: Picture) -> BodyReading:
        """Returns people and limbs; see `limbfix.bodies.ReadsBodies`."""
        height, width = picture.pixels.shape[:2]
        view = letterboxed(picture.pixels, 0, 0, width, height, VIEW_PX)
        maps = self._maps(view.pixels)
        if self._mirrored:
            maps = mean_maps(maps, self._maps(np.ascontiguousarray(view.pixels[:, ::-1])).mirrored())
        return read_bodies(maps, BodyPlace(scale_xy=view.scale_xy, width=width, height=height))

    def close(self) -> None:
        """Frees the network; it loads again when used again."""
        self._network.close()

    def _maps(self, pixels: np.ndarray) -> BodyMaps:
        found = {name: values[0] for name, values in self._network.run(pixels[None]).items()}
        return BodyMaps(
            heat=1 / (1 + np.exp(-found["heatmaps"])),
            fields=found["fields"],
            centre=found["centre"],
            side=found["side"],
            covered=found["covered"],
            parts=found["parts"],
            ends=1 / (1 + np.exp(-found["ends"])),
        )
