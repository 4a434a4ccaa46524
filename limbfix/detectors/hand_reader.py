"""What is in a hand's crop? Boxes in, readings out: crops are cut, parsed in batches, and turned into digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from limbfix.detectors.hand_fitting import fitted_box, of_one_hand
from limbfix.detectors.hand_windows import View, hand_view
from limbfix.digit_beliefs import shipped_model
from limbfix.digit_masks import CropPlace
from limbfix.digits import HandReading
from limbfix.geometry import Box
from limbfix.nets.hand_maps import FITTING_VIEW, JUDGEMENTS, LOOK_VIEW, MOST_DIGITS, READ_VIEW, VIEW
from limbfix.readings import HandMaps, mean_maps, read_hand, sharpness, untold
from limbfix.runtime.sessions import (
    Network,
    Providers,
    appearance_network,
    close_network,
    knows_bodies,
    parser_network,
    presence_network,
    seen_in,
)

BATCH = 4
"""Crops in one pass: what the second core gains is gained by then, and memory stays small."""

MIRROR_GAIN = 1.5
"""What a look in the mirror is taken to add to a presence (a logit) at most."""


class Belief:
    """Says which boxes show a hand: here, all of them."""

    def may_be(self, index: int, presence: float) -> bool:
        """Tells whether it is worth asking what the body parser's trunk sees in a box, by its index and its presence."""
        return True

    def is_hand(self, index: int, presence: float, close: np.ndarray | None) -> bool:
        """Tells whether a box shows a hand.

        Args:
            index: of the box.
            presence: what the parser says of its crop.
            close: (1248,), what the body parser's trunk sees in it; None where that does not look.
        """
        return True


