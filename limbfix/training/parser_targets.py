"""What should the digit parser say of a made picture? Crops around a hand, and the maps and judgements that are true of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.findings import DefectCode
from limbfix.geometry import from_first_centre, scaled_from_first_centre
from limbfix.nets.digit_parser import BORDER, JOINTS, JUDGEMENTS, MOST_DIGITS, PARTS, PHALANGES, STRIDE
from limbfix.synthesis.samples import PARTS as MADE_PARTS
from limbfix.synthesis.samples import Instance, Sample

HEAT_SIGMA = 1.1
"""Cells; spread of a joint's heat. Neighbouring tips of a small hand lie about 4 cells apart and must stay two peaks."""

BONE_HALF_WIDTH = 1.0
"""Cells; how far from a bone its field is drawn."""

STORED_PX, STORED_VIEW = 256, 2.0
"""Side of a stored hand in px, and in hand sizes."""

CHANGED_LEVELS = 16
"""A pixel counts as changed from this difference on, of 255."""

CLEAR_SHARE, LEAST_WEIGHT = 0.06, 0.1
"""A defect that changes this share of the hand's pixels (half a finger) counts fully, smaller ones less: what nobody sees teaches
seams and noise."""

UNJUDGED_STREAMS = ("edits",)
"""Their hands teach digits, and no judgement: a network that judges edited photographs learns to see the editing (hand by hand on AI pictures
0.60, then 0.55 with more of it, while pairs of edits rose to 0.97)."""

CODE_JUDGEMENTS: Mapping[DefectCode, str] = {
    DefectCode.HAND_EXTRA_DIGIT: "extra_digit",
    DefectCode.HAND_MISSING_DIGIT: "missing_digit",
    DefectCode.HAND_FUSED_DIGITS: "fused_digits",
    DefectCode.HAND_MALFORMED: "malformed",
    DefectCode.HAND_WRONG_SIDE: "wrong_side",
    DefectCode.HAND_PROPORTION: "proportion",
}

