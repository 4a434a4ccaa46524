"""What do hands hold? Bottles, poles, balls, cups, phones, pens, sheets, books and cloths, each with its exact distance.

An object lies in a space of its own: y is the axis of what is turned, and the long side of what is flat; z is thickness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from limbfix.synthesis.props.meshes import Mesh, ball, box, joined, tube, turned_body
from limbfix.synthesis.props.placed import Distance
from limbfix.synthesis.rendering.drawables import Material


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prop:
    """An object about its origin, decimetres.

    Attributes:
        name: what it is.
        mesh: vertices and triangles.
        distance: of points (n, 3), negative inside; of the part that hands hold.
        radius: how far its axis or middle plane lies from a palm that holds it.
        colour: (3,) linear RGB; material: see `Material`.
    """

    name: str
    mesh: Mesh
    distance: Distance
    radius: float
    colour: np.ndarray
    material: Material


def cylinder_distance(radius: float, half: float, centre: float = 0.0) -> Distance:
    """Returns the distance from a cylinder about y."""

    def distance(points: np.ndarray) -> np.ndarray:
        return _capped(np.hypot(points[:, 0], points[:, 2]) - radius, np.abs(points[:, 1] - centre) - half)

    return distance


def _capped(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(a, b), 0) + np.hypot(np.maximum(a, 0), np.maximum(b, 0))


def box_distance(half: np.ndarray) -> Distance:
    """Returns the distance from a box of half sizes (3,)."""

    def distance(points: np.ndarray) -> np.ndarray:
        q = np.abs(points) - half
        return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(1), 0)

    return distance


def ball_distance(radius: float) -> Distance:
    """Returns the distance from a ball."""
    return lambda points: np.linalg.norm(points, axis=1) - radius


def _look(rng: np.random.Generator, *, shiny: bool) -> tuple[np.ndarray, Material]:
    colour = rng.uniform(0.02, 0.8, 3) ** 1.5 if rng.random() < 0.65 else np.full(3, rng.uniform(0.01, 0.85))
    shine, roughness = (rng.uniform(0.5, 1.5), rng.uniform(0.1, 0.35)) if shiny else (rng.uniform(0, 0.4), 0.6)
    return colour, Material(
        bump=0.0 if shiny else 0.15, shine=float(shine), roughness=float(roughness), seed=float(rng.uniform(0, 50))
    )


def _prop(
    rng: np.random.Generator, name: str, mesh: Mesh, distance: Distance, radius: float, *, shiny: bool = True
) -> Prop:
    colour, material = _look(rng, shiny=shiny)
    return Prop(name=name, mesh=mesh, distance=distance, radius=radius, colour=colour, material=material)


def _rounded(radius: float, low: float, high: float, edge: float) -> list[tuple[float, float]]:
    """Returns the profile of a full cylinder from its lower middle to its upper middle."""
    bend = [(radius - edge * (1 - np.sin(a)), edge * (1 - np.cos(a))) for a in np.linspace(0, np.pi / 2, 5)]
    lower = [(r, low + h) for r, h in bend]
    return [(0.0, low), *lower, *((r, high + low - h) for r, h in reversed(lower)), (0.0, high)]


def _pole(rng: np.random.Generator) -> Prop:
    radius, half = float(rng.uniform(0.1, 0.24)), float(rng.uniform(1.5, 12))
    return _prop(
        rng, "pole", turned_body(np.array(_rounded(radius, -half, half, 0.04))), cylinder_distance(radius, half), radius
    )


def _bottle(rng: np.random.Generator) -> Prop:
    radius, half = float(rng.uniform(0.25, 0.42)), float(rng.uniform(0.7, 1.1))
    neck, top = radius * rng.uniform(0.3, 0.5), half + rng.uniform(0.3, 0.7)
    profile = _rounded(radius, -half, half, 0.06)[:-6]
    slope = [(neck + (radius - neck) * np.cos(a) ** 1.5, half + 0.3 * np.sin(a)) for a in np.linspace(0, np.pi / 2, 8)]
    profile += [*slope, (neck, top), (neck * 1.15, top), (neck * 1.15, top + 0.15), (0.0, top + 0.15)]
    return _prop(rng, "bottle", turned_body(np.array(profile)), cylinder_distance(radius, half), radius)


def _glass(radius: float, half: float, flare: float) -> Mesh:
    """Returns an open vessel."""
    wall = 0.03
    outer = [(0.0, -half), (radius * flare, -half), (radius, half)]
    inner = [(radius - wall, half), (radius * flare - wall, -half + wall), (0.0, -half + wall)]
    return turned_body(np.array(outer + inner))


def _cup(rng: np.random.Generator) -> Prop:
    radius, half = float(rng.uniform(0.33, 0.42)), float(rng.uniform(0.4, 0.6))
    angles = np.linspace(-np.pi / 2, np.pi / 2, 16)
    ear = np.stack([radius - 0.04 + 0.28 * np.cos(angles), 0.7 * half * np.sin(angles), 0 * angles], 1)
    mesh = joined(_glass(radius, half, 1.0), tube(ear, 0.05))
    return _prop(rng, "cup", mesh, cylinder_distance(radius, half), radius)


def _tumbler(rng: np.random.Generator) -> Prop:
    radius, half = float(rng.uniform(0.3, 0.42)), float(rng.uniform(0.45, 0.8))
    return _prop(
        rng, "glass", _glass(radius, half, float(rng.uniform(0.75, 1.0))), cylinder_distance(radius, half), radius
    )


def _handle(rng: np.random.Generator) -> Prop:
    """A cup held by its ear: the ear's straight part is the axis, the vessel hangs beside it."""
    radius, half, grip = float(rng.uniform(0.36, 0.46)), float(rng.uniform(0.45, 0.6)), 0.06
    angles = np.linspace(-np.pi / 2, np.pi / 2, 16)
    reach = 0.34
    ear = np.stack([reach * np.cos(angles) - reach, 0.75 * half * np.sin(angles), 0 * angles], 1)
    vertices, triangles = _glass(radius, half, 1.0)
    mesh = joined((vertices - [reach + radius - 0.03, 0, 0], triangles), tube(ear, grip))
    return _prop(rng, "cup", mesh, cylinder_distance(grip, half), grip)


