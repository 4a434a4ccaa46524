"""Where does a digit run, and how is its flesh moved? Chains of joints, and changes of form that all of a hand's layers share.

Skin, glove, sleeve and ring follow one field of displacements, so that nothing pokes through and nothing floats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.defects.hand_meshes import hand_bones
from limbfix.synthesis.figures.anatomy import limb_bones
from limbfix.synthesis.figures.figure import Component, Figure, InstanceEntry
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.samples import DIGITS, Side

FINGERS = DIGITS[1:]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """The line of a digit's joints in rest pose.

    Attributes:
        points: (4, 3) the joints from the palm outwards, and the tip; decimetres.
    """

    points: np.ndarray

    @property
    def stations(self) -> np.ndarray:
        """(4,) distance of each joint from the first, along the chain, decimetres."""
        return np.concatenate([[0.0], np.linalg.norm(np.diff(self.points, axis=0), axis=1).cumsum()])

    @property
    def length(self) -> float:
        """Decimetres."""
        return float(self.stations[-1])

    @property
    def direction(self) -> np.ndarray:
        """(3,) unit, from the first joint to the tip."""
        return unit(self.points[3] - self.points[0])

    def at(self, station: np.ndarray | float) -> np.ndarray:
        """Returns the points (..., 3) at distances along the chain; beyond its ends it goes straight on."""
        station = np.asarray(station, float)
        steps = unit(np.diff(self.points, axis=0))
        bone = np.clip(np.searchsorted(self.stations, station, side="right") - 1, 0, 2)
        return self.points[bone] + (station - self.stations[bone])[..., None] * steps[bone]

    def stations_of(self, points: np.ndarray) -> np.ndarray:
        """Returns (n,) where along the chain points (n, 3) are nearest to it; below 0 or above its length beyond its ends."""
        steps, cuts = np.diff(self.points, axis=0), self.stations
        lengths = np.diff(cuts)
        best, result = np.full(len(points), np.inf), np.zeros(len(points))
        for k in range(3):
            along = (points - self.points[k]) @ (steps[k] / lengths[k])
            along = np.clip(along, -np.inf if k == 0 else 0, np.inf if k == 2 else lengths[k])
            apart = np.linalg.norm(points - self.points[k] - along[:, None] * steps[k] / lengths[k], axis=1)
            nearer = apart < best
            best[nearer], result[nearer] = apart[nearer], (cuts[k] + along)[nearer]
        return result


def chain_of(figure: Figure, digit: InstanceEntry) -> Chain:
    """Returns the chain of a digit."""
    heads = [figure.heads[bone] for bone in digit.bones]
    return Chain(points=np.stack([*heads, figure.tails[digit.bones[-1]]]).astype(float))


def set_chain(figure: Figure, digit: InstanceEntry, points: np.ndarray) -> None:
    """Puts a digit's bones on new joints (4, 3)."""
    for k, bone in enumerate(digit.bones):
        figure.heads[bone], figure.tails[bone] = points[k].astype(np.float32), points[k + 1].astype(np.float32)


def layers_of(figure: Figure, side: Side) -> list[Component]:
    """Returns every component that a hand moves: skin, glove, sleeve, ring."""
    bones = hand_bones(figure, side)
    return [component for component in figure.components if len(component.rest) and component.weight_of(bones).any()]


def move_flesh(
    figure: Figure, side: Side, bones: tuple[int, ...], field: Callable[[np.ndarray], np.ndarray], *, power: float = 1.0
) -> None:
    """Moves what follows some bones by a field of displacements, in every layer.

    Args:
        figure: changed in place.
        side: of the hand.
        bones: the bones; a vertex moves in proportion to their weight, raised to `power`.
        field: (n, 3) rest positions -> (n, 3) displacements.
    """
    for component in layers_of(figure, side):
        weight = component.weight_of(bones)
        rows = np.flatnonzero(weight > 0)
        if len(rows):
            rest = component.rest.copy()
            rest[rows] += (weight[rows, None] ** power * field(rest[rows])).astype(np.float32)
            component.rest = rest


def stretch_digit(
    figure: Figure,
    side: Side,
    digit: InstanceEntry,
    length: float,
    girth: Callable[[np.ndarray], np.ndarray] | float = 1.0,
) -> None:
    """Scales a digit along its chain and about it.

    Args:
        figure, side: whose.
        digit: a normal digit.
        length: factor along the chain.
        girth: factor about the chain; or share of the length (n,), 0 root to 1 tip -> factor.
    """
    chain = chain_of(figure, digit)
    scaled = Chain(points=chain.points[0] + length * (chain.points - chain.points[0]))

    def field(points: np.ndarray) -> np.ndarray:
        station = chain.stations_of(points)
        radial = points - chain.at(station)
        factor = girth(np.clip(station / chain.length, 0, 1))[:, None] if callable(girth) else girth
        target = np.where(station > 0, station * length, station)
        return scaled.at(target) + radial * factor - points

    move_flesh(figure, side, digit.bones, field)
    set_chain(figure, digit, scaled.points)


def space_fingers(figure: Figure, side: Side, shifts: Mapping[str, float], girth: float = 1.0) -> None:
    """Moves fingers across the hand; the palm follows from the wrist to the knuckles.

    Args:
        figure, side: whose.
        shifts: finger -> decimetres towards the little finger's side.
        girth: factor of the fingers' thickness.
    """
    frame = hand_frame(figure, side)
    entries = {finger: figure.find("digit", side, finger) for finger in FINGERS}
    moves = np.array([shifts.get(finger, 0.0) for finger in FINGERS])
    palm = {figure.bone(b) for b in limb_bones(figure.model, "hand", side) if b.startswith(("wrist", "metacarpal"))}
    lateral = (frame.knuckles - frame.wrist) @ frame.across
    reach = float(((frame.knuckles - frame.wrist) @ frame.along).mean())

    def palm_field(points: np.ndarray) -> np.ndarray:
        up = np.clip((points - frame.wrist) @ frame.along / reach, 0, 1) ** 1.5
        shift = up * np.interp((points - frame.wrist) @ frame.across, lateral, moves)
        return shift[:, None] * frame.across

    if girth != 1.0:
        for entry in entries.values():
            stretch_digit(figure, side, entry, 1.0, girth)
    weights = [
        (c, c.weight_of(palm), [c.weight_of(entries[f].bones) for f in FINGERS]) for c in layers_of(figure, side)
    ]
    for component, of_palm, of_fingers in weights:
        shift = of_palm[:, None] * palm_field(component.rest)
        for weight, move in zip(of_fingers, moves, strict=True):
            shift += (weight * move)[:, None] * frame.across
        component.rest = (component.rest + shift).astype(np.float32)
    for finger, move in zip(FINGERS, moves, strict=True):
        set_chain(figure, entries[finger], chain_of(figure, entries[finger]).points + move * frame.across)


def hand_ids(figure: Figure, side: Side) -> tuple[int, ...]:
    """Returns the ids of a hand and of all its digits, the added ones too."""
    hand = figure.find("hand", side)
    return (hand.id, *(entry.id for entry in figure.instances if entry.owner == hand.id and entry.kind == "digit"))
