"""How do feet look? Crops around the feet of a reading of bodies, seen by the body parser's trunk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from limbfix.bodies import BodyReading, FootLook, LimbKind, LimbLine
from limbfix.clipped_linear import ClippedLinear
from limbfix.detectors.hand_windows import hand_view
from limbfix.feet import LEAST_PX, foot_box, shipped_model
from limbfix.geometry import Box
from limbfix.runtime.sessions import CPU_ONLY, Network, Providers, foot_network, seen_in
from limbfix.shipped import BODY_PARSER, DIGIT_PARSER, shipped_file

BATCH = 8
"""Crops in one pass."""

SAME_FOOT = 0.6
"""IoU of two boxes from which they are of one foot, on which two lines end."""


class FootLooker:
    """Looks at feet.

    Args:
        network: sees crops, see `limbfix.runtime.look_graph`.
        model: says how odd what it sees is; None: `looked` cannot be asked.
        mirrored: whether every crop is also seen in a mirror: steadier, at twice the time.
    """

    def __init__(self, network: Network, model: ClippedLinear | None, *, mirrored: bool) -> None:
        self._network, self._model, self._mirrored = network, model, mirrored

    @classmethod
    def shipped(
        cls,
        *,
        mirrored: bool,
        bodies: Path | None = None,
        providers: Providers = CPU_ONLY,
        judges: bool = False,
    ) -> FootLooker:
        """Returns one that sees with the weights that come with limbfix.

        Args:
            mirrored: see above.
            bodies: weights of the body parser, where they are the user's own.
            providers: of ONNX Runtime, best first.
            judges: whether the shipped model says how odd feet look.

        Raises:
            AssetMissing, ModelCorrupt: see `limbfix.shipped.shipped_file`.
        """
        network = foot_network(shipped_file(DIGIT_PARSER), bodies or shipped_file(BODY_PARSER), providers)
        return cls(network, shipped_model() if judges else None, mirrored=mirrored)

    @property
    def side(self) -> int:
        """px of the crops."""
        return self._network.side

    def crop(self, pixels: np.ndarray, box: Box) -> np.ndarray:
        """Returns the crop (side, side, 3) uint8 around a box, as hands are cut."""
        return hand_view(pixels, box, self.side).pixels

    def features(self, crops: np.ndarray) -> np.ndarray:
        """Returns (n, k) float64: `limbfix.feet.FEATURES` of n crops (n, side, side, 3) uint8."""
        batches = (crops[start : start + BATCH] for start in range(0, len(crops), BATCH))
        seen = [seen_in(self._network, batch, "seen", mirrored=self._mirrored) for batch in batches]
        return np.concatenate(seen).astype(np.float64)

    def looked(self, pixels: np.ndarray, reading: BodyReading) -> BodyReading:
        """Returns the reading with the look of every foot of a leg that counts, where it is large enough.

        Args:
            pixels: the whole picture, uint8 (H, W, 3).
            reading: of it.
        """
        feet = _feet(reading)
        if not feet or self._model is None:
            return reading
        rows = self.features(np.stack([self.crop(pixels, box) for _, _, box in feet]))
        looks = {
            (person, limb.limb_index): FootLook(box=box, oddness=round(float(oddness), 3))
            for (person, limb, box), oddness in zip(feet, self._model.logits(rows), strict=True)
        }
        people = tuple(
            replace(graph, limbs=tuple(replace(limb, foot=looks.get((index, limb.limb_index))) for limb in graph.limbs))
            for index, graph in enumerate(reading.people)
        )
        return replace(reading, people=people)

    def close(self) -> None:
        """Frees the network; it loads again when used again."""
        self._network.close()


def _feet(reading: BodyReading) -> list[tuple[int, LimbLine, Box]]:
    """Returns (index of the person, leg, box) of every foot to look at, each foot once: on the surest leg that ends in it."""
    found = [
        (index, limb, box)
        for index, graph in enumerate(reading.people)
        for limb in graph.counted(LimbKind.LEG)
        if (box := foot_box(limb)) is not None and box.size >= LEAST_PX
    ]
    kept: list[tuple[int, LimbLine, Box]] = []
    for one in sorted(found, key=lambda item: -item[1].chance):
        if all(one[2].iou(other[2]) < SAME_FOOT for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda item: (item[0], item[1].limb_index))
