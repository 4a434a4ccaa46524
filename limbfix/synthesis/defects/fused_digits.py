"""How do digits grow together? Neighbours slide into each other, share a plane of flesh, and the groove between them fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.defects.digit_shapes import (
    FINGERS,
    Chain,
    chain_of,
    hand_ids,
    move_flesh,
    set_chain,
    space_fingers,
)
from limbfix.synthesis.defects.operators import BenignOperator, DefectOperator, Parameters
from limbfix.synthesis.figures.figure import Figure, InstanceEntry
from limbfix.synthesis.figures.hand_frames import hand_frame
from limbfix.synthesis.figures.rotations import turn, unit
from limbfix.synthesis.pairing import Made
from limbfix.synthesis.samples import Side

ROOT_SHARE = 0.15
"""Share of a finger's length over which it leaves its knuckle's place for its neighbour's side."""

KNUCKLE_SHARE = 0.85
"""Share of the way to its neighbour that a fused finger's knuckle moves, so that no hole stays between the roots."""


def _smoothstep(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _radius(figure: Figure, entry: InstanceEntry) -> float:
    """Returns half of a finger's thickness at its middle phalanx, decimetres."""
    chain, body = chain_of(figure, entry), figure.body
    rows = body.weight_of(entry.bones) > 0.9
    station = chain.stations_of(body.rest[rows])
    near = (station > chain.stations[1]) & (station < chain.stations[2])
    return float(np.linalg.norm(body.rest[rows][near] - chain.at(station[near]), axis=1).mean())


def bring_together(
    figure: Figure, side: Side, fingers: Sequence[str], *, apart: float, fill: float, reach: float
) -> list[InstanceEntry]:
    """Lays neighbouring fingers side by side, parallel, and bends them alike from now on.

    Args:
        figure, side: whose.
        fingers: two or three neighbours.
        apart: distance of their middle lines in mean radii; below 2 they share a flat wall.
        fill: 0-1, how far the groove between them is filled; only where they share a wall.
        reach: share of their length that is joined; beyond it each has its own tip.
    """
    entries = [figure.find("digit", side, finger) for finger in fingers]
    frame = hand_frame(figure, side)
    radius = float(np.mean([_radius(figure, entry) for entry in entries]))
    offsets = (np.arange(len(entries)) - (len(entries) - 1) / 2) * apart * radius
    roots = np.array([chain_of(figure, entry).points[0] @ frame.across for entry in entries])
    pulls = KNUCKLE_SHARE * np.clip(2 - apart, 0, 0.5) * 2 * (offsets - roots + roots.mean())
    space_fingers(figure, side, dict(zip(fingers, pulls.tolist(), strict=True)))
    chains = [chain_of(figure, entry) for entry in entries]
    middle = Chain(points=np.mean([chain.points for chain in chains], 0))
    sideways = unit(frame.across - middle.direction * (frame.across @ middle.direction))
    for entry, chain, offset in zip(entries, chains, offsets, strict=True):
        walls = [offset + sign * apart * radius / 2 for sign in (-1, 1)]
        walls = [walls[0] if entry is not entries[0] else -np.inf, walls[1] if entry is not entries[-1] else np.inf]
        lane = Chain(points=middle.points + offset * sideways)
        move_flesh(figure, side, entry.bones, _lane_field(chain, lane, sideways, radius, (offset, *walls), fill, reach))
    for entry, chain, offset in zip(entries, chains, offsets, strict=True):
        set_chain(figure, entry, middle.points + offset * sideways)
        entry.pose_like = tuple(fingers)
        _bend_alike(figure, side, entry, chain, middle)
    return entries


def _rest_angles(chain: Chain, dorsal: np.ndarray) -> np.ndarray:
    """Returns (3,) radians: how far a chain's MCP, PIP and DIP are bent in rest pose."""
    steps = unit(np.diff(chain.points, axis=0))
    bends = [np.arccos(np.clip(steps[k] @ steps[k + 1], -1, 1)) for k in (0, 1)]
    return np.array([np.arcsin(np.clip(-steps[0] @ dorsal, -1, 1)), *bends])


def _bend_alike(figure: Figure, side: Side, entry: InstanceEntry, own: Chain, middle: Chain) -> None:
    """Makes up for rest angles: a pose bends a finger from its own, and these lie along their mean now."""
    frame = hand_frame(figure, side)
    extra = _rest_angles(own, frame.dorsal) - _rest_angles(middle, frame.dorsal)
    for bone, angle in zip(entry.bones, extra, strict=True):
        step = figure.tails[bone] - figure.heads[bone]
        figure.offsets[bone] = turn(np.cross(step, -frame.dorsal), float(angle))


def _lane_field(
    chain: Chain, lane: Chain, sideways: np.ndarray, radius: float, walls: tuple[float, ...], fill: float, reach: float
) -> Callable[[np.ndarray], np.ndarray]:
    offset, low, high = walls

    def field(points: np.ndarray) -> np.ndarray:
        station = chain.stations_of(points)
        share = station / chain.length
        at_root = _smoothstep(share / ROOT_SHARE)[:, None]
        target = chain.at(station) * (1 - at_root) + lane.at(station) * at_root
        radial = points - chain.at(station)
        lateral = radial @ sideways
        rest = radial - lateral[:, None] * sideways
        height = np.linalg.norm(rest, axis=1)
        joined = at_root[:, 0] * _smoothstep((reach - share) / 0.12 + 1) if reach < 1 else at_root[:, 0]
        for wall, sign in ((low - offset, -1), (high - offset, 1)):
            if not np.isfinite(wall):
                continue
            towards = np.clip(lateral * sign / (0.9 * radius), 0, 1)
            tall = np.maximum(height, 0.25 * radius)  # the side that faces the neighbour has no height of its own
            filled = tall + (np.maximum(1.12 * radius, tall) - tall) * fill * _smoothstep(towards * 1.3)
            flat = np.where(height > 0.02 * radius, filled / np.maximum(height, 1e-6), 1.0)
            rest = rest * (1 + joined * (flat - 1) * (towards > 0))[:, None]
            limit = sign * abs(wall) + sign * 0.01 * radius
            clipped = np.where(sign * lateral > sign * limit, limit, lateral)
            lateral = lateral + joined * (clipped - lateral)
        return target + rest + lateral[:, None] * sideways - points

    return field


def _harm(figure: Figure, side: Side, p: Parameters) -> Made:
    entries = bring_together(figure, side, p["fingers"], apart=p["apart"], fill=p["fill"], reach=p["reach"])
    for entry in entries:
        entry.add_fault("fused")
    return Made(
        code=DefectCode.HAND_FUSED_DIGITS,
        operator="fused_digits.fused",
        instances=tuple(entry.id for entry in entries),
        affected=hand_ids(figure, side),
    )


def _twin(figure: Figure, side: Side, p: Parameters) -> None:
    bring_together(figure, side, p["fingers"], apart=2.05, fill=0.0, reach=1.0)


def _draw_fingers(rng: np.random.Generator) -> list[str]:
    count = 3 if rng.random() < 0.2 else 2
    first = int(rng.integers(len(FINGERS) - count + 1))
    return list(FINGERS[first : first + count])


def _draw(rng: np.random.Generator) -> Parameters:
    return {
        "fingers": _draw_fingers(rng), "apart": float(rng.uniform(1.0, 1.5)), "fill": float(rng.uniform(0.5, 1.0)),
        "reach": float(rng.uniform(0.55, 0.85)) if rng.random() < 0.4 else 1.0,
    }  # fmt: skip


FUSED_DIGITS: tuple[DefectOperator, ...] = (
    DefectOperator(
        name="fused_digits.fused", code=DefectCode.HAND_FUSED_DIGITS, weight=2.5, draw=_draw, harm=_harm, twin=_twin
    ),
)

FUSED_BENIGN: tuple[BenignOperator, ...] = (
    BenignOperator(
        name="fused_digits.side_by_side",
        weight=1.0,
        draw=lambda rng: {"fingers": _draw_fingers(rng), "apart": float(rng.uniform(2.0, 2.2))},
        handle=lambda figure, side, p: _twin(figure, side, p),
    ),
)
