"""Does somebody have a limb too many or too few? Crops around the people of a reading of bodies, judged by a network of our own."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from limbfix.bodies import BodyReading
from limbfix.detectors.hand_windows import View, hand_view
from limbfix.geometry import Box
from limbfix.limb_looks import MOST_PEOPLE, LimbLook, looked_at
from limbfix.nets.limb_maps import JUDGED, PLACES, STRIDE
from limbfix.runtime.sessions import CPU_ONLY, Network, Providers, limb_network
from limbfix.shipped import LIMB_JUDGE, shipped_file

BATCH = 4
"""Crops in one pass."""

AROUND = 1.5
"""Side of a crop in longer sides of the person's box; the judge learnt 1.0 to 1.6. Of 194 pairs of unseen renders, in the boxes that the parser gave them, 0.73 were ranked
right at 1.2, 0.77 at 1.6."""

PLACED = 0.5
"""Chance from which a map of the judge shows a place at all."""

NEAR = 0.95
"""Share of a map's highest chance from which a cell is part of its place: the maps are broad, and half of a person is no place to look at."""

POINTED = ("extra", "gone")
"""Its maps of which a place is told."""


class LimbLooker:
    """Looks at people.

    Args:
        network: judges crops, see `limbfix.runtime.limb_graph`.
        mirrored: whether every crop is also judged in a mirror: steadier, at twice the time.
        most: people who are looked at in a picture, the largest ones.
    """

    def __init__(self, network: Network, *, mirrored: bool, most: int = MOST_PEOPLE) -> None:
        self.network, self._mirrored, self._most = network, mirrored, most

    @classmethod
    def shipped(cls, *, mirrored: bool, most: int = MOST_PEOPLE, providers: Providers = CPU_ONLY) -> LimbLooker:
        """Returns one with the weights that come with limbfix.

        Args:
            mirrored, most: see above.
            providers: of ONNX Runtime, best first.

        Raises:
            AssetMissing, ModelCorrupt: see `limbfix.shipped.shipped_file`.
        """
        return cls(limb_network(shipped_file(LIMB_JUDGE), providers), mirrored=mirrored, most=most)

    def looked(self, pixels: np.ndarray, reading: BodyReading) -> BodyReading:
        """Returns the reading with the look of everybody, and of every piece, that is looked at; see `limbfix.limb_looks.looked_at`.

        Args:
            pixels: the whole picture, uint8 (H, W, 3).
            reading: of it.
        """
        boxes = [one.box for one in (*reading.people, *reading.pieces)]
        chosen = looked_at(boxes, self._most)
        looks = dict(zip(chosen, self.looks(pixels, [boxes[index] for index in chosen]), strict=True))
        people = [replace(person, look=looks.get(index)) for index, person in enumerate(reading.people)]
        pieces = [replace(piece, look=looks.get(index)) for index, piece in enumerate(reading.pieces, len(people))]
        return replace(reading, people=tuple(people), pieces=tuple(pieces))

    def looks(self, pixels: np.ndarray, boxes: list[Box]) -> list[LimbLook]:
        """Returns what the judge says of people in boxes, px."""
        views = [hand_view(pixels, box, self.network.side, AROUND) for box in boxes]
        found: list[LimbLook] = []
        for start in range(0, len(views), BATCH):
            batch = views[start : start + BATCH]
            judged, places = self._judged(np.stack([view.pixels for view in batch]))
            found += [
                LimbLook(
                    box=box,
                    logits={name: round(float(value), 3) for name, value in zip(JUDGED, row, strict=True)},
                    places={
                        name: place
                        for name in POINTED
                        if (place := place_in(maps[PLACES.index(name)], view)) is not None
                    },
                )
                for box, view, row, maps in zip(boxes[start:], batch, judged, places, strict=False)
            ]
        return found

    def _judged(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns logits (n, 6) and chances of the maps (n, 4, cells, cells) of crops (n, side, side, 3) uint8."""
        seen = self.network.run(crops)
        judged, places = seen["judged"], seen["places"]
        if self._mirrored:
            other = self.network.run(np.ascontiguousarray(crops[:, :, ::-1]))
            judged, places = (judged + other["judged"]) / 2, (places + other["places"][..., ::-1]) / 2
        return judged, 1 / (1 + np.exp(-places))

    def close(self) -> None:
        """Frees the network; it loads again when used again."""
        self.network.close()


def place_in(chances: np.ndarray, view: View) -> Box | None:
    """Returns the box, px of the picture, around the place where a map of a crop is surest; None where it is nowhere sure.

    Args:
        chances: float (cells, cells), 0-1, one cell for each `STRIDE` px of the crop.
        view: the crop.
    """
    if chances.max() < PLACED:
        return None
    sure = (chances >= NEAR * chances.max()).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(sure)
    label = int(np.ravel(labels)[int(np.argmax(chances))])
    left, top, columns, rows = stats[label, :4].tolist()
    corners = STRIDE * np.array([(left, top), (left + columns, top + rows)])
    return Box.around(view.to_picture(corners))
