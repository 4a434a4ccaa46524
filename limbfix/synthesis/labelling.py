"""What does a rendered picture show, exactly? Posed figures and the label buffers in, `samples.Instance` rows out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.posing import joint_position, skinned, world_matrices
from limbfix.synthesis.rendering.cameras import Camera
from limbfix.synthesis.rendering.renderer import Rendering
from limbfix.synthesis.samples import JOINTS, Instance, Joint, Kind

FLESH_DM: Mapping[str, float] = {
    **dict.fromkeys(("mcp", "pip", "dip", "tip"), 0.22),
    **dict.fromkeys(("wrist", "ankle", "heel", "toe_tip"), 0.6),
    **dict.fromkeys(("elbow", "knee"), 0.9),
    **dict.fromkeys(("shoulder", "hip", "pelvis", "neck", "nose", "crown"), 2.0),
}
"""Decimetres of flesh and cloth that may lie over a joint which still counts as visible: about its limb's thickness. More than
that means that another part of the same limb is in front, as in a fist."""

OUTERMOST = ("tip", "toe_tip", "crown")
"""Joints at the end of a limb: their bones end on its outline, or a pixel beside it."""

STEPS_BACK = (0.0, 0.1, 0.2, 0.3)
"""Of a bone's length: an outermost joint is looked for a little before its end, too. Without this, half of the tips that anybody sees were labelled as hidden (2.5 of 4.9 digits that show, now 3.5; the rest are
fists and things held)."""

NOWHERE = (float("nan"), float("nan"))
"""Where a joint is that does not exist."""

SPECK = 3
"""Vertices; a thing that hides fewer vertices of another does not count as occluding it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thing:
    """An object of a scene.

    Attributes:
        id: its id in the label buffer.
        name: e.g. `cup`.
        positions: (v, 3) decimetres, world.
    """

    id: int
    name: str
    positions: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coverage:
    """How much of an instance's surface is seen, by its vertices."""

    visible_fraction: float
    outside_fraction: float
    occluded_by: tuple[int, ...]


def _coverage(ids: np.ndarray, points: np.ndarray, camera: Camera, instance_map: np.ndarray) -> dict[int, _Coverage]:
    """Looks up where each vertex (v, 3) of an instance (v,) falls in the label buffer."""
    size = instance_map.shape[0]
    projected = camera.project(points, size)
    with np.errstate(invalid="ignore"):
        inside = (projected[:, :2] >= 0).all(1) & (projected[:, :2] < size).all(1)
    column, row = np.nan_to_num(projected[:, :2].T, nan=0.0).clip(0, size - 1).astype(int)
    seen = np.where(inside, instance_map[row, column], 0).astype(np.int64)
    total, shown, outside = (
        np.bincount(ids[chosen], minlength=ids.max() + 1) for chosen in (..., seen == ids, ~inside)
    )
    # 0 is a vertex that falls just beside the outline: nothing hides it
    pairs, counts = np.unique((ids.astype(np.int64) << 32 | seen)[(seen != ids) & (seen != 0)], return_counts=True)
    hiders: dict[int, list[int]] = {}
    for i in np.argsort(-counts, kind="stable"):
        if counts[i] >= SPECK:
            hiders.setdefault(int(pairs[i]) >> 32, []).append(int(pairs[i]) & 0xFFFFFFFF)
    return {
        int(id): _Coverage(
            visible_fraction=float(shown[id] / total[id]),
            outside_fraction=float(outside[id] / total[id]),
            occluded_by=tuple(hiders.get(int(id), ())),
        )
        for id in np.flatnonzero(total)
    }


def _relatives(figure: Figure) -> dict[int, set[int]]:
    """Returns for each id the ids on which its end joints may lie: itself, its owner, and what grows from it."""
    kin = {entry.id: {entry.id} for entry in figure.instances}
    for entry in figure.instances:
        if entry.owner is not None:
            kin[entry.id].add(entry.owner)
            kin[entry.owner].add(entry.id)
    middle = {e.id for e in figure.instances if e.kind in ("torso", "head", "person")}
    for entry in figure.instances:  # shoulders, hips and necks end in the trunk, which has no limb as owner
        if entry.kind in ("arm", "leg", "head", "torso"):
            kin[entry.id] |= middle
    return kin


