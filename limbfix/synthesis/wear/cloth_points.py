"""Where do patterns take their coordinates? Points of the base vertices in which stripes hang level and hair falls down."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.body_model import BodyModel
from limbfix.synthesis.figures.figure import Component, Figure
from limbfix.synthesis.figures.posing import skinned, world_matrices
from limbfix.synthesis.figures.rotations import turn_between


@lru_cache(maxsize=1)
def cloth_points(model: BodyModel) -> np.ndarray:
    """Returns (n, 3) float32 base vertices of the neutral body with its arms hanging down: a sleeve's stripes run around it."""
    figure = Figure(model, model.vertices, levels=0)
    down = np.array([0.0, -1.0, 0.0])
    for suffix in SIDES.values():
        upper, lower, wrist = (figure.bone(f"{name}{suffix}") for name in ("upperarm01", "lowerarm01", "wrist"))
        first = turn_between(figure.heads[lower] - figure.heads[upper], down)
        second = turn_between(first @ (figure.heads[wrist] - figure.heads[lower]), down)
        figure.rotations[upper] = first.astype(np.float32)
        figure.rotations[lower] = (first.T @ second @ first).astype(np.float32)
    everything = Component(
        name="all", topology=figure.body.topology, rest=model.vertices, weights=model.weights,
        instance=np.zeros(0, np.int32), part=np.zeros(0, np.uint8),
    )  # fmt: skip
    return skinned(everything, world_matrices(figure)).astype(np.float32)


@lru_cache(maxsize=1)
def hair_points(model: BodyModel) -> np.ndarray:
    """Returns (n, 3) float32 base vertices about the head's middle; strands fall along y."""
    heads, _ = model.joints(model.vertices)
    return (model.vertices - heads[model.bone_index["head"]] - [0.0, 0.5, 0.2]).astype(np.float32)


@lru_cache(maxsize=1)
def eye_points(model: BodyModel) -> np.ndarray:
    """Returns (n, 3) float32: vertices of each eye about its centre, in eye radii, the gaze along z; zero elsewhere."""
    points = np.zeros_like(model.vertices)
    for group in ("helper-l-eye", "helper-r-eye"):
        rows = model.groups[group]
        own = model.vertices[rows]
        centre = (own.min(0) + own.max(0)) / 2
        points[rows] = (own - centre) / (np.ptp(own[:, 0]) / 2)
    return points.astype(np.float32)
