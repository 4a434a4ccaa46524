"""What is somebody doing? Whole-body poses as values, drawn from named styles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from limbfix.synthesis.poses.arm_poses import ArmPose, sample_arm_pose
from limbfix.synthesis.poses.hand_poses import HandPose, sample_hand_pose
from limbfix.synthesis.poses.leg_poses import LegPose, sample_leg_pose
from limbfix.synthesis.poses.limb_chains import BOTH_SIDES
from limbfix.synthesis.samples import Side

Support = Literal["feet", "seat", "body", "air"]
"""What carries the weight: feet on the ground, a seat, the lowest part of the body, or nothing (a jump)."""

# Limits in radians: American Academy of Orthopaedic Surgeons, Joint Motion (1965): trunk 80 degrees forwards, 25 back,
# 35 to each side, 45 turned; neck 45 forwards and back, 45 to each side, 60 turned.
TRUNK_LIMITS = ((-0.44, 1.4), (-0.6, 0.6), (-0.78, 0.78))
NECK_LIMITS = ((-0.78, 0.78), (-0.78, 0.78), (-1.05, 1.05))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkPose:
    """How trunk and neck are bent, radians.

    Attributes:
        bend, lean, twist: of the spine: forwards, to the left, turned to the left.
        nod, tilt, turn: of the neck, alike.
    """

    bend: float = 0.0
    lean: float = 0.0
    twist: float = 0.0
    nod: float = 0.0
    tilt: float = 0.0
    turn: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPose:
    """What a whole body does.

    Attributes:
        style: name of the way it was drawn (`BODY_STYLES`).
        support: see `Support`.
        pitch, roll: of the whole body, radians: forwards onto the face, and to its left side.
        trunk: see `TrunkPose`.
        arms, legs, hands: by side.
        gestures: by side, what a hand touches (`body_gestures.GESTURES`); the arm's pose gives way to it.
        lift: decimetres above what would carry the body, for jumps.
    """

    style: str
    support: Support
    pitch: float
    roll: float
    trunk: TrunkPose
    arms: Mapping[Side, ArmPose]
    legs: Mapping[Side, LegPose]
    hands: Mapping[Side, HandPose]
    gestures: Mapping[Side, str]
    lift: float = 0.0

    def recipe(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        rounded = lambda row: {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(row).items()}  # noqa: E731
        return {
            "style": self.style, "support": self.support, "pitch": round(self.pitch, 3), "roll": round(self.roll, 3),
            "lift": round(self.lift, 2), "trunk": rounded(self.trunk), "gestures": dict(self.gestures),
            "arms": {side: rounded(arm) for side, arm in self.arms.items()},
            "legs": {side: rounded(leg) for side, leg in self.legs.items()},
            "hands": {side: hand.recipe() for side, hand in self.hands.items()},
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    """How a body style is drawn.

    Attributes:
        weight: how often.
        legs: pairs of leg styles; which is left and which right is drawn.
        arms: pairs of arm styles, or names of gestures with a `@`; a single name serves both arms.
        support: see `Support`.
        heel: mean raise of a planted second foot's heel.
        bend: mean and deviation of the trunk's bend.
        pitches: what the whole body's pitch is drawn from; rolls: alike.
        free: deviation of the trunk's lean and twist.
    """

    weight: float
    legs: tuple[tuple[str, str], ...]
    arms: tuple[str | tuple[str, str], ...]
    support: Support = "feet"
    heel: float = 0.0
    bend: tuple[float, float] = (0.03, 0.06)
    pitches: tuple[float, ...] = (0.0,)
    rolls: tuple[float, ...] = (0.0,)
    free: float = 0.08


_STANDING_ARMS: tuple[str | tuple[str, str], ...] = (
    "hang", "hang", ("hang", "hang"), "@hip", ("@hip", "hang"), "@crossed", "@clasp", ("@face", "@elbow"), ("@chest", "hang"),
    ("wave", "hang"), ("point", "hang"), "front", "side", "up", ("up", "hang"), "behind_back", ("@head_back", "hang"), "@head_back",
    ("carry", "hang"), "offer", "@prayer", ("offer", "@hip"), ("@belly", "hang"), ("front", "up"), ("side", "@hip"),
)  # fmt: skip
_SITTING_ARMS: tuple[str | tuple[str, str], ...] = (
    "@knee", ("@knee", "@thigh"), "@thigh", "@clasp", "@crossed", ("@face", "@knee"), ("offer", "@thigh"), ("wave", "@knee"), "front",
    ("hang", "@knee"), ("point", "@thigh"), "offer",
)  # fmt: skip
_LYING_ARMS = (
    "@belly",
    ("lying_up", "@belly"),
    "lying_side",
    "lying_up",
    ("lying_up", "lying_side"),
    ("lying_side", "@belly"),
    "@chest",
)
_FREE_ARMS = ("side", "up", "dance", ("up", "side"), ("dance", "@hip"), ("front", "side"), ("dance", "up"))

_STYLES: Mapping[str, _Style] = {
    "stand": _Style(
        weight=3.0, arms=_STANDING_ARMS, legs=(("straight", "straight"), ("straight", "resting"), ("apart", "apart"), ("straight", "apart"))
    ),
    "walk": _Style(weight=1.5, arms=(("swing_forward", "swing_back"),), legs=(("step_back", "step_forward"),), heel=0.5),
    "run": _Style(weight=0.9, arms=(("run_forward", "run_back"),), legs=(("run_back", "run_forward"),), support="body", bend=(0.22, 0.08), free=0.12),
    "jump": _Style(weight=0.8, arms=_FREE_ARMS, legs=(("tucked", "tucked"), ("tucked", "kicked"), ("kicked", "kicked")), support="air", free=0.15),
    "sit": _Style(weight=1.6, arms=_SITTING_ARMS, legs=(("seated", "seated"), ("seated", "seated_ahead")), support="seat", bend=(0.2, 0.1)),
    "sit_floor": _Style(
        weight=0.9, arms=_SITTING_ARMS, legs=(("floor_long", "floor_long"), ("floor_bent", "floor_bent"), ("floor_long", "floor_bent"), ("crossed", "crossed")),
        support="body", bend=(0.25, 0.12),
    ),
    "squat": _Style(weight=0.6, arms=("@knee", "front", "offer", ("@knee", "hang"), "@clasp"), legs=(("squat", "squat"),), heel=0.3, bend=(0.45, 0.12)),
    "half_squat": _Style(weight=0.5, arms=("@knee", "front", "@clasp", "offer"), legs=(("half_squat", "half_squat"),), bend=(0.5, 0.15)),
    "kneel": _Style(weight=0.6, arms=("@thigh", "hang", "@hip", "offer", "@prayer", "up"), legs=(("knelt", "knelt"), ("heel_sit", "heel_sit")), support="body"),
    "lunge": _Style(weight=0.6, arms=("@hip", ("@knee", "@hip"), *_FREE_ARMS), legs=(("lunge_front", "lunge_back"),), heel=0.6, bend=(0.1, 0.1)),
    "bow": _Style(weight=0.6, arms=("front", "@knee", "hang", ("front", "@thigh")), legs=(("straight", "straight"), ("straight", "resting")), bend=(0.95, 0.2)),
    "lie": _Style(
        weight=0.8, arms=_LYING_ARMS, legs=(("lying_straight", "lying_straight"), ("lying_bent", "lying_straight"), ("lying_bent", "lying_bent")),
        support="body", pitches=(-1.57,), bend=(0.0, 0.03), free=0.04,
    ),
    "lie_prone": _Style(
        weight=0.3, arms=("lying_up", "lying_side", ("lying_up", "lying_side")),
        legs=(("prone_straight", "prone_straight"), ("prone_bent", "prone_straight"), ("prone_bent", "prone_bent")),
        support="body", pitches=(1.55,), bend=(-0.15, 0.05), free=0.04,
    ),
    "lie_side": _Style(
        weight=0.3, arms=("front", ("front", "hang"), "offer"), legs=(("lying_straight", "side_bent"), ("side_bent", "side_bent")),
        support="body", rolls=(1.5, -1.5), bend=(0.15, 0.08), free=0.05,
    ),
    "dance": _Style(weight=1.2, arms=_FREE_ARMS, legs=(("dance", "straight"), ("dance", "dance"), ("apart", "dance")), free=0.2),
    "reach": _Style(weight=0.8, arms=(("up", "hang"), "up", ("front", "hang"), ("up", "@hip")), legs=(("straight", "straight"), ("straight", "resting")), heel=0.3, bend=(-0.05, 0.08), free=0.18),
}  # fmt: skip

BODY_STYLES: tuple[str, ...] = tuple(_STYLES)

_HAND_STYLES: Mapping[str, tuple[str, ...]] = {
    "hang": ("relaxed", "relaxed", "open", "loose_fist"), "swing_forward": ("relaxed", "loose_fist"),
    "swing_back": ("relaxed", "loose_fist"), "run_forward": ("loose_fist", "fist"), "run_back": ("loose_fist", "fist"),
    "wave": ("open", "spread", "flat"), "point": ("pointing",), "behind_back": ("relaxed",), "carry": ("grip", "relaxed"),
    "@crossed": ("relaxed", "flat"), "@face": ("relaxed", "loose_fist"), "@prayer": ("flat",), "@clasp": ("relaxed",),
}  # fmt: skip
"""Hands that go with an arm's style; other gestures lay an open hand on something, other arms are free to do
anything."""


def _hand(rng: np.random.Generator, arm: str) -> HandPose:
    styles = _HAND_STYLES.get(arm, ("relaxed", "open", "flat") if arm.startswith("@") else ())
    return sample_hand_pose(rng, str(rng.choice(styles)) if styles else None)


def _arm_names(rng: np.random.Generator, style: _Style) -> tuple[str, str]:
    """Returns the arm styles of the left and right arm."""
    drawn = style.arms[int(rng.integers(len(style.arms)))]
    pair = (drawn, drawn) if isinstance(drawn, str) else drawn
    swap = rng.random() < 0.5
    return (pair[1], pair[0]) if swap else (pair[0], pair[1])


def _trunk(rng: np.random.Generator, style: _Style) -> TrunkPose:
    def limited(value: float, limits: tuple[float, float]) -> float:
        return float(np.clip(value, *limits))

    return TrunkPose(
        bend=limited(rng.normal(*style.bend), TRUNK_LIMITS[0]),
        lean=limited(rng.normal(0, style.free), TRUNK_LIMITS[1]),
        twist=limited(rng.normal(0, 1.4 * style.free), TRUNK_LIMITS[2]),
        nod=limited(rng.normal(0.04, 0.14), NECK_LIMITS[0]),
        tilt=limited(rng.normal(0, 0.1), NECK_LIMITS[1]),
        turn=limited(rng.normal(0, 0.32), NECK_LIMITS[2]),
    )


def _legs(rng: np.random.Generator, style: _Style) -> dict[Side, LegPose]:
    first, second = style.legs[int(rng.integers(len(style.legs)))]
    left_first = bool(rng.random() < 0.5)
    planted = style.support in ("feet", "seat")
    one = sample_leg_pose(rng, first, planted=planted, heel=style.heel)
    # Where both legs do the same, both heels rise (a squat, standing on tiptoe); else that of the leg behind.
    other = sample_leg_pose(rng, second, planted=planted, heel=style.heel if first == second else 0.0)
    if style.support == "seat" and rng.random() < 0.15:
        other = replace(other, planted=False)
    return {"left": one, "right": other} if left_first else {"left": other, "right": one}


def sample_body_pose(rng: np.random.Generator, style: str | None = None) -> BodyPose:
    """Draws a pose; `style` is a name from `BODY_STYLES`, None draws one too."""
    if style is None:
        weights = np.array([row.weight for row in _STYLES.values()])
        style = BODY_STYLES[int(rng.choice(len(BODY_STYLES), p=weights / weights.sum()))]
    row = _STYLES[style]
    names, legs = _arm_names(rng, row), _legs(rng, row)
    if style in ("walk", "run"):  # an arm swings forwards with the other side's leg
        left_behind = legs["left"].flexion < legs["right"].flexion
        names = (row.arms[0][0], row.arms[0][1]) if left_behind else (row.arms[0][1], row.arms[0][0])
    by_side: dict[Side, str] = dict(zip(BOTH_SIDES, names, strict=True))
    arms: dict[Side, ArmPose] = {
        side: sample_arm_pose(rng, "hang" if name.startswith("@") else name) for side, name in by_side.items()
    }
    gestures: dict[Side, str] = {s: name[1:] if name.startswith("@") else "" for s, name in by_side.items()}
    hands: dict[Side, HandPose] = {side: _hand(rng, name) for side, name in by_side.items()}
    lying = row.pitches != (0.0,) or row.rolls != (0.0,)
    return BodyPose(
        style=style, support=row.support, trunk=_trunk(rng, row), arms=arms, legs=legs, hands=hands, gestures=gestures,
        pitch=float(rng.choice(row.pitches) + rng.normal(0, 0.02 if lying else 0.03)),
        roll=float(rng.choice(row.rolls) + rng.normal(0, 0.02)),
        lift=float(rng.uniform(0.5, 5)) if row.support == "air" else 0.0,
    )  # fmt: skip
