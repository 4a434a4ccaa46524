"""What are hands seen doing? The table of situations and how often each is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from limbfix.synthesis.scenes.hand_cameras import VIEWS
from limbfix.synthesis.scenes.hand_company import handshake, on_other
from limbfix.synthesis.scenes.hand_contacts import crossed_arms, in_hair, on_body, on_face
from limbfix.synthesis.scenes.hand_free import free_hand, open_hand
from limbfix.synthesis.scenes.hand_holding import hold_cloth, hold_in_palm, hold_with_tips
from limbfix.synthesis.scenes.hand_pairs import folded, hand_over_hand, on_table, palms_together
from limbfix.synthesis.scenes.hand_pockets import in_pocket
from limbfix.synthesis.scenes.hand_stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One thing that hands do.

    Attributes:
        name: for the recipe.
        weight: how often it is drawn.
        act: fills a stage whose figures stand in rest pose; False where the draw came to nothing.
        people: how many it needs.
        views: from where it may be seen.
        upright: whether the camera stands as people do; else any roll.
        blocked: 0-1, share of the hand that may be hidden behind somebody.
        touches: whether the hand's place depends on what it touches: then it cannot be turned over or grow.
        seen: 0-1, share of its vertices that must be seen; about 0.4 of a free hand's are.
    """

    name: str
    weight: float
    act: Callable[[Stage, np.random.Generator], bool]
    people: int = 1
    views: tuple[str, ...] = VIEWS
    upright: bool = False
    blocked: float = 0.15
    seen: float = 0.2
    touches: bool = True


_OUTER = ("back", "radial", "ulnar", "wrist")
"""Views of a hand whose palm lies on something."""

SITUATIONS: tuple[Situation, ...] = (
    Situation(name="free", weight=4.0, act=free_hand, touches=False),
    Situation(name="in_palm", weight=2.0, act=hold_in_palm),
    Situation(name="with_tips", weight=1.0, act=hold_with_tips),
    Situation(name="cloth", weight=0.4, act=hold_cloth),
    Situation(name="on_face", weight=1.2, act=on_face, views=_OUTER, blocked=0.3),
    Situation(name="in_hair", weight=0.6, act=in_hair, views=_OUTER, blocked=0.4, seen=0.1),
    Situation(name="on_body", weight=1.4, act=on_body, views=_OUTER, blocked=0.3),
    Situation(name="in_pocket", weight=0.9, act=in_pocket, views=_OUTER, blocked=0.4, seen=0.06),
    Situation(name="crossed_arms", weight=0.4, act=crossed_arms, views=_OUTER, blocked=0.5, seen=0.1),
    Situation(name="on_other", weight=0.8, act=on_other, people=2, views=_OUTER, blocked=0.4),
    Situation(name="hand_over_hand", weight=0.7, act=hand_over_hand, blocked=0.7, seen=0.1),
    Situation(
        name="palms_together", weight=0.4, act=palms_together, views=("back", "radial", "ulnar", "tips"), blocked=0.5
    ),
    Situation(name="folded", weight=0.5, act=folded, views=("back", "radial", "tips"), blocked=0.7, seen=0.1),
    Situation(name="on_table", weight=0.7, act=on_table, views=("back", "radial", "tips", "wrist"), upright=True),
    Situation(
        name="handshake", weight=0.6, act=handshake, people=2, views=_OUTER[:3], upright=True, blocked=0.5, seen=0.1
    ),
)

OPEN_HAND = Situation(name="open_hand", weight=0.0, act=open_hand, touches=False)
"""Never drawn: for those who want nothing but open hands, as a benchmark does."""


def draw_situation(rng: np.random.Generator, *, free: bool = False) -> Situation:
    """Draws a situation by its weight; `free`: only from those in which the hand touches nothing."""
    able = [situation for situation in SITUATIONS if not (free and situation.touches)]
    weights = np.array([situation.weight for situation in able])
    return able[int(rng.choice(len(able), p=weights / weights.sum()))]
