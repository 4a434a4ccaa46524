"""Where is a hand cut, and how are the edges woven together? Plans for surgery, found once on the neutral body, for every body.

A plan names faces and vertices of the base mesh, so it fits a hand of any shape, and a glove made from the same faces.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.body_model import BodyModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Graft:
    """A hole, what is copied into it, and the strip of faces between.

    Attributes:
        name: unique; topologies are cached by it.
        removed, donor: rows of `model.faces`.
        mirrored: the donor is drawn as in a mirror.
        strip: (s, 4) base vertices; -1 - v is the donor's copy of v.
        strip_uv: (s, 4, 2) texture coordinates: the donor's edge, drawn out.
    """

    name: str
    removed: np.ndarray
    donor: np.ndarray
    mirrored: bool
    strip: np.ndarray
    strip_uv: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cap:
    """Faces that go, and the rim that is closed.

    Attributes:
        name: unique; topologies are cached by it.
        removed: rows of `model.faces`.
        loop: (n,) base vertices in order, n even; loop_uv: (n, 2).
    """

    name: str
    removed: np.ndarray
    loop: np.ndarray
    loop_uv: np.ndarray


def rim_of(faces: np.ndarray) -> np.ndarray | None:
    """Returns the vertices around faces (f, 4) in order, the faces on the left; None unless the rim is one simple loop."""
    edges = np.stack([faces, np.roll(faces, -1, 1)], 2).reshape(-1, 2)
    known = {(int(a), int(b)) for a, b in edges}
    following: dict[int, int] = {}
    for a, b in sorted(known):
        if (b, a) not in known:
            if a in following:
                return None
            following[a] = b
    if not following:
        return None
    start = min(following)
    loop = [start]
    while (vertex := following.get(loop[-1], start)) != start:
        loop.append(vertex)
        if len(loop) > len(following):
            return None
    return np.array(loop) if len(loop) == len(following) else None


def hole_at(model: BodyModel, *, allowed: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Finds a simple hole in the skin: it grows from its middle, vertex by vertex, and skips those that would tear it in two.

    Args:
        model: the body model.
        allowed: (n,) bool, vertices whose faces may go.
        distance: (n,) 0 in the middle of the hole, 1 at its edge; the nearest vertex starts it even if it lies beyond.

    Returns:
        rows of `model.faces` that touch the chosen vertices.
    """
    near = np.flatnonzero(allowed & (distance < max(1.0, float(distance[allowed].min()) * 1.01)))
    near = near[np.argsort(distance[near], kind="stable")]
    core = np.zeros(len(distance), bool)
    waiting = list(near)
    changed = True
    while changed:
        changed = False
        for vertex in list(waiting):
            core[vertex] = True
            if rim_of(model.faces[core[model.faces].any(1)]) is None:
                core[vertex] = False
            else:
                waiting.remove(vertex)
                changed = True
    if not core.any():
        raise ValueError(f"expected a simple hole near vertex {near[:1]}, found none")
    return np.flatnonzero(core[model.faces].any(1))


def edge_uv(model: BodyModel, faces: np.ndarray) -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
    """Returns the texture coordinates of both ends of each directed edge of some faces (rows)."""
    result = {}
    for corners, corner_uv in zip(model.faces[faces], model.uv[model.face_uv[faces]], strict=True):
        for k in range(4):
            result[int(corners[k]), int(corners[(k + 1) % 4])] = (corner_uv[k], corner_uv[(k + 1) % 4])
    return result


NEAR_STARTS = 6
"""So many of the inner loop's vertices are tried as the partner of the outer loop's first one, the nearest first."""

_MOVES = ((1, 1), (2, 0), (0, 2))


