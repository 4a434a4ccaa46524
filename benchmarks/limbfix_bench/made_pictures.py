"""Do the labels of made pictures agree with their pixels? Pure measures on samples and pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from limbfix.synthesis.labelling import OUTERMOST
from limbfix.synthesis.pairing import CHANGED_LEVELS
from limbfix.synthesis.samples import Instance, Sample

MARGIN_PX = 4
"""How far beyond its region a defect may change the picture: anti-aliased outlines and the ambient occlusion's blur."""

END_PX = 3
"""How far beside its limb an outermost joint may lie: its bone ends on the outline, so its own pixel mostly shows what is behind."""

LEAST_VISIBLE_PX = 12
"""Fewer pixels than this are not a digit that anyone sees; as in `Sample.digits_visible`."""


@dataclass(slots=True)
class Truth:
    """Counts over many pictures; `hits` of `n` for each question.

    Attributes:
        joints: visible joints, but the outermost, that lie on their own instance, or on the one it grows from or that grows from it.
        ends: visible outermost joints (tips of fingers and toes, crowns) with a pixel of those within `END_PX`.
        counts: instances whose `visible_px` equals their pixels in the instance map.
        digit_counts: hands whose number of visible digits equals the number of digits with pixels.
        inside: changed pixels of pairs that lie inside the defect's region and its margin.
        changed: defects marked visible that do change their picture inside the region.
        shown: defects that are marked visible at all.
    """

    joints: list[int] = field(default_factory=lambda: [0, 0])
    ends: list[int] = field(default_factory=lambda: [0, 0])
    counts: list[int] = field(default_factory=lambda: [0, 0])
    digit_counts: list[int] = field(default_factory=lambda: [0, 0])
    inside: list[int] = field(default_factory=lambda: [0, 0])
    changed: list[int] = field(default_factory=lambda: [0, 0])
    shown: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, question: str, hits: int, n: int) -> None:
        """Adds to one question's counts."""
        row = getattr(self, question)
        row[0] += hits
        row[1] += n


def kin_of(instance: Instance, instances: Sequence[Instance]) -> set[int]:
    """Returns the ids on which an instance's end joints may lie: its own, its owner's, and of what it owns.

    Shoulders, hips and necks end in the trunk, whose parts a person owns side by side.
    """
    kin = {instance.id} | {other.id for other in instances if other.owner == instance.id}
    if instance.owner is not None:
        kin.add(instance.owner)
    if instance.kind in ("arm", "leg", "head", "torso"):
        kin |= {other.id for other in instances if other.owner == instance.owner and other.kind in ("torso", "head")}
    return kin


def visible_joints(sample: Sample) -> Iterator[tuple[bool, bool]]:
    """Yields for each joint marked visible (whether it is an outermost one, whether its limb is there); see `Truth`."""
    height, width = sample.instance_map.shape
    for instance in sample.instances:
        kin = sorted(kin_of(instance, sample.instances))
        for joint in instance.joints:
            if joint.visible:
                x, y = int(joint.xy[0]), int(joint.xy[1])
                reach = END_PX if joint.name in OUTERMOST else 0
                around = sample.instance_map[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
                inside = 0 <= x < width and 0 <= y < height
                yield joint.name in OUTERMOST, inside and bool(np.isin(around, kin).any())


def changed_pixels(a: Sample, b: Sample) -> np.ndarray:
    """Returns (h, w) bool: pixels of two undegraded pictures that differ by more than a person overlooks."""
    return np.abs(a.pixels.astype(np.int16) - b.pixels).max(-1) > CHANGED_LEVELS


def measure_labels(samples: Iterable[Sample], truth: Truth) -> None:
    """Adds the pictures' own questions to the counts."""
    for sample in samples:
        for outermost, lies in visible_joints(sample):
            truth.add("ends" if outermost else "joints", int(lies), 1)
        pixels = np.bincount(sample.instance_map.ravel(), minlength=max(i.id for i in sample.instances) + 1)
        right = sum(item.visible_px == int(pixels[item.id]) for item in sample.instances)
        truth.add("counts", right, len(sample.instances))
        for hand in (item for item in sample.instances if item.kind == "hand"):
            digits = sample.hand_digits(hand.id)
            seen = sum(int(pixels[digit.id]) >= LEAST_VISIBLE_PX for digit in digits)
            truth.add("digit_counts", int(seen == sample.digits_visible(hand.id)), 1)


def measure_pair(defect: Sample, twin: Sample, truth: Truth) -> None:
    """Adds a pair's questions to the counts. Both pictures must be undegraded."""
    truth.add("shown", int(any(d.visible for d in defect.defects)), 1)
    regions = [d.region for d in defect.defects if d.visible and d.region is not None]
    if not regions:
        return
    side = 2 * MARGIN_PX + 1
    grown = cv2.dilate(np.any(regions, axis=0).astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    changed = changed_pixels(defect, twin)
    truth.add("inside", int((changed & grown).sum()), int(changed.sum()))
    truth.add("changed", int((changed & grown).any()), 1)


def pairs_of(group: Sequence[Sample]) -> Iterator[tuple[Sample, Sample]]:
    """Yields the (defect, twin) pairs of a group."""
    twins = [sample for sample in group if sample.role == "twin"]
    for sample in group:
        if sample.role == "defect" and twins:
            yield sample, twins[0]
