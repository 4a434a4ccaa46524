"""What does the body parser see in a whole picture? Computed once for a picture, however many detectors ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from limbfix.body_bones import BodyMaps, mean_maps
from limbfix.body_guides import Guide, apart, guides_from, scaled
from limbfix.detectors.hand_windows import View, letterboxed
from limbfix.runtime.body_graph import STAGE_OUTPUTS
from limbfix.runtime.sessions import CPU_ONLY, Providers, body_network, load_runtime
from limbfix.shipped import BODY_PARSER, shipped_file

if TYPE_CHECKING:
    from limbfix.images import Picture

MIRRORED_POINTS = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""The point of COCO that each one is in a mirror."""

VIEW_PX = 384
"""Longer side of what the network sees; `CENTRE_UNIT` of its maps. Of 60 people of `lsp_extended` it shows more joints at 384 px (0.76)
than at 256 (0.72), and as many among the two hottest of each kind."""


LARGE_PEOPLE_PX = 256
"""Longer side at which a full search asks MoveNet once more for whom it sees: its own input, at which somebody who fills the picture is
of the size that it was taught."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What was seen of one picture.

    Attributes:
        view: the window, all of the picture.
        maps: see `BodyMaps`, of the view.
        points: (17, h, w) logits of the points of COCO, by the heads that MoveNet published; the mean of all looks.
        stages: maps of the trunk, see `limbfix.runtime.body_graph.STAGE_OUTPUTS`.
        guides: people whom MoveNet sees.
    """

    view: View
    maps: BodyMaps
    points: np.ndarray
    stages: tuple[np.ndarray, ...]
    guides: tuple[Guide, ...]


class BodySight:
    """Looks at pictures with the body parser.

    Args:
        search: `full` looks twice, once in a mirror, and takes the mean of the maps; `single` looks once.
        providers: of ONNX Runtime, best first.
        file: weights of the user's own; None for those that come with limbfix.

    Raises:
        MissingExtra: ONNX Runtime is missing.
        AssetMissing, ModelCorrupt: see `limbfix.shipped.shipped_file`.
    """

    def __init__(
        self,
        *,
        search: str = "full",
        providers: Providers = CPU_ONLY,
        file: Path | None = None,
    ) -> None:
        load_runtime()  # a missing library is told at once, not picture by picture
        self.network = body_network(file or shipped_file(BODY_PARSER), providers)
        self._mirrored = search == "full"
        self._last: tuple[Picture, Seen] | None = None

    def look(self, picture: Picture) -> Seen:
        """Returns what is seen of a picture; asked for the same picture again, it does not compute again."""
        if self._last is None or self._last[0] is not picture:
            self._last = (picture, self._seen(picture))
        return self._last[1]

    def close(self) -> None:
        """Frees the network, and forgets the last picture."""
        self._last = None
        self.network.close()

    def _seen(self, picture: Picture) -> Seen:
        height, width = picture.pixels.shape[:2]
        view = letterboxed(picture.pixels, 0, 0, width, height, VIEW_PX)
        found = self._found(view.pixels)
        maps, points, stages = _maps(found), found["points"], stages_of(found)
        if self._mirrored:
            turned = self._found(np.ascontiguousarray(view.pixels[:, ::-1]))
            maps = mean_maps(maps, _maps(turned).mirrored())
            points = (points + turned["points"][list(MIRRORED_POINTS), :, ::-1]) / 2
            stages = tuple((one + other[:, :, ::-1]) / 2 for one, other in zip(stages, stages_of(turned), strict=True))
        guides = _guides(found)
        if self._mirrored:
            small = letterboxed(picture.pixels, 0, 0, width, height, LARGE_PEOPLE_PX)
            step = np.array(view.scale_xy) / small.scale_xy
            guides = apart((*(scaled(one, step) for one in _guides(self._found(small.pixels))), *guides))
        return Seen(view=view, maps=maps, points=points, stages=stages, guides=guides)

    def _found(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return {name: values[0] for name, values in self.network.run(pixels[None]).items()}


def stages_of(found: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """Returns the maps of the trunk among what the network gives for one picture."""
    return tuple(found[name] for name in STAGE_OUTPUTS)


def _guides(found: dict[str, np.ndarray]) -> tuple[Guide, ...]:
    return guides_from(found["points"], found["centres"], found["reaches"])


def _maps(found: dict[str, np.ndarray]) -> BodyMaps:
    return BodyMaps(
        heat=1 / (1 + np.exp(-found["heatmaps"])),
        fields=found["fields"],
        centre=found["centre"],
        side=found["side"],
        covered=found["covered"],
        parts=found["parts"],
        ends=1 / (1 + np.exp(-found["ends"])),
    )