def _weave(outer: np.ndarray, inner: np.ndarray) -> tuple[float, list[tuple[int, int]]]:
    """Pairs two closed loops (a, 3), (b, 3) from a common start: the cheapest walk around both, by squared distances."""
    a, b = len(outer), len(inner)
    far = ((outer[:, None] - inner[None]) ** 2).sum(-1)
    far = np.pad(far, ((0, 2), (0, 2)), mode="wrap")
    cost = np.full((a + 1, b + 1), np.inf)
    came: dict[tuple[int, int], tuple[int, int]] = {}
    cost[0, 0] = 0
    for i in range(a + 1):
        for j in range(b + 1):
            for di, dj in _MOVES:
                if i >= di and j >= dj and cost[i - di, j - dj] + far[i, j] * (1 + abs(di - dj)) < cost[i, j]:
                    cost[i, j] = cost[i - di, j - dj] + far[i, j] * (1 + abs(di - dj))
                    came[i, j] = (i - di, j - dj)
    walk = [(a, b)]
    while walk[-1] != (0, 0):
        walk.append(came[walk[-1]])
    return float(cost[a, b]), walk[::-1]


def weave(
    outer: np.ndarray, inner: np.ndarray, outer_at: np.ndarray, inner_at: np.ndarray
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Pairs the vertices of two loops that run in the same sense.

    Args:
        outer, inner: vertex ids in order; their lengths are both even.
        outer_at, inner_at: their positions, where they will lie.

    Returns:
        for each face the outer and the inner vertices of it, each in the loop's order: (2, 2), (3, 1) or (1, 3).
    """
    near = np.argsort(((inner_at - outer_at[0]) ** 2).sum(1), kind="stable")[:NEAR_STARTS]
    tries = [(*_weave(outer_at, np.roll(inner_at, -int(start), 0)), int(start)) for start in near]
    _, walk, start = min(tries, key=lambda item: item[0])
    turned = np.roll(inner, -start)
    pairs = []
    for (i, j), (i2, j2) in itertools.pairwise(walk):
        pairs.append(
            (
                tuple(int(outer[k % len(outer)]) for k in range(i, i2 + 1)),
                tuple(int(turned[k % len(turned)]) for k in range(j, j2 + 1)),
            )
        )
    return pairs


def plan_graft(
    model: BodyModel, name: str, *, removed: np.ndarray, donor: np.ndarray, positions: np.ndarray, placed: np.ndarray,
    mirrored: bool = False,
) -> Graft:  # fmt: skip
    """Plans a graft.

    Args:
        model: the body model.
        name: of the plan.
        removed, donor: rows of `model.faces`; the rim of each is one simple loop.
        positions, placed: (n, 3) of the body around the hole, and of the donor once it is in its place.
        mirrored: see `Graft`.
    """
    outer, inner = rim_of(model.faces[removed]), rim_of(model.faces[donor])
    if outer is None or inner is None or len(outer) % 2 or len(inner) % 2:
        raise ValueError(f"expected rims that are simple and even for {name}, got {outer} and {inner}")
    if mirrored:
        inner = inner[::-1]
    uv = edge_uv(model, donor)
    strip, strip_uv = [], []
    for out, inn in weave(outer, inner, positions[outer], placed[inner]):
        strip.append([*out, *(-1 - v for v in reversed(inn))])
        strip_uv.append(_strip_corners(uv, out, inn))
    return Graft(
        name=name, removed=removed, donor=donor, mirrored=mirrored, strip=np.array(strip), strip_uv=np.array(strip_uv)
    )


def _strip_corners(
    uv: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]], out: tuple[int, ...], inn: tuple[int, ...]
) -> list[np.ndarray]:
    edge, ends = next((edge, ends) for edge, ends in uv.items() if inn[0] in edge and (len(inn) == 1 or inn[1] in edge))
    at = dict(zip(edge, ends, strict=True))
    first = at[inn[0]]
    last = at[inn[1]] if len(inn) > 1 else first
    if len(out) == len(inn) == 2:
        return [first, last, last, first]
    return [*([first] * len(out)), *([last] * (len(inn) - 1)), first]


def plan_cap(model: BodyModel, name: str, removed: np.ndarray) -> Cap:
    """Plans a lid for the hole that faces (rows of `model.faces`) leave."""
    loop = rim_of(model.faces[removed])
    if loop is None or len(loop) % 2:
        raise ValueError(f"expected a rim that is simple and even for {name}, got {loop}")
    uv = edge_uv(model, removed)
    loop_uv = np.array([uv[int(a), int(b)][0] for a, b in zip(loop, np.roll(loop, -1), strict=True)])
    return Cap(name=name, removed=removed, loop=loop, loop_uv=loop_uv)
