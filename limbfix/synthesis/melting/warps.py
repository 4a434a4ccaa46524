"""Which deformations break a hand without cutting it? Warps: elastic, swirl, bends against the sense, knots, wrong lengths and widths.

Every operator takes (view, rng, harmless) and draws the same numbers either way. Harmless means the same map beside the hand, or so
weak on the hand that the anatomy stays normal: the same interpolation, no damage. None means that this hand offers no place for it.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from limbfix.synthesis.melting.calm_places import calm_place, fill_from_beside
from limbfix.synthesis.melting.curves import Curve
from limbfix.synthesis.melting.fields import blob, elastic_flow, feather, mix, moved_points, settled, swirl_flow, warp
from limbfix.synthesis.melting.jointed_views import JointedView
from limbfix.synthesis.melting.melts import Melt, identity
from limbfix.synthesis.samples import Fault

Change = Callable[[np.ndarray, np.ndarray, float, float], tuple[np.ndarray, np.ndarray]]
"""(t, d, half breadth px, length px) of a chain's pixels -> the (t, d) that they are taken from."""

_MILD = 0.06
"""Share of a damaging deformation that leaves a hand normal: 2 to 6 degrees, or 1 to 2 % of the palm."""


def elastic(view: JointedView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Bends the lines around one or two joints at random, as melted fingers look."""
    strength, radius = rng.random(), view.unit_px * rng.uniform(0.25, 0.55)
    flow = elastic_flow(
        view.mask.shape, view.unit_px * rng.uniform(0.07, 0.15), view.unit_px * (0.14 + 0.2 * strength), rng
    )
    return _around_joint(view, rng, harmless, "elastic", strength, radius, lambda bump, _: flow * bump[..., None])


def swirl(view: JointedView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Turns the surroundings of a joint about it."""
    strength, radius, sense = rng.random(), view.unit_px * rng.uniform(0.22, 0.5), rng.choice([-1, 1])
    turn = sense * (0.8 + 1.2 * strength)
    return _around_joint(
        view,
        rng,
        harmless,
        "swirl",
        strength,
        radius,
        lambda bump, at: swirl_flow(bump, at, turn if bump.max() > 0.5 else 0),
    )


def bend(view: JointedView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Turns the end of a digit sideways at one of its joints, where no joint turns so."""
    strength, pick, joint, sense = rng.random(), rng.random(), int(rng.integers(1, 3)), rng.choice([-1, 1])
    digit = view.long_chain(pick)
    if digit is None:
        return None
    turn = sense * np.radians(45 + 50 * strength) * (_MILD if harmless else 1)
    joints = view.chain(digit)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = joints.copy()
    moved[joint + 1 :] = (joints[joint + 1 :] - joints[joint]) @ spin.T + joints[joint]
    return _dragged(view, rng, "bend", harmless, strength, {digit: moved})


def knot(view: JointedView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Drags the ends of two or three digits to odd places, across each other."""
    strength, count = rng.random(), int(rng.integers(2, 4))
    chosen, moves = rng.permutation(view.count)[:count], rng.normal(0, 1, (view.count, 3, 2))
    moved = {}
    for digit in chosen.tolist():
        reach = view.unit_px * (0.2 + 0.25 * strength) * (_MILD if harmless else 1)
        joints = view.chain(digit)
        way = moves[digit] / np.maximum(np.linalg.norm(moves[digit], axis=1, keepdims=True), 1e-6)
        joints[1:] += way * reach * np.array([[0.35], [0.7], [1.0]])
        moved[digit] = joints
    return _dragged(view, rng, "knot", harmless, strength, moved)


def relength(view: JointedView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Makes a digit far too long or too short."""
    strength, pick, longer = rng.random(), rng.random(), rng.random() < 0.5
    scale = 1.4 + 0.5 * strength if longer else 0.65 - 0.25 * strength
    scale = scale ** (_MILD if harmless else 1)

    def along(t: np.ndarray, d: np.ndarray, half: float, length: float) -> tuple[np.ndarray, np.ndarray]:
        pulled = np.minimum(np.maximum(t, 0), scale * (1 + half / length)) * (1 / scale - 1)
        fade = np.clip(1 - (t - scale * (1 + half / length)) / 1.1, 0, 1)
        return t + pulled * fade, d

    fault = "malformed" if longer else "shortened"
    return _reshaped(view, rng, "relength", harmless, strength, pick, along, fault)


def thicken(view: JointedView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Gives a digit a wrong profile: bulging sausage, spike, club, or lumps in odd places."""
    strength, pick, kind, phase = rng.random(), rng.random(), int(rng.integers(4)), rng.uniform(0, 1)
    amount = (0.35 + 0.4 * strength) * (_MILD * 2 if harmless else 1)

    def across(t: np.ndarray, d: np.ndarray, half: float, length: float) -> tuple[np.ndarray, np.ndarray]:
        at = np.clip(t, 0, 1.15)
        profile = (
            np.sqrt(np.abs(np.sin(np.pi * np.clip(at, 0, 1)))),
            -1.2 * at**1.5,
            1.3 * at**3 - 0.6 * np.sin(np.pi * np.clip(at, 0, 1)),
            np.sin(2 * np.pi * (1.6 * at + phase)),
        )[kind]
        width = np.exp(amount * 1.3 * profile)
        near = np.exp(-((d / (2.0 * half)) ** 4))
        return t, d * (1 + (1 / width - 1) * near)

    return _reshaped(view, rng, "thicken", harmless, strength, pick, across, "malformed")


def wave(view: JointedView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Makes a digit wind like a hose, bent where it has no joint."""
    strength, pick, phase, turns = rng.random(), rng.random(), rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.6)
    amount = (0.7 + 0.7 * strength) * (_MILD if harmless else 1)

    def across(t: np.ndarray, d: np.ndarray, half: float, length: float) -> tuple[np.ndarray, np.ndarray]:
        swing = amount * half * np.sin(2 * np.pi * turns * t + phase) * np.clip(t * 2, 0, 1)
        return t, d + swing * np.exp(-((d / (3.0 * half)) ** 2))

    return _reshaped(view, rng, "wave", harmless, strength, pick, across, "malformed")


def _around_joint(
    view: JointedView,
    rng: np.random.Generator,
    harmless: bool,
    name: str,
    strength: float,
    radius: float,
    flow_at: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Melt | None:
    """Applies a flow within a bump around a joint; harmless: around a calm place, or weakly."""
    damaged, digit = view.damage_place(rng)
    calm, weak = calm_place(view, radius, rng), rng.random() < 0.5
    stretch, angle = rng.uniform(0.7, 1.5), rng.uniform(0, np.pi)
    beside = harmless and not weak and calm is not None
    centre = calm if beside and calm is not None else damaged
    flow = flow_at(blob(view.mask.shape, centre, radius, stretch, angle), centre)
    origin = identity(view.mask.shape) + flow * (_MILD if harmless and not beside else 1)
    return _melt(
        view, rng, origin.astype(np.float32), name, harmless, strength, (digit,), "beside" if beside else "weak"
    )


def _dragged(
    view: JointedView,
    rng: np.random.Generator,
    name: str,
    harmless: bool,
    strength: float,
    moved: dict[int, np.ndarray],
) -> Melt:
    """Moves joints of some digits and holds all others; each digit keeps its width through points on both its sides."""
    before, after = [], []
    for digit in range(view.count):
        rivals = [other for other in moved if other != digit and view.shares_joints(digit, other)]
        if not np.isfinite(view.chain(digit)).all() or (digit not in moved and rivals):
            continue
        half = view.half_width(digit)
        for points, joints in (
            (before, view.chain(digit)),
            (after, moved[digit] if digit in moved else view.chain(digit)),
        ):
            curve = Curve.through(joints, half)
            points += [curve.points[::4], *((curve.points + side * half * curve.normals)[2::4] for side in (-1, 1))]
    origin = moved_points(view.mask.shape, np.concatenate(before), np.concatenate(after))
    return _melt(view, rng, origin, name, harmless, strength, tuple(sorted(moved)), "weak")


def _reshaped(
    view: JointedView,
    rng: np.random.Generator,
    name: str,
    harmless: bool,
    strength: float,
    pick: float,
    change: Change,
    fault: Fault,
) -> Melt | None:
    """Changes one digit's own coordinates, fading out at its root and to both sides."""
    digit = view.long_chain(pick)
    if digit is None:
        return None
    half = view.half_width(digit)
    curve = Curve.through(view.chain(digit), 0.6 * half)
    t, d = curve.coordinates(view.mask.shape)
    new_t, new_d = change(t, d, half, curve.length)
    rooted = np.clip((t - 0.03) / 0.25, 0, 1)
    window = rooted * rooted * (3 - 2 * rooted) * np.exp(-((d / (2.6 * half)) ** 6))
    still = identity(view.mask.shape)
    moved = curve.places(new_t, new_d) - curve.places(t, d)
    origin = still + moved * window[..., None]
    return _melt(view, rng, origin.astype(np.float32), name, harmless, strength, (digit,), "weak", fault)


def _melt(
    view: JointedView,
    rng: np.random.Generator,
    origin: np.ndarray,
    name: str,
    harmless: bool,
    strength: float,
    damaged: tuple[int, ...],
    note: str,
    fault: Fault = "malformed",
) -> Melt:
    """Warps the whole picture, or, every second time, the hand alone before a background that stays as it is."""
    layered = rng.random() < 0.5 and note == "weak"
    origin, moved = settled(origin)
    pixels = warp(view.pixels, origin)
    if layered:
        before, after = feather(view.mask, 0.8), warp(feather(view.mask, 0.8), origin)
        bared = (before > 0.05) & (after < 0.95) & moved
        pixels = mix(fill_from_beside(view, bared, rng), pixels, np.where(moved, after, 1))
        moved = moved | cv2.dilate(bared.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    return Melt(
        pixels=pixels,
        region=moved,
        origin=origin,
        operator=f"warps.{name}",
        fault="malformed" if harmless else fault,
        damaged=() if harmless else damaged,
        strength=0.0 if harmless else float(strength),
        note=note if harmless else "",
    )