def _ball(rng: np.random.Generator) -> Prop:
    radius = float(rng.uniform(0.3, 0.6))
    return _prop(rng, "ball", ball(radius), ball_distance(radius), radius, shiny=bool(rng.random() < 0.5))


def _flat(name: str, half: tuple[float, float, float], edge: float) -> Callable[[np.random.Generator], Prop]:
    def draw(rng: np.random.Generator) -> Prop:
        size = np.array(half) * rng.uniform(0.9, 1.12, 3)
        return _prop(
            rng,
            name,
            box(size, min(edge, 0.45 * float(size.min()))),
            box_distance(size),
            float(size[2]),
            shiny=name == "phone",
        )

    return draw


def _pen(rng: np.random.Generator) -> Prop:
    radius, half = float(rng.uniform(0.035, 0.055)), float(rng.uniform(0.65, 0.8))
    profile = [(0.0, -half - 0.12), (0.012, -half - 0.1), *_rounded(radius, -half, half, 0.02)[1:]]
    return _prop(rng, "pen", turned_body(np.array(profile)), cylinder_distance(radius, half + 0.1), radius)


OBJECTS: Mapping[str, Callable[[np.random.Generator], Prop]] = MappingProxyType(
    {
        "pole": _pole,
        "bottle": _bottle,
        "cup": _cup,
        "glass": _tumbler,
        "handle": _handle,
        "ball": _ball,
        "phone": _flat("phone", (0.36, 0.75, 0.04), 0.03),
        "pen": _pen,
        "sheet": _flat("sheet", (1.05, 1.48, 0.006), 0.003),
        "card": _flat("card", (0.27, 0.43, 0.006), 0.003),
        "book": _flat("book", (0.7, 1.0, 0.1), 0.02),
    }
)
"""Objects by name; each call draws another size and colour."""
