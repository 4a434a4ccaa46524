"""How does a hand hold a thing? The thing is laid into the palm or between the finger tips, and the digits close on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.posing import joint_position, world_matrices
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.poses.hand_poses import DigitPose, HandPose, pose_hand, sample_hand_pose
from limbfix.synthesis.props.closing import close_hand, posed_rows
from limbfix.synthesis.props.meshes import sheet
from limbfix.synthesis.props.objects import OBJECTS, Prop
from limbfix.synthesis.props.placed import Placed
from limbfix.synthesis.rendering.drawables import Material
from limbfix.synthesis.scenes.hand_free import hold_out, rest_arm, stand
from limbfix.synthesis.scenes.hand_stage import Stage, other_points
from limbfix.synthesis.scenes.hand_touch import PALM_DEPTH, hand_axes

_OPEN_THUMB = DigitPose(flexion=(1.0, 0.05, 0.0), spread=0.75, twist=0.3)
_CLOSED_THUMB = DigitPose(flexion=(1.1, 0.75, 0.8), spread=0.1, twist=0.3)
_OPEN_FINGER = DigitPose(flexion=(0.0, 0.12, 0.1))
_CLOSED_FINGER = DigitPose(flexion=(1.45, 1.75, 1.1))
SINK = 0.02
"""Decimetres by which a thing is pressed into the palm."""

TRIES = 4
"""Things that are tried before a hand stays empty: long ones may run into the body."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Laid:
    """A thing and where it lies: world = turned @ own + centre."""

    prop: Prop
    turned: np.ndarray
    centre: np.ndarray

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Returns (n,) decimetres of world points from the thing."""
        return self.prop.distance((points - self.centre) @ self.turned)

    def placed(self, id: int) -> Placed:
        """Returns it as an object of the scene."""
        vertices, triangles = self.prop.mesh
        return Placed(
            id=id, name=self.prop.name, positions=vertices @ self.turned.T + self.centre, triangles=triangles,
            colour=self.prop.colour, material=self.prop.material,
        )  # fmt: skip


def _axes(up: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Returns (3, 3): columns are a thing's x, y = `up` and z near `out`."""
    z = unit(out - (out @ up) * up)
    return np.stack([np.cross(up, z), up, z], 1)


_PALM_THINGS: Mapping[str, tuple[float, tuple[float, float]]] = {
    # weight; how far from the wrist the thing's axis lies, in palm lengths
    "pole": (1.0, (0.78, 0.9)),
    "bottle": (1.2, (0.85, 1.0)),
    "cup": (0.7, (0.85, 1.0)),
    "glass": (1.0, (0.85, 1.0)),
    "handle": (0.9, (0.95, 1.05)),
    "ball": (1.2, (0.95, 1.15)),
    "phone": (1.3, (1.0, 1.15)),
    "book": (0.4, (1.0, 1.15)),
}
_FINGER_THINGS: Mapping[str, float] = {"pen": 1.0, "sheet": 0.8, "card": 0.8, "book": 0.4}


def _lay_in_palm(stage: Stage, name: str, rng: np.random.Generator) -> Laid:
    figure, side = stage.figure, stage.side
    wrist, across, along, dorsal = hand_axes(figure, side)
    prop = OBJECTS[name](rng)
    slope = rng.uniform(0.05, 0.45)  # from the index finger's root to the heel of the hand
    up = -across * np.cos(slope) + along * np.sin(slope)
    if name in ("pole", "ball") and rng.random() < 0.5:
        up = -up
    turned = _axes(up, dorsal) @ turn([0, 1, 0], 0.0 if prop.radius < 0.12 else float(rng.uniform(-np.pi, np.pi)))
    if name == "handle":
        turned = _axes(up, dorsal)
        turned = turned @ turn([0, 1, 0], 0.0 if turned[:, 0] @ along < 0 else np.pi)
    low, high = _PALM_THINGS[name][1]
    length = hand_frame(figure, side).palm_length
    centre = wrist + along * length * rng.uniform(low, high) - dorsal * (PALM_DEPTH + prop.radius)
    reach = min(0.5, 0.4 * float(np.abs(prop.mesh[0][:, 1]).max()))
    if name not in ("ball", "handle"):
        centre = centre + up * rng.uniform(-reach, reach)
    laid = Laid(prop=prop, turned=turned, centre=centre)
    palm = posed_rows(figure, np.flatnonzero(figure.body.instance == figure.find("hand", side).id))
    for _ in range(3):
        gap = float(laid.distance(palm).min())
        laid = replace(laid, centre=laid.centre + dorsal * (gap + SINK))
    return laid


