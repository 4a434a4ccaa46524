"""What is on the head? Hair from bald to long, beards, knitted hats and headscarves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.body_model import BodyShape
from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.subdivision import triangles_of, vertex_normals
from limbfix.synthesis.wear.body_coordinates import NOWHERE, body_coordinates
from limbfix.synthesis.wear.cutting import edge_vertices, hide_under, smooth_edges
from limbfix.synthesis.wear.skin_regions import skin_regions

STYLES = ("bald", "buzz", "short", "full", "bun", "long", "hat", "headscarf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headwear:
    """Hair, or what covers it.

    Attributes:
        style: a name of `STYLES`.
        thickness: of hair over the scalp, decimetres.
        length: neutral y where long hair ends, decimetres; the chin lies at 6.1, the shoulders at 5.3.
        beard: thickness, decimetres; 0 for none.
        phase: shifts locks and waves.
    """

    style: str
    thickness: float
    length: float
    beard: float
    phase: float


def sample_headwear(rng: np.random.Generator, shape: BodyShape) -> Headwear:
    """Returns a random style that suits age and sex."""
    female, child, old = shape.gender < 0.5, shape.age < 0.35, shape.age > 0.8
    shares = np.array(
        [0.0, 0.01, 0.16, 0.18, 0.17, 0.36, 0.05, 0.07] if female else [0.1, 0.2, 0.38, 0.14, 0.01, 0.05, 0.12, 0.0]
    )
    if child:
        shares[0] = 0.0
    if old and not female:
        shares[0] += 0.25
    style = str(rng.choice(STYLES, p=shares / shares.sum()))
    thickness = {"buzz": (0.015, 0.04), "short": (0.07, 0.16), "full": (0.18, 0.42), "bun": (0.04, 0.08)}
    bearded = not female and shape.age > 0.42 and rng.random() < 0.3
    return Headwear(
        style=style,
        thickness=float(rng.uniform(*thickness.get(style, (0.08, 0.14)))),
        length=float(rng.uniform(3.2, 6.0)),
        beard=float(rng.choice([0.03, 0.08, 0.15])) if bearded else 0.0,
        phase=float(rng.uniform(0, 6.28)),
    )


def put_on_head(figure: Figure, wear: Headwear) -> None:
    """Adds hair, a beard, a hat or a headscarf."""
    if wear.beard:
        mask = skin_regions(figure.model).beard
        _shell(figure, "hair", mask > 0.45, (mask - 0.3).clip(0, 1) * wear.beard, wear.phase, rough=0.25)
    if wear.style == "hat":
        _put_on_hat(figure, wear)
    elif wear.style == "headscarf":
        _put_on_headscarf(figure)
    elif wear.style != "bald":
        _grow_hair(figure, wear)


def _shell(
    figure: Figure, name: str, chosen: np.ndarray, height: np.ndarray, phase: float, *, rough: float
) -> Component:
    """Adds skin faces among chosen base vertices, lifted by `height` (n,) decimetres; its edge lies on the skin."""
    component = figure.add_component(name, chosen & figure.model.mask("body"), surface="hair")
    ids, rest = component.topology.vertex_ids, component.rest
    normals = vertex_normals(rest, triangles_of(component.topology.quads))
    x, y, z = rest.T
    locks = (
        1 + rough * (np.sin(9 * x + 7 * y + phase) + np.sin(-6 * y + 11 * z + 2 * phase) + np.sin(13 * z - 8 * x)) / 2
    )
    lift = height[ids] * locks + 0.008
    lift[edge_vertices(component.topology)] = -0.01
    component.rest = (rest + normals * lift[:, None]).astype(np.float32)
    smooth_edges(component, 6)
    return component


def _grow_hair(figure: Figure, wear: Headwear) -> None:
    model = figure.model
    scalp = skin_regions(model).scalp
    rounder = wear.thickness * (0.35 + 0.65 * ((body_coordinates(model).y - 7.0) / 1.2).clip(0, 1))
    _shell(
        figure, "hair", scalp > 0.4, scalp * rounder, wear.phase, rough=0.12 if wear.style in ("buzz", "bun") else 0.3
    )
    if wear.style == "long":
        _add_long_hair(figure, wear)
    if wear.style == "bun":
        _add_bun(figure, wear)


def _add_long_hair(figure: Figure, wear: Headwear) -> None:
    """MakeHuman's hair geometry falls to the hips; it is cut at a length, and open in front of the face."""
    c, model = body_coordinates(figure.model), figure.model
    eye = model.vertices[model.groups["helper-l-eye"]].mean(0)
    fringe = (c.z > 0.75) & (c.y < eye[1] + 0.55)
    component = figure.add_component("hair", model.mask("helper-hair") & ~fringe & (c.y > wear.length), surface="hair")
    ids, rest = component.topology.vertex_ids, component.rest
    angle = np.arctan2(rest[:, 0], rest[:, 2] - 0.2)
    locks = 0.05 * np.sin(9 * angle + wear.phase) + 0.03 * np.sin(23 * angle + 1.4 * rest[:, 1])
    outwards = np.column_stack([np.sin(angle), np.zeros(len(rest)), np.cos(angle)])
    down = ((7.6 - c.y[ids]) / 2).clip(0, 1)
    component.rest = (rest + outwards * (locks * down - 0.02)[:, None]).astype(np.float32)
    edge = edge_vertices(component.topology) & (c.y[ids] < wear.length + 0.6)
    component.rest[edge, 1] += 0.12 * np.sin(7 * angle[edge] + wear.phase)


