"""Which wrong hands are made from a photograph of a normal one? Fingers added, taken away, shortened and joined.

Each operator returns the wrong hand and its benign twin: the same fingers lifted and laid down again through the same
resampling, a few degrees apart, as any hand may hold them. An operator returns None where a hand does not suit it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from limbfix.findings import DefectCode
from limbfix.synthesis.samples import DIGITS
from limbfix.synthesis.surgery.fusing import join_digits
from limbfix.synthesis.surgery.hand_edits import HandEdit, Operator, make_edit
from limbfix.synthesis.surgery.hand_scene import HandScene, HandVersion, PlacedDigit
from limbfix.synthesis.surgery.layers import dilated
from limbfix.synthesis.surgery.regions import (
    BACKGROUND,
    FIRST_DIGIT,
    WIDTH,
    HandRegions,
    digit_base,
    digit_joints,
    direction,
    towards_little,
    wrapped,
)

_LEAST_EXTENDED = 3
"""Extended digits from which a shortened one, or a doubled thumb, does not pass for a folded finger."""


_FINGER_DEGREES = 13.0
"""Angle between neighbours whose tips just touch: a finger's width over its length."""

_JITTER = 3.0
"""Degrees; no more than a hand moves a finger between two looks."""

_MOST_SPREAD = 4.0
"""Degrees by which neighbours part for a finger between them. With 10 the twins' spread hands gave themselves away (AUROC 0.77
against untouched hands); a gap that is too narrow hides the finger, and the hand is left out."""

_MOST_TURN = 10.0
"""Degrees by which fingers are brought together; the stub under a laid finger covers no more."""


def extra_beyond_little(scene: HandScene, rng: np.random.Generator) -> HandEdit | None:
    """Lays a sixth finger beyond the little one."""
    return _beyond(scene, rng, "extra_beyond_little", owner=4, inner=3, outward=1)


def extra_beyond_index(scene: HandScene, rng: np.random.Generator) -> HandEdit | None:
    """Lays a sixth finger between thumb and index."""
    return _beyond(scene, rng, "extra_beyond_index", owner=1, inner=2, outward=-1)


def extra_thumb(scene: HandScene, rng: np.random.Generator) -> HandEdit | None:
    """Doubles the thumb."""
    regions = scene.regions
    if not regions.extended[0] or sum(regions.extended) < _LEAST_EXTENDED:
        return None
    turn = float(rng.choice([-1, 1]) * rng.uniform(20, 38))
    extra = PlacedDigit(
        digit=0,
        turn=turn,
        scale=float(rng.uniform(0.8, 0.98)),
        offset=_vector((regions.keypoints[1] - regions.keypoints[2]) * float(rng.uniform(0.1, 0.4))),
        is_behind=bool(rng.random() < 0.6),
        faults=("extra",),
    )
    return _added(scene, rng, "extra_thumb", [0], [PlacedDigit(digit=0)], extra)


def extra_between(scene: HandScene, rng: np.random.Generator) -> HandEdit | None:
    """Spreads two neighbours and lays a finger between them."""
    regions = scene.regions
    if not _shows_fingers(regions):
        return None
    first = int(rng.integers(1, 4))
    gap = wrapped(direction(regions, first + 1) - direction(regions, first)) * towards_little(regions)
    if not -5 < gap < 60:
        return None
    spread = float(np.clip((30 - gap) / 2, 0, _MOST_SPREAD))
    fans = [
        PlacedDigit(digit=d, turn=(-spread if d <= first else spread) * towards_little(regions))
        for d in _moving(regions, first, spread)
        if spread > 1
    ] or [PlacedDigit(digit=first), PlacedDigit(digit=first + 1)]
    source = first + int(rng.random() < 0.5)
    middle = (digit_base(regions.keypoints, first)[0] + digit_base(regions.keypoints, first + 1)[0]) / 2
    turn = wrapped(direction(regions, first) + gap * towards_little(regions) / 2 - direction(regions, source))
    extra = PlacedDigit(
        digit=source,
        turn=turn + float(rng.uniform(-3, 3)),
        scale=float(rng.uniform(0.85, 1.0)),
        offset=_vector(middle - digit_base(regions.keypoints, source)[0]),
        is_behind=bool(rng.random() < 0.5),
        faults=("extra",),
    )
    return _added(scene, rng, "extra_between", [item.digit for item in fans], fans, extra)


