"""Where does the skin of a hand fold? Darkness of creases and palm lines by rest position, in the hand's own axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.figures.anatomy import SIDES
from limbfix.synthesis.figures.figure import Figure
from limbfix.synthesis.figures.hand_frames import HandFrame, hand_frame
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.samples import Side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandTexels:
    """Points of one hand's skin.

    Attributes:
        figure, side: whose hand.
        points, normals: (m, 3) rest positions, decimetres, and unit normals.
        digits: (m, 5) how much a point belongs to each digit's free part, thumb first.
        arm: (m,) how much it belongs to the forearm.
    """

    figure: Figure
    side: Side
    points: np.ndarray
    normals: np.ndarray
    digits: np.ndarray
    arm: np.ndarray

    def joint(self, digit: int, joint: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns a joint's (3,) position and the digit's direction there, both bones' mean. Digits and joints count from 1."""
        names = [f"finger{digit}-{k}{SIDES[self.side]}" for k in (joint - 1, joint) if k]
        bones = [self.figure.bone(name) for name in names]
        axes = [unit(self.figure.tails[bone] - self.figure.heads[bone]) for bone in bones]
        return self.figure.heads[bones[-1]], unit(np.sum(axes, 0))


def _line(distance: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-((distance / width) ** 2))


def _waver(points: np.ndarray) -> np.ndarray:
    """Returns (m,) decimetres by which lines stray from straight."""
    return 0.007 * np.sin(points @ [23, 13, 17.0]) + 0.004 * np.sin(points @ [-53, 41, 61.0])


def _fading(points: np.ndarray) -> np.ndarray:
    """Returns (m,) factors 0.35-1: no fold is equally deep along its whole length."""
    return 0.675 + 0.325 * np.sin(points @ [9, -14, 11.0] + 2 * np.sin(points @ [13, 7, -5.0]))


def _palmar(texels: HandTexels, palm: np.ndarray) -> np.ndarray:
    """Flexion creases of the digits: at the root (proximal digital crease, in the web), double at PIP, single at DIP."""
    dark, waver = np.zeros(len(palm)), _waver(texels.points)
    for digit in range(1, 6):
        own = palm * np.clip(texels.digits[:, digit - 1] * 1.6, 0, 1)
        for joint in (1, 2, 3):
            head, axis = texels.joint(digit, joint)
            along = (texels.points - head) @ axis + waver
            if joint == 1:
                if digit > 1:
                    pip, _ = texels.joint(digit, 2)
                    root = 0.45 * float(np.linalg.norm(pip - head))
                    dark += own * (0.4 * _line(along - root, 0.010) + 0.2 * _line(along - root - 0.045, 0.007))
                continue
            dark += own * 0.5 * _line(along, 0.010)
            if joint == 2:
                dark += own * 0.24 * _line(along - 0.035, 0.007)
    return dark


