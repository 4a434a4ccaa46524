"""How is a free hand held out? Arms of all kinds around a body that stands, the hand open, bent or closed."""

from __future__ import annotations

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.rotations import turn
from limbfix.synthesis.poses.arm_poses import pose_arm, sample_arm_pose
from limbfix.synthesis.poses.hand_poses import sample_hand_pose
from limbfix.synthesis.samples import Side
from limbfix.synthesis.scenes.hand_stage import Stage

_FREE_ARMS = {
    "offer": 0.24,
    "front": 0.2,
    "wave": 0.16,
    "up": 0.1,
    "side": 0.1,
    "point": 0.08,
    "dance": 0.06,
    "hang": 0.06,
}
OPEN_STYLES = ("open", "spread", "flat")
"""Hand styles with all digits stretched."""

_OTHER_ARMS = ("hang", "offer", "front", "carry", "behind_back")
_SPINE = ("spine01", "spine02", "spine03", "spine04", "spine05")
_BEND, _TURN, _LEAN = 0.05, 0.06, 0.04
"""Radians at each of five vertebrae: bending forward, turning, leaning sideways."""


def stand(figure: Figure, rng: np.random.Generator) -> None:
    """Lets somebody stand at ease: a little bent, turned, and looking somewhere."""
    for bone in _SPINE:
        bend, twist, lean = rng.normal(0.02, _BEND), rng.normal(0, _TURN), rng.normal(0, _LEAN)
        figure.rotations[figure.bone(bone)] = turn([1, 0, 0], bend) @ turn([0, 1, 0], twist) @ turn([0, 0, 1], lean)
    nod, look = rng.normal(0.05, 0.12), rng.normal(0, 0.25)
    figure.rotations[figure.bone("neck02")] = turn([0, 1, 0], look) @ turn([1, 0, 0], nod)


def hold_out(figure: Figure, side: Side, rng: np.random.Generator) -> str:
    """Holds an arm out in the air; returns the arm's style."""
    names = tuple(_FREE_ARMS)
    style = names[int(rng.choice(len(names), p=np.array(list(_FREE_ARMS.values())) / sum(_FREE_ARMS.values())))]
    pose_arm(figure, sample_arm_pose(rng, style), side)
    return style


def rest_arm(stage: Stage, side: Side, rng: np.random.Generator, person: int = 0) -> None:
    """Puts an arm and its hand somewhere at ease."""
    style = _OTHER_ARMS[int(rng.integers(len(_OTHER_ARMS)))]
    pose_arm(stage.figures[person], sample_arm_pose(rng, style), side)
    stage.hold(side, sample_hand_pose(rng, "relaxed"), rng, person)


def free_hand(stage: Stage, rng: np.random.Generator) -> bool:
    """A hand in the air, in any pose that needs nothing in it."""
    stand(stage.figure, rng)
    rest_arm(stage, stage.other_side, rng)
    hold_out(stage.figure, stage.side, rng)
    stage.hold(stage.side, sample_hand_pose(rng), rng)
    return True


def open_hand(stage: Stage, rng: np.random.Generator) -> bool:
    """An open hand in the air: what every judge of hands should find."""
    stand(stage.figure, rng)
    rest_arm(stage, stage.other_side, rng)
    hold_out(stage.figure, stage.side, rng)
    stage.hold(stage.side, sample_hand_pose(rng, OPEN_STYLES[int(rng.integers(len(OPEN_STYLES)))]), rng)
    return True
