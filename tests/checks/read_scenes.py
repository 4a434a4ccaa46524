"""Scenes whose bodies our network read: drawn stick figures, assembled."""

from __future__ import annotations

from drawn_people import Stage, draw_person

from limbfix.assembly import assemble
from limbfix.body_masks import BodyPlace
from limbfix.body_readings import read_bodies
from limbfix.parts import Part
from limbfix.skeletons import Scene

PX = 8
"""Picture px per cell."""


def read_scene(stage: Stage, *parts: Part) -> Scene:
    """What the gate makes of a stage, and of parts that other detectors saw."""
    rows, columns = stage.classes.shape
    place = BodyPlace(scale_xy=(4 / PX, 4 / PX), width=columns * PX, height=rows * PX)
    return assemble(parts, place.width, place.height, read_bodies(stage.maps(), place))


def someone(**options) -> Stage:
    """One person on an empty stage; options as `draw_person`."""
    stage = Stage()
    draw_person(stage, **options)
    return stage