def _dorsal(texels: HandTexels, back: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Wrinkles over the knuckles: arcs around an oval at PIP, short lines at DIP, faint ones at MCP."""
    dark, frame = np.zeros(len(back)), hand_frame(texels.figure, texels.side)
    for digit in range(1, 6):
        own = back * np.clip(texels.digits[:, digit - 1] * 1.6, 0, 1)
        for joint, reach in ((2, 0.085), (3, 0.05)):
            head, axis = texels.joint(digit, joint)
            offset = texels.points - head
            across = offset @ np.cross(axis, frame.dorsal)
            along = offset @ axis + 0.6 * _waver(texels.points)
            for place in np.linspace(-1, 1, 7 if joint == 2 else 4):
                bow = place * reach * (1 - 4.0 * across**2)  # lines bend around the joint's middle
                dark += own * rng.uniform(0.12, 0.34) * _line(along - bow, rng.uniform(0.005, 0.008))
            dark += own * 0.14 * np.exp(-((along / reach) ** 2) - (across / 0.09) ** 2)
        if digit > 1:
            knuckle, axis = texels.joint(digit, 1)
            offset = texels.points - knuckle
            for place in rng.uniform(-0.12, 0.12, 4):
                lines = _line(offset @ axis - place + 2 * _waver(texels.points), 0.006)
                dark += 0.13 * back * lines * np.exp(-((np.linalg.norm(offset, axis=1) / 0.22) ** 2))
    return dark


def _palm_lines(texels: HandTexels, palm: np.ndarray, frame: HandFrame) -> np.ndarray:
    """Heart line, head line and life line, in shares of the palm's width (0 index, 1 little finger) and length (1 knuckles)."""
    offset = texels.points - frame.wrist
    knuckles = frame.knuckles - frame.wrist
    sides = knuckles @ frame.across
    share = (offset @ frame.across - sides[0]) / (sides[3] - sides[0])
    height = (offset @ frame.along) / (knuckles @ frame.along).mean()
    waver = 0.5 * _waver(texels.points)
    here = palm * np.clip(1 - texels.digits[:, 1:].sum(1), 0, 1) * (np.abs(share - 0.5) < 0.75)
    heart = _line(height - (0.98 - 0.16 * (share - 0.1)) + waver, 0.014) * np.clip((share - 0.05) * 6, 0, 1)
    head = _line(height - (0.80 - 0.26 * (share + 0.1) - 0.12 * (share + 0.1) ** 2) + waver, 0.014)
    head = head * np.clip((share + 0.25) * 6, 0, 1) * np.clip((1.05 - share) * 5, 0, 1)
    life = _line(np.hypot((share + 0.35) / 0.62, (height - 0.28) / 0.55) - 1 + waver, 0.03)
    life = life * (share > -0.25) * (height < 0.85)
    wrist = sum(_line(offset @ frame.along + place + waver, 0.012) for place in (0.02, 0.08))
    return here * 0.48 * (heart + head + life) + palm * 0.35 * wrist * np.clip(texels.arm * 3, 0, 1)


def crease_darkness(texels: HandTexels, rng: np.random.Generator) -> np.ndarray:
    """Returns (m,) float 0-0.85: how much each point is darkened by the skin's folds."""
    frame = hand_frame(texels.figure, texels.side)
    facing = texels.normals @ frame.dorsal
    palm, back = np.clip(0.5 - 1.5 * facing, 0, 1), np.clip(0.3 + 1.2 * facing, 0, 1)
    dark = _palmar(texels, palm) + _dorsal(texels, back, rng) + _palm_lines(texels, palm, frame)
    fine = np.abs(np.sin(texels.points @ [70, 130, 40.0] + 3 * np.sin(texels.points @ [40, -30, 55.0])))
    dark += 0.07 * palm * np.exp(-((fine / 0.25) ** 2))
    return (dark * _fading(texels.points)).clip(0, 0.85)


def vein_blue(texels: HandTexels) -> np.ndarray:
    """Returns (m,) float 0-1: veins on the back of the hand, from between the knuckles to the wrist."""
    frame = hand_frame(texels.figure, texels.side)
    back = np.clip(1.4 * (texels.normals @ frame.dorsal) - 0.2, 0, 1) * np.clip(1 - texels.digits.sum(1) * 1.5, 0, 1)
    offset = texels.points - frame.wrist
    along, across = offset @ frame.along, offset @ frame.across
    share = along / frame.palm_length
    blue = np.zeros(len(along))
    for first, second in ((0, 1), (1, 2), (2, 3)):
        end = (frame.knuckles[[first, second]] - frame.wrist).mean(0) @ frame.across
        path = (
            end * (0.35 + 0.65 * share) + 0.05 * np.sin(3.1 * along + 2.3 * first) + 0.02 * np.sin(11 * along + first)
        )
        blue += np.exp(-(((across - path) / 0.028) ** 2))
    return (back * blue * np.clip(share * 2, 0, 1) * np.clip((1.05 - share) * 4, 0, 1)).clip(0, 1)