_SEGMENT_CLASS = {"proximal": "proximal", "middle": "middle", "distal": "distal", "nail": "nail"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandCut:
    """One training example of `size` px, its maps not drawn yet: a mirrored or turned batch draws them anew.

    Attributes:
        pixels: (size, size, 3) uint8.
        parts: (size / STRIDE, size / STRIDE) uint8, classes of the parser's `PARTS`.
        joints: (n, 3) float32: kind (index in `JOINTS`), x, y in cells; visible joints.
        owners: (n,) int64, which digit each joint is of: 1, 2, ..., 0 for the wrist.
        bones: (m, 5) float32: row of `PHALANGES`, start x, y, end x, y in cells; between visible joints.
        judgements: (6,) float32 0 or 1, see `JUDGEMENTS`.
        counts: (2,) int64, digits present and visible, at most MOST_DIGITS.
        weight: 0-1, how well a person could see what is judged; 1 for normal hands, 0 for those of `UNJUDGED_STREAMS`.
        dense: 0-1, how much joints, bones and parts are to be believed.
    """

    pixels: np.ndarray
    parts: np.ndarray
    joints: np.ndarray
    owners: np.ndarray
    bones: np.ndarray
    judgements: np.ndarray
    counts: np.ndarray
    weight: float = 1.0
    dense: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredHand:
    """A hand in memory, in the middle of a square of `STORED_PX`; whatever is drawn of it comes from here.

    Attributes:
        pixels: (s, s, 3) uint8; parts: (s, s) uint8, classes of the parser's `PARTS`.
        joints: (n, 3) float32: kind, x, y in stored px; bones: (m, 5) float32: row, ends in stored px. Only what is seen.
        owners: as in `HandCut`.
        judgements, counts, weight, dense: as in `HandCut`.
        extent: longer side of the hand in stored px; hand_px: the same in the picture it came from.
        room: x0, y0, x1, y1 in stored px: the picture; beyond it everything is `BORDER`.
    """

    pixels: np.ndarray
    parts: np.ndarray
    joints: np.ndarray
    owners: np.ndarray
    bones: np.ndarray
    judgements: np.ndarray
    counts: np.ndarray
    weight: float
    extent: float
    hand_px: float
    room: tuple[float, float, float, float]
    dense: float = 1.0


def hand_pixels(sample: Sample, hand: Instance) -> np.ndarray:
    """Returns (h, w) bool: the pixels of a hand with its digits."""
    return np.isin(sample.instance_map, [hand.id, *(digit.id for digit in sample.hand_digits(hand.id))])


def main_hand(sample: Sample) -> Instance | None:
    """Returns the hand that a defect concerns, else the one that shows most pixels; None where no hand is seen."""
    hands = [item for item in sample.instances if item.kind == "hand" and item.present]
    concerned = {id for defect in sample.defects for id in defect.instances}

    def rank(hand: Instance) -> tuple[bool, int]:
        own = {hand.id, *(digit.id for digit in sample.hand_digits(hand.id))}
        return bool(own & concerned), int(hand_pixels(sample, hand).sum())

    best = max(hands, key=rank, default=None)
    return best if best is not None and rank(best)[1] > 0 else None


def part_classes(sample: Sample, hand: Instance) -> np.ndarray:
    """Returns (h, w) uint8: the parser's part classes, seen from one hand."""
    other_hands = {item.id for item in sample.instances if item.kind == "hand" and item.id != hand.id}
    other_hands |= {item.id for item in sample.instances if item.kind == "digit" and item.owner != hand.id}
    own = hand_pixels(sample, hand)
    classes = np.full(sample.part_map.shape, PARTS.index("background"), np.uint8)
    for value, name in enumerate(MADE_PARTS):
        mask = sample.part_map == value
        if name == "background" or not mask.any():
            continue
        classes[mask] = PARTS.index(_class_of(name))
    foreign = np.isin(sample.instance_map, sorted(other_hands))
    classes[foreign] = PARTS.index("other_hand")
    # the forearm of somebody else, or of the other hand, is just body
    arm = np.isin(sample.instance_map, [hand.owner or 0])
    forearm = classes == PARTS.index("forearm")
    classes[forearm & ~arm & ~own] = PARTS.index("other_body")
    return classes


def _class_of(part: str) -> str:
    if part in ("forearm", "palm", "object"):
        return part
    if part.startswith("thumb") and not part.endswith("nail"):
        return "thumb"
    ending = part.rsplit("_", 1)[-1]
    return _SEGMENT_CLASS.get(ending, "other_body")


def store_matrix(sample: Sample, hand: Instance) -> tuple[np.ndarray, float]:
    """Returns the (2, 3) matrix from picture px to stored px, and the hand's longer side in the picture, px."""
    rows, columns = np.nonzero(hand_pixels(sample, hand))
    centre = np.array([(columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2])
    extent = float(max(np.ptp(columns), np.ptp(rows)) + 1)
    scale = STORED_PX / (STORED_VIEW * extent)
    return np.column_stack([scale * np.eye(2), STORED_PX / 2 - scale * centre]), extent


def store_pair(worse: Sample, hand: Instance, better: Sample, twin: Instance) -> tuple[StoredHand, StoredHand]:
    """Cuts both hands of a pair alike, with their truth, and measures how much of the hand differs."""
    matrix, extent = store_matrix(worse, hand)
    changed = np.abs(worse.pixels.astype(np.int16) - better.pixels).max(2) >= CHANGED_LEVELS
    share = float(changed.sum() / max(int(hand_pixels(worse, hand).sum()), 1))
    weight = float(np.clip(share / CLEAR_SHARE, LEAST_WEIGHT, 1.0))
    return _stored(worse, hand, matrix, extent, weight), _stored(better, twin, matrix, extent, 1.0)


def _stored(sample: Sample, hand: Instance, matrix: np.ndarray, extent: float, weight: float) -> StoredHand:
    size = (STORED_PX, STORED_PX)
    shrinks = matrix[0, 0] < 1
    pixels = cv2.warpAffine(
        sample.pixels, matrix, size, flags=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC, borderValue=BORDER
    )
    classes = part_classes(sample, hand)
    joints, owners, bones = _joints_and_bones(sample, hand, matrix)
    judged = judgements_of(sample, hand)
    counts = np.minimum([sample.digits_present(hand.id), sample.digits_visible(hand.id)], MOST_DIGITS)
    return StoredHand(
        pixels=pixels,
        parts=cv2.warpAffine(classes, matrix, size, flags=cv2.INTER_NEAREST),
        joints=joints,
        owners=owners,
        bones=bones,
        judgements=judged,
        counts=counts if sample.exact else np.full(2, -1),  # on photographs they are guesses
        weight=0.0 if sample.stream in UNJUDGED_STREAMS else weight if judged.any() else 1.0,
        extent=STORED_PX / STORED_VIEW,
        hand_px=extent,
        room=_room(sample.pixels.shape, matrix),
    )


def _room(shape: tuple[int, ...], matrix: np.ndarray) -> tuple[float, float, float, float]:
    low, high = matrix[:, 2], matrix[:, :2] @ np.array(shape[1::-1]) + matrix[:, 2]
    (x0, y0), (x1, y1) = np.clip(low, 0, STORED_PX), np.clip(high, 0, STORED_PX)
    return float(x0), float(y0), float(x1), float(y1)


def _joints_and_bones(sample: Sample, hand: Instance, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the visible joints (n, 3), whose they are (n,), and the bones between them (m, 5), in stored px; see `StoredHand`."""

    def placed(xy: tuple[float, float]) -> np.ndarray:
        return matrix[:, :2] @ from_first_centre(xy) + matrix[:, 2]

    joints: list[tuple[float, ...]] = []
    owners: list[int] = []
    bones: list[tuple[float, ...]] = []
    wrist = next((placed(joint.xy) for joint in hand.joints if joint.name == "wrist" and joint.visible), None)
    if wrist is not None:
        joints.append((0, *wrist))
        owners.append(0)
    digits = [digit for digit in sample.hand_digits(hand.id) if digit.present]
    for number, digit in enumerate(digits, start=1):
        seen = {joint.name: placed(joint.xy) for joint in digit.joints if joint.visible}
        joints += [(kind, *seen[name]) for kind, name in enumerate(JOINTS) if name in seen]
        owners += [number] * len(seen)
        if wrist is not None:
            seen["wrist"] = wrist
        bones += [(row, *seen[a], *seen[b]) for row, (a, b) in enumerate(PHALANGES) if a in seen and b in seen]
    rows, lines = np.array(joints, np.float32).reshape(-1, 3), np.array(bones, np.float32).reshape(-1, 5)
    return rows, np.array(owners, np.int64), lines


def seen_through(
    hand: StoredHand,
    matrix: np.ndarray,
    size: int,
    *,
    large: int | None = None,
    change: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels,
) -> HandCut:
    """Cuts a stored hand along a (2, 3) matrix from stored px to crop px.

    Args:
        hand: what is cut.
        matrix: turns, scales, mirrors.
        size: px of the crop; a multiple of 32.
        large: px at which the pixels are handed to `change`, which must return them at `size`; None = `size`.
        change: what else happens to the pixels.
    """
    large = large or size
    grown = matrix * (large / size)
    shrinks = abs(np.linalg.det(grown[:, :2])) < 1
    pixels = cv2.warpAffine(
        hand.pixels, grown, (large, large), flags=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR, borderValue=BORDER
    )
    cells = np.column_stack([matrix[:, :2] / STRIDE, scaled_from_first_centre(matrix[:, 2], 1 / STRIDE)])
    parts = cv2.warpAffine(hand.parts, cells, (size // STRIDE,) * 2, flags=cv2.INTER_NEAREST)
    joints, bones = hand.joints.copy(), hand.bones.copy()
    for array, columns in ((joints, slice(1, 3)), (bones, slice(1, 3)), (bones, slice(3, 5))):
        if len(array):
            array[:, columns] = array[:, columns] @ cells[:, :2].T + cells[:, 2]
    return HandCut(
        pixels=change(pixels),
        parts=parts,
        joints=joints,
        owners=hand.owners,
        bones=bones,
        judgements=hand.judgements,
        counts=hand.counts,
        weight=hand.weight,
        dense=hand.dense,
    )


def draw_heatmaps(joints: np.ndarray, side: int) -> np.ndarray:
    """Returns (5, side, side) float32 0-1: a Gaussian at each joint (n, 3), see `HandCut`."""
    cells = np.arange(side, dtype=np.float32)
    heat = np.zeros((len(JOINTS), side, side), np.float32)
    for kind, x, y in joints:
        spread = 2 * HEAT_SIGMA**2
        bell = np.exp(-((cells - y) ** 2) / spread)[:, None] * np.exp(-((cells - x) ** 2) / spread)[None]
        np.maximum(heat[int(kind)], bell, out=heat[int(kind)])
    return heat


def draw_fields(bones: np.ndarray, side: int) -> np.ndarray:
    """Returns (8, side, side) float32: unit vectors along each bone (m, 5), see `HandCut`."""
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    fields = np.zeros((2 * len(PHALANGES), side, side), np.float32)
    for row, x0, y0, x1, y1 in bones:
        length = float(np.hypot(x1 - x0, y1 - y0))
        if length < 1e-3:
            continue
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        along = (columns - x0) * ux + (rows - y0) * uy
        aside = np.abs((rows - y0) * ux - (columns - x0) * uy)
        on = (along >= -0.5) & (along <= length + 0.5) & (aside <= BONE_HALF_WIDTH)
        fields[2 * int(row)][on], fields[2 * int(row) + 1][on] = ux, uy
    return fields


def judgements_of(sample: Sample, hand: Instance) -> np.ndarray:
    """Returns (6,) float32: which of `JUDGEMENTS` are true of a hand in this picture. Defects that nobody can see are not."""
    own = {hand.id, *(digit.id for digit in sample.hand_digits(hand.id))}
    judged = np.zeros(len(JUDGEMENTS), np.float32)
    for defect in sample.defects:
        name = CODE_JUDGEMENTS.get(defect.code)
        if name is not None and defect.visible and own & set(defect.instances):
            judged[JUDGEMENTS.index(name)] = 1
    return judged
