"""What should the digit parser say of a made picture? Crops around a hand, and the maps and judgements that are true of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from limbfix.findings import DefectCode
from limbfix.nets.digit_parser import JOINTS, JUDGEMENTS, MOST_DIGITS, PARTS, PHALANGES, STRIDE
from limbfix.synthesis.samples import PARTS as MADE_PARTS
from limbfix.synthesis.samples import Instance, Sample

HEAT_SIGMA = 1.1
"""Cells; spread of a joint's heat. Neighbouring tips of a small hand lie about 4 cells apart and must stay two peaks."""

BONE_HALF_WIDTH = 1.0
"""Cells; how far from a bone its field is drawn."""

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
        bones: (m, 5) float32: row of `PHALANGES`, start x, y, end x, y in cells; between visible joints.
        judgements: (6,) float32 0 or 1, see `JUDGEMENTS`.
        counts: (2,) int64, digits present and visible, at most MOST_DIGITS.
        group, order: of the sample: within a group a higher order must be judged worse.
    """

    pixels: np.ndarray
    parts: np.ndarray
    joints: np.ndarray
    bones: np.ndarray
    judgements: np.ndarray
    counts: np.ndarray
    group: str
    order: int


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


def crop_matrix(
    sample: Sample, hand: Instance, size: int, rng: np.random.Generator | None, *, widest: float = 2.0
) -> np.ndarray:
    """Returns the (2, 3) matrix from picture px to crop px: a square around the hand, jittered and turned if `rng` is given."""
    rows, columns = np.nonzero(hand_pixels(sample, hand))
    centre = np.array([(columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2])
    extent = max(np.ptp(columns), np.ptp(rows)) + 1
    factor, angle, mirror = 1.6, 0.0, 1.0
    if rng is not None:
        factor = rng.uniform(1.25, widest)
        angle = rng.normal(0, 0.35) if rng.random() < 0.7 else rng.uniform(-np.pi, np.pi)
        mirror = rng.choice([-1.0, 1.0])
        centre = centre + rng.normal(0, 0.06, 2) * extent
    scale = size / (factor * extent)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[mirror * cosine, -sine], [mirror * sine, cosine]])
    return np.column_stack([linear, size / 2 - linear @ centre])


def _joints_and_bones(sample: Sample, hand: Instance, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the visible joints (n, 3) and the bones between them (m, 5), in cells; see `HandCut`."""

    def cells(xy: tuple[float, float]) -> np.ndarray:
        return (matrix[:, :2] @ np.array(xy) + matrix[:, 2] + 0.5) / STRIDE - 0.5

    joints: list[tuple[float, ...]] = []
    bones: list[tuple[float, ...]] = []
    wrist = next((cells(joint.xy) for joint in hand.joints if joint.name == "wrist" and joint.visible), None)
    if wrist is not None:
        joints.append((0, *wrist))
    for digit in sample.hand_digits(hand.id):
        if not digit.present:
            continue
        seen = {joint.name: cells(joint.xy) for joint in digit.joints if joint.visible}
        joints += [(kind, *seen[name]) for kind, name in enumerate(JOINTS) if name in seen]
        if wrist is not None:
            seen["wrist"] = wrist
        bones += [(row, *seen[a], *seen[b]) for row, (a, b) in enumerate(PHALANGES) if a in seen and b in seen]
    return np.array(joints, np.float32).reshape(-1, 3), np.array(bones, np.float32).reshape(-1, 5)


def cut_hand(sample: Sample, hand: Instance, size: int, rng: np.random.Generator | None = None) -> HandCut:
    """Cuts one hand out of a made picture, with its truth.

    Args:
        sample: any stream's picture.
        hand: one of its hands.
        size: px of the crop; a multiple of 32.
        rng: jitters the crop; None for the plain one. The same rng state gives two pictures of a pair the same crop only if
            their hands cover the same pixels.
    """
    return cut_along(sample, hand, size, crop_matrix(sample, hand, size, rng))


def cut_along(sample: Sample, hand: Instance, size: int, matrix: np.ndarray) -> HandCut:
    """Cuts along a given (2, 3) matrix from picture px to crop px: both pictures of a pair alike."""
    pixels = cv2.warpAffine(
        sample.pixels, matrix, (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101
    )
    classes = cv2.warpAffine(part_classes(sample, hand), matrix, (size, size), flags=cv2.INTER_NEAREST)
    joints, bones = _joints_and_bones(sample, hand, matrix)
    return HandCut(
        pixels=pixels,
        parts=classes[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE],
        joints=joints,
        bones=bones,
        judgements=judgements_of(sample, hand),
        counts=np.minimum([sample.digits_present(hand.id), sample.digits_visible(hand.id)], MOST_DIGITS),
        group=sample.group,
        order=sample.order,
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