def _add_bun(figure: Figure, wear: Headwear) -> None:
    """A knot: the crown's own faces, drawn out to a ball behind the head."""
    c = body_coordinates(figure.model)
    scalp = skin_regions(figure.model).scalp > 0.4
    back = scalp & (c.z < -0.25) & (c.y > 7.2) & (c.y < 8.2) & (np.abs(c.x) < 0.5)
    component = figure.add_component("hair", back & figure.model.mask("body"), surface="hair")
    rest = component.rest
    middle = rest.mean(0)
    flat = (rest - middle) * [1, 1, 0]
    reach = np.linalg.norm(flat, axis=1)
    share = (reach / max(float(reach.max()), 1e-6)).clip(0, 1)
    radius = 0.42 + 0.1 * np.sin(wear.phase)
    # A disc wound onto a ball: the middle is the pole away from the head, the edge gathers at the neck of the knot.
    polar = share * 2.6
    ball = flat / np.maximum(reach, 1e-6)[:, None] * (np.sin(polar) * radius)[:, None]
    ball[:, 2] = -np.cos(polar) * radius
    component.rest = (middle + ball + [0, 0, -0.8 * radius]).astype(np.float32)


def _put_on_hat(figure: Figure, wear: Headwear) -> None:
    """A knitted hat: the head above a line, lifted and smoothed; short hair shows below it."""
    model, c = figure.model, body_coordinates(figure.model)
    scalp = skin_regions(model).scalp
    line = 7.55 + 0.2 * c.z
    _shell(figure, "hair", (scalp > 0.4) & (c.y < line + 0.3), scalp * 0.05, wear.phase, rough=0.2)
    head = model.mask("body") & (c.y > line) & (c.arm == NOWHERE)
    hat = figure.add_component("hat", head, surface="cloth")
    _lift_smoothly(hat, 0.13, passes=2)


def _put_on_headscarf(figure: Figure) -> None:
    """Covers head, neck and the top of the shoulders, and leaves the face free."""
    model, c = figure.model, body_coordinates(figure.model)
    eye = model.vertices[model.groups["helper-l-eye"]].mean(0)
    below = np.where(c.y < eye[1] - 0.35, 0.82, 0.98)  # the chin is covered from beneath

    def face(wide: float, front: float) -> np.ndarray:
        offset = (c.y - (eye[1] - 0.35)) / (below + wide)
        return ((c.x / (0.58 + wide)) ** 2 + offset**2 < 1) & (c.z > front)

    chosen = model.mask("body") & (c.y > 5.35) & (c.arm == NOWHERE) & ~face(0.0, 0.45) & (np.abs(c.x) < 1.3)
    scarf = figure.add_component("hat", chosen, surface="cloth")
    _lift_smoothly(scarf, 0.2, passes=25)
    hide_under((figure.body,), chosen & (c.y > 5.7) & ~face(0.12, 0.3))


def _lift_smoothly(component: Component, height: float, passes: int) -> None:
    """Lifts cloth off the head and evens out ears and chin; its edge stays where it is."""
    normals = vertex_normals(component.rest, triangles_of(component.topology.quads))
    inner = ~edge_vertices(component.topology)
    rest = component.rest + normals * np.where(inner, height, 0.05)[:, None]
    for _ in range(passes):
        rest[inner] = (0.5 * rest + 0.5 * (component.topology.neighbours @ rest))[inner]
    component.rest = rest.astype(np.float32)
    smooth_edges(component, 8)
