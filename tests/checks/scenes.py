"""Scenes for the checks: synthetic people with metres, masks and sure hands, and the ways to move, scale and mirror them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw
from synthetic import HEIGHT, WIDTH, hand, person

from limbfix.findings import Finding
from limbfix.geometry import Box
from limbfix.parts import Keypoints, Part, PartKind, Side
from limbfix.policies import Policy
from limbfix.skeletons import LimbKind, Scene, torso_length
from limbfix.verdicts import Verdict, judge

STATURE_M, HAND_M = 1.7, 0.18
"""Of the made people; the pose model's hips are the origin of its metres, which no ratio needs."""

SILENT = 0.2
"""From here on a verdict lists a finding (limbfix.verdicts.LIST_FROM)."""

Capsule = tuple[tuple[float, float], tuple[float, float], float]
"""(from, to, width) in px."""

Rule = Callable[[Scene], tuple[Finding, ...]]


def in_metres(part: Part, metres_per_px: float, moved: dict[str, tuple[float, float, float]] | None = None) -> Part:
    """The part with flat metric keypoints; `moved` replaces landmarks, in metres."""
    old = part.keypoints
    world = np.column_stack([old.xy * metres_per_px, np.zeros(len(old.xy))])
    for name, place in (moved or {}).items():
        world[old.layout.index(name)] = place
    return replace(part, keypoints=Keypoints(layout=old.layout, xy=old.xy, score=old.score, world=world))


def with_keypoints(part: Part, xy: np.ndarray) -> Part:
    """The part with its landmarks elsewhere; nan = absent."""
    old = part.keypoints
    return replace(part, keypoints=Keypoints(layout=old.layout, xy=xy, score=old.score, world=old.world))


def metric_person(x: float = 500, y: float = 500, height: float = 800, *, moved_m=None, **options) -> Part:
    """A body with metric keypoints; options as `synthetic.person`."""
    return in_metres(person(x, y, height, **options), STATURE_M / height, moved_m)


def sure_hand(x: float, y: float, size: float = 80, *, side_score: float = 0.99, seen=(20, 20), spread=0.03, **options):
    """A hand with metric keypoints, seen alike by all views; options as `synthetic.hand`."""
    made = replace(hand(x, y, size, **options), side_score=side_score, views=seen, spread=spread)
    return in_metres(made, HAND_M / size)


def sure_hands(body: Part, size: float = 80, **options) -> tuple[Part, Part]:
    """The two hands at the wrists of a body: left, right."""
    left, right = (body.keypoints.point(f"{side}_wrist") for side in ("left", "right"))
    return sure_hand(*left, size, side=Side.LEFT, **options), sure_hand(*right, size, side=Side.RIGHT, **options)


def clean_person(
    x: float = 500, y: float = 500, height: float = 800, *, picture=(WIDTH, HEIGHT), extra=(), **options
) -> tuple[Part, ...]:
    """A body with metres and a mask, and its two sure hands. `extra` capsules go into the mask."""
    body = masked(metric_person(x, y, height, **options), *extra, picture=picture)
    return (body, *sure_hands(body, height / 10))


def masked(body: Part, *extra: Capsule, picture=(WIDTH, HEIGHT), without: Sequence[str] = ()) -> Part:
    """The body with a mask of its bones, a third slimmer than the check explains; bones to `without` are left out."""
    keypoints, torso = body.keypoints, torso_length(body)
    canvas = Image.new("1", picture)
    draw = ImageDraw.Draw(canvas)
    names = keypoints.layout.landmarks
    capsules = [
        (keypoints.xy[a], keypoints.xy[b], (0.22 if "knee" in names[b] or "ankle" in names[b] else 0.14) * torso)
        for a, b in keypoints.layout.bones
        if np.isfinite(keypoints.xy[[a, b]]).all() and names[a] not in without and names[b] not in without
    ]
    for start, end, width in (*capsules, *extra):
        _draw_capsule(draw, start, end, width)
    _draw_capsule(draw, keypoints.point("nose"), keypoints.point("nose"), 0.6 * torso)
    corners = [keypoints.point(f"{side}_{name}") for side, name in _TRUNK]
    draw.polygon([tuple(map(float, corner)) for corner in corners], fill=1)
    return replace(body, mask=np.array(canvas))


_TRUNK = (("left", "shoulder"), ("right", "shoulder"), ("right", "hip"), ("left", "hip"))


