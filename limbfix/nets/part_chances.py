"""What are the chances of a part map's classes? The same for hands and for bodies, without torch."""

from __future__ import annotations

import numpy as np


def part_chances(parts: np.ndarray) -> np.ndarray:
    """Returns the chance of each class, (classes, h, w) 0-1, of logits of the same shape."""
    chances = np.exp(parts - parts.max(0))
    return chances / chances.sum(0)
