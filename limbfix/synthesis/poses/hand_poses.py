"""How are a hand's joints bent? Poses as anatomical angles, and the turning of a figure's bones to them.

Angles are absolute: 0 is a straight digit in the plane of the palm, whatever the rest pose of the body model is. So a digit that an
operator bent or moved takes the pose of its hand and keeps its fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from limbfix.synthesis.figures.anatomy import SIDES, digit_bones
from limbfix.synthesis.figures.figure import Figure, InstanceEntry
from limbfix.synthesis.figures.hand_frames import HandFrame, frame_of_joints, hand_frame
from limbfix.synthesis.figures.rotations import cross, turn, turn_between, unit
from limbfix.synthesis.samples import DIGITS, Side

FLEXION_LIMITS: Mapping[str, tuple[tuple[float, float], ...]] = {
    "finger": ((-0.5, 1.6), (-0.1, 1.9), (-0.15, 1.35)),
    "thumb": ((-0.2, 1.2), (-0.2, 1.0), (-0.4, 1.35)),
}
"""Radians at MCP, PIP, DIP; of a thumb: palmar abduction at CMC, then MCP and IP. Active range of healthy adults: MCP 30 degrees
back to 90, PIP 0-110, DIP 0-75; thumb CMC 0-70, MCP 0-55, IP 20 back to 80 (American Academy of Orthopaedic Surgeons, Joint Motion,
1965; Norkin and White, Measurement of Joint Motion, 2016). A few degrees more are let through: people differ."""

SPREAD_LIMIT = 0.4
"""Radians to either side at MCP of a straight finger; a bent one cannot be spread (its collateral ligaments are tight)."""

NOISE = 0.05
"""Radians; an extra digit's joints differ from the mean of its neighbours by about this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitPose:
    """Angles of one digit, radians.

    Attributes:
        flexion: at MCP, PIP and DIP, towards the palm. Of a thumb: palmar abduction at CMC (0 in the palm's plane, 1 before the
            palm), then flexion at MCP and IP.
        spread: at MCP, towards the little finger's side, on top of the natural fan. Of a thumb: radial abduction at CMC, 0 along
            the index finger's metacarpal, 1 pointing away from the hand.
        twist: about the digit's own axis; of a thumb: pronation, which brings its pulp to face the fingers.
    """

    flexion: tuple[float, float, float]
    spread: float = 0.0
    twist: float = 0.0

    def limited(self, kind: str) -> DigitPose:
        """Returns the pose within the limits of a `finger` or a `thumb`."""
        limits = FLEXION_LIMITS[kind]
        first, second, third = (min(max(a, low), high) for a, (low, high) in zip(self.flexion, limits, strict=True))
        room = SPREAD_LIMIT * max(0.15, float(np.cos(max(first, 0.0))))
        low, high = (-room, room) if kind == "finger" else (0.0, 1.3)
        spread = min(max(self.spread, low), high)
        return replace(self, flexion=(first, second, third), spread=spread)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandPose:
    """How a hand is held.

    Attributes:
        style: a name from `hand_styles.STYLES`.
        digits: in the order of `DIGITS`.
        cup: radians by which the metacarpals of ring and little finger bend; the palm's hollow.
    """

    style: str
    digits: tuple[DigitPose, ...]
    cup: float = 0.0

    def of(self, digit: str) -> DigitPose:
        """Returns the pose of a digit by name."""
        return self.digits[DIGITS.index(digit)]

    def recipe(self) -> dict[str, object]:
        """Returns plain JSON values."""
        rows = [[*(round(a, 3) for a in (*d.flexion, d.spread, d.twist))] for d in self.digits]
        return {"style": self.style, "digits": rows, "cup": round(self.cup, 3)}


def sample_hand_pose(rng: np.random.Generator, style: str | None = None) -> HandPose:
    """Draws a pose; `style` is a name from `hand_styles.STYLES`, None draws one too."""
    from limbfix.synthesis.poses.hand_styles import draw_pose

    return draw_pose(rng, style)


