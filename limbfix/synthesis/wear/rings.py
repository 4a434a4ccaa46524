"""What is worn on fingers and wrists? Rings, bracelets and watches: loops that fit the skin they lie on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.sparse as sparse

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.figures.subdivision import Topology, topology_from
from limbfix.synthesis.samples import PART_ID, Side

AROUND = 28
"""Vertices around a loop."""

NEAREST = {"ring": 16, "bracelet": 36, "watch": 36}
"""Vertices of the coarse skin that a loop is fitted to: about one and a half rings of the mesh."""

SMOOTH_SHARE = {"ring": 0.94, "bracelet": 1.03, "watch": 1.03}
"""Size against the coarse skin. Subdivision draws the smooth skin inside it, on a finger by 7 %; what is on a wrist is loose."""

SECTION = 8
"""Vertices around a loop's own thickness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trinket:
    """One loop on a finger or a wrist.

    Attributes:
        kind: `ring`, `bracelet` or `watch`.
        side: the wearer's own.
        digit: of a ring, a name of `DIGITS`; else "".
        place: of a ring, share of the first phalanx; of the others, distance from the wrist towards the elbow, decimetres.
        width: along finger or arm, decimetres; depth: off the skin.
    """

    kind: str
    side: Side
    digit: str
    place: float
    width: float
    depth: float


def sample_trinkets(rng: np.random.Generator, *, adult: bool = True) -> tuple[Trinket, ...]:
    """Returns rings on a quarter of all hands, something on a fifth of all wrists."""
    found: list[Trinket] = []
    sides: tuple[Side, ...] = ("left", "right")
    for side in sides:
        if adult and rng.random() < 0.25:
            count = 1 if rng.random() < 0.75 else 2
            digits = rng.choice(
                ["ring", "middle", "index", "little", "thumb"],
                size=count,
                replace=False,
                p=[0.55, 0.18, 0.15, 0.07, 0.05],
            )
            width, depth = float(rng.uniform(0.012, 0.035)), float(rng.uniform(0.010, 0.022))
            found += [
                Trinket(kind="ring", side=side, digit=str(d), place=float(rng.uniform(0.5, 0.66)), width=width, depth=depth)
                for d in digits
            ]  # fmt: skip
        if rng.random() < 0.2:
            watch = rng.random() < 0.5
            width = rng.uniform(0.09, 0.13) if watch else rng.uniform(0.015, 0.06)
            found.append(
                Trinket(
                    kind="watch" if watch else "bracelet",
                    side=side,
                    digit="",
                    place=float(rng.uniform(0.12, 0.3)),
                    width=float(width),
                    depth=float(rng.uniform(0.015, 0.03)),
                )
            )
    return tuple(found)


def put_on_trinkets(figure: Figure, trinkets: tuple[Trinket, ...]) -> None:
    """Adds loops to an undressed or dressed figure in rest pose; they turn with the bone that they sit on."""
    for trinket in trinkets:
        if trinket.kind == "ring":
            _put_on_ring(figure, trinket)
        else:
            _put_on_wrist(figure, trinket)


def _put_on_ring(figure: Figure, trinket: Trinket) -> None:
    digit = figure.find("digit", trinket.side, trinket.digit)
    bone = digit.bones[1 if trinket.digit == "thumb" else 0]  # the thumb's first bone is its metacarpal
    head, tail = figure.heads[bone], figure.tails[bone]
    part = f"{trinket.digit}_proximal"
    near = figure.vertex_part == PART_ID[part]
    centre = head + trinket.place * (tail - head)
    loop = _fitted_loop(figure, centre, unit(tail - head), near & (figure.vertex_instance == digit.id), trinket.kind)
    _add_loop(figure, loop, trinket, "jewellery", bone=bone, instance=digit.id, part=part)


