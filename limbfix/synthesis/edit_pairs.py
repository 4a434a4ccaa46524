"""What does surgery on one photograph yield? The untouched picture, the benign twin and the wrong one, labelled, before any loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from limbfix.crops import resized
from limbfix.synthesis.samples import Defect, Instance
from limbfix.synthesis.surgery.layers import dilated

WORK_SCALE = 1.25
"""Side of the picture that is edited over that of the finished one: shrinking hides what resampling a finger blurs."""

_RINGING_PX = 2
"""How far the shrinking filter carries a change beyond its region."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledPicture:
    """A picture with its labels; fields as in `samples.Sample`."""

    pixels: np.ndarray
    instance_map: np.ndarray
    part_map: np.ndarray
    surface_map: np.ndarray
    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EditedPair:
    """Three states of one photograph.

    Attributes:
        plain: untouched.
        twin: edited and normal.
        wrong: edited and wrong; None after a benign operation.
        operator: `surgery.<function>`.
        defect: label of `wrong`.
        recipe: plain JSON values.
    """

    plain: LabelledPicture
    twin: LabelledPicture
    wrong: LabelledPicture | None
    operator: str
    defect: Defect | None
    recipe: Mapping[str, Any]


class Surgery(Protocol):
    """Operators on one kind of photograph."""

    @property
    def operators(self) -> Sequence[str]:
        """Names of the operators that some photograph may suit."""
        ...

    @property
    def count(self) -> int:
        """How many photographs can be operated on."""
        ...

    def make(self, name: str, rng: np.random.Generator) -> EditedPair | None:
        """Draws a photograph and operates on it.

        Args:
            name: one of `operators`, or "" for a benign operation.
            rng: for everything that is drawn.

        Returns:
            the pair, or None where the drawn photograph does not suit the operator, or nothing can be seen of the defect.
        """
        ...


def shrunk(pixels: np.ndarray, size_px: int) -> np.ndarray:
    """Returns square pixels at the finished size."""
    return resized(pixels, (size_px, size_px))


def shrunk_map(values: np.ndarray, size_px: int) -> np.ndarray:
    """Returns a square label map at the finished size."""
    return cv2.resize(values, (size_px, size_px), interpolation=cv2.INTER_NEAREST)


def shrunk_region(region: np.ndarray, size_px: int) -> np.ndarray:
    """Returns a region, (s, s) bool, at the finished size: every pixel that shrinking may let differ."""
    share = cv2.resize(region.astype(np.float32), (size_px, size_px), interpolation=cv2.INTER_AREA)
    return dilated(share > 0, _RINGING_PX)
