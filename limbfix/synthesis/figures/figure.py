"""A person that can be edited: components of mesh, bones, and a table of instances. Edit in rest pose, then pose, then draw.

Operators add components and bones, move rest vertices, and write into the instance table what they did, so labels follow by
themselves. A figure is mutable on purpose: it lives from one seed to one picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import scipy.sparse as sparse

from limbfix.synthesis.figures.anatomy import LIMB_PLANS, vertex_parts
from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.figures.subdivision import SparseMatrix, Topology, make_topology
from limbfix.synthesis.samples import PARTS, Fault, Kind, Side


@dataclass(slots=True, kw_only=True)
class InstanceEntry:
    """One row of a figure's instance table; becomes a `samples.Instance`.

    Attributes:
        joints: (joint, bone index, `head` or `tail`).
        bones: a digit's bones from the palm outwards, as indices; empty for others.
        pose_like: names of the digits whose mean pose this digit takes; its own name on a normal hand.
        copy_of: id of the instance that an extra limb was copied from.
    """

    id: int
    kind: Kind
    name: str
    side: Side | None
    owner: int | None
    joints: tuple[tuple[str, int, str], ...] = ()
    bones: tuple[int, ...] = ()
    faults: tuple[Fault, ...] = ()
    present: bool = True
    pose_like: tuple[str, ...] = ()
    copy_of: int | None = None

    def add_fault(self, fault: Fault) -> None:
        """Notes a fault once."""
        if fault not in self.faults:
            self.faults = (*self.faults, fault)


@dataclass(slots=True, kw_only=True, eq=False)
class Component:
    """A piece of mesh that hangs on the figure's bones.

    Attributes:
        name: `body`, `eye_left`, a garment's name, or `extra_...`.
        topology: how its vertices are joined.
        rest: (v, 3) float32 rest positions of coarse vertices, decimetres.
        weights: (v, bones) sparse; bones added later count as zero.
        instance: (v,) int32 ids; part: (v,) uint8 part ids.
        surface: a name of `SURFACES`.
        mirrored: its triangles wind the other way.
        hidden: (v,) bool, coarse vertices whose triangles are not drawn; None: all are drawn.
    """

    name: str
    topology: Topology
    rest: np.ndarray
    weights: SparseMatrix
    instance: np.ndarray
    part: np.ndarray
    surface: str = "skin"
    mirrored: bool = False
    hidden: np.ndarray | None = None

    def weight_of(self, bones: Iterable[int]) -> np.ndarray:
        """Returns (v,) float32: summed weight of some bones; those younger than this component weigh nothing."""
        chosen = np.zeros(self.weights.shape[1], np.float32)
        chosen[[bone for bone in bones if bone < len(chosen)]] = 1
        return np.asarray(self.weights @ chosen, np.float32)


@lru_cache(maxsize=512)
def _topology(model: BodyModel, packed: bytes, levels: int) -> Topology:
    chosen = np.unpackbits(np.frombuffer(packed, np.uint8), count=len(model.vertices)).astype(bool)
    return make_topology(model.faces, model.face_uv, model.uv, chosen, levels)


def topology_of(model: BodyModel, chosen: np.ndarray, levels: int) -> Topology:
    """Returns the topology of the faces among the chosen base vertices (n,) bool; built once for each choice."""
    return _topology(model, np.packbits(chosen).tobytes(), levels)


@lru_cache(maxsize=1)
def _labels(model: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    return vertex_parts(model)


@dataclass(slots=True, eq=False)
class Figure:
    """One person.

    Attributes:
        model: the body model it was shaped from.
        shaped: (n, 3) rest positions of all base vertices, helpers too; from here garments are made.
        person: id of its person instance; all other ids follow it.
        levels: Catmull-Clark steps for skin and clothes.
        bone_names, parents, heads, tails: the rig, grown by operators; heads and tails are (3,) rest positions.
        rotations: bone index -> (3, 3), about the bone's head, in rest axes.
        offsets: bone index -> (3, 3) that an operator adds after the pose's rotation (a split finger's two ends).
        place: (3,) decimetres; where the posed figure is moved to in the world.
        components, instances: see their classes.
    """

    model: BodyModel
    shaped: np.ndarray
    person: int = 1
    levels: int = 1
    bone_names: list[str] = field(init=False)
    parents: list[int] = field(init=False)
    heads: list[np.ndarray] = field(init=False)
    tails: list[np.ndarray] = field(init=False)
    rotations: dict[int, np.ndarray] = field(init=False, default_factory=dict)
    offsets: dict[int, np.ndarray] = field(init=False, default_factory=dict)
    place: np.ndarray = field(init=False, default_factory=lambda: np.zeros(3, np.float32))
    components: list[Component] = field(init=False, default_factory=list)
    instances: list[InstanceEntry] = field(init=False, default_factory=list)
    vertex_instance: np.ndarray = field(init=False)
    vertex_part: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        heads, tails = self.model.joints(self.shaped)
        self.heads, self.tails = list(heads), list(tails)
        self.bone_names, self.parents = list(self.model.bones), list(self.model.parents)
        self.vertex_part, sides = _labels(self.model)
        self.vertex_instance = np.full(len(self.shaped), self.person, np.int32)
        self.add_instance("person", "person", None, None)
        self._add_normal_instances(sides)
        self.add_component("body", self.model.mask("body"), surface="skin")
        for name, group in (("eye_left", "helper-l-eye"), ("eye_right", "helper-r-eye")):
            self.add_component(name, self.model.mask(group), surface="eye", levels=0)

    def _add_normal_instances(self, sides: np.ndarray) -> None:
        ids: dict[tuple, int] = {}
        for plan in LIMB_PLANS:
            joints = tuple((joint, self.bone(bone), end) for joint, bone, end in plan.joints)
            entry = self.add_instance(
                plan.kind, plan.name, plan.side, ids[plan.owner] if plan.owner else self.person, joints=joints
            )
            if plan.kind == "digit":
                entry.bones = tuple(bone for _, bone, end in joints if end == "head")
                entry.pose_like = (plan.name,)
            ids[plan.kind, plan.name, plan.side] = entry.id
            own = np.isin(self.vertex_part, [PARTS.index(part) for part in plan.parts])
            if plan.side is not None:  # head and torso have bones of both sides: collarbones, breasts, cheeks, eyes
                own &= sides == (1 if plan.side == "left" else -1)
            self.vertex_instance[own] = entry.id

    def copied(self) -> Figure:
        """Returns a figure that can be changed without changing this one; what never changes is shared."""
        twin = copy(self)
        twin.bone_names, twin.parents = list(self.bone_names), list(self.parents)
        twin.heads, twin.tails = [head.copy() for head in self.heads], [tail.copy() for tail in self.tails]
        twin.rotations, twin.offsets, twin.place = dict(self.rotations), dict(self.offsets), self.place.copy()
        twin.shaped, twin.vertex_instance, twin.vertex_part = (
            array.copy() for array in (self.shaped, self.vertex_instance, self.vertex_part)
        )
        twin.instances = [replace(entry) for entry in self.instances]
        twin.components = [
            replace(
                item, rest=item.rest.copy(), instance=item.instance.copy(), part=item.part.copy(),
                hidden=None if item.hidden is None else item.hidden.copy(),
            )
            for item in self.components
        ]  # fmt: skip
        return twin

    # ---- bones and instances

    def bone(self, name: str) -> int:
        """Returns a bone's index."""
        return self.bone_names.index(name) if name not in self.model.bone_index else self.model.bone_index[name]

    def add_instance(
        self, kind: Kind, name: str, side: Side | None, owner: int | None, **more: object
    ) -> InstanceEntry:
        """Appends a row to the instance table; its id is the next free one."""
        entry = InstanceEntry(
            id=self.person + len(self.instances),
            kind=kind,
            name=name,
            side=side,
            owner=owner,
            **more,  # pyright: ignore[reportArgumentType]
        )
        self.instances.append(entry)
        return entry

    def instance(self, id: int) -> InstanceEntry:
        """Returns a row of the table by id."""
        return self.instances[id - self.person]

    def find(self, kind: Kind, side: Side | None = None, name: str | None = None) -> InstanceEntry:
        """Returns the normal (not extra) instance of a kind, side and name."""
        return next(
            entry
            for entry in self.instances
            if entry.kind == kind
            and entry.side == side
            and entry.name == (name or kind)
            and entry.copy_of is None
            and "extra" not in entry.faults
        )

    def clone_bones(self, names: Iterable[str], suffix: str, parent: int | None = None) -> dict[int, int]:
        """Copies bones (parents first) under new names.

        Args:
            names: bones to copy.
            suffix: appended to their names.
            parent: parent of those whose own parent is not copied; None keeps the original parent.

        Returns:
            old index -> new index.
        """
        new: dict[int, int] = {}
        for name in names:
            old = self.bone(name)
            above = self.parents[old]
            new[old] = len(self.bone_names)
            self.bone_names.append(name + suffix)
            self.heads.append(self.heads[old].copy())
            self.tails.append(self.tails[old].copy())
            self.parents.append(new.get(above, above if parent is None else parent))
        return new

    # ---- components

    @property
    def body(self) -> Component:
        """The skin."""
        return self.components[0]

    def add_component(self, name: str, chosen: np.ndarray, *, surface: str, levels: int | None = None) -> Component:
        """Adds the faces among some base vertices (n,) bool, as they are in the shaped rest body."""
        topology = topology_of(self.model, chosen, self.levels if levels is None else levels)
        ids = topology.vertex_ids
        component = Component(
            name=name,
            topology=topology,
            rest=self.shaped[ids].copy(),
            weights=self.model.weights[ids],
            instance=self.vertex_instance[ids].copy(),
            part=self.vertex_part[ids].copy(),
            surface=surface,
        )
        self.components.append(component)
        return component

    def copy_component(
        self, source: Component, chosen: np.ndarray, bones: dict[int, int], *, name: str, instances: dict[int, int]
    ) -> Component:
        """Copies the faces of a component that lie among some base vertices (n,) bool, onto cloned bones and new instances.

        Args:
            source: where positions and labels come from (the body, or a garment).
            chosen: base vertices; those that `source` lacks are ignored.
            bones: old -> new bone index, from `clone_bones`.
            name: of the copy.
            instances: old -> new instance id; ids not named become the id under key 0 if there is one, else stay.
        """
        own = np.zeros(len(self.shaped), bool)
        own[source.topology.vertex_ids] = True
        topology = topology_of(self.model, chosen & own, self.levels)
        place = np.full(len(self.shaped), -1)
        place[source.topology.vertex_ids] = np.arange(len(source.topology.vertex_ids))
        rows = place[topology.vertex_ids]
        weights = sparse.coo_matrix(source.weights[rows])
        columns = np.array([bones.get(int(column), int(column)) for column in weights.col], np.int64)
        copied = sparse.csr_matrix((weights.data, (weights.row, columns)), (len(rows), len(self.bone_names)))
        ids = [instances.get(int(i), instances.get(0, int(i))) for i in source.instance[rows]]
        component = Component(
            name=name, topology=topology, rest=source.rest[rows].copy(), weights=copied,
            instance=np.array(ids, np.int32), part=source.part[rows].copy(), surface=source.surface,
        )  # fmt: skip
        self.components.append(component)
        return component