def _between(stage: Stage, name: str, rng: np.random.Generator) -> Laid:
    """Lays a thing between the tips of thumb, index and middle finger, as they are posed now."""
    figure, side = stage.figure, stage.side
    _, across, along, dorsal = hand_axes(figure, side)
    matrices = world_matrices(figure)
    tips, roots = {}, {}
    for digit in ("thumb", "index", "middle"):
        last = figure.find("digit", side, digit).bones
        tips[digit] = 0.75 * joint_position(figure, matrices, last[-1], "tail") + 0.25 * joint_position(
            figure, matrices, last[-1], "head"
        )
        roots[digit] = joint_position(figure, matrices, last[0], "head")
    pulp = (tips["index"] + tips["middle"]) / 2
    middle, prop = (pulp + tips["thumb"]) / 2, OBJECTS[name](rng)
    if name == "pen":
        web = roots["index"] - 0.22 * across + 0.12 * dorsal
        up = unit(web - middle)
        return Laid(prop=prop, turned=_axes(up, dorsal), centre=middle + up * rng.uniform(0.25, 0.45))
    out = unit(tips["thumb"] - pulp)
    away = along - 0.6 * dorsal
    away = turn(out, float(rng.uniform(-0.7, 0.7))) @ unit(away - (away @ out) * out)
    turned = _axes(away, out)
    if rng.random() < 0.5:
        turned = turned @ turn([0, 0, 1], np.pi / 2)
    half = np.abs(prop.mesh[0]).max(0)
    edge = float(np.abs(turned.T @ away) @ half)
    inside = rng.uniform(0.12, 0.3)
    return Laid(prop=prop, turned=turned, centre=middle + away * (edge - inside))


def _grasp(stage: Stage, name: str) -> tuple[HandPose, HandPose]:
    """Returns the poses between which a hand closes about a thing in its palm."""
    fingers = [replace(_OPEN_FINGER, spread=s) for s in (-0.05, 0.0, 0.03, 0.06)]
    start = HandPose(style=f"hold_{name}", digits=(_OPEN_THUMB, *fingers), cup=0.05)
    return start, replace(start, digits=(_CLOSED_THUMB, *[_CLOSED_FINGER] * 4))


def _pinch(stage: Stage, name: str, rng: np.random.Generator) -> tuple[HandPose, HandPose, HandPose]:
    """Returns the mean pose of a precision grip, and the poses between which the tips close about the thing."""
    mean = replace(sample_hand_pose(rng, "hold_pen" if name == "pen" else "pinch"), style=f"hold_{name}")
    wide, tight = [], []
    for digit in mean.digits:
        wide.append(replace(digit, flexion=_moved(digit, -0.35, -0.1, -0.05)))
        tight.append(replace(digit, flexion=_moved(digit, 0.35, 0.25, 0.15)))
    wide[0] = replace(mean.digits[0], spread=mean.digits[0].spread + 0.35)
    tight[0] = replace(mean.digits[0], flexion=(1.15, mean.digits[0].flexion[1] + 0.3, mean.digits[0].flexion[2] + 0.3))
    return mean, replace(mean, digits=tuple(wide)), replace(mean, digits=tuple(tight))


def _moved(digit: DigitPose, mcp: float, pip: float, dip: float) -> tuple[float, float, float]:
    first, second, third = digit.flexion
    return first + mcp, second + pip, third + dip