def mean_pose(poses: Sequence[DigitPose]) -> DigitPose:
    """Returns the mean of some digits' poses."""
    if len(poses) == 1:
        return poses[0]
    rows = np.array([(*pose.flexion, pose.spread, pose.twist) for pose in poses]).mean(0).tolist()
    return DigitPose(flexion=(rows[0], rows[1], rows[2]), spread=rows[3], twist=rows[4])


def pose_hand(
    figure: Figure, hand_id: int, pose: HandPose, rng: np.random.Generator, normal: NormalHand | None = None
) -> None:
    """Turns the bones of every digit of one hand, extra ones too.

    Args:
        figure: changed: its rotations.
        hand_id: id of a hand, normal or extra.
        pose: what the hand does.
        rng: for the small noise of extra digits only, so that a pair's shared digits stay alike.
        normal: from `normal_hand`, for who poses one hand many times; None finds it.
    """
    hand = figure.instance(hand_id)
    side = _side(hand)
    frame = _frame_of(figure, hand)
    normal = normal or normal_hand(figure, side)
    for entry in figure.instances:
        if entry.kind != "digit" or entry.owner != hand_id or not entry.bones or not entry.present:
            continue
        kind = "thumb" if entry.name == "thumb" else "finger"
        like = [n for n in entry.pose_like if (n == "thumb") == (kind == "thumb")] or [entry.name]
        digit = mean_pose([pose.of(name) for name in like])
        if "extra" in entry.faults and entry.copy_of is None:
            bent = np.array(digit.flexion) + rng.normal(0, NOISE, 3)
            digit = replace(digit, flexion=(float(bent[0]), float(bent[1]), float(bent[2])))
        digit = digit.limited(kind)
        if kind == "thumb":
            _pose_thumb(figure, entry.bones, frame, digit, normal)
        else:
            _pose_finger(figure, entry, frame, digit, normal)
    _cup_palm(figure, hand, frame, pose.cup)


def _side(hand: InstanceEntry) -> Side:
    if hand.side is None:
        raise ValueError(f"expected a hand with a side, got instance {hand.id} ({hand.kind}) without one")
    return hand.side