def missing_finger(scene: HandScene, rng: np.random.Generator) -> HandEdit | None:
    """Takes a digit of an open hand away and fills the hole."""
    regions = scene.regions
    if not _shows_fingers(regions):
        return None
    digit = int(rng.integers(0 if regions.extended[0] else 1, 5))
    defect = scene.compose([digit], [], gone=[digit])
    twin = scene.compose([digit], [_jittered(PlacedDigit(digit=digit), rng)])
    return make_edit("missing_finger", DefectCode.HAND_MISSING_DIGIT, scene, defect, twin, [digit])


def shortened_finger(scene: HandScene, rng: np.random.Generator) -> HandEdit | None:
    """Takes a third to a half out of a digit's middle; the twin loses nothing that one would notice."""
    regions = scene.regions
    extended = [d for d in range(5) if regions.extended[d]]
    if len(extended) < _LEAST_EXTENDED:
        return None
    digit = int(rng.choice(extended))
    share = float(rng.uniform(0.4, 0.58))
    short = PlacedDigit(digit=digit, shortened=share, faults=("shortened",))
    defect = scene.compose([digit], [short])
    twin = scene.compose([digit], [_jittered(replace(short, shortened=0.03, faults=()), rng)])
    return make_edit("shortened_finger", DefectCode.HAND_MALFORMED, scene, defect, twin, [digit])


def joined_fingers(scene: HandScene, rng: np.random.Generator) -> HandEdit | None:
    """Lays two neighbours together and wipes out the gap; the twin's fingers merely touch."""
    regions = scene.regions
    pairs = [d for d in (1, 2, 3) if regions.extended[d] and regions.extended[d + 1]]
    if not pairs:
        return None
    first = int(rng.choice(pairs))
    placed = _brought_together(regions, first)
    if placed is None:
        return None
    twin = scene.compose([first, first + 1], placed)
    joined = join_digits(scene, twin, (first, first + 1), float(rng.uniform(0.6, 1.0)))
    if joined is None:
        return None
    defect, twin = joined
    return make_edit("joined_fingers", DefectCode.HAND_FUSED_DIGITS, scene, defect, twin, [first, first + 1])


FINGER_OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        operator.__name__: operator
        for operator in (
            extra_between,
            extra_beyond_little,
            extra_beyond_index,
            extra_thumb,
            missing_finger,
            shortened_finger,
            joined_fingers,
        )
    }
)


def may_suit(name: str, straight: Sequence[bool]) -> bool:
    """Tells from `straight_digits` whether a hand may suit an operator ("" for a benign one), before any pixel is read."""
    if name in ("", "joined_fingers"):
        return any(straight) if not name else any(straight[d] and straight[d + 1] for d in (1, 2, 3))
    if name in ("extra_thumb", "shortened_finger"):
        return sum(straight) >= _LEAST_EXTENDED and (straight[0] or name != "extra_thumb")
    return all(straight[1:])


def respaced(scene: HandScene, rng: np.random.Generator) -> HandVersion | None:
    """A benign operation: one to three fingers lifted and laid down a few degrees aside."""
    extended = [d for d in range(5) if scene.regions.extended[d]]
    if not extended:
        return None
    chosen = sorted(int(d) for d in rng.permutation(extended)[: int(rng.integers(1, 4))])
    return scene.compose(chosen, [_jittered(PlacedDigit(digit=d), rng) for d in chosen])


def _beyond(
    scene: HandScene, rng: np.random.Generator, name: str, *, owner: int, inner: int, outward: int
) -> HandEdit | None:
    """Lays a copy of `owner` or `inner` on the side of `owner` where the hand ends."""
    regions = scene.regions
    if not _shows_fingers(regions):
        return None
    base, neighbour = digit_base(regions.keypoints, owner)[0], digit_base(regions.keypoints, inner)[0]
    step = (base - neighbour) * float(rng.uniform(0.15, 0.4))
    step = step + (regions.keypoints[0] - base) * float(rng.uniform(0.15, 0.35))
    source = inner if rng.random() < 0.4 else owner
    turn = wrapped(direction(regions, owner) - direction(regions, source))
    turn += outward * towards_little(regions) * float(rng.uniform(18, 38))
    extra = PlacedDigit(
        digit=source,
        turn=turn,
        scale=float(rng.uniform(0.75, 0.98)),
        offset=_vector(base + step - digit_base(regions.keypoints, source)[0]),
        is_behind=bool(rng.random() < 0.6),
        faults=("extra",),
    )
    return _added(scene, rng, name, [owner], [PlacedDigit(digit=owner)], extra)


