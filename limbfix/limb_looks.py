"""How do the arms and legs of a person look, taken together? What our limb judge says of a person, and which people it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from limbfix.geometry import Box

LEAST_PX = 64.0
"""Longer side of a person's box from which somebody is looked at: a crop of it is enlarged twice, and hands are 6 px."""

MOST_PEOPLE, QUICK_PEOPLE = 6, 3
"""People who are looked at in a picture, largest first: behind them stand crowds, in which limbs of others lie in every crop. The second number is that of a single
search, in which each look is a tenth of all the time."""

DENIED = -3.0
"""Logit below which the judge denies. On 2026-11-30, of third limbs that the parser or its part map claimed at 0.4 and more, it denied five of five of real people
(`coco_people`, `lsp_extended`), and not the one of an AI picture with wrong limbs; but also 4 in 10 of all third limbs of unseen renders. So it keeps a claim from
flagging alone, and no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbLook:
    """What the judge says of one person.

    Attributes:
        box: what it looked at, px: around the person.
        logits: by the names of `limbfix.nets.limb_maps.JUDGED`, how surely each is so; larger = more surely. No calibrated odds: it was taught on pictures
            of which most show somebody wrong.
        places: `extra` and `gone`, boxes in px around what is too many and around where something is missing; left out where the judge sees no such place.
    """

    box: Box
    logits: Mapping[str, float]
    places: Mapping[str, Box] = field(default_factory=dict)

    def denies(self, name: str) -> bool:
        """Tells whether the judge sees no sign of one of the `JUDGED`."""
        return self.logits[name] < DENIED


def looked_at(boxes: Sequence[Box], most: int = MOST_PEOPLE) -> list[int]:
    """Returns the indices of the people who are looked at, in their order.

    Args:
        boxes: of everybody, px.
        most: how many are looked at, the largest ones.
    """
    large = [index for index, box in enumerate(boxes) if box.size >= LEAST_PX]
    return sorted(sorted(large, key=lambda index: (-boxes[index].area, index))[:most])
