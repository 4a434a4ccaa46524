"""Whose digit is a line? The crop of a hand shows pieces of its neighbours, and the parser reads their digits too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limbfix.geometry import Box

DEEPER = 0.15
"""How much nearer to the middle of another hand's box than of its own, in half sides of each, a line must begin to be that hand's. Digits begin at
the palm, which is the middle of a hand; where they end says little, for fingers lie over other hands."""

OUTSIDE = 1.1
"""Distance from the middle, in half sides, from which a point lies outside a box that is a little too small."""


SAME_HAND = 0.5
"""Share of the smaller box that both must cover to be boxes of one hand: which of them stays is not decided when digits are read."""


def are_foreign(polylines: Sequence[np.ndarray], own: Box, others: Sequence[Box]) -> np.ndarray:
    """Returns (n,) bool: which lines are digits of another hand.

    Args:
        polylines: (k, 2) px of the picture each, from the palm outwards; of one point where only a tip is seen.
        own: box of the hand that was read, px.
        others: boxes of the hands of the picture; the own one, and what may be a second box of it, is left out.
    """
    beside = [other for other in others if own.overlap_of_smaller(other) <= SAME_HAND]
    return np.array([_is_foreign(line, own, beside) for line in polylines], bool)


def _is_foreign(line: np.ndarray, own: Box, others: Sequence[Box]) -> bool:
    begins = _depth(line[0], own)
    nearest = min((_depth(line[0], other) for other in others), default=np.inf)
    is_told = len(line) > 1 or begins > OUTSIDE  # a tip alone may lie anywhere
    return bool(is_told and nearest <= 1 and nearest + DEEPER < begins)


def _depth(xy: np.ndarray, box: Box) -> float:
    """Returns 0 in the middle of a box, 1 at its edge, more outside."""
    half = np.maximum([box.width, box.height], 1e-6) / 2
    return float((np.abs(xy - box.center) / half).max())
