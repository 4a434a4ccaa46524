"""Where is everybody, and what do their hands do? A stage on which a situation is played, and its replay with a defect."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.posing import skinned, world_matrices
from limbfix.synthesis.poses.hand_poses import HandPose, pose_hand
from limbfix.synthesis.props.placed import Placed
from limbfix.synthesis.samples import Side
from limbfix.synthesis.scenes.hand_cameras import HandPlace
from limbfix.synthesis.scenes.hand_cast import Person


@dataclass(slots=True, kw_only=True, eq=False)
class Stage:
    """A scene in the making; a situation fills it.

    Attributes:
        people: the one whose hand the picture shows first.
        figures: of the people.
        side: of the hand that the picture shows.
        first_object: id of the first object.
        hands: (person's place in `figures`, side) -> pose of that hand.
        things: objects, in the world.
    """

    people: tuple[Person, ...]
    figures: list[Figure]
    side: Side
    first_object: int
    hands: dict[tuple[int, Side], HandPose] = field(default_factory=dict)
    things: list[Placed] = field(default_factory=list)

    @property
    def figure(self) -> Figure:
        """The person whose hand the picture shows."""
        return self.figures[0]

    @property
    def other_side(self) -> Side:
        """The side of that person's other hand."""
        return "left" if self.side == "right" else "right"

    def hold(self, side: Side, pose: HandPose, rng: np.random.Generator, person: int = 0) -> None:
        """Poses one hand, and its copies if it has any, and remembers how."""
        self.hands[person, side] = pose
        take_pose(self.figures[person], side, pose, rng)

    def next_id(self) -> int:
        """Returns the id of the next object."""
        return self.first_object + sum(not item.worn for item in self.things)


def take_pose(figure: Figure, side: Side, pose: HandPose, rng: np.random.Generator) -> None:
    """Poses every hand of a side, copies too."""
    for entry in figure.instances:
        if entry.kind == "hand" and entry.side == side and entry.present:
            pose_hand(figure, entry.id, pose, rng)


def replay(stage: Stage, figure: Figure, rng: np.random.Generator) -> None:
    """Gives another version of the first person (with a defect) the same pose; bones that an operator added take the hand's."""
    acted = stage.figure
    bones = len(figure.model.bones)
    digits = {bone for entry in acted.instances if entry.kind == "digit" for bone in entry.bones}
    figure.rotations.update({b: r for b, r in acted.rotations.items() if b < bones and b not in digits})
    figure.place = acted.place.copy()
    for (person, side), pose in stage.hands.items():
        if person == 0:
            take_pose(figure, side, pose, rng)


def hand_place(figure: Figure, side: Side) -> HandPlace:
    """Returns where a posed hand is; its skin with all digits, also where a glove covers it."""
    matrices = world_matrices(figure)
    frame, wrist = hand_frame(figure, side), matrices[figure.bone(f"wrist{'.L' if side == 'left' else '.R'}")]
    hand = figure.find("hand", side)
    ids = [hand.id, *(entry.id for entry in figure.instances if entry.owner == hand.id)]
    chosen = [c for c in figure.components if c.surface == "skin"]
    points = np.concatenate([skinned(c, matrices)[np.isin(c.instance, ids)] for c in chosen])
    turned = wrist[:, :3]
    return HandPlace(
        across=turned @ frame.across, along=turned @ frame.along, dorsal=turned @ frame.dorsal, points=points
    )


def other_points(stage: Stage) -> np.ndarray:
    """Returns (n, 3) world positions of everybody's vertices, but those of the hand that the picture shows and its forearm."""
    points, own = stage_points(stage)
    return points[~own]


def stage_points(stage: Stage) -> tuple[np.ndarray, np.ndarray]:
    """Returns (n, 3) world positions of everybody's vertices, and (n,) bool: those of the hand shown and of its forearm."""
    hand = stage.figure.find("hand", stage.side)
    own = {hand.id, hand.owner, *(e.id for e in stage.figure.instances if e.owner == hand.id)}
    points, chosen = [], []
    for person, figure in enumerate(stage.figures):
        matrices = world_matrices(figure)
        for component in figure.components:
            points.append(skinned(component, matrices))
            chosen.append(np.isin(component.instance, list(own)) if person == 0 else np.zeros(len(points[-1]), bool))
    return np.concatenate(points), np.concatenate(chosen)
