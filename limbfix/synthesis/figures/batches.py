"""How are many bodies posed at once? Shape, kinematics, skinning and smoothing of a batch, on the CPU or a GPU (torch).

For who renders on a GPU: a figure that no operator edits needs no Python for each of its bones. Results equal those of `posing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
import torch

from limbfix.synthesis.figures.body_model import BodyModel, BodyShape, target_weights
from limbfix.synthesis.figures.figure import topology_of


def _levels(parents: Sequence[int]) -> list[list[int]]:
    """Groups bones by their depth in the tree: all of a level can be computed together."""
    depth: list[int] = []
    for parent in parents:
        depth.append(0 if parent < 0 else depth[parent] + 1)
    return [[bone for bone, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]


def _sparse(matrix: object, device: torch.device) -> torch.Tensor:
    coo = matrix.tocoo()  # pyright: ignore[reportAttributeAccessIssue]
    indices = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
    values = torch.from_numpy(coo.data.astype(np.float32))
    return torch.sparse_coo_tensor(indices, values, coo.shape, check_invariants=True).coalesce().to(device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchedBodies:
    """The body's skin, ready for batches.

    Attributes:
        model: the body model.
        neutral: (n, 3) rest positions of all base vertices; targets: (t, n * 3) offsets.
        joints: (2 * bones, n) sparse: heads, then tails.
        skin: (v,) indices of the skin's vertices; weights: (v, bones).
        smooth: (s, v) sparse subdivision.
        triangles: (f, 3) numpy, of smooth vertices.
    """

    model: BodyModel
    neutral: torch.Tensor
    targets: torch.Tensor
    joints: torch.Tensor
    skin: torch.Tensor
    weights: torch.Tensor
    smooth: torch.Tensor
    triangles: np.ndarray

    @property
    def device(self) -> torch.device:
        """Where the arithmetic happens."""
        return self.neutral.device

    def coefficients(self, shapes: Sequence[BodyShape]) -> torch.Tensor:
        """Returns (b, t) float32 weights of the shape targets."""
        rows = np.zeros((len(shapes), len(self.model.target_index)), np.float32)
        for row, shape in zip(rows, shapes, strict=True):
            for name, value in target_weights(shape).items():
                if name in self.model.target_index and value > 1e-4:
                    row[self.model.target_index[name]] = value
        return torch.from_numpy(rows).to(self.device)

    def rest(self, coefficients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns rest positions (b, n, 3) and joint heads (b, bones, 3) of bodies with target weights (b, t)."""
        b, n = len(coefficients), len(self.neutral)
        rest = self.neutral + (coefficients @ self.targets).view(b, n, 3)
        flat = rest.permute(1, 0, 2).reshape(n, -1)
        heads = (self.joints @ flat)[: len(self.model.bones)].view(-1, b, 3).permute(1, 0, 2)
        return rest, heads

    def matrices(self, heads: torch.Tensor, rotations: torch.Tensor) -> torch.Tensor:
        """Forward kinematics: heads (b, bones, 3) and local rotations (b, bones, 3, 3) to (b, bones, 3, 4)."""
        shift = heads - (rotations @ heads[..., None])[..., 0]
        local = torch.cat([rotations, shift[..., None]], -1)
        world = torch.empty_like(local)
        for level in _levels(self.model.parents):
            parents = [self.model.parents[bone] for bone in level]
            if parents[0] < 0:
                world[:, level] = local[:, level]
                continue
            above = world[:, parents]
            turned = above[..., :3] @ local[:, level]
            turned[..., 3] = turned[..., 3] + above[..., 3]
            world[:, level] = turned
        return world

    def posed(self, coefficients: torch.Tensor, rotations: torch.Tensor) -> torch.Tensor:
        """Returns (b, s, 3) float32 smooth, posed skin.

        Args:
            coefficients: (b, t), see `coefficients`.
            rotations: (b, bones, 3, 3) local rotations in rest axes.
        """
        rest, heads = self.rest(coefficients)
        b, v = len(rest), len(self.skin)
        world = self.matrices(heads, rotations)
        blended = (self.weights @ world.permute(1, 0, 2, 3).reshape(world.shape[1], -1)).view(v, b, 3, 4)
        skin = rest[:, self.skin].permute(1, 0, 2)
        posed = (blended[..., :3] @ skin[..., None])[..., 0] + blended[..., 3]
        return (self.smooth @ posed.reshape(v, -1)).view(-1, b, 3).permute(1, 0, 2)


def load_batched_bodies(model: BodyModel, device: str = "cpu", levels: int = 1) -> BatchedBodies:
    """Puts a body model's skin on a device."""
    place = torch.device(device)
    topology = topology_of(model, model.mask("body"), levels)
    dense = model.weights[topology.vertex_ids].toarray()
    heads, tails = model.regressors
    return BatchedBodies(
        model=model,
        neutral=torch.from_numpy(model.vertices).to(place),
        targets=torch.from_numpy(model.targets.reshape(len(model.targets), -1).astype(np.float32)).to(place),
        joints=_sparse(sparse.vstack([heads, tails]), place),
        skin=torch.from_numpy(topology.vertex_ids.astype(np.int64)).to(place),
        weights=torch.from_numpy(dense.astype(np.float32)).to(place),
        smooth=_sparse(topology.smooth, place),
        triangles=topology.triangles,
    )
