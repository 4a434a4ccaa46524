"""Stick figures turned into the maps of a perfect body parser: people with as many limbs as wanted, cut, covered, or in pieces.

Cells of the maps, x right, y down. A person faces the viewer, so the subject's left is at larger x.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbfix.bodies import LIMB_JOINTS, LimbKind
from limbfix.body_bones import CENTRE_CELLS, BodyMaps
from limbfix.nets.body_maps import BONES, ENDS, JOINTS, PARTS

CELLS = 96

ARM = ((0.0, 0.0), (0.16, 0.62), (0.22, 1.15), (0.24, 1.4))
LEG = ((0.0, 0.0), (0.06, 0.8), (0.08, 1.6), (0.2, 1.75))
"""Joints of a limb that hangs down, in torso lengths from its root; the subject's left."""

SHOULDER, HIP = (0.36, 0.06), (0.2, 1.0)
"""From the neck, in torso lengths."""

CLASSES = {LimbKind.ARM: ("upper_arm", "forearm", "hand"), LimbKind.LEG: ("thigh", "shin", "foot")}


class Stage:
    """Maps under the brush."""

    def __init__(self, width: int = CELLS, height: int = CELLS) -> None:
        shape = (height, width)
        self.heat = np.zeros((len(JOINTS), *shape), np.float32)
        self.fields = np.zeros((2 * len(BONES), *shape), np.float32)
        self.centre = np.zeros((2, *shape), np.float32)
        self.side = np.zeros((1, *shape), np.float32)
        self.covered = np.full((1, *shape), -4.0, np.float32)
        self.ends = np.zeros((len(ENDS), *shape), np.float32)
        self.classes = np.zeros(shape, np.uint8)
        self.rows, self.columns = np.mgrid[:height, :width]

    def _window(self, xy: np.ndarray, margin: float) -> tuple[slice, slice]:
        low, high = np.floor(xy.min(0) - margin).astype(int).clip(0), np.ceil(xy.max(0) + margin).astype(int) + 1
        return slice(low[1], max(high[1], 0)), slice(low[0], max(high[0], 0))

    def joint(self, name: str, xy, heat: float = 0.9) -> None:
        self._bell(self.heat[JOINTS.index(name)], xy, heat)

    def end(self, name: str, xy, heat: float = 0.9) -> None:
        self._bell(self.ends[ENDS.index(name)], xy, heat)

    def _bell(self, heat_map: np.ndarray, xy, heat: float) -> None:
        at = self._window(np.array([xy], float), 5)
        gap = (self.columns[at] - xy[0]) ** 2 + (self.rows[at] - xy[1]) ** 2
        heat_map[at] = np.maximum(heat_map[at], heat * np.exp(-gap / 2.4))

    def bone(self, inner: str, outer: str, start, end, width: float = 1.3, strength: float = 1.0) -> None:
        row = 2 * BONES.index((inner, outer))
        at, on, unit = self._on(start, end, width)
        for channel in (0, 1):
            self.fields[row + channel][at][on] = unit[channel] * strength

    def _on(self, start, end, width: float):
        a, b = np.array(start, float), np.array(end, float)
        at = self._window(np.stack([a, b]), width + 1)
        length = max(float(np.linalg.norm(b - a)), 1e-6)
        unit = (b - a) / length
        dx, dy = self.columns[at] - a[0], self.rows[at] - a[1]
        along = (dx * unit[0] + dy * unit[1]).clip(0, length)
        on = np.hypot(dx - along * unit[0], dy - along * unit[1]) <= width
        return at, on, unit

    def flesh(self, part: str, start, end, width: float, root, side: float = 0.0, *, over: bool = True) -> None:
        """Paints a capsule of a person's part; its cells point at the root. What lies under it is not seen any more."""
        at, on, _ = self._on(start, end, width)
        if over:
            others = on & self.is_others(root)[at]
            for maps in (self.heat, self.fields, self.ends):
                maps[(slice(None), *at)][:, others] = 0
        else:
            on = on & ~self.is_others(root)[at]
        self.classes[at][on] = PARTS.index(part)
        self.side[0][at][on] = side
        self.centre[0][at][on] = ((root[0] - self.columns[at]) / CENTRE_CELLS)[on]
        self.centre[1][at][on] = ((root[1] - self.rows[at]) / CENTRE_CELLS)[on]

    def is_others(self, root) -> np.ndarray:
        """Where somebody is who points at another root."""
        aimed = np.stack([self.columns, self.rows]) + self.centre * CENTRE_CELLS
        gap = np.hypot(*(aimed - np.reshape(root, (2, 1, 1))))
        return (self.classes > 0) & (gap > 0.5)

    def sees(self, xy, root) -> bool:
        """Whether a joint lies inside the view and nobody else stands before it."""
        height, width = self.classes.shape
        x, y = (round(float(value)) for value in xy)
        return 0 <= x < width and 0 <= y < height and not self.is_others(root)[y, x]

    def limb(self, kind: LimbKind, points: Sequence, root, *, size: float, first: int = 0, **options) -> None:
        """Paints a chain of joints, the first of which is number `first` of a limb's four; `options` as `limb_flesh`, `limb_joints`."""
        side, over, end = options.get("side", 0.0), options.get("over", True), options.get("end")
        self.limb_flesh(kind, points, root, size=size, first=first, side=side, over=over)
        self.limb_joints(kind, points, root, first=first, end=end)

    def limb_flesh(
        self,
        kind: LimbKind,
        points: Sequence,
        root,
        *,
        size: float,
        first: int = 0,
        side: float = 0.0,
        over: bool = True,
    ) -> None:
        wide = 0.11 if kind is LimbKind.ARM else 0.15
        for k in range(1, len(points)):
            part = CLASSES[kind][first + k - 1]
            self.flesh(part, points[k - 1], points[k], wide * size, root, side, over=over)

    def limb_joints(
        self, kind: LimbKind, points: Sequence, root, *, first: int = 0, end: str | None = None, heat=0.9
    ) -> None:
        names = LIMB_JOINTS[kind][first : first + len(points)]
        seen = [self.sees(point, root) for point in points]
        for k, (name, point) in enumerate(zip(names, points, strict=True)):
            if seen[k]:
                self.joint(name, point, heat)
            if k and seen[k] and seen[k - 1]:
                self.bone(names[k - 1], name, points[k - 1], point)
        if end is not None:
            self.end(end, points[-1])

    def box(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Puts an object before everything: what lies behind is not seen."""
        on = (self.columns >= x0) & (self.columns <= x1) & (self.rows >= y0) & (self.rows <= y1)
        self.classes[on] = PARTS.index("object")
        for maps in (self.heat, self.fields, self.centre, self.side, self.ends):
            maps[:, on] = 0

    def maps(self) -> BodyMaps:
        parts = np.where(np.arange(len(PARTS))[:, None, None] == self.classes, 6.0, 0.0).astype(np.float32)
        return BodyMaps(
            heat=self.heat, fields=self.fields, centre=self.centre, side=self.side, covered=self.covered, parts=parts,
            ends=self.ends,
        )  # fmt: skip


def limb_points(kind: LimbKind, neck, size: float, sign: float, *, turn_deg: float = 0.0, count: int = 4) -> list:
    """The joints of a limb of a standing person; `sign` is 1 on the subject's left; `turn_deg` lifts it outwards."""
    start = np.array(SHOULDER if kind is LimbKind.ARM else HIP) * (sign, 1) * size + neck
    turn = np.radians(turn_deg)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    shape = np.array(ARM if kind is LimbKind.ARM else LEG)[:count]
    return [tuple(point) for point in (shape @ matrix.T) * (sign, 1) * size + start]


def draw_person(
    stage: Stage,
    neck=(48.0, 24.0),
    size: float = 20.0,
    *,
    arms: Sequence[tuple[float, float, int]] = ((1, 0, 4), (-1, 0, 4)),
    legs: Sequence[tuple[float, float, int]] = ((1, 0, 4), (-1, 0, 4)),
    ends: dict[tuple[str, int], str] | None = None,
    narrow: float = 1.0,
    over: bool = True,
) -> None:
    """Draws somebody who stands.

    Args:
        stage: where.
        neck: cells.
        size: torso length in cells.
        arms, legs: (sign, turn_deg, joints) of each limb; a limb of one joint is a bare shoulder or hip.
        ends: (`arm` or `leg`, place in the list) -> name in `ENDS`.
        narrow: how wide shoulders and hips are, 1 = seen from the front.
        over: whether this person stands before what is there already.
    """
    neck = np.array(neck, float)
    head = neck - (0, 0.42 * size)
    limbs = [
        (kind, index, sign, limb_points(kind, neck, size, sign * narrow, turn_deg=turn, count=count))
        for kind, drawn in ((LimbKind.LEG, legs), (LimbKind.ARM, arms))
        for index, (sign, turn, count) in enumerate(drawn)
    ]
    stage.flesh("head", head, head - (0, 0.05 * size), 0.22 * size, neck, over=over)
    chest, belly = np.outer((0.18, 0.85), (0, size)) + neck
    stage.flesh("torso", neck, chest, 0.1 * size, neck, over=over)
    stage.flesh("torso", chest, belly, 0.28 * narrow * size, neck, over=over)
    for kind, _, sign, points in limbs:
        stage.limb_flesh(kind, points, neck, size=size, side=4.0 * np.sign(sign), over=over)
    is_seen = stage.sees(neck, neck)
    if is_seen:
        stage.joint("neck", neck)
    if stage.sees(head, neck):
        stage.joint("head", head)
        if is_seen:
            stage.bone("neck", "head", neck, head)
    for kind, index, _, points in limbs:
        if is_seen and stage.sees(points[0], neck):
            stage.bone("neck", LIMB_JOINTS[kind][0], neck, points[0])
        stage.limb_joints(kind, points, neck, end=(ends or {}).get((kind.value, index)))