def _draw_capsule(draw: ImageDraw.ImageDraw, start, end, width: float) -> None:
    draw.line([tuple(map(float, start)), tuple(map(float, end))], fill=1, width=max(1, round(width)))
    for x, y in (start, end):
        draw.ellipse([float(x) - width / 2, float(y) - width / 2, float(x) + width / 2, float(y) + width / 2], fill=1)


def capsule_area(capsule: Capsule) -> float:
    """Area of a capsule, px squared."""
    start, end, width = capsule
    return float(np.hypot(end[0] - start[0], end[1] - start[1])) * width + np.pi * width**2 / 4


# The same scene elsewhere


def changed(parts: Sequence[Part], *, scale: int = 1, shift=(0, 0), picture=(WIDTH, HEIGHT)) -> tuple[Part, ...]:
    """The parts on a canvas of picture * scale, moved by `shift` px first; masks follow."""
    return tuple(_changed(part, scale, np.array(shift), picture) for part in parts)


def _changed(part: Part, scale: int, shift: np.ndarray, picture) -> Part:
    box = part.box.shifted(*map(float, shift))
    old, mask = part.keypoints, part.mask
    if mask is not None:
        canvas = np.zeros((picture[1], picture[0]), bool)
        rows, columns = np.nonzero(mask)
        rows, columns = rows + shift[1], columns + shift[0]
        kept = (rows >= 0) & (rows < picture[1]) & (columns >= 0) & (columns < picture[0])
        canvas[rows[kept], columns[kept]] = True
        mask = canvas.repeat(scale, 0).repeat(scale, 1)
    keypoints = old and Keypoints(layout=old.layout, xy=(old.xy + shift) * scale, score=old.score, world=old.world)
    return replace(part, box=Box(*(value * scale for value in box.xyxy)), keypoints=keypoints, mask=mask)


def mirrored(parts: Sequence[Part], width: int = WIDTH) -> tuple[Part, ...]:
    """The parts in a mirror: x turns round, and left becomes right."""
    return tuple(_mirrored(part, width) for part in parts)


_OTHER = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT, Side.UNKNOWN: Side.UNKNOWN}


def _mirrored(part: Part, width: int) -> Part:
    box = Box(width - part.box.x_max, part.box.y_min, width - part.box.x_min, part.box.y_max)
    mask = None if part.mask is None else part.mask[:, ::-1]
    keypoints = part.keypoints and _mirrored_keypoints(part.keypoints, width)
    return replace(part, box=box, keypoints=keypoints, mask=mask, side=_OTHER[part.side])


def _mirrored_keypoints(old: Keypoints, width: int) -> Keypoints:
    order = [old.layout.index(_swapped(name)) for name in old.layout.landmarks]
    xy = old.xy[order] * (-1, 1) + (width, 0)
    world = None if old.world is None else old.world[order] * (-1, 1, 1)
    return Keypoints(layout=old.layout, xy=xy, score=old.score[order], world=world)


def _swapped(name: str) -> str:
    for one, other in (("left", "right"), ("right", "left")):
        if one in name:
            return name.replace(one, other)
    return name


# Reading results


def measures(findings: Sequence[Finding]) -> list[tuple]:
    """What must not depend on place or size: code, score and measure, sorted."""
    return sorted(
        (f.code, round(f.defect_score, 3), f.measured if f.measured is None else round(f.measured, 2)) for f in findings
    )


def loudest(findings: Sequence[Finding]) -> float:
    """The worst score; 0 without findings."""
    return max((one.defect_score for one in findings), default=0.0)


def verdict(
    made: Scene, findings: Sequence[Finding], policy: Policy | None = None, prompt: str | None = None
) -> Verdict:
    """The verdict of a policy, the default one without any."""
    return judge(tuple(findings), made, (policy or Policy()).for_prompt(prompt))


def arm_of(made: Scene, side: Side, person_index: int = 0):
    """One arm of one person."""
    limbs = made.people[person_index].limbs
    return next(limb for limb in limbs if limb.kind is LimbKind.ARM and limb.side is side)


def bare_person(x: float = 500, y: float = 500, height: float = 800) -> Part:
    """A person box without keypoints."""
    return Part(
        kind=PartKind.PERSON,
        box=Box(x - height / 4, y - height / 2, x + height / 4, y + height / 2),
        detection_score=0.9,
        detector="synthetic",
    )


def place(body: Part, landmark: str) -> tuple[float, float]:
    """Where a landmark of a body lies, px."""
    x, y = body.keypoints.point(landmark)
    return float(x), float(y)
