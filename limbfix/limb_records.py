"""How do limbs stand in a record? Plain JSON values, px of the upright original; masks only if asked for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from limbfix.bodies import (
    EXPECTED_LIMBS,
    LEAST_CHANCE,
    Absence,
    AbsentLimb,
    BodyReading,
    LimbEnd,
    LimbKind,
    LimbLine,
    PersonGraph,
)
from limbfix.digit_records import mask_record


def limbs_record(graph: PersonGraph | None, masks_wh: tuple[int, int] | None) -> dict[str, Any]:
    """Returns what a reading adds to `people[].limbs`, its counts among it; nothing where there is none.

    Args:
        graph: what our network read of a person, or None where it read nobody there.
        masks_wh: width and height of the picture in px where masks are wanted, else None.
    """
    if graph is None:
        return {}
    extra = {limb.limb_index for kind in LimbKind for limb in graph.extra(kind)}
    ends = [limb for limb in graph.limbs if limb.kind is LimbKind.LEG and limb.chance >= LEAST_CHANCE]
    feet = sum(limb.end is LimbEnd.SEEN for limb in ends)
    return {
        "arms": _count(graph, LimbKind.ARM),
        "legs": _count(graph, LimbKind.LEG),
        "feet": {"seen": feet, "hidden": max(0, EXPECTED_LIMBS - feet), "expected": EXPECTED_LIMBS},
        "items": [_item(limb, limb.limb_index in extra, masks_wh) for limb in graph.limbs],
        "absent": [_absent(one) for one in graph.absent],
    }


def loose_limbs_record(reading: BodyReading | None, masks_wh: tuple[int, int] | None) -> dict[str, Any]:
    """Returns `{"loose_limbs": [...]}`, the limbs that belong to nobody, or nothing where no network of ours read bodies."""
    if reading is None:
        return {}
    return {"loose_limbs": [_item(limb, False, masks_wh) for limb in reading.loose]}


def _count(graph: PersonGraph, kind: LimbKind) -> dict[str, int]:
    unseen = sum(one.kind is kind and one.state is not Absence.MISSING for one in graph.absent)
    return {"seen": len(graph.counted(kind)), "hidden": unseen, "expected": EXPECTED_LIMBS}


def _item(limb: LimbLine, is_extra: bool, masks_wh: tuple[int, int] | None) -> dict[str, Any]:
    return {
        "limb_index": limb.limb_index,
        "kind": limb.kind.value,
        "side": limb.side.value,
        "side_score": _share(limb.side_score),
        "score": _share(limb.score),
        "chance": _share(limb.chance),
        "root": limb.root.value,
        "end": limb.end.value,
        "covered": _share(limb.covered),
        "forked": limb.forked,
        "extra": is_extra,
        "polyline": _points(limb.polyline),
        "joints": list(limb.joints),
        "hands": list(limb.hands),
        **mask_record(limb.mask, masks_wh),
    }


def _absent(limb: AbsentLimb) -> dict[str, Any]:
    return {
        "kind": limb.kind.value,
        "side": limb.side.value,
        "state": limb.state.value,
        "clear": _share(limb.clear) if math.isfinite(limb.clear) else None,
        "place": None if limb.place is None else _points(limb.place),
    }


def _share(value: float) -> float:
    return round(min(max(float(value), 0.0), 1.0), 4)


def _points(xy: np.ndarray) -> list[list[float]]:
    return [[round(float(x), 1), round(float(y), 1)] for x, y in xy]