def _clears_body(stage: Stage, laid: Laid) -> bool:
    return bool(laid.distance(other_points(stage)[::2]).min() > 0.05)


def _hold(stage: Stage, rng: np.random.Generator, *, tips: bool) -> bool:
    figure, side = stage.figure, stage.side
    hand = figure.find("hand", side)
    table = _FINGER_THINGS if tips else {name: row[0] for name, row in _PALM_THINGS.items()}
    names = tuple(table)
    stand(figure, rng)
    rest_arm(stage, stage.other_side, rng)
    hold_out(figure, side, rng)
    for _ in range(TRIES):
        name = names[int(rng.choice(len(names), p=np.array(list(table.values())) / sum(table.values())))]
        if tips:
            mean, start, end = _pinch(stage, name, rng)
            pose_hand(figure, hand.id, mean, np.random.default_rng(0))
            laid = _between(stage, name, rng)
        else:
            start, end = _grasp(stage, name)
            pose_hand(figure, hand.id, start, np.random.default_rng(0))
            laid = _lay_in_palm(stage, name, rng)
        if _clears_body(stage, laid):
            stage.hold(side, close_hand(figure, side, start, end, laid.distance), rng)
            stage.things.append(laid.placed(stage.next_id()))
            return True
    return False


def hold_in_palm(stage: Stage, rng: np.random.Generator) -> bool:
    """A bottle, a pole, a cup, a ball, a phone ... in the whole hand."""
    return _hold(stage, rng, tips=False)


def hold_with_tips(stage: Stage, rng: np.random.Generator) -> bool:
    """A pen, a card, a sheet of paper between thumb and fingers."""
    return _hold(stage, rng, tips=True)


def hold_cloth(stage: Stage, rng: np.random.Generator) -> bool:
    """A cloth that hangs out of a fist."""
    figure, side = stage.figure, stage.side
    stand(figure, rng)
    rest_arm(stage, stage.other_side, rng)
    hold_out(figure, side, rng)
    stage.hold(side, sample_hand_pose(rng, "loose_fist"), rng)
    wrist, across, along, dorsal = hand_axes(figure, side)
    middle = wrist + along * hand_frame(figure, side).palm_length * 0.95 - dorsal * 0.3
    positions, triangles = _cloth(middle, across, rng)
    stage.things.append(
        Placed(
            id=stage.next_id(), name="cloth", positions=positions, triangles=triangles,
            colour=rng.uniform(0.02, 0.8, 3), material=Material(bump=0.3, shine=0.1, roughness=0.7), surface="cloth",
        )
    )  # fmt: skip
    return True


def _cloth(middle: np.ndarray, across: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns a cloth gathered at a point: a bunch through the fist along its axis, below it folds that widen as they hang."""
    s, u = np.meshgrid(np.linspace(0, 1, 28), np.linspace(-1, 1, 61), indexing="ij")
    length, width = rng.uniform(1.2, 2.8), rng.uniform(0.5, 1.2)
    down = np.array([0.0, -1.0, 0.0])
    start = across if across @ down > 0 else -across  # the cloth leaves the fist on its lower side
    side = unit(np.cross(start, [0.2, 0.1, 1.0]))
    depth = np.cross(side, start)
    spread = 0.13 + width * np.clip(s - 0.25, 0, 1) ** 0.8
    phase = rng.uniform(0, 2 * np.pi)
    fold = (0.1 + 0.1 * s) * np.sin(u * rng.uniform(6, 11) + phase + 0.8 * s) + 0.03 * np.sin(17 * u + phase)
    path = np.where(s < 0.25, s - 0.15, 0.1)[..., None] * 3.0 * start * 0.6
    path = path + np.clip(s - 0.25, 0, 1)[..., None] * length * unit(down + 0.25 * start)
    points = middle + path + (spread * u)[..., None] * side + (fold * np.minimum(1, 0.6 + 2 * s))[..., None] * depth
    return sheet(points)
