"""How do people hold their hands? Named styles with mean angles and spreads, and the draw of a pose from one of them.

Two couplings keep the draws human: DIP bends about 2/3 as far as PIP (Rijpkema and Girard, Computer animation of knowledge-based human
grasping, 1991), and a finger follows its neighbours (Lang and Schieber, Human finger independence, 2004).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from limbfix.synthesis.poses.hand_poses import DigitPose, HandPose

DIP_PER_PIP = 2 / 3
COMMON_SHARE = 0.6
"""Share of a joint's variance that all fingers have in common; the rest is the finger's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Mean angles of a style, radians.

    Attributes:
        fingers: (MCP, PIP) of index, middle, ring and little finger.
        fan: spread of the outer fingers away from the middle, on top of the natural fan; negative closes the gaps.
        thumb: (CMC palmar abduction, MCP, IP, radial abduction, pronation).
        weight: how often it is drawn.
        spread: standard deviation of MCP and PIP.
        cup: bend of the palm.
        dip: DIP bend per PIP bend.
        grasp: whether it needs an object in the hand; then it is never drawn without one.
    """

    fingers: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
    thumb: tuple[float, float, float, float, float]
    fan: float = 0.0
    weight: float = 1.0
    spread: float = 0.1
    cup: float = 0.0
    dip: float = DIP_PER_PIP
    grasp: bool = False


def _all(mcp: float, pip: float) -> tuple[tuple[float, float], ...]:
    return ((mcp, pip),) * 4


def _style(fingers: tuple[tuple[float, float], ...], thumb: tuple[float, ...], **more: object) -> Style:
    return Style(fingers=fingers, thumb=thumb, **more)  # pyright: ignore[reportArgumentType]


_STRAIGHT, _CURLED = (0.08, 0.08), (1.4, 1.75)
_OVER_FINGERS = (1.08, 0.68, 0.53, 0.06, 0.0)
"""A thumb laid over bent fingers."""

STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "open": _style(_all(0.08, 0.12), (0.35, 0.15, 0.15, 0.8, 0.0), fan=0.02, weight=2.0),
        "relaxed": _style(((0.3, 0.4), (0.38, 0.5), (0.42, 0.52), (0.42, 0.48)), (0.6, 0.25, 0.25, 0.6, 0.15), fan=-0.04, weight=2.6, cup=0.05),
        "flat": _style(_all(0.0, 0.03), (0.1, 0.1, 0.08, 0.35, 0.0), fan=-0.12, weight=1.1, spread=0.04),
        "spread": _style(_all(-0.08, 0.06), (0.25, 0.1, 0.0, 1.1, 0.0), fan=0.16, weight=1.0, spread=0.05),
        "fist": _style(((1.35, 1.75), (1.4, 1.8), (1.42, 1.8), (1.42, 1.75)), _OVER_FINGERS, weight=0.8, spread=0.06, cup=0.15),
        "loose_fist": _style(((0.85, 1.25), (0.95, 1.4), (1.0, 1.45), (1.0, 1.4)), (0.75, 0.35, 0.45, 0.2, 0.2), weight=0.9, cup=0.1),
        "pointing": _style((_STRAIGHT, _CURLED, _CURLED, _CURLED), _OVER_FINGERS, weight=0.8, spread=0.07, cup=0.1),
        "victory": _style((_STRAIGHT, _STRAIGHT, _CURLED, _CURLED), (1.1, 0.82, 0.42, 0.04, -0.1), fan=0.14, weight=0.6, spread=0.06, cup=0.1),
        "three": _style((_STRAIGHT, _STRAIGHT, _STRAIGHT, (1.35, 1.6)), (1.12, 0.85, 0.55, 0.05, 0.0), fan=0.1, weight=0.3, spread=0.06),
        "thumbs_up": _style(_all(1.4, 1.75), (0.05, -0.05, -0.15, 0.95, 0.0), weight=0.6, spread=0.06, cup=0.1),
        "ok": _style(
            ((1.0, 0.67), (0.3, 0.3), (0.15, 0.2), (0.05, 0.15)),
            (0.9, 0.24, -0.3, 0.03, 0.65),
            fan=0.06,
            weight=0.6,
            spread=0.03,
            dip=0.32,
        ),
        "pinch": _style(
            ((1.0, 0.67), (0.95, 0.78), (0.8, 0.9), (0.75, 0.9)),
            (0.9, 0.24, -0.25, 0.05, 0.6),
            weight=0.8,
            spread=0.05,
            dip=0.34,
        ),
        "claw": _style(_all(0.1, 1.0), (0.5, 0.4, 0.6, 0.8, 0.1), fan=0.08, weight=0.5),
        "grip": _style(_all(0.75, 0.95), (0.9, 0.3, 0.35, 0.5, 0.4), weight=0.8, cup=0.1),
        "horns": _style((_STRAIGHT, _CURLED, _CURLED, _STRAIGHT), (1.15, 0.77, 0.57, 0.05, 0.0), weight=0.2, spread=0.06),
        "call": _style((_CURLED, _CURLED, _CURLED, (-0.05, 0.1)), (0.1, 0.0, -0.1, 1.15, 0.0), fan=0.1, weight=0.2, spread=0.06),
        "mixed": _style(((0.2, 0.3), (0.6, 0.7), (0.6, 0.7), (0.3, 0.4)), (0.6, 0.25, 0.3, 0.6, 0.2), weight=0.9, spread=0.32),
        "hold_cylinder": _style(_all(0.75, 0.95), (1.0, 0.3, 0.35, 0.5, 0.45), weight=0, spread=0.05, cup=0.1, grasp=True),
        "hold_ball": _style(_all(0.45, 0.65), (0.95, 0.25, 0.35, 0.65, 0.35), fan=0.1, weight=0, spread=0.05, cup=0.1, grasp=True),
        "hold_handle": _style(_all(1.0, 1.35), (0.9, 0.35, 0.35, 0.45, 0.4), weight=0, spread=0.06, cup=0.1, grasp=True),
        "hold_phone": _style(((0.5, 0.55), (0.55, 0.75), (0.6, 0.85), (0.6, 0.85)), (0.75, 0.2, 0.2, 0.75, 0.3), weight=0, spread=0.05, grasp=True),
        "hold_pen": _style(((0.85, 0.75), (0.9, 1.0), (1.0, 1.25), (1.05, 1.3)), (0.95, 0.25, 0.4, 0.5, 0.4), weight=0, spread=0.05, dip=0.4, grasp=True),
        "hold_sheet": _style(((0.85, 0.35), (0.88, 0.4), (0.92, 0.45), (0.95, 0.5)), (0.85, 0.1, 0.1, 0.55, 0.4), fan=-0.02, weight=0, spread=0.05, grasp=True),
        "cup_surface": _style(_all(0.2, 0.3), (0.3, 0.1, 0.1, 0.8, 0.0), weight=0, spread=0.08, grasp=True),
    }
)  # fmt: skip
"""All styles. Angles were tuned against renders, seen from the palm and from the side, until digits met without passing through."""

FREE_STYLES = tuple(name for name, style in STYLES.items() if not style.grasp)
"""Styles that need nothing in the hand."""


def draw_pose(rng: np.random.Generator, name: str | None = None) -> HandPose:
    """Draws a pose of a style; None draws the style too, by its weight."""
    if name is None:
        weights = np.array([STYLES[free].weight for free in FREE_STYLES])
        name = FREE_STYLES[int(rng.choice(len(FREE_STYLES), p=weights / weights.sum()))]
    style = STYLES[name]
    return HandPose(
        style=name, digits=(_thumb(style, rng), *_fingers(style, rng)), cup=style.cup * rng.uniform(0.6, 1.2)
    )


def _fingers(style: Style, rng: np.random.Generator) -> list[DigitPose]:
    common, own = rng.normal(0, style.spread, 2), rng.normal(0, style.spread, (4, 2))
    noise = np.sqrt(COMMON_SHARE) * common + np.sqrt(1 - COMMON_SHARE) * own
    slope, fan = rng.normal(0, style.spread / 3), style.fan + rng.normal(0, 0.025)
    poses = []
    for k, (mcp, pip) in enumerate(np.array(style.fingers) + noise):
        mcp += slope * (k - 1.5)
        dip = pip * style.dip + rng.normal(0, 0.04)
        spread = fan * (k - 1.2) / 1.5 + rng.normal(0, 0.015)
        pose = DigitPose(flexion=(float(mcp), float(max(pip, 0.0)), float(dip)), spread=float(spread))
        poses.append(pose.limited("finger"))
    return poses


def _thumb(style: Style, rng: np.random.Generator) -> DigitPose:
    scale = min(style.spread, 0.1)
    lift, mcp, ip, away, twist = (float(a) for a in np.array(style.thumb) + rng.normal(0, scale, 5) * [1, 1, 1, 1, 0.5])
    return DigitPose(flexion=(lift, mcp, ip), spread=away, twist=twist).limited("thumb")
