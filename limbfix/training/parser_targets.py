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
class ParserTarget:
    """One training example of `size` px; maps have `size / STRIDE` cells.

    Attributes:
        pixels: (size, size, 3) uint8.
        heatmaps: (5, h, w) float16 0-1. fields: (8, h, w) float16. parts: (h, w) uint8, classes of the parser's `PARTS`.
        judgements: (6,) float32 0 or 1. counts: (2,) int64 digits present and visible, at most MOST_DIGITS; -1 unknown.
        exact: whether joints and parts are exact; judgements always are.
    """

    pixels: np.ndarray
    heatmaps: np.ndarray
    fields: np.ndarray
    parts: np.ndarray
    judgements: np.ndarray
    counts: np.ndarray
    exact: bool


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


def _heat(shape: tuple[int, int], points: list[tuple[float, float]]) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    heat = np.zeros(shape, np.float32)
    for x, y in points:
        np.maximum(heat, np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * HEAT_SIGMA**2)), out=heat)
    return heat


def _draw_bone(field: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
    length = float(np.linalg.norm(end - start))
    if length < 1e-3:
        return
    direction = (end - start) / length
    rows, columns = np.mgrid[: field.shape[1], : field.shape[2]]
    offset = np.stack([columns - start[0], rows - start[1]], -1)
    along, aside = offset @ direction, np.abs(offset @ np.array([-direction[1], direction[0]]))
    on = (along >= -0.5) & (along <= length + 0.5) & (aside <= BONE_HALF_WIDTH)
    field[:, on] = direction[:, None]


def _joints(
    sample: Sample, hand: Instance, matrix: np.ndarray
) -> tuple[list[list[np.ndarray]], list[tuple[int, np.ndarray, np.ndarray]]]:
    """Returns visible joints by kind, in cells, and bones (row of PHALANGES, start, end) between visible joints."""

    def cells(xy: tuple[float, float]) -> np.ndarray:
        return (matrix[:, :2] @ np.array(xy) + matrix[:, 2] + 0.5) / STRIDE - 0.5

    points: list[list[np.ndarray]] = [[] for _ in JOINTS]
    bones: list[tuple[int, np.ndarray, np.ndarray]] = []
    wrist = next((cells(joint.xy) for joint in hand.joints if joint.name == "wrist" and joint.visible), None)
    if wrist is not None:
        points[0].append(wrist)
    for digit in sample.hand_digits(hand.id):
        if not digit.present:
            continue
        seen = {joint.name: cells(joint.xy) for joint in digit.joints if joint.visible}
        if wrist is not None:
            seen["wrist"] = wrist
        for kind, name in enumerate(JOINTS[1:], start=1):
            if name in seen:
                points[kind].append(seen[name])
        bones += [(row, seen[a], seen[b]) for row, (a, b) in enumerate(PHALANGES) if a in seen and b in seen]
    return points, bones


def make_target(sample: Sample, hand: Instance, size: int, rng: np.random.Generator | None = None) -> ParserTarget:
    """Cuts one hand out of a made picture and draws its truth.

    Args:
        sample: any stream's picture.
        hand: one of its hands.
        size: px of the crop; a multiple of 32.
        rng: jitters the crop; None for the plain one.
    """
    matrix = crop_matrix(sample, hand, size, rng)
    side = size // STRIDE
    pixels = cv2.warpAffine(
        sample.pixels, matrix, (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101
    )
    classes = cv2.warpAffine(part_classes(sample, hand), matrix, (size, size), flags=cv2.INTER_NEAREST)
    points, bones = _joints(sample, hand, matrix)
    heatmaps = np.stack([_heat((side, side), [(float(x), float(y)) for x, y in row]) for row in points])
    fields = np.zeros((2 * len(PHALANGES), side, side), np.float32)
    for row, start, end in bones:
        _draw_bone(fields[2 * row : 2 * row + 2], start, end)
    return ParserTarget(
        pixels=pixels,
        heatmaps=heatmaps.astype(np.float16),
        fields=fields.astype(np.float16),
        parts=classes[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE],
        judgements=judgements_of(sample, hand),
        counts=np.minimum([sample.digits_present(hand.id), sample.digits_visible(hand.id)], MOST_DIGITS),
        exact=sample.exact,
    )


def judgements_of(sample: Sample, hand: Instance) -> np.ndarray:
    """Returns (6,) float32: which of `JUDGEMENTS` are true of a hand in this picture. Defects that nobody can see are not."""
    own = {hand.id, *(digit.id for digit in sample.hand_digits(hand.id))}
    judged = np.zeros(len(JUDGEMENTS), np.float32)
    for defect in sample.defects:
        name = CODE_JUDGEMENTS.get(defect.code)
        if name is not None and defect.visible and own & set(defect.instances):
            judged[JUDGEMENTS.index(name)] = 1
    return judged
