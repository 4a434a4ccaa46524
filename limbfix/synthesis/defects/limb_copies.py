"""How does a body get a limb twice? Copies of arms, legs, hands and feet with bones, instances and clothes of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.anatomy import LIMBS, limb_bones
from limbfix.synthesis.figures.figure import Component, Figure, InstanceEntry
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.samples import Fault, Kind, Side

ROOT_KIND: dict[str, Kind] = {
    "arm": "arm", "forearm": "arm", "hand": "hand", "leg": "leg", "lower_leg": "leg", "foot": "foot",
}  # fmt: skip
"""The instance with which a limb begins. A forearm alone is an arm whose shoulder is nowhere."""

COPIED_SURFACES = ("skin", "cloth", "glove", "shoe")

LEAST_WEIGHT = 0.12
"""Vertices that follow a limb by less stay out of its copy: they belong to the trunk."""

assert set(ROOT_KIND) == set(LIMBS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LimbCopy:
    """What `copy_limb` added.

    Attributes:
        root: the first instance of the copy.
        ids: of all its instances.
        bones: old -> new bone index, parents first.
        components: the new components.
    """

    root: InstanceEntry
    ids: tuple[int, ...]
    bones: dict[int, int]
    components: tuple[Component, ...]

    @property
    def first_bone(self) -> int:
        """Index of the bone at its root."""
        return next(iter(self.bones.values()))


def chain_of(figure: Figure, limb: str, side: Side) -> list[InstanceEntry]:
    """Returns the normal instances of a limb, owners first: an arm with its hand and digits."""
    first = figure.find(ROOT_KIND[limb], side)
    chain = [first]
    for entry in figure.instances:
        if entry.copy_of is None and "extra" not in entry.faults and entry.owner in {item.id for item in chain}:
            chain.append(entry)
    return chain


def limb_weight(figure: Figure, component: Component, limb: str, side: Side) -> np.ndarray:
    """Returns (v,) float32: how much each vertex of a component follows a limb's bones."""
    return component.weight_of(figure.bone(bone) for bone in limb_bones(figure.model, limb, side))


def _copied_entries(
    figure: Figure, limb: str, side: Side, bones: dict[int, int], fault: Fault | None
) -> dict[int, InstanceEntry]:
    copies: dict[int, InstanceEntry] = {}
    for original in chain_of(figure, limb, side):
        owner = copies[original.owner].id if original.owner in copies else original.owner
        copies[original.id] = figure.add_instance(
            original.kind, original.name, original.side, owner,
            joints=tuple((joint, bones[bone], end) for joint, bone, end in original.joints if bone in bones),
            bones=tuple(bones[bone] for bone in original.bones),
            faults=(fault,) if fault else (),
            pose_like=original.pose_like,
            copy_of=original.id,
        )  # fmt: skip
    return copies


def copy_limb(figure: Figure, limb: str, side: Side, *, fault: Fault | None = "extra") -> LimbCopy:
    """Copies a limb in place, with the clothes on it; move it with `move_copy`.

    Args:
        figure: changed.
        limb: a name of `anatomy.LIMBS`.
        side: of the limb that is copied.
        fault: noted on all its instances.
    """
    names = limb_bones(figure.model, limb, side)
    chosen = np.asarray(figure.model.weights[:, [figure.bone(n) for n in names]].sum(1)).ravel() > LEAST_WEIGHT
    sources = [c for c in figure.components if c.surface in COPIED_SURFACES and not c.name.startswith("extra_")]
    bones = figure.clone_bones(names, f"#{len(figure.bone_names)}")
    copies = _copied_entries(figure, limb, side, bones, fault)
    root = next(iter(copies.values()))
    ids = {old: entry.id for old, entry in copies.items()} | {0: root.id}
    components = []
    for source in sources:
        if not chosen[source.topology.vertex_ids].any():
            continue
        name = source.name if source.surface != "skin" else "extra_skin"
        copied = figure.copy_component(source, chosen, bones, name=name, instances=ids)
        copied.hidden = _hidden_of_copy(source, copied)
        if len(copied.rest):
            components.append(copied)
        else:
            figure.components.remove(copied)
    return LimbCopy(root=root, ids=tuple(e.id for e in copies.values()), bones=bones, components=tuple(components))


def _hidden_of_copy(source: Component, copied: Component) -> np.ndarray | None:
    if source.hidden is None:
        return None
    hidden = set(source.topology.vertex_ids[source.hidden].tolist())
    return np.array([vertex in hidden for vertex in copied.topology.vertex_ids.tolist()], bool)


def move_copy(figure: Figure, copy: LimbCopy, *, rotation: np.ndarray, shift: np.ndarray) -> None:
    """Turns (3, 3) and shifts (3,) decimetres a copy about its root, in rest pose; its bones go along."""
    origin = figure.heads[copy.first_bone].copy()
    for component in copy.components:
        component.rest = ((component.rest - origin) @ rotation.T + origin + shift).astype(np.float32)
    for bone in copy.bones.values():
        figure.heads[bone] = rotation @ (figure.heads[bone] - origin) + origin + shift
        figure.tails[bone] = rotation @ (figure.tails[bone] - origin) + origin + shift


def close_root(figure: Figure, copy: LimbCopy, *, depth: float) -> None:
    """Draws the open end of a copy to a rounded cap, so that no hole shows.

    Args:
        figure: whose bones tell the limb's axis.
        copy: changed.
        depth: decimetres from the root along the limb over which the cap forms; negative values bury it in the trunk.
    """
    root = copy.first_bone
    origin = figure.heads[root]
    axis = unit(figure.tails[root] - origin)
    for component in copy.components:
        along = (component.rest - origin) @ axis
        radial = component.rest - origin - along[:, None] * axis
        # A quarter circle: full width at `depth`, closed at the root; what lies before the root is pulled into the cap.
        share = ((along + abs(depth)) / (2 * abs(depth))).clip(0, 1)
        width = np.sqrt(1 - (1 - share) ** 2)
        floor = -abs(depth) if depth < 0 else -0.25 * abs(depth)
        component.rest = (origin + np.maximum(along, floor)[:, None] * axis + radial * width[:, None]).astype(
            np.float32
        )
        component.weights = _onto_limb(component, copy)


def _onto_limb(component: Component, copy: LimbCopy):
    """Gives the weight that a copy's vertices still have on the trunk to the copy's root bone."""
    weights = component.weights.tocsc(copy=True)
    own = list(copy.bones.values())
    others = np.setdiff1d(np.arange(weights.shape[1]), own)
    lost = np.asarray(weights[:, others].sum(1)).ravel()
    dense = weights.tolil()
    dense[:, others] = 0
    rows = np.flatnonzero(lost > 0)
    for row in rows:
        dense[row, copy.first_bone] = dense[row, copy.first_bone] + lost[row]
    return dense.tocsr()
