"""Is something wrong with this hand? A network that looks at one hand at a time.

The digit parser judges too, with a trunk that has no norms of its own and was taught by pairs that always share a view; what such pairs share nothing in the loss can
punish. This one reads no joints and no lines, it only judges (`limbfix.nets.part_judge`).
"""

from __future__ import annotations

from limbfix.nets.hand_maps import JUDGE_PLACES, JUDGEMENTS, MOST_DIGITS
from limbfix.nets.part_judge import PartJudge


class HandJudge(PartJudge):
    """The hand judge: `hand_maps.JUDGEMENTS` and `hand_maps.JUDGE_PLACES`, and the numbers of digits present, and visible.

    Args:
        near, far: channels of the towers.
    """

    def __init__(self, near: int = 128, far: int = 192):
        super().__init__(
            judged=len(JUDGEMENTS), places=len(JUDGE_PLACES), kinds=2, numbers=MOST_DIGITS + 1, near=near, far=far
        )
