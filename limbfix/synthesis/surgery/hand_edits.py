"""What comes out of an operation on a photographed hand? The wrong hand and its twin, where they differ, and whether one sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.surgery.hand_scene import HandScene, HandVersion
from limbfix.synthesis.surgery.layers import dilated
from limbfix.synthesis.surgery.regions import FIRST_DIGIT

_LEAST_CHANGE = 14.0
"""Grey levels between defect and twin from which a pixel counts as changed."""

_LEAST_SHOWN = 0.015
"""Changed pixels in palm lengths squared from which a defect is visible: half a fingertip."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandEdit:
    """A wrong hand and its benign twin.

    Attributes:
        code: what a judge should report.
        operator: `surgery.<function>`.
        defect, twin: the two hands.
        concerned: indices into `defect.digits`.
        region: (h, w) bool, where the two may differ.
        visible: whether enough pixels differ to see it.
    """

    code: DefectCode
    operator: str
    defect: HandVersion
    twin: HandVersion
    concerned: tuple[int, ...]
    region: np.ndarray
    visible: bool


Operator = Callable[[HandScene, np.random.Generator], HandEdit | None]


def make_edit(
    name: str, code: DefectCode, scene: HandScene, defect: HandVersion, twin: HandVersion, concerned: Sequence[int]
) -> HandEdit:
    """Compares a wrong hand with its twin.

    Args:
        name: of the operator's function.
        code: what a judge should report.
        scene: whose hand it is.
        defect, twin: the two hands.
        concerned: indices into `defect.digits`.
    """
    values = [FIRST_DIGIT + index for index in concerned]
    own = np.isin(defect.hand_map, values) | np.isin(twin.hand_map, values)
    changed = np.abs(defect.pixels.astype(np.int16) - twin.pixels).max(axis=2) > 0
    region = dilated(own, 0.1 * scene.regions.palm_px) | dilated(changed, 1)
    strong = np.abs(defect.pixels.astype(np.float32) - twin.pixels).mean(axis=2) > _LEAST_CHANGE
    visible = bool((strong & region).sum() > _LEAST_SHOWN * scene.regions.palm_px**2)
    return HandEdit(
        code=code,
        operator=f"surgery.{name}",
        defect=defect,
        twin=twin,
        concerned=tuple(concerned),
        region=region,
        visible=visible,
    )
