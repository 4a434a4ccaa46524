"""What is in a hand's crop? Boxes in, readings out: crops are cut, parsed in batches, and turned into digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from limbfix.detectors.hand_windows import View, hand_view
from limbfix.digit_beliefs import shipped_model
from limbfix.digit_masks import CropPlace
from limbfix.digits import HandReading
from limbfix.geometry import Box
from limbfix.nets.hand_maps import JUDGEMENTS, MOST_DIGITS
from limbfix.readings import HandMaps, mean_maps, read_hand, sharpness, untold
from limbfix.runtime.look_graph import LOOK_OUTPUTS
from limbfix.runtime.sessions import Network, look_network, parser_network

BATCH = 4
"""Crops in one pass: what the second core gains is gained by then, and memory stays small."""


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

    def __init__(self, file: Path, *, mirrored: bool, providers: tuple[str, ...], bodies: Path | None = None) -> None:
        self.network = parser_network(file, providers)
        self._mirrored, self._providers, self._bodies = mirrored, providers, bodies

    def read(self, pixels: np.ndarray, boxes: Sequence[Box], belief: Belief | None = None) -> list[HandReading | None]:
        """Reads every hand.

        Args:
            pixels: the whole picture, uint8 (H, W, 3).
            boxes: of the hands, px.
            belief: None is returned for what it does not take for a hand, and its digits cost nothing; without it every box is one.
        """
        belief = belief or Belief()
        readings: list[HandReading | None] = []
        for start in range(0, len(boxes), BATCH):
            chosen = boxes[start : start + BATCH]
            views = [hand_view(pixels, box, self.network.side) for box in chosen]
            crops = np.stack([view.pixels for view in views])
            maps = self.maps(crops)
            looks = self._looks(crops, [belief.may_be(index, one.presence) for index, one in enumerate(maps, start)])
            for index, (box, view, one, look) in enumerate(zip(chosen, views, maps, looks, strict=True), start):
                moved, close = look
                known = replace(one, appearance=one.appearance + moved)
                is_hand = belief.is_hand(index, one.presence, close)
                readings.append(self._reading(pixels, box, view, known) if is_hand else None)
        return readings

    @property
    def looks(self) -> bool:
        """Whether the body parser's trunk looks at crops too."""
        return self._look is not None

    def close(self) -> None:
        """Frees the networks; they load again when used again."""
        self.network.close()
        if self._look is not None:
            self._look.close()

    @cached_property
    def _look(self) -> Network | None:
        return None if self._bodies is None else look_network(self.network.file, self._bodies, self._providers)

    def _looks(self, crops: np.ndarray, asked: Sequence[bool]) -> list[tuple[float, np.ndarray | None]]:
        """Returns what the body parser's trunk adds to the look of each crop, and what else it sees there, at half of the parser's cost.

        Args:
            crops: (b, side, side, 3) uint8.
            asked: which of them are looked at; (0.0, None) stands for the others.
        """
        found: list[tuple[float, np.ndarray | None]] = [(0.0, None)] * len(crops)
        if self._look is None or not any(asked):
            return found
        chosen = crops[np.array(asked)]
        ways = (chosen, np.ascontiguousarray(chosen[:, :, ::-1])) if self._mirrored else (chosen,)
        seen = [self._look.run(way) for way in ways]
        moved, close = (np.mean([one[name] for one in seen], axis=0) for name in LOOK_OUTPUTS)
        for place, add, what in zip(np.flatnonzero(asked), moved[:, 0].tolist(), close, strict=True):
            found[place] = (add, what)
        return found

    def _reading(self, pixels: np.ndarray, box: Box, view: View, maps: HandMaps) -> HandReading:
        height, width = pixels.shape[:2]
        side = self.network.side / view.scale_xy[0]
        place = CropPlace(left=view.left, top=view.top, side=side, width=width, height=height)
        reading = read_hand(maps, place, box, sharp=sharpness(view.pixels), model=shipped_model())
        return reading if self.network.counts else untold(reading)

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
                appearance=float(found["appearance"][i, 0]),
                presence=float(found["presence"][i, 0]),
            )
            for i in range(len(crops))
        ]
