"""Which damage changes how many digits lie side by side? Rows laid anew with one finger more or fewer, and digits split lengthwise.

Signature and meaning as in `warps`: (view, rng, harmless); None means that this hand offers no place for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.melting.curves import Curve
from limbfix.synthesis.melting.fields import SHOWN, feather, mix, warp
from limbfix.synthesis.melting.jointed_views import HandView
from limbfix.synthesis.melting.melts import ExtraLimb, Melt, identity

_CLOSE = 0.42
"""Mean distance of neighbours in palm lengths up to which they form a row without gaps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lane:
    """A digit laid along another curve.

    Attributes:
        digit: index of the source.
        new, old: the curve to fill, and the one whose surroundings fill it.
        half: half the breadth to fill, px.
        scale: how much broader the source is.
        nudge: shift across, px.
    """

    digit: int
    new: Curve
    old: Curve
    half: float
    scale: float
    nudge: float = 0.0


def relay_row(view: HandView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Lays a row of closed fingers anew with three, five or six instead of four.

    Harmless: with four, each where it was.
    """
    strength, wanted, nudge = rng.random(), int(rng.choice([3, 5, 5, 6])), rng.uniform(-0.5, 0.5)
    gaps = [
        np.linalg.norm(view.chain(d)[1:] - view.chain(d + 1)[1:], axis=1).mean() / view.unit_px for d in range(1, 4)
    ]
    if max(gaps) > _CLOSE or view.lengths()[1:].min() < 0.25:
        return None
    wanted = 4 if harmless else wanted
    halves = [view.half_width(d) for d in range(1, 5)]
    old = [Curve.through(view.chain(d), 0.6 * half) for d, half in zip(range(1, 5), halves, strict=True)]
    lanes = []
    for place in np.linspace(0, 3, wanted):
        low = min(int(place), 2)
        points = old[low].points * (low + 1 - place) + old[low + 1].points * (place - low)
        nearest = round(float(place))
        half = halves[nearest] * 4 / wanted
        new = Curve.through(points)
        lanes.append(_Lane(digit=nearest + 1, new=new, old=old[nearest], half=half, scale=wanted / 4, nudge=nudge))
    if wanted > 4:
        return _laid(view, "relay_row", lanes, harmless, strength)
    gone = tuple(d for d in range(1, 5) if all(lane.digit != d for lane in lanes))
    return _laid(view, "relay_row", lanes, harmless, strength, gone)


def split(view: HandView, rng: np.random.Generator, harmless: bool) -> Melt | None:
    """Splits a digit lengthwise into two slim ones that part towards the tip."""
    strength, pick, start, nudge = rng.random(), rng.random(), rng.uniform(0.15, 0.45), rng.uniform(-0.5, 0.5)
    digit = view.straight_chain(pick)
    if digit is None:
        return None
    half = view.half_width(digit)
    curve = Curve.through(view.chain(digit), 0.6 * half)
    if harmless:
        lanes = [_Lane(digit=digit, new=curve, old=curve, half=half, scale=1.0, nudge=nudge)]
    else:
        apart = np.linspace(-start, 1, len(curve.points)).clip(0)[:, None] * half * (0.45 + 0.5 * strength)
        slim = half * (0.62 + 0.1 * strength)
        sides = [Curve.through(curve.points + side * (0.5 * half + apart) * curve.normals) for side in (-1, 1)]
        lanes = [_Lane(digit=digit, new=side, old=curve, half=slim, scale=half / slim) for side in sides]
    return _laid(view, "split", lanes, harmless, strength, start=start)


def _laid(
    view, name, lanes: Sequence[_Lane], harmless, strength, gone: tuple[int, ...] = (), start: float = 0.1
) -> Melt:
    """Fills each lane from its source; a pixel belongs to the lane whose middle is nearest, in half breadths.

    Args:
        view, name, harmless, strength: as for every operator.
        lanes: what to lay; the second lane of a digit is an extra digit.
        gone: digits that are not laid again.
        start: where along the digits the change begins, 0-1.
    """
    still = identity(view.mask.shape)
    origin, nearest, owner = still.copy(), np.full(view.mask.shape, 1.15, np.float32), np.full(view.mask.shape, -1)
    for number, lane in enumerate(lanes):
        t, d = lane.new.coordinates(view.mask.shape)
        over = np.hypot(d, np.maximum(t - 1, 0) * lane.new.length) / lane.half
        mine = (over < nearest) & (t > start - 0.1)
        # The difference of two places, not the place: it is nothing where the curves agree, however bent they are.
        moved = lane.old.places(t, d * lane.scale + lane.nudge) - lane.new.places(t, d)
        rooted = np.clip((t - start + 0.1) / 0.2, 0, 1)[..., None]
        origin = np.where(mine[..., None], still + moved * rooted, origin)
        nearest, owner = np.where(mine, over, nearest), np.where(mine, number, owner)
    alpha = feather(owner >= 0, 0.8)
    done = {
        "pixels": mix(view.pixels, warp(view.pixels, origin), alpha),
        "region": alpha >= SHOWN,
        "operator": f"rows.{name}",
    }
    code = DefectCode.HAND_MISSING_DIGIT if gone else DefectCode.HAND_EXTRA_DIGIT
    if harmless:
        return Melt(**done, origin=still, code=code, note="in place")
    return Melt(
        **done,
        origin=origin.astype(np.float32),
        code=code,
        fault="missing",
        damaged=gone,
        extras=_extras(lanes, owner),
        strength=float(strength),
    )


def _extras(lanes: Sequence[_Lane], owner: np.ndarray) -> tuple[ExtraLimb, ...]:
    """Returns the second and later lanes of each digit."""
    seen: set[int] = set()
    extras = []
    for number, lane in enumerate(lanes):
        if lane.digit in seen:
            steps = np.linspace(0, len(lane.new.points) - 1, 4).round().astype(int)
            extras.append(ExtraLimb(like=lane.digit, mask=owner == number, joints=lane.new.points[steps]))
        seen.add(lane.digit)
    return tuple(extras)