def _joints(figure: Figure, matrices: np.ndarray, camera: Camera, rendering: Rendering) -> dict[int, tuple[Joint, ...]]:
    """Returns the joints of every present instance, in the order of `JOINTS`; all are projected at once.

    A joint that an operator took away (the tip of a stump keeps its name, the joint before it may be gone) is nan and not visible.
    """
    kin = _relatives(figure)
    wanted = [(entry.id, *joint) for entry in figure.instances if entry.present for joint in entry.joints]
    points = [_steps(figure, matrices, name, bone, end) for _, name, bone, end in wanted]
    starts = np.cumsum([len(steps) for steps in points])[:-1]
    projected = np.split(camera.project(np.concatenate(points), rendering.instance.shape[0]), starts)
    found: dict[int, dict[str, Joint]] = {}
    for (id, name, _, _), steps in zip(wanted, projected, strict=True):
        x, y = map(float, steps[0, :2])
        visible = is_seen(rendering, steps, FLESH_DM[name], kin[id])
        found.setdefault(id, {})[name] = Joint(name=name, xy=(x, y), visible=visible)
    kinds: dict[int, Kind] = {entry.id: entry.kind for entry in figure.instances}
    return {
        id: tuple(joints.get(name) or Joint(name=name, xy=NOWHERE, visible=False) for name in JOINTS[kinds[id]])
        for id, joints in found.items()
    }


def _steps(figure: Figure, matrices: np.ndarray, name: str, bone: int, end: str) -> np.ndarray:
    """Returns (n, 3) world positions: the joint alone, and of an outermost one `STEPS_BACK` on its bone, itself first."""
    joint = joint_position(figure, matrices, bone, end)
    if end == "head" or name not in OUTERMOST:
        return joint[None]
    start = joint_position(figure, matrices, bone, "head")
    return joint + np.array(STEPS_BACK)[:, None] * (start - joint)


def is_seen(rendering: Rendering, steps: np.ndarray, flesh: float, kin: set[int]) -> bool:
    """Tells whether a joint is in the picture and seen.

    Beside an outline lies what is behind it, so an outermost joint may be seen a little before its end; but not where something stands in
    front of the end itself.

    Args:
        rendering: of the picture.
        steps: (n, 3) x, y, distance of the joint, and of places before it; see `_steps`.
        flesh: decimetres that may lie over it.
        kin: ids on which it may lie.
    """
    return _is_free(rendering, steps[0], flesh) and any(
        _is_free(rendering, step, flesh) and int(rendering.instance[int(step[1]), int(step[0])]) in kin
        for step in steps
    )


def _is_free(rendering: Rendering, point: np.ndarray, flesh: float) -> bool:
    """Tells whether a projected point (x, y, distance) is in the picture with no more than its flesh in front of it."""
    x, y, distance = point
    size = rendering.instance.shape[0]
    return bool(0 <= x < size and 0 <= y < size and distance - rendering.depth[int(y), int(x)] < flesh)


def _kind_rows(figure: Figure, camera: Camera, rendering: Rendering, counts: np.ndarray) -> list[Instance]:
    matrices = world_matrices(figure)
    drawn = [slice(None) if c.hidden is None else ~c.hidden for c in figure.components]
    ids = np.concatenate([c.instance[shown] for c, shown in zip(figure.components, drawn, strict=True)])
    points = np.concatenate([skinned(c, matrices)[shown] for c, shown in zip(figure.components, drawn, strict=True)])
    coverage = _coverage(ids, points, camera, rendering.instance)
    joints = _joints(figure, matrices, camera, rendering)
    rows = []
    for entry in figure.instances:
        seen = coverage.get(entry.id)
        rows.append(
            Instance(
                id=entry.id,
                kind=entry.kind,
                name=entry.name,
                side=entry.side,
                owner=entry.owner,
                faults=entry.faults,
                present=entry.present,
                visible_px=int(counts[entry.id]) if entry.present else 0,
                visible_fraction=seen.visible_fraction if seen else float("nan"),
                outside_fraction=seen.outside_fraction if seen else float("nan"),
                occluded_by=seen.occluded_by if seen else (),
                joints=joints.get(entry.id, ()),
            )
        )
    return rows


def label_scene(
    figures: Sequence[Figure], things: Sequence[Thing], camera: Camera, rendering: Rendering
) -> tuple[Instance, ...]:
    """Returns the rows of everybody and everything in a scene.

    Args:
        figures: posed as they were drawn.
        things: objects as they were drawn.
        camera, rendering: of the picture.
    """
    top = max([thing.id for thing in things] + [entry.id for figure in figures for entry in figure.instances])
    counts = np.bincount(rendering.instance.ravel(), minlength=top + 1)
    rows = [row for figure in figures for row in _kind_rows(figure, camera, rendering, counts)]
    kind: Kind = "object"
    for thing in things:
        ids = np.full(len(thing.positions), thing.id)
        seen = _coverage(ids, thing.positions, camera, rendering.instance)[thing.id]
        rows.append(
            Instance(
                id=thing.id,
                kind=kind,
                name=thing.name,
                side=None,
                owner=None,
                visible_px=int(counts[thing.id]),
                visible_fraction=seen.visible_fraction,
                outside_fraction=seen.outside_fraction,
                occluded_by=seen.occluded_by,
            )
        )
    return tuple(rows)
