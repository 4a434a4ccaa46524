"""What are hands seen doing? The table of situations and how often each is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.scenes.hand_cameras import VIEWS
from limbfix.synthesis.scenes.hand_free import free_hand
from limbfix.synthesis.scenes.hand_stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One thing that hands do.

    Attributes:
        name: for the recipe.
        weight: how often it is drawn.
        act: fills a stage whose figures stand in rest pose.
        people: how many it needs.
        views: from where it may be seen.
        upright: whether the camera stands as people do; else any roll.
        blocked: 0-1, share of the hand that may be hidden behind somebody.
    """

    name: str
    weight: float
    act: Callable[[Stage, np.random.Generator], None]
    people: int = 1
    views: tuple[str, ...] = VIEWS
    upright: bool = False
    blocked: float = 0.15


SITUATIONS: tuple[Situation, ...] = (Situation(name="free", weight=4.0, act=free_hand),)


def draw_situation(rng: np.random.Generator) -> Situation:
    """Draws a situation by its weight."""
    weights = np.array([situation.weight for situation in SITUATIONS])
    return SITUATIONS[int(rng.choice(len(SITUATIONS), p=weights / weights.sum()))]