def _put_on_wrist(figure: Figure, trinket: Trinket) -> None:
    frame, suffix = hand_frame(figure, trinket.side), SIDES[trinket.side]
    bone = figure.bone(f"lowerarm02{suffix}")
    axis = unit(frame.wrist - figure.heads[bone])
    arm = figure.find("arm", trinket.side)
    centre = frame.wrist - axis * trinket.place
    loop = _fitted_loop(figure, centre, axis, figure.vertex_part == PART_ID["forearm"], trinket.kind)
    component = _add_loop(figure, loop, trinket, "jewellery", bone=bone, instance=arm.id, part="forearm")
    if trinket.kind == "watch":
        component.name = "watch"
        _swell_face(component, centre, axis, frame.dorsal)


def _fitted_loop(
    figure: Figure, centre: np.ndarray, axis: np.ndarray, near: np.ndarray, kind: str
) -> tuple[np.ndarray, ...]:
    """Finds a closed line around a limb.

    Returns:
        (AROUND, 3) points on the skin, (AROUND, 3) unit directions outwards, (3,) the axis, and (AROUND,) the base vertices
        that lie nearest: what operators do to them they do to the loop.
    """
    skin = figure.body.topology.vertex_ids
    points = figure.shaped[skin[near[skin]]]
    offset = points - centre
    along = offset @ axis
    band = np.argsort(np.abs(along))[: NEAREST[kind]]
    first = unit(np.cross(axis, [0.3, 0.5, 0.8]))
    second = np.cross(axis, first)
    u, v = offset[band] @ first, offset[band] @ second
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    directions = np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second
    # The furthest vertex in each direction: the loop's support, which a stiff loop cannot lie inside of.
    support = (np.cos(angles)[:, None] * u + np.sin(angles)[:, None] * v).max(1)
    line = centre + directions * (SMOOTH_SHARE[kind] * support[:, None])
    nearest = ((points[band][None] - line[:, None]) ** 2).sum(-1).argmin(1)
    return line, directions, axis, skin[near[skin]][band[nearest]]


@lru_cache(maxsize=1)
def _loop_topology() -> Topology:
    here, there = np.arange(AROUND), (np.arange(AROUND) + 1) % AROUND
    k, following = np.arange(SECTION), (np.arange(SECTION) + 1) % SECTION
    corners = [here[:, None] * SECTION + k, there[:, None] * SECTION + k]
    corners += [there[:, None] * SECTION + following, here[:, None] * SECTION + following]
    quads = np.stack(corners, -1).reshape(-1, 4)
    return topology_from(np.arange(AROUND * SECTION), quads, np.zeros((len(quads), 4, 2), np.float32), 1)


def _add_loop(
    figure: Figure, loop: tuple[np.ndarray, ...], trinket: Trinket, name: str, *, bone: int, instance: int, part: str
) -> Component:
    line, directions, axis, nearest_skin = loop
    turns = np.linspace(0, 2 * np.pi, SECTION, endpoint=False)
    out = trinket.depth * (0.35 + np.cos(turns))
    rest = line[:, None] + directions[:, None] * out[:, None] + axis * (trinket.width * np.sin(turns))[:, None]
    rest = rest.reshape(-1, 3).astype(np.float32)
    ids = np.repeat(nearest_skin, SECTION)
    weights = np.zeros((len(rest), len(figure.bone_names)), np.float32)
    weights[:, bone] = 1
    component = Component(
        name=name, topology=replace(_loop_topology(), vertex_ids=ids), rest=rest,
        weights=sparse.csr_matrix(weights), instance=np.full(len(rest), instance, np.int32),
        part=np.full(len(rest), PART_ID[part], np.uint8), surface="jewellery",
    )  # fmt: skip
    figure.components.append(component)
    return component


def _swell_face(component: Component, centre: np.ndarray, axis: np.ndarray, dorsal: np.ndarray) -> None:
    """Widens the strap to a watch's case on the back of the wrist."""
    offset = component.rest - centre
    along = offset @ axis
    radial = offset - along[:, None] * axis
    facing = unit(radial) @ unit(dorsal - axis * (dorsal @ axis))
    case = np.clip((facing - 0.7) / 0.12, 0, 1)
    component.rest = (component.rest + axis * (along * case)[:, None] * 0.9 + dorsal * (0.05 * case)[:, None]).astype(
        np.float32
    )