class HandReader:
    """Reads hands with the digit parser.

    Args:
        file: its weights.
        mirrored: whether every crop is also seen in a mirror and the maps averaged: steadier, at twice the time.
        providers: of ONNX Runtime.
        bodies: weights of the body parser, whose trunk the look of a hand may need too; None does without.
    """

    def __init__(self, file: Path, *, mirrored: bool, providers: Providers, bodies: Path | None = None) -> None:
        self.network, self._presence = parser_network(file, providers), presence_network(file, providers)
        self._mirrored, self._providers, self._bodies = mirrored, providers, bodies

    def read(self, pixels: np.ndarray, boxes: Sequence[Box], belief: Belief | None = None) -> list[HandReading | None]:
        """Reads every hand.

        Args:
            pixels: the whole picture, uint8 (H, W, 3).
            boxes: of the hands, px.
            belief: None is returned for what it does not take for a hand, and its digits cost nothing; without it every box is one.
        """
        belief = belief or Belief()
        hands: dict[int, tuple[float, float]] = {}  # index of a box -> presence, sharpness
        for start in range(0, len(boxes), BATCH):
            crops = self._crops(pixels, boxes[start : start + BATCH])
            presences = self._presences(crops, belief, start)
            seen = self._close(crops, [belief.may_be(index, one) for index, one in enumerate(presences, start)])
            for index, (crop, presence, close) in enumerate(zip(crops, presences, seen, strict=True), start):
                if belief.is_hand(index, presence, close):
                    hands[index] = (presence, sharpness(crop))
        readings: list[HandReading | None] = [None] * len(boxes)
        chosen = list(hands)
        shown = [boxes[k] for k in chosen]
        fitted = dict(zip(chosen, self._fitted(pixels, shown), strict=True))
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            found = self._read(
                pixels, [boxes[k] for k in batch], [fitted[k] for k in batch], [hands[k] for k in batch], shown
            )
            for index, reading in zip(batch, found, strict=True):
                readings[index] = reading
        return readings

    def appearances(self, pixels: np.ndarray, boxes: Sequence[Box]) -> list[float]:
        """Returns how melted each hand looks, any unit, in a crop of its own (`LOOK_VIEW`); arguments as for `read`."""
        return self._seen(self._look, self._crops(pixels, boxes, LOOK_VIEW), "appearance")[:, 0].tolist()

    def seen(self, pixels: np.ndarray, boxes: Sequence[Box]) -> list[tuple[CropPlace, HandMaps]]:
        """Returns the maps of each hand as its digits are read, and where its crop lies: for fits. Arguments as for `read`; all boxes are hands."""
        fitted = self._fitted(pixels, boxes)
        starts = range(0, len(boxes), BATCH)
        return [one for start in starts for one in self._placed_maps(pixels, fitted[start : start + BATCH])]

    @property
    def looks(self) -> bool:
        """Whether the body parser's trunk looks at crops too."""
        return self._trunk is not None

    def close(self) -> None:
        """Frees the networks; they load again when used again."""
        for network in (self.network, self._presence, self._look, self._trunk):
            if network is not None:
                network.close()

    @cached_property
    def _look(self) -> Network:
        return appearance_network(self.network.file, self._bodies, self._providers)

    @cached_property
    def _trunk(self) -> Network | None:
        if self._bodies is None or not knows_bodies(self.network.file):
            return None
        return close_network(self.network.file, self._bodies, self._providers)

    def _presences(self, crops: np.ndarray, belief: Belief, start: int) -> list[float]:
        """Returns how surely each crop shows a hand; in a mirror only those of which that could make one. Most proposals are none by far.

        Args:
            crops: (b, side, side, 3) uint8.
            belief: says what could be a hand.
            start: index of the first crop's box.
        """
        found = self._presence.run(crops)["presence"][:, 0].astype(np.float64)
        if self._mirrored:
            asked = np.array([belief.may_be(index, one + MIRROR_GAIN) for index, one in enumerate(found, start)])
            if asked.any():
                mirrored = np.ascontiguousarray(crops[asked][:, :, ::-1])
                found[asked] = (found[asked] + self._presence.run(mirrored)["presence"][:, 0]) / 2
        return found.tolist()

    def _close(self, crops: np.ndarray, asked: Sequence[bool]) -> list[np.ndarray | None]:
        """Returns what the body parser's trunk sees in each crop, at half of the parser's cost.

        Args:
            crops: (b, side, side, 3) uint8.
            asked: which of them are looked at; None stands for the others.
        """
        found: list[np.ndarray | None] = [None] * len(crops)
        if self._trunk is None or not any(asked):
            return found
        for place, what in zip(
            np.flatnonzero(asked), self._seen(self._trunk, crops[np.array(asked)], "close"), strict=True
        ):
            found[place] = what
        return found

    def _seen(self, network: Network, crops: np.ndarray, name: str) -> np.ndarray:
        return seen_in(network, crops, name, mirrored=self._mirrored)

    def _crops(self, pixels: np.ndarray, boxes: Sequence[Box], view: float = VIEW) -> np.ndarray:
        return np.stack([hand_view(pixels, box, self.network.side, view).pixels for box in boxes])

    def _read(
        self,
        pixels: np.ndarray,
        boxes: Sequence[Box],
        fitted: Sequence[Box],
        known: Sequence[tuple[float, float]],
        shown: Sequence[Box],
    ) -> list[HandReading]:
        """Reads the digits of a few hands, in crops narrower than those in which they were believed; `known`: presence and sharpness of each,
        `shown`: boxes of all hands of the picture."""
        placed, looks = self._placed_maps(pixels, fitted), self.appearances(pixels, boxes)
        return [
            self._reading(place, box, replace(maps, appearance=look, presence=presence), sharp, shown)
            for box, (place, maps), look, (presence, sharp) in zip(boxes, placed, looks, known, strict=True)
        ]

    def _placed_maps(self, pixels: np.ndarray, fitted: Sequence[Box]) -> list[tuple[CropPlace, HandMaps]]:
        """Returns what the parser says of a few hands, and where the crop of each lies."""
        views = [hand_view(pixels, box, self.network.side, READ_VIEW) for box in fitted]
        maps = self.maps(np.stack([view.pixels for view in views]))
        return [(self._place(pixels, view), one) for view, one in zip(views, maps, strict=True)]

    def _fitted(self, pixels: np.ndarray, boxes: Sequence[Box]) -> list[Box]:
        """Returns the box that fits each hand, by the part map of a wider crop; the given one where that shows no hand, or another one too.

        Seen once, not in a mirror too: on 160 hands of AI pictures both boxes fit the labels (IoU 0.72 and 0.73; the finder's 0.67). A quick look does
        without.
        """
        if not self._mirrored:
            return list(boxes)
        height, width = pixels.shape[:2]
        found: list[Box] = []
        for start in range(0, len(boxes), BATCH):
            batch = boxes[start : start + BATCH]
            views = [hand_view(pixels, box, self.network.side, FITTING_VIEW) for box in batch]
            parts = self.network.run(np.stack([view.pixels for view in views]))["parts"]
            found += [
                fitted_box(one, view, width, height) or box for one, view, box in zip(parts, views, batch, strict=True)
            ]
        return of_one_hand(found, boxes)

    def _reading(self, place: CropPlace, box: Box, maps: HandMaps, sharp: float, shown: Sequence[Box]) -> HandReading:
        reading = read_hand(maps, place, box, sharp=sharp, model=shipped_model(), others=shown)
        return reading if self.network.counts else untold(reading)

    def _place(self, pixels: np.ndarray, view: View) -> CropPlace:
        height, width = pixels.shape[:2]
        side = self.network.side / view.scale_xy[0]
        return CropPlace(left=view.left, top=view.top, side=side, width=width, height=height)

    def maps(self, crops: np.ndarray) -> list[HandMaps]:
        """Returns what the parser says of crops (b, side, side, 3), uint8; the mean of both where they are mirrored too."""
        maps = self._parsed(crops)
        if not self._mirrored:
            return maps
        seen_mirrored = self._parsed(np.ascontiguousarray(crops[:, :, ::-1]))
        return [mean_maps(one, other.mirrored()) for one, other in zip(maps, seen_mirrored, strict=True)]

    def _parsed(self, crops: np.ndarray) -> list[HandMaps]:
        found = self.network.run(crops)
        heat = 1 / (1 + np.exp(-found["heatmaps"]))
        judged = found["judged"]
        counts = judged[:, len(JUDGEMENTS) :].reshape(len(crops), 2, MOST_DIGITS + 1)
        return [
            HandMaps(
                heat=heat[i],
                fields=found["fields"][i],
                parts=found["parts"][i],
                judgements=judged[i, : len(JUDGEMENTS)],
                counts=counts[i],
            )
            for i in range(len(crops))
        ]