def _added(
    scene: HandScene,
    rng: np.random.Generator,
    name: str,
    lifted: Sequence[int],
    own: Sequence[PlacedDigit],
    extra: PlacedDigit,
) -> HandEdit | None:
    """Composes hand and twin that differ by one more finger."""
    own = [_jittered(item, rng) for item in own]
    twin = scene.compose(lifted, own)
    defect = scene.compose(lifted, [*own, extra])
    if not _grows_from_hand(scene, defect, twin):
        return None
    return make_edit(name, DefectCode.HAND_EXTRA_DIGIT, scene, defect, twin, [5])


def _moving(regions: HandRegions, first: int, spread: float) -> list[int]:
    """Returns the fingers that must move when `first` and the next part: those two, and whom they would run into."""
    moving = [first, first + 1]
    for inner, outer in ((first, first - 1), (first + 1, first + 2)):
        if outer in (1, 2, 3, 4):
            gap = abs(wrapped(direction(regions, outer) - direction(regions, inner)))
            moving += [outer] if gap < spread + _FINGER_DEGREES else []
    return sorted(moving)


def _shows_fingers(regions: HandRegions) -> bool:
    """Whether all four fingers are extended: beside a folded and hidden one, five or three fingers are what a hand may show."""
    return all(regions.extended[1:])


def _grows_from_hand(scene: HandScene, defect: HandVersion, twin: HandVersion) -> bool:
    """Whether the extra finger touches the hand, shows enough of itself and ends inside the picture."""
    shown = defect.hand_map == FIRST_DIGIT + 5
    root = defect.digits[5].keypoints[1]
    tip, limits = defect.digits[5].keypoints[3], np.array(shown.shape[::-1])
    if not ((tip > 3) & (tip < limits - 3)).all() or not ((root >= 0) & (root < limits)).all():
        return False
    width = WIDTH[DIGITS.index(defect.digits[5].name)] * scene.regions.palm_px
    expected = float(np.linalg.norm(tip - root)) * width
    on_background = shown & (twin.hand_map == BACKGROUND)
    touches = dilated(shown, 2) & (defect.hand_map != BACKGROUND) & ~shown
    return bool(on_background.sum() > 0.45 * expected and touches.sum() > 2 * 0.7 * width)


def _brought_together(regions: HandRegions, first: int) -> list[PlacedDigit] | None:
    """Turns two neighbours about their MCPs until their last joints are one finger's width apart."""
    (a, tip_a), (b, tip_b) = (
        (digit_base(regions.keypoints, d)[0], regions.keypoints[digit_joints(d)[3]]) for d in (first, first + 1)
    )
    wanted = 0.82 * (WIDTH[first] + WIDTH[first + 1]) / 2 * regions.palm_px
    side = towards_little(regions)
    for turn in np.arange(0.0, _MOST_TURN, 0.5):
        ends = (_turned(a, tip_a, turn * side), _turned(b, tip_b, -turn * side))
        if float(np.linalg.norm(ends[0] - ends[1])) <= wanted * (1 + 0.02):
            return [PlacedDigit(digit=first, turn=turn * side), PlacedDigit(digit=first + 1, turn=-turn * side)]
    return None


def _turned(pivot: np.ndarray, xy: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    x, y = xy - pivot
    return pivot + np.array([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)])


def _jittered(item: PlacedDigit, rng: np.random.Generator) -> PlacedDigit:
    """Turns a digit by a few degrees more, so that it is laid anew."""
    return replace(item, turn=item.turn + float(rng.uniform(-_JITTER, _JITTER)))


def _vector(xy: np.ndarray) -> tuple[float, float]:
    return float(xy[0]), float(xy[1])
