"""How does a measure become a defect score? Straight lines between knots that were read off real people.

Every check states its knots beside the measure's distribution on real pictures, so that a score has a meaning that can
be checked: about 0.5 where one real subject in ten lies beyond it, about 0.8 where one or two in a hundred do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Knots = Sequence[tuple[float, float]]

HINT = 0.45
"""Highest defect score of what can only be hinted at; the default policy flags from 0.5 on."""


def score_from(value: float, knots: Knots) -> float:
    """Returns the defect score, 0-1, of a measure.

    Args:
        value: the measure, in the unit of the knots; finite.
        knots: (measure, score) pairs, the measure rising; constant beyond the ends.
    """
    measures, scores = zip(*knots, strict=True)
    return round(float(np.interp(value, measures, scores)), 4)
