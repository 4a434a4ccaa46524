"""Has this person a limb too many or too few? A network that looks at one person at a time.

The body parser's trunk is held, because taught on renders it forgot real people (`limbfix.nets.body_maps.HEAT_REACH`), and a held trunk did not
learn to see a third arm. A judge's may learn (`limbfix.nets.part_judge`): it only judges people whom the body parser found.
"""

from __future__ import annotations

from limbfix.nets.limb_maps import JUDGED, MOST_COUNTED, PLACES
from limbfix.nets.part_judge import PartJudge


class LimbJudge(PartJudge):
    """The limb judge: `limb_maps.JUDGED` and `limb_maps.PLACES`, and the numbers of arms, and of legs, in view.

    Args:
        near, far: channels of the towers.
    """

    def __init__(self, near: int = 128, far: int = 192):
        super().__init__(judged=len(JUDGED), places=len(PLACES), kinds=2, numbers=MOST_COUNTED + 1, near=near, far=far)