def _frame_of(figure: Figure, hand: InstanceEntry) -> HandFrame:
    """Returns the frame of a hand; a copied hand's is the original's, turned as the copy's joints are (Kabsch)."""
    frame = hand_frame(figure, _side(hand))
    if hand.copy_of is None:
        return frame
    digits = [e for e in figure.instances if e.owner == hand.id and e.copy_of is not None and e.bones]
    pairs = [
        pair for digit in digits for pair in zip(figure.instance(digit.copy_of or 0).bones, digit.bones, strict=False)
    ]
    if len(pairs) < 3:
        return frame
    old = np.stack([figure.heads[a] for a, _ in pairs])
    new = np.stack([figure.heads[b] for _, b in pairs])
    u, _, v = np.linalg.svd((old - old.mean(0)).T @ (new - new.mean(0)))
    turned = u @ v

    def moved(points: np.ndarray) -> np.ndarray:
        return (points - old.mean(0)) @ turned + new.mean(0)

    return HandFrame(
        wrist=moved(frame.wrist),
        across=frame.across @ turned,
        along=frame.along @ turned,
        dorsal=frame.dorsal @ turned,
        knuckles=moved(frame.knuckles),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NormalHand:
    """A hand in rest pose before any operator moved it.

    Attributes:
        frame: its axes.
        steps: digit -> (3, 3) directions of its bones.
    """

    frame: HandFrame
    steps: Mapping[str, np.ndarray]


def normal_hand(figure: Figure, side: Side) -> NormalHand:
    """Returns what the angles of a hand are counted from: they are absolute, and the body model's rest pose is a little bent."""
    heads, tails = figure.model.joints(figure.shaped)
    index = figure.model.bone_index
    bones = {digit: [index[bone] for bone in digit_bones(digit, side)] for digit in DIGITS}
    steps = {digit: unit(np.stack([tails[b] - heads[b] for b in own])) for digit, own in bones.items()}
    return NormalHand(frame=frame_of_joints(heads, tails, index, side), steps=steps)


def _bends(steps: np.ndarray) -> tuple[float, float]:
    first, second = (float(np.arccos(np.clip(steps[k] @ steps[k + 1], -1, 1))) for k in (0, 1))
    return first, second


def _pose_finger(figure: Figure, entry: InstanceEntry, frame: HandFrame, pose: DigitPose, normal: NormalHand) -> None:
    steps = normal.steps[entry.name]
    lift = float(np.arcsin(np.clip(-steps[0] @ normal.frame.dorsal, -1, 1)))
    for k, (bone, wanted, rest) in enumerate(zip(entry.bones, pose.flexion, (lift, *_bends(steps)), strict=False)):
        step = unit(figure.tails[bone] - figure.heads[bone])
        rotation = turn(cross(step, -frame.dorsal), wanted - rest)
        if k == 0:
            sideways = turn(cross(frame.along, frame.across), pose.spread)
            rotation = sideways @ rotation @ turn(step, pose.twist)
        figure.rotations[bone] = rotation


def _pose_thumb(figure: Figure, bones: Sequence[int], frame: HandFrame, pose: DigitPose, normal: NormalHand) -> None:
    """Aims the metacarpal, then bends the rest in the plane in which the body model's thumb is bent a little already."""
    bends = _bends(normal.steps["thumb"])
    outer = float(np.sign((figure.heads[bones[-1]] - frame.wrist) @ frame.across)) or -1.0  # -1 where thumbs belong
    lift, away = pose.flexion[0], pose.spread
    aim = (
        np.cos(lift) * (np.cos(away) * frame.along + np.sin(away) * outer * frame.across) - np.sin(lift) * frame.dorsal
    )
    root = unit(figure.tails[bones[0]] - figure.heads[bones[0]])
    axis = _thumb_axis(normal.steps["thumb"], normal.frame, frame, outer)
    pronation = turn(root, -pose.twist * float(np.sign(cross(root, axis) @ frame.across * -outer)))
    figure.rotations[bones[0]] = turn_between(root, aim) @ pronation
    for bone, wanted, rest in zip(bones[1:], pose.flexion[1:], bends, strict=False):
        figure.rotations[bone] = turn(axis, wanted - rest)


def _thumb_axis(steps: np.ndarray, rest: HandFrame, frame: HandFrame, outer: float) -> np.ndarray:
    """Returns the (3,) axis about which a thumb bends, carried over from the normal hand's frame to this one's."""
    bend = steps[2] - steps[0] * (steps[2] @ steps[0])  # towards the pulp
    across, along, dorsal = (float(bend @ a) for a in (rest.across, rest.along, rest.dorsal))
    pulp = across * -outer * frame.across + along * frame.along + dorsal * frame.dorsal
    a, b, c = (float(steps[0] @ axis) for axis in (rest.across, rest.along, rest.dorsal))
    root = a * -outer * frame.across + b * frame.along + c * frame.dorsal
    return unit(cross(root, pulp))


def _cup_palm(figure: Figure, hand: InstanceEntry, frame: HandFrame, cup: float) -> None:
    """Bends the metacarpals of ring and little finger about the hand's cross axis (of original hands only)."""
    if hand.copy_of is not None or not cup:
        return
    suffix = SIDES[_side(hand)]
    for bone, share in ((f"metacarpal3{suffix}", 0.4), (f"metacarpal4{suffix}", 1.0)):
        index = figure.bone(bone)
        step = unit(figure.tails[index] - figure.heads[index])
        figure.rotations[index] = turn(cross(step, -frame.dorsal), cup * share)
